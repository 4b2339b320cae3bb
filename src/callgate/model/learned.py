"""What everyday rules are proposed from, and what they would do: figures without people and arguments."""

from callgate.model.base import Fact


class UsedTool(Fact, frozen=True):
    """Figures of one tool at one tier. Times are milliseconds."""

    integration: str
    tool: str
    tier: str
    calls: int
    targets: int
    """Distinct ones."""
    first_ms: int
    last_ms: int
    left_out: str = ""
    """Why the rules do not name it, as the end of a sentence; empty: they do."""


class UsedTarget(Fact, frozen=True):
    integration: str
    target: str
    """``kind:id``."""
    calls: int
    left_out: str = ""
    pattern: str = ""
    """What the rules say instead; empty: the target itself, or nothing."""


class ReplayedRow(Fact, frozen=True):
    """What alike calls would meet under the proposed rules."""

    integration: str
    tool: str
    effect: str
    """``allow``, ``narrow`` (a narrower search in its place), ``hold``, ``deny``, ``unknown``."""
    reason: str
    """Of the finding that decided; of ``unknown``: why it could not be judged again."""
    code: str
    """``gate/code``; empty when it would be allowed or is unknown."""
    calls: int


class LearnedSpan(Fact, frozen=True):
    """Figures of everything that was read. Times are milliseconds."""

    calls: int
    first_ms: int
    last_ms: int
    busiest: int
    """Most calls of one person in one minute."""
    skipped: tuple[tuple[str, int], ...] = ()
    """Why calls are not among them, and how many."""
