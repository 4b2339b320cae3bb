"""What the gate's rules think of a tool that no manifest describes (DESIGN section 13)."""

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
