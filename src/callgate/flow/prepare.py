"""From a front's request to a Call and the facts it is judged on."""

import msgspec

from callgate.core.binding import Binding, bind, contract_problem, task_problem
from callgate.core.contract import ContractRules
from callgate.core.ledger.canonical import body_bytes, digest
from callgate.core.toolbox import ToolProfile
from callgate.flow.live import Connected
from callgate.flow.prepared import Caller, Prepared
from callgate.flow.tenancy import Tenancy
from callgate.model.answer import Request
from callgate.model.call import Call
from callgate.model.contract import Contract
from callgate.model.facts import Facts
from callgate.model.hold import Approval
from callgate.model.identity import Actor, Credential, Principal
from callgate.model.store import Reserve
from callgate.model.terms import Tier

MINUTE_MS = 60_000
_NEVER = 1 << 53


def caller(tenancy: Tenancy, credential: Credential, connected: Connected) -> Caller:
    remembered = tenancy.live.remembered()
    who = credential.initiator
    key = ("caller", credential.id, who.issuer, who.subject, credential.runtime.id, connected.integration.name)
    known: Caller | None = remembered.get(key)
    if known is None:
        principal = Principal(
            initiator=credential.initiator,
            runtime=credential.runtime,
            actor=Actor(integration=connected.integration.name, name=connected.actor),
            chain=credential.chain,
        )
        bound = credential.task or credential.id in tenancy.live.bindings
        binding = None if bound else _bound(tenancy, credential, (), 0)
        problem = why_not_contract(tenancy, principal, binding.contract) if binding else ""
        known = remembered[key] = Caller(principal=principal, binding=binding, problem=problem)
    return known


def prepare(
    tenancy: Tenancy, request: Request, connected: Connected
) -> tuple[Prepared, ToolProfile | None, ContractRules | None]:
    live, credential = tenancy.live, request.credential
    now = tenancy.clock.now_ms()
    known = caller(tenancy, credential, connected)
    binding = known.binding
    if binding is None or request.named_tasks:
        binding = _bound(tenancy, credential, request.named_tasks, now)
    rules = live.contracts.get(binding.contract)
    tool = connected.toolbox.find(request.method, request.tool)
    timeout = rules.contract.call_timeout_ms if rules else MINUTE_MS
    task = live.tasks.get(binding.task) if binding.task else None
    deadline = min(now + timeout, task.deadline_ms) if task else now + timeout
    call = Call(
        id=tenancy.new_id("call"),
        tenant=tenancy.tenant,
        principal=known.principal,
        credential=credential.id,
        contract=binding.contract,
        task=binding.task,
        integration=request.integration,
        tool=request.tool,
        tier=tool.tier_of(request.arguments) if tool else Tier.EXECUTE,
        arguments=request.arguments,
        body=body_bytes(request.arguments),
        targets=tool.targets_of(request.arguments) if tool else (),
        pin=tool.pin.digest if tool else "",
        at_ms=now,
        deadline_ms=deadline,
        claims=request.claims,
        same_host=request.same_host,
        method=request.method,
    )
    everyday_problem = known.problem if binding is known.binding else None
    return Prepared(call=call, binding=binding, credential=credential, contract_problem=everyday_problem), tool, rules


def as_round(prepared: Prepared, request: Request) -> Prepared:
    """The call of a client of 2026-07-28: what it can be asked, and the answers that it brings."""
    continued = request.continued
    if continued is None:
        call = msgspec.structs.replace(prepared.call, asks=request.asks)
        return msgspec.structs.replace(prepared, call=call)
    state, before = continued.state, ""
    if state is not None:
        before = state.before
        here = (prepared.call.contract, prepared.call.task, prepared.call.pin)
        if (state.contract, state.task, state.pin) != here and not continued.problem:
            continued = msgspec.structs.replace(continued, problem="round_unknown")
    said = digest(body_bytes(continued.answers) + (continued.sealed or "").encode())
    call = msgspec.structs.replace(prepared.call, asks=request.asks, answers=said, derived_from=before)
    return msgspec.structs.replace(prepared, call=call, continued=continued)


