"""What a contract names that nothing here has: a typo, or something that comes later. Each is a sentence, not a refusal."""

from collections.abc import Iterable, Iterator

from callgate.core.confine import kinds_of
from callgate.core.strict import nearest
from callgate.flow.live import Connected, Live
from callgate.model.contract import Contract, Scope

_ANY = ("*", "{")


def contract_notes(live: Live, contract: Contract) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_notes(live, contract)))


def _notes(live: Live, contract: Contract) -> Iterator[str]:
    teams = {account.team for account in live.accounts.values()}
    if contract.everyday and contract.team not in teams:
        yield f"Nobody here is in the team {contract.team}.{nearest(contract.team, teams)}"
    for scope in contract.scopes:
        connected = live.connected.get(scope.integration)
        if connected is None:
            yield f"No integration {scope.integration} is connected.{nearest(scope.integration, live.connected)}"
        elif connected.pin is not None:
            yield from _of_scope(connected, scope)
    kinds = {kind for connected in live.connected.values() for kind in _kinds(connected)}
    yield from _strange_kinds(contract.prohibited, kinds, "no tool here")


def _of_scope(connected: Connected, scope: Scope) -> Iterator[str]:
    tools = connected.toolbox.tools
    for name in scope.tools:
        if name != "*" and name not in tools:
            yield f"{scope.integration} has no tool {name} that was confirmed.{nearest(name, tools)}"
    yield from _strange_kinds(scope.targets, _kinds(connected), f"no tool of {scope.integration}")


def _strange_kinds(patterns: Iterable[str], known: set[str], whose: str) -> Iterator[str]:
    """Nothing is said where nothing is known: without a manifest nobody knows what tools aim at."""
    for pattern in patterns:
        kind = pattern.partition(":")[0]
        if known and kind not in known and not any(sign in kind for sign in _ANY):
            yield f"{pattern}: {whose} aims at the kind {kind}.{nearest(kind, known)}"


def _kinds(connected: Connected) -> set[str]:
    named = (profile.manifest for profile in connected.toolbox.tools.values() if profile.manifest is not None)
    return {kind for manifest in named for kind in kinds_of(manifest) if kind}
