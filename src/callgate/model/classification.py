"""What rules and people say of a tool, beside its manifest (DESIGN section 13)."""

import enum

from callgate.model.base import Fact
from callgate.model.terms import Tier


class Confidence(enum.StrEnum):
    """How plainly a definition speaks."""

    HIGH = "high"
    """Its words say one thing and nothing contradicts them."""
    MEDIUM = "medium"
    """A rule of thumb decided, or two signals disagree and the stricter one was taken."""
    LOW = "low"
    """Nothing in it is known: it counts as execute."""


class Classification(Fact, frozen=True):
    """A proposal for one tool; it counts when a person has confirmed it.

    The flags say what the tool can do at worst; they are False for READ. ``reasons`` are short sentences for people,
    the one that decided the tier first. They hold single words and names of arguments of the definition, made visible.
    """

    tier: Tier
    irreversible: bool
    admin: bool
    money: bool
    confidence: Confidence
    reasons: tuple[str, ...]


class Ruling(Fact, frozen=True):
    """What a person decided of one tool, in place of its manifest or the rules.

    One that ``lowers`` stands only while what it was said of does: this definition, this manifest, this tier.
    """

    integration: str
    tool: str
    tier: Tier
    was: Tier
    """The highest tier that manifest or rules gave it."""
    definition: str
    """Digest of the pinned tool object."""
    manifest: str
    """Digest of the manifest; empty: there was none."""
    reason: str
    by: str
    """Account subject."""
    at_ms: int
    despite: bool = False
    """Its schema says more than ``tier``, and the person was told."""
    back: bool = False
    """``tier`` is the tool's own: nothing is said of it any more."""
    waits: bool = False
    """It counts once a second person said the same."""
    second: str = ""
    """Account subject of that person."""
    former: "Ruling | None" = None
    """What counts while this one waits."""

    @property
    def lowers(self) -> bool:
        return self.tier < self.was
