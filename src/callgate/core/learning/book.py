"""What was used: calls that ran, counted per tool and target. Memory is bounded whatever the ledger holds."""

from collections.abc import Iterable

from callgate.model.base import Fact
from callgate.model.terms import Tier
from callgate.model.tool import Target

MOST_TARGETS = 5_000
"""Targets of one tool that are told apart; calls with others are only counted."""
MOST_RUNNING = 20_000
"""Calls whose end is waited for."""
MOST_PEOPLE = 20_000
MINUTE_MS = 60_000


class LearnedCall(Fact, frozen=True):
    """One call that ran."""

    at_ms: int
    call: str
    integration: str
    tool: str
    tier: Tier
    targets: tuple[Target, ...]
    """Those whose names are still known."""
    forgotten: int
    """Targets whose names were erased."""
    runtime: str
    person: str
    """Pseudonym."""


class ToolFigures:
    """Calls of one tool at one tier."""

    __slots__ = ("aimless", "beyond", "calls", "first_ms", "last_ms", "targets")

    def __init__(self) -> None:
        self.calls = 0
        self.first_ms = 0
        self.last_ms = 0
        self.aimless = 0
        """Calls that named no target."""
        self.beyond = 0
        """Calls with a target that was one too many to be told apart, or that was erased."""
        self.targets: dict[Target, int] = {}

    def add(self, call: LearnedCall) -> None:
        self.first_ms = min(self.first_ms, call.at_ms) if self.calls else call.at_ms
        self.last_ms = max(self.last_ms, call.at_ms)
        self.calls += 1
        self.aimless += not call.targets and not call.forgotten
        lost = bool(call.forgotten)
        for target in dict.fromkeys(call.targets):
            if target in self.targets or len(self.targets) < MOST_TARGETS:
                self.targets[target] = self.targets.get(target, 0) + 1
            else:
                lost = True
        self.beyond += lost


class UseBook:
    """Calls in the order of the ledger."""

    def __init__(self) -> None:
        self.tools: dict[tuple[str, str, Tier], ToolFigures] = {}
        self.calls = 0
        self.first_ms = 0
        self.last_ms = 0
        self.runtimes: set[str] = set()
        self.busiest = 0
        """Most calls of one person in one minute."""
        self.ended_calls = 0
        self.slowest_us = 0
        """Longest execution of those that ended."""
        self._minute = -1
        self._people: dict[str, int] = {}
        self._running: dict[str, None] = {}

    def add(self, call: LearnedCall) -> None:
        figures = self.tools.get((call.integration, call.tool, call.tier))
        if figures is None:
            figures = self.tools[call.integration, call.tool, call.tier] = ToolFigures()
        figures.add(call)
        self.first_ms = min(self.first_ms, call.at_ms) if self.calls else call.at_ms
        self.last_ms = max(self.last_ms, call.at_ms)
        self.calls += 1
        self.runtimes.add(call.runtime)
        self._crowd(call)
        self._running[call.call] = None
        if len(self._running) > MOST_RUNNING:
            del self._running[next(iter(self._running))]

    def ended(self, call: str, duration_us: int) -> None:
        """A call that is none of these is passed over."""
        if call in self._running:
            del self._running[call]
            self.ended_calls += 1
            self.slowest_us = max(self.slowest_us, duration_us)

    def integrations(self) -> tuple[str, ...]:
        return tuple(sorted({integration for integration, _, _ in self.tools}))

    def of(self, integration: str) -> Iterable[tuple[str, Tier, ToolFigures]]:
        """By tier, then by name."""
        found = [(tool, tier, one) for (name, tool, tier), one in self.tools.items() if name == integration]
        return sorted(found, key=lambda row: (row[1], row[0]))

    def _crowd(self, call: LearnedCall) -> None:
        minute = call.at_ms // MINUTE_MS
        if minute != self._minute:
            self._minute = minute
            self._people.clear()
        if call.person in self._people or len(self._people) < MOST_PEOPLE:
            self._people[call.person] = many = self._people.get(call.person, 0) + 1
            self.busiest = max(self.busiest, many)
