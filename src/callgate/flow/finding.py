"""What definitions say that a person should look at, for the screens."""

import asyncio
from collections.abc import Iterable, Mapping

from callgate.core.definition_findings import likeness, looked_through
from callgate.flow.live import Connected, Live
from callgate.flow.views.drift import DefinitionFindingView
from callgate.model.drift import DefinitionFinding
from callgate.model.tool import IntegrationPin


def found_in(live: Live, name: str, pin: IntegrationPin) -> tuple[DefinitionFinding, ...]:
    return looked_through(pin, _elsewhere(live, name))


async def found_in_confirmed(live: Live, connected: Connected) -> tuple[DefinitionFinding, ...]:
    """Looked for once per confirmation."""
    if connected.findings is None and connected.pin is not None:
        connected.findings = await asyncio.to_thread(found_in, live, connected.integration.name, connected.pin)
    return connected.findings or ()


def finding_views(found: Iterable[DefinitionFinding]) -> tuple[DefinitionFindingView, ...]:
    return tuple(
        DefinitionFindingView(
            code=one.code,
            severity=one.severity.name.lower(),
            name=one.key,
            field=one.field,
            says=one.says,
            excerpt=one.excerpt,
        )
        for one in found
    )


def _elsewhere(live: Live, name: str) -> Mapping[str, frozenset[str]]:
    """Names of the tools of all other integrations, by likeness."""
    found: dict[str, frozenset[str]] = {}
    for other, pin in tuple(live.pins.items()):
        if other != name:
            for tool in pin.tools:
                like = likeness(tool.name)
                found[like] = found.get(like, frozenset()) | {tool.name}
    return found