def _carried(prepared: Prepared, bundle: str) -> Approval | None:
    """The approval of the first round, for the call that it was given for and under the rules it was given under."""
    continued = prepared.continued
    state = continued.state if continued is not None and not continued.problem else None
    if state is None or not state.hold or state.bundle != bundle:
        return None
    return Approval(hold=state.hold, findings=state.findings, alone=state.alone)


def equal(tenancy: Tenancy, call: Call) -> str:
    """Keyed tag of person, runtime, task or contract, tool and body: equal calls have the same."""
    who = call.principal
    return tenancy.sealer.equal_tag(
        "equal",
        who.initiator.issuer,
        who.initiator.subject,
        who.runtime.id,
        call.task or call.contract,
        f"{call.integration}/{call.tool}",
        call.body,
        *((call.answers,) if call.answers else ()),
    )


def _bound(tenancy: Tenancy, credential: Credential, named: tuple[str, ...], now_ms: int) -> Binding:
    """Which task and contract the call belongs to, by the precedence of core/binding.py."""
    live = tenancy.live
    narrowed = live.bindings.get(credential.id)
    return bind(
        credential.task,
        named,
        narrowed.task if narrowed else "",
        live.tasks.get,
        everyday(tenancy, credential),
        issuer=credential.initiator.issuer,
        initiator=credential.initiator.subject,
        runtime=credential.runtime.id,
        now_ms=now_ms,
        contracts=lambda contract: _contract(tenancy, contract),
    )


def sticky(tenancy: Tenancy, call: Call) -> str:
    """What a denial sticks to: that task (or everyday rules, whichever they are), person, tool and targets."""
    who = call.principal.initiator
    return tenancy.sealer.equal_tag(
        "sticky",
        who.issuer,
        who.subject,
        call.task or "everyday",
        f"{call.integration}/{call.tool}",
        *(target.text for target in call.targets),
    )


def everyday(tenancy: Tenancy, credential: Credential) -> str:
    """Id of the everyday contract of the initiator's team; empty: none."""
    account = tenancy.live.accounts.get(credential.initiator.subject)
    return tenancy.live.everyday(account.team if account else "")


def gather(
    tenancy: Tenancy,
    prepared: Prepared,
    tool: ToolProfile | None,
    connected: Connected,
    *,
    exhausted: tuple[str, ...] = (),
    twin: str = "",
    approval: Approval | None = None,
) -> Facts:
    """Everything outside the call that the verdict may depend on, read at one instant."""
    live, call, binding = tenancy.live, prepared.call, prepared.binding
    now = tenancy.clock.now_ms()
    denial = live.denials.get(sticky(tenancy, call)) if live.denials else None
    known = prepared.contract_problem
    bundle = live.bundle
    assert bundle is not None
    changed = connected.drift
    drift = changed.word(tool.drift_key(call.arguments)) if tool and (changed.held or changed.newer) else ""
    return Facts(
        now_ms=now,
        stage=live.stage(call.integration, now),
        profile=bundle.profile,
        bundle=bundle.digest,
        pinned=tool.pin.digest if tool and connected.pin else "",
        drifted=drift not in ("", "newer"),
        drift=drift,
        contract_problem=known if known is not None else why_not_contract(tenancy, call.principal, call.contract),
        task=live.tasks.get(binding.task) if binding.task else None,
        task_problem=binding.problem,
        credential_problem=credential_problem(tenancy, prepared.credential, call.integration),
        halts=live.halts_for(call),
        exhausted=exhausted,
        retry_after_ms=_next_minute_ms(now, exhausted) if exhausted else 0,
        twin=twin,
        denied_until_ms=denial.until_ms if denial is not None and denial.until_ms > now else 0,
        approval=approval or _carried(prepared, bundle.digest),
        round_problem=prepared.continued.problem if prepared.continued is not None else "",
        observe_over=live.observing.get(call.integration, _NEVER) <= now,
        account_problem=connected.account_problem,
    )


def _next_minute_ms(now: int, exhausted: tuple[str, ...]) -> int:
    """Milliseconds until what is used up is there again; 0 when no waiting brings it back."""
    return MINUTE_MS - now % MINUTE_MS if all(name.startswith("rate:") for name in exhausted) else 0


