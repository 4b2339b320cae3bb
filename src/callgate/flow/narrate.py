"""One sentence per event, in people's words, for listings."""

from callgate.model.event import (
    AccountChanged,
    ActorSeen,
    Asked,
    AsksRefused,
    AsksSet,
    Attached,
    CallPriced,
    CallUnknown,
    ConfigReloaded,
    ContractAdded,
    ContractConsented,
    Decided,
    DenialsCounted,
    DriftSeen,
    EventBody,
    Finished,
    GateStarted,
    GateStopped,
    Halted,
    HoldEnded,
    IntegrationChanged,
    PinsConfirmed,
    PolicyApproved,
    PolicyProposed,
    Restored,
    Resumed,
    RoundLinked,
    TaskBound,
    TaskClosed,
    TaskOpened,
    TokenIssued,
    TokenRevoked,
    ToolClassified,
    Voted,
)

_DONE = {"allow": "may", "draft": "is drafted", "hold": "waits for people", "deny": "is stopped"}


def subject_of(body: EventBody) -> tuple[str, ...]:
    """Pseudonyms that the sentence needs resolved."""
    match body:
        case AccountChanged():
            return (body.account, body.by)
        case TokenIssued():
            return (body.account,)
        case ToolClassified():
            return (body.by, body.reason)
        case ActorSeen():
            return tuple(one for one in (body.actor, body.by) if one)
        case Voted():
            return (body.voter,)
        case Finished() if body.receipt is not None:
            return tuple(value for _, value in body.receipt.values)
        case (
            IntegrationChanged()
            | PinsConfirmed()
            | ContractAdded()
            | ContractConsented()
            | TaskOpened()
            | TaskClosed()
            | PolicyProposed()
            | PolicyApproved()
            | Resumed()
            | AsksSet()
        ):
            return (body.by,)
        case _:
            return ()


def sentence_of(body: EventBody, who: str, names: dict[str, str]) -> str:
    of_call = _of_call(body, who, names) or _of_asks(body, names)
    return of_call or _of_people(body, names) or _of_operator(body, names) or _of_gate(body, names)


def _of_call(body: EventBody, who: str, names: dict[str, str]) -> str:
    match body:
        case Decided():
            why = ", ".join(
                finding.code for finding in body.findings if finding.effect == body.effect and not finding.shadow
            )
            what = f"{body.integration}/{body.tool} for {who} {_DONE[body.effect]}"
            return what + (f": {why}" if why else "") + _otherwise(body)
        case Asked():
            many = len(body.questions)
            return f"{many} question{'s' if many != 1 else ''} wait{'' if many != 1 else 's'} in {body.hold}"
        case Voted():
            mark = ", alone" if body.alone else ""
            return f"{names.get(body.voter, body.voter)} said {'yes' if body.yes else 'no'} in {body.hold}{mark}"
        case HoldEnded():
            why = "" if body.reason in {"", body.state} else f": {body.reason}"
            return f"{body.hold} is {body.state}{why}"
        case Finished():
            found = (
                ", ".join(f"{name} {names.get(value, value)}" for name, value in body.receipt.values)
                if body.receipt
                else ""
            )
            return f"ended {body.outcome} after {body.duration_us // 1000} ms" + (f"; {found}" if found else "")
        case CallUnknown():
            return f"may have happened, no outcome seen ({body.reason})"
        case CallPriced():
            return f"cost ${body.micro_usd / 1_000_000:.4f}, as its manifest prices it"
        case Attached():
            return f"joined the equal call {body.to_call}"
        case DenialsCounted():
            return f"{body.count} more refusals of one login"
        case _:
            return ""


def _otherwise(body: Decided) -> str:
    """What was recorded and not enforced at stage observe."""
    seen = body.observed
    if seen is None or seen.would == body.effect:
        return ""
    why = ", ".join(dict.fromkeys("".join(key.split("/")[1:2]) for key in seen.findings))
    return f", only observed; in production it {_DONE.get(seen.would, seen.would)}: {why}"


def _of_asks(body: EventBody, names: dict[str, str]) -> str:
    match body:
        case AsksSet():
            what = ", ".join(body.asks) or "nothing"
            return f"{names[body.by]} lets {body.integration} ask assistants for {what}"
        case AsksRefused():
            return f"its server asked back {body.count} times and was refused: {', '.join(body.codes)}"
        case RoundLinked():
            return f"round {body.number} of {body.first}, with {body.answers} answers"
        case _:
            return ""


def _of_people(body: EventBody, names: dict[str, str]) -> str:
    match body:
        case AccountChanged():
            return f"account {names[body.account]}: {body.change}, by {names[body.by]}"
        case TokenIssued():
            return f"{names[body.account]} signed in for {body.runtime}"
        case TokenRevoked():
            return f"login {body.credential} revoked"
        case ContractAdded():
            return f"contract {body.contract} added by {names[body.by]}"
        case ContractConsented():
            return f"{names[body.by]} consented to {body.contract} as {body.capacity}" + (
                ", alone" if body.alone else ""
            )
        case TaskOpened():
            return f"{names[body.by]} opened {body.task}"
        case TaskClosed():
            return f"{body.task} closed: {body.reason}"
        case TaskBound():
            return f"a login was narrowed to {body.task}"
        case ToolClassified():
            return _of_tool(body, names)
        case _:
            return ""


_DID = {"back": "set back", "asked": "asked to lower"}


def _of_tool(body: ToolClassified, names: dict[str, str]) -> str:
    did = _DID.get(body.change, body.change)
    why = names.get(body.reason, body.reason)
    alone = ", alone" if body.alone else ""
    return f"{names[body.by]} {did} {body.integration}/{body.tool} to {body.tier}{alone}: {why}"


def _of_operator(body: EventBody, names: dict[str, str]) -> str:
    match body:
        case ConfigReloaded():
            return f"settings reloaded by {body.by}: {', '.join(body.keys)}"
        case Restored():
            return f"restored from a backup of {body.size} events, root {body.root[:12]}"
        case ActorSeen():
            return (
                f"{body.integration} acts as {names.get(body.actor, 'nobody knows whom')} at its target: {body.change}"
            )
        case _:
            return ""


def _drifted(body: DriftSeen) -> str:
    found = ((body.tools, "held"), (body.newer, "kept in force"), (body.new, "new"), (body.noted, "noted"))
    said = ", ".join(f"{len(names)} {word}" for names, word in found if names)
    return f"{body.integration} changed" + (f": {said}" if said else "")


def _of_gate(body: EventBody, names: dict[str, str]) -> str:
    match body:
        case GateStarted():
            first = "first start" if body.first else "start"
            return f"{first} of version {body.version}, profile {body.profile}"
        case GateStopped():
            return f"stopped: {body.reason}"
        case IntegrationChanged():
            return f"integration {body.integration} {body.change} by {names[body.by]}"
        case PinsConfirmed():
            return f"{names[body.by]} confirmed {body.tools} tools of {body.integration}"
        case DriftSeen():
            return _drifted(body)
        case PolicyProposed():
            return f"{names[body.by]} proposed policy {body.bundle[:12]}"
        case PolicyApproved():
            return f"{names[body.by]} made policy {body.bundle[:12]} live" + (", alone" if body.alone else "")
        case Halted():
            return f"halted {body.scope} {body.what}".rstrip()
        case Resumed():
            return f"{names[body.by]} lifted {body.halt}"
        case _:
            return type(body).__name__
