"""Prometheus text, made of plain integers when somebody scrapes (exposition format 0.0.4).

Names and labels stand in FAMILIES; docs/how-to/operate.md lists them and a test compares. No label names a person, a
target or a tool. The library is loaded with the first scrape, in a thread: it costs 90 ms that no start should pay.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from platform import python_version
from typing import Any, NamedTuple

from callgate.core.tally import Counts, Spread
from callgate.flow.gatehouse import Gatehouse
from callgate.flow.house import Rooms
from callgate.flow.ports import StoreFigures
from callgate.flow.tenancy import Tenancy
from callgate.flow.watch import STEPS
from callgate.model.errors import ConfigError, StoreError
from callgate.model.terms import Ask, HoldState

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
UPSTREAM_STATES = ("ready", "starting", "backoff", "down")
_MICRO = 1_000_000
_CALL = ("tenant", "integration", "tier", "effect", "gate", "code", "answer")


class Family(NamedTuple):
    """Without ``callgate_``, and of a counter without ``_total``."""

    name: str
    kind: str
    """``counter``, ``gauge``; ``seconds`` and ``sizes`` are histograms."""
    labels: tuple[str, ...]
    help: str


FAMILIES = (
    Family("build_info", "gauge", ("version", "python"), "Always 1; the versions are labels."),
    Family("calls", "counter", _CALL, "Calls answered, by verdict, by the finding that made it, and by what came back."),
    Family("observed", "counter", ("tenant", "integration", "tier", "would", "gate", "code"), "Calls that ran at stage observe and would not have run in production."),
    Family("observe_ends_seconds", "gauge", ("tenant", "integration"), "Until the stage observe of an integration ends; below 0: it is over."),
    Family("executions", "counter", ("tenant", "integration", "tier", "outcome"), "Calls sent to a target, and how they ended."),
    Family("call_step_seconds", "seconds", ("tenant", "step"), "Where the time of a call goes."),
    Family("upstream_seconds", "seconds", ("tenant", "integration"), "From the permission to the target's answer."),
    Family("calls_in_flight", "gauge", (), "Calls under way, over all tenants."),
    Family("calls_in_doubt", "gauge", ("tenant",), "Calls that were sent and whose outcome nobody saw."),
    Family("http_requests_refused", "counter", ("status",), "Requests that the front refused, by HTTP status."),
    Family("http_requests_in_flight", "gauge", (), "Requests of known callers under way."),
    Family("http_streams_open", "gauge", (), "Event streams that have begun and not ended."),
    Family("http_connections_open", "gauge", (), "Connections to the gate's own port."),
    Family("tokens_refused", "counter", ("code",), "Bearer tokens that were refused, by reason."),
    Family("holds_waiting", "gauge", ("tenant", "ask"), "Open holds, by the kind of question that waits."),
    Family("holds_oldest_age_seconds", "gauge", ("tenant", "ask"), "Age of the oldest of them; 0: none waits."),
    Family("holds_ended", "counter", ("tenant", "state"), "Holds that ended, by how."),
    Family("upstream_state", "gauge", ("tenant", "integration", "state"), "1 for the state the target is in, else 0."),
    Family("upstream_sessions_open", "gauge", ("tenant",), "Sessions of the gate's own with targets."),
    Family("ledger_writable", "gauge", ("tenant",), "1: the ledger agrees with itself and is written."),
    Family("ledger_events", "gauge", ("tenant",), "Events in the ledger."),
    Family("ledger_bytes", "gauge", ("tenant",), "What the store takes on disk, logs included."),
    Family("ledger_unsigned_events", "gauge", ("tenant",), "Events that no checkpoint covers yet."),
    Family("ledger_checkpoint_age_seconds", "gauge", ("tenant",), "Since the newest checkpoint; an idle gate signs none."),
    Family("ledger_waiting_units", "gauge", ("tenant",), "Writes that wait for the disk."),
    Family("ledger_batch_units", "sizes", ("tenant",), "Writes that became durable together."),
    Family("ledger_commit_seconds", "seconds", ("tenant",), "Time to judge, write and sync one batch."),
    Family("ledger_conflicts", "counter", ("tenant",), "Writes that met a changed state and were judged again."),
    Family("store_errors", "counter", ("tenant", "code"), "Writes that failed, by code."),
)  # fmt: skip
_BY_NAME = {family.name: family for family in FAMILIES}

Sample = tuple[tuple[str, ...], Any]
"""(label values, number or Spread)."""
Snapshot = list[tuple[Family, list[Sample]]]


class Sources:
    """Where the figures are; read on the loop's thread."""

    def __init__(
        self,
        version: str,
        houses: Sequence[Rooms],
        gatehouse: Gatehouse,
        refused: Callable[[], Counts],
        open_now: Callable[[], Mapping[str, int]],
    ) -> None:
        """``open_now``: values of ``http_requests_in_flight``, ``http_streams_open``, ``http_connections_open``."""
        self._version = version
        self._houses = houses
        self._gatehouse = gatehouse
        self._refused = refused
        self._open_now = open_now

    def snapshot(self) -> Snapshot:
        """Copies, so that a thread may read them."""
        samples: dict[str, list[Sample]] = {family.name: [] for family in FAMILIES}
        for name, sample in self._all():
            samples[name].append(sample)
        return [(_BY_NAME[name], found) for name, found in samples.items()]

    def _all(self) -> Iterator[tuple[str, Sample]]:
        yield "build_info", ((self._version, python_version()), 1)
        yield "calls_in_flight", ((), self._gatehouse.under_way)
        for name, value in self._open_now().items():
            yield name, ((), value)
        yield from _counted("http_requests_refused", self._refused())
        yield from _counted("tokens_refused", self._gatehouse.tokens_refused)
        for house in self._houses:
            tenancy = house.tenancy
            yield "upstream_sessions_open", ((tenancy.tenant,), len(house.sessions))
            yield from _observed(tenancy)
            yield from _holds(tenancy)
            yield from _upstreams(tenancy)
            yield from _ledger(tenancy)


