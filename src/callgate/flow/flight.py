"""One execution under way."""

from collections.abc import Callable

import msgspec

from callgate.core.toolbox import ToolProfile
from callgate.flow.asking import Asking, ClientBehind
from callgate.flow.ports import Exchange, Permitted
from callgate.flow.scribe import Scribe
from callgate.flow.tenancy import Tenancy
from callgate.flow.watch import Watch
from callgate.model.answer import Failed, Served
from callgate.model.call import Call
from callgate.model.event import CallPriced
from callgate.model.store import OpenCall, Put, SealedRow, Unit
from callgate.model.terms import Outcome
from callgate.model.tool import Integration

Epilogue = Callable[[Served | Failed], tuple[tuple[Put, ...], tuple[SealedRow, ...]]]
"""What else is written with the outcome (a hold's end and what it sealed)."""


class Flight:
    """Made when a call may run; ``more`` and what follows it are set while it does."""

    def __init__(
        self,
        call: Call,
        tool: ToolProfile,
        scribe: Scribe,
        opened: OpenCall,
        decided: tuple[str, ...],
        *,
        integration: Integration,
        permitted: Permitted,
        session: str = "",
        protocol: str = "",
        progress: bool = False,
        log_level: str = "",
        epilogue: Epilogue | None = None,
        watch: Watch | None = None,
    ) -> None:
        """``permitted`` is asked right before each send: what allowed the call may have changed since."""
        self.call = call
        self.tool = tool
        self.scribe = scribe
        self.opened = opened
        self.decided = decided
        self.integration = integration
        self.permitted = permitted
        self.session = session
        self.protocol = protocol
        self.progress = progress
        self.log_level = log_level
        self.epilogue = epilogue
        self.watch = watch or Watch()
        self.exchange: Exchange | None = None
        self.more = b""
        """Members of the params beside the arguments, each with a comma before it."""
        self.behind: ClientBehind | None = None
        """Who can be asked while it runs; None: nobody."""
        self.asking: Asking | None = None
        """Made with the first request of the server."""
        self.looks = 0
        """How often the server's definitions had to be looked at before it could leave."""
        self.cancelled = False
        self.closing = False
        """The gate ends and waits for it no longer."""


def priced(tenancy: Tenancy, flight: Flight, unit: Unit) -> Unit:
    """The unit with what the call cost by its manifest, when that is anything and the call was sent."""
    price = flight.tool.price
    if not price or flight.watch.outcome == Outcome.NOT_SENT.value:
        return unit
    tenancy.observer.spent[flight.call.integration] = tenancy.observer.spent.get(flight.call.integration, 0) + price
    event = tenancy.event(CallPriced(micro_usd=price), call=flight.call.id)
    return msgspec.structs.replace(unit, events=(*unit.events, event))
