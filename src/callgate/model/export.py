"""What ``callgate export`` writes and finds. Holds no secret: tokens stand in it as references."""

from callgate.model.base import Fact
from callgate.model.inventory import ConfigFinding


class ExportedFile(Fact, frozen=True):
    place: str
    """Where it belongs: from ``/`` for managed files, from the home folder (``~/``) for the user's own."""
    text: str


class ExportBundle(Fact, frozen=True):
    client: str
    managed: bool
    files: tuple[ExportedFile, ...]
    notes: tuple[str, ...] = ()
    """What these files cannot do, and what is to be done beside them."""


class ExportCheck(Fact, frozen=True):
    """Whether what is installed still leaves only the gate."""

    client: str
    managed: bool
    read: tuple[str, ...]
    """Files that were there."""
    findings: tuple[ConfigFinding, ...]