def _counted(name: str, counts: Counts, *first: str) -> Iterator[tuple[str, Sample]]:
    for labels, value in counts.by.items():
        yield name, ((*first, *labels), value)


def _observed(tenancy: Tenancy) -> Iterator[tuple[str, Sample]]:
    tenant, seen = tenancy.tenant, tenancy.observer
    yield from _counted("calls", seen.calls, tenant)
    yield from _counted("observed", seen.observed, tenant)
    for name, ends_ms in tenancy.live.observing.items():
        yield "observe_ends_seconds", ((tenant, name), (ends_ms - tenancy.clock.now_ms()) / 1000)
    yield from _counted("executions", seen.executions, tenant)
    yield from _counted("holds_ended", seen.holds_ended, tenant)
    yield from _counted("store_errors", seen.store_errors, tenant)
    yield "ledger_conflicts", ((tenant,), seen.conflicts)
    yield "calls_in_doubt", ((tenant,), sum(call.unknown for call in tenancy.live.open_calls.values()))
    whole = Spread()
    for integration, spread in seen.upstream.items():
        yield "upstream_seconds", ((tenant, integration), _copy(spread))
        whole.total += spread.total
        whole.counts = [one + other for one, other in zip(whole.counts, spread.counts, strict=True)]
    for step in STEPS:
        spread = whole if step == "upstream" else _copy(seen.times[step])
        yield "call_step_seconds", ((tenant, step), spread)