def credential_problem(tenancy: Tenancy, credential: Credential, integration: str) -> str:
    """Read per call, so that a revocation bites on the next send."""
    live = tenancy.live
    subject = credential.initiator.subject
    if credential.expires_ms <= tenancy.clock.now_ms():
        return "expired"
    if live.revoked(credential.id, subject, credential.issued_ms):
        return "revoked"
    account = live.accounts.get(subject)
    if account is not None and account.disabled:
        return "account_disabled"
    if credential.integrations and integration and integration not in credential.integrations:
        return "not_this_integration"
    return ""


def why_not_contract(tenancy: Tenancy, principal: Principal, contract: str) -> str:
    """Why this contract cannot be used by them now; empty: it can."""
    found = _contract(tenancy, contract)
    problem = contract_problem(found, principal.initiator.subject, principal.runtime.id)
    return problem or ("" if tenancy.live.active(contract) else "awaiting_consent")


def reservations(tenancy: Tenancy, call: Call) -> tuple[Reserve, ...]:
    """What an allowed call uses up, in the deciding unit."""
    bundle = tenancy.live.bundle
    assert bundle is not None
    minute = tenancy.clock.now_ms() // MINUTE_MS
    ends = (minute + 2) * MINUTE_MS
    found: list[Reserve] = []
    who = call.principal
    if bundle.rates.initiator:
        person = tenancy.sealer.pseudonym("person", f"{who.initiator.issuer}|{who.initiator.subject}")
        found.append(
            Reserve(
                counter=f"rate:initiator:{person}:{minute}", amount=1, limit=bundle.rates.initiator, expires_ms=ends
            )
        )
    found.extend(
        Reserve(counter=f"rate:kind:{kind.value}:{minute}", amount=1, limit=limit, expires_ms=ends)
        for kind, limit in bundle.rates.kinds
        if kind is who.runtime.kind and limit
    )
    if call.task:
        limit = tenancy.live.contracts[call.contract].contract.max_calls
        if limit:
            found.append(Reserve(counter=f"calls:{call.task}", amount=1, limit=limit))
    return tuple(found)


def _contract(tenancy: Tenancy, contract: str) -> Contract | None:
    rules = tenancy.live.contracts.get(contract)
    return rules.contract if rules is not None else tenancy.live.templates.get(contract)


def rebound(tenancy: Tenancy, call: Call, now_ms: int) -> Binding:
    """The binding of a frozen call, looked at again: its task may have ended since."""
    who = call.principal
    problem = ""
    if call.task:
        task = tenancy.live.tasks.get(call.task)
        problem = task_problem(task, who.initiator.issuer, who.initiator.subject, who.runtime.id, now_ms)
    return Binding(contract=call.contract, task=call.task, problem=problem)


def resolved(call: Call, tool: ToolProfile | None) -> Call:
    """The call with tier, targets and domains as the tool and the bundle that are live give them."""
    if tool is None:
        return call
    arguments = call.arguments
    return msgspec.structs.replace(call, tier=tool.tier_of(arguments), targets=tool.targets_of(arguments))


def renewed(tenancy: Tenancy, call: Call, tool: ToolProfile, connected: Connected) -> Call:
    """A frozen call as it is judged again at execution: same bytes, and all else as it is now."""
    now = tenancy.clock.now_ms()
    rules = tenancy.live.contracts.get(call.contract)
    timeout = rules.contract.call_timeout_ms if rules else MINUTE_MS
    task = tenancy.live.tasks.get(call.task) if call.task else None
    deadline = min(now + timeout, task.deadline_ms) if task else now + timeout
    actor = Actor(integration=connected.integration.name, name=connected.actor)
    principal = msgspec.structs.replace(call.principal, actor=actor)
    return msgspec.structs.replace(resolved(call, tool), deadline_ms=deadline, principal=principal)


def twin(tenancy: Tenancy, call: Call, tool: ToolProfile | None) -> str:
    """``Facts.twin``: where an equal call stands that has not ended."""
    live = tenancy.live
    if tool is None or not live.equal_calls or is_idempotent(tool):
        return ""
    others = live.equal_calls.get(equal(tenancy, call), ())
    if not others:
        return ""
    return "unknown" if any(live.open_calls[other].unknown for other in others) else "started"


def is_idempotent(tool: ToolProfile) -> bool:
    return tool.tier is Tier.READ or (tool.manifest is not None and tool.manifest.idempotent)
