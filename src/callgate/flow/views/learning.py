"""What was learned from the calls of a team, as people are shown it."""

from callgate.model.base import Fact
from callgate.model.learned import LearnedSpan, ReplayedRow, UsedTarget, UsedTool


class LearnStep(Fact, frozen=True, tag_field="kind", tag="step"):
    """Progress of learning."""

    checked: int
    of: int


class LearnEnd(Fact, frozen=True, tag_field="kind", tag="end"):
    """Proposed everyday rules, and the same calls under them."""

    text: str
    """TOML, with the figures as comments."""
    contract: str
    """Id that the rules will have."""
    team: str
    span: LearnedSpan
    tools: tuple[UsedTool, ...]
    targets: tuple[UsedTarget, ...]
    replayed: tuple[ReplayedRow, ...]