def _holds(tenancy: Tenancy) -> Iterator[tuple[str, Sample]]:
    waiting, oldest = dict.fromkeys(Ask, 0), dict.fromkeys(Ask, 0)
    now = tenancy.clock.now_ms()
    for hold in tenancy.live.holds.values():
        if hold.state is not HoldState.OPEN:
            continue
        answered = {vote.question for vote in hold.votes}
        for ask in {question.ask for question in hold.questions if question.id not in answered or question.quorum > 1}:
            waiting[ask] += 1
            oldest[ask] = max(oldest[ask], now - hold.opened_ms)
    for ask in Ask:
        yield "holds_waiting", ((tenancy.tenant, ask.value), waiting[ask])
        yield "holds_oldest_age_seconds", ((tenancy.tenant, ask.value), oldest[ask] / 1000)


def _upstreams(tenancy: Tenancy) -> Iterator[tuple[str, Sample]]:
    for name, integration in tenancy.live.integrations.items():
        try:
            now = tenancy.upstreams.of(integration).state
        except ConfigError:
            now = "down"
        for state in UPSTREAM_STATES:
            yield "upstream_state", ((tenancy.tenant, name, state), int(state == now))


def _ledger(tenancy: Tenancy) -> Iterator[tuple[str, Sample]]:
    tenant = (tenancy.tenant,)
    try:
        found: StoreFigures = tenancy.store.figures()
    except StoreError:
        yield "ledger_writable", (tenant, 0)
        return
    age = tenancy.clock.now_ms() - found.checkpoint_ms if found.checkpoint_ms else 0
    yield "ledger_writable", (tenant, int(not found.broken and not tenancy.observer.store_fault))
    yield "ledger_events", (tenant, found.events)
    yield "ledger_bytes", (tenant, found.bytes)
    yield "ledger_unsigned_events", (tenant, found.unsigned)
    yield "ledger_checkpoint_age_seconds", (tenant, max(0, age) / 1000)
    yield "ledger_waiting_units", (tenant, found.waiting)
    yield "ledger_batch_units", (tenant, _copy(found.batches))
    yield "ledger_commit_seconds", (tenant, _copy(found.commits))


def _copy(spread: Spread) -> Spread:
    made = Spread(spread.bounds)
    made.counts, made.total = list(spread.counts), spread.total
    return made


class MetricsText:
    """Renders a snapshot beside the loop, one scrape at a time."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._turn = asyncio.Lock()
        self._registry: Any = None
        self._snapshot: Snapshot = []

    async def render(self) -> bytes:
        async with self._turn:
            self._snapshot = self._sources.snapshot()
            return await asyncio.to_thread(self._text)

    def _text(self) -> bytes:
        from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest  # noqa: PLC0415 - see above

        if self._registry is None:
            # A registry of our own: the library's global one collects what anything in the process left there.
            self._registry = CollectorRegistry(auto_describe=False)
            ProcessCollector(registry=self._registry)
            self._registry.register(self)
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Any]:
        """For the library's registry."""
        return [_metric(family, samples) for family, samples in self._snapshot]


def _metric(family: Family, samples: Iterable[Sample]) -> Any:
    from prometheus_client.core import (  # noqa: PLC0415 - see above
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
    )

    name = f"callgate_{family.name}"
    if family.kind in ("counter", "gauge"):
        kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
        made = kind(name, family.help, labels=family.labels)
        for labels, value in samples:
            made.add_metric(labels, value)
        return made
    unit = _MICRO if family.kind == "seconds" else 1
    spread_family = HistogramMetricFamily(name, family.help, labels=family.labels)
    for labels, spread in samples:
        buckets, total = _cumulative(spread, unit)
        spread_family.add_metric(labels, buckets, total)
    return spread_family


def _cumulative(spread: Spread, unit: int) -> tuple[list[tuple[str, float]], float]:
    buckets: list[tuple[str, float]] = []
    running = 0
    for bound, count in zip(spread.bounds, spread.counts, strict=False):
        running += count
        buckets.append((str(bound / unit), running))
    buckets.append(("+Inf", running + spread.counts[-1]))
    return buckets, spread.total / unit
