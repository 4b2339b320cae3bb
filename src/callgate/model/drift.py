"""What a server says of itself now, beside what a person confirmed of it (DESIGN section 13)."""

import enum

import msgspec

from callgate.model.base import Fact
from callgate.model.inventory import Severity


class DriftKind(enum.IntEnum):
    """What becomes of a change; the larger one is the stricter one. Core.drift has the table."""

    NOTED = 0
    """The confirmed text stays what models read."""
    IN_FORCE = 1
    """The confirmed definition stays in force; calls that need the new one are refused."""
    NEW = 2
    """It was never confirmed, so it is not offered."""
    HELD = 3
    """Calls that rest on it wait until somebody confirms it."""


LISTS = "lists"
"""The field of the change that says that a server lists what cannot be read."""


class DefinitionChange(Fact, frozen=True):
    """One difference. All texts of it are the server's: untrusted, and not made visible."""

    key: str
    """As in flow.connect.definitions; empty: the server as a whole."""
    field: str
    """Where, with dots; empty: the whole definition came or went."""
    kind: DriftKind
    old: str
    """Text as it is, anything else as JSON; empty: it was not there."""
    new: str


class Drift(Fact, frozen=True):
    """``changes``: in the order of the confirmed pin, then what is new. ``held``: keys of what must not be used;
    ``newer``: of what takes more than was confirmed. ``seen``: digest of what the server says; empty: it says what was
    confirmed, or nothing that can be read.
    """

    changes: tuple[DefinitionChange, ...] = ()
    held: frozenset[str] = frozenset()
    newer: frozenset[str] = frozenset()
    seen: str = ""

    def brief(self) -> "Drift":
        """Without the texts of its changes, which may be as long as the server likes."""
        changes = tuple(msgspec.structs.replace(change, old="", new="") for change in self.changes)
        return msgspec.structs.replace(self, changes=changes)

    def keys(self, kind: DriftKind) -> tuple[str, ...]:
        """What has changes of this kind, each once."""
        return tuple(dict.fromkeys(change.key for change in self.changes if change.kind is kind))

    def word(self, key: str) -> str:
        """As ``Facts.drift``."""
        if key not in self.held:
            return "newer" if key in self.newer else ""
        held = [change for change in self.changes if change.kind is DriftKind.HELD]
        whole = next((change for change in held if not change.key), None)
        if whole is not None:
            return "unreadable" if whole.field == LISTS else "server"
        return "gone" if any(change.key == key and not change.field for change in held) else "changed"


NO_DRIFT = Drift()


class DefinitionFinding(Fact, frozen=True):
    """Something in a definition that a person should look at before it reaches a model. It decides nothing."""

    code: str
    severity: Severity
    key: str
    """As in DefinitionChange."""
    field: str
    says: str
    """A sentence for people, without text of the server."""
    excerpt: str = ""
    """The place, of the server's text: untrusted, and not made visible."""
