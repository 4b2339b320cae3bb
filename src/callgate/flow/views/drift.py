"""Changed definitions, as people are shown them."""

from callgate.model.base import Fact


class DefinitionFindingView(Fact, frozen=True):
    """Something that a person should look at before a model reads it. It decides nothing."""

    code: str
    severity: str
    """``low``, ``medium``, ``high``."""
    name: str
    """What it stands in: a tool, ``prompts/get`` or ``resources/templates/list`` and a name; empty: instructions."""
    field: str
    says: str
    excerpt: str
    """The place: untrusted text."""


class ChangeView(Fact, frozen=True):
    name: str
    """As in DefinitionFindingView; empty: the server as a whole."""
    field: str
    """Dotted; empty: all of it came or went."""
    kind: str
    """``noted``, ``in_force``, ``new``, ``held``."""
    means: str
    """What becomes of it, one sentence."""
    old: str
    """Untrusted text, like ``new``."""
    new: str


class DriftView(Fact, frozen=True):
    """What a server says now, against what was confirmed."""

    integration: str
    pinned: str
    """Digest of what was confirmed; empty: nothing was."""
    seen: str
    """What ``confirm`` must name."""
    confirmed: bool
    """There is nothing to confirm."""
    changes: tuple[ChangeView, ...] = ()
    findings: tuple[DefinitionFindingView, ...] = ()
    """In what is new or changed."""
    warnings: tuple[str, ...] = ()
    """What else a confirmation would confirm."""
