"""Passing a client's own ``traceparent`` on, while the gate makes no spans itself."""

from callgate.flow.ports import SpanFacts, SpanStart


class RelayedTrace:
    """No span: it only hands on what the client sent."""

    def __init__(self, traceparent: str, to: frozenset[str]) -> None:
        self._traceparent = traceparent
        self._to = to

    def sending(self, integration: str, at_us: int) -> str:  # noqa: ARG002 - the port's
        return self._traceparent if integration in self._to else ""

    def end(self, facts: SpanFacts) -> None:
        """Nothing was begun."""


class RelayTracer:
    """Implements ``flow.ports.Tracer``. ``to``: integrations that may get it; the front has checked its form."""

    def __init__(self, to: frozenset[str]) -> None:
        self._to = to

    def begin(self, start: SpanStart) -> RelayedTrace | None:
        known = start.claims.traceparent
        return RelayedTrace(known, self._to) if known else None
