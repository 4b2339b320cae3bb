"""What was done to a gate's home or to its service, as people are shown it."""

from callgate.model.base import Fact


class KeptLog(Fact, frozen=True):
    """A tenant's ledger in a backup, and its checkpoint: to be kept elsewhere."""

    tenant: str
    size: int
    root: str
    note: str


class BackupView(Fact, frozen=True):
    file: str
    bytes: int
    with_keys: bool
    logs: tuple[KeptLog, ...]
    left_out: tuple[str, ...] = ()
    """Files of the home that are no plain files."""
    kept_back: tuple[str, ...] = ()
    """Folders of the home with secrets that are only in an encrypted backup, and this one is not."""


class RestoreView(Fact, frozen=True):
    home: str
    taken_ms: int
    logs: tuple[KeptLog, ...]
    voided: int
    """Approved holds that were ended because their call may have run after the backup."""


class ServiceView(Fact, frozen=True):
    user: str
    unit: str
    """``installed`` or ``none``."""
    state: str
    """As systemd says it: ``active``, ``failed``, ``inactive``."""
    socket: str
    done: tuple[str, ...] = ()
    """What was done, one sentence each."""


class InitReport(Fact, frozen=True):
    """What ``init`` made, for the person to read."""

    home: str
    account: str
    profile: str
    endpoint: str
    made: tuple[str, ...]
    """One sentence each; empty: everything was there already."""
    next: tuple[str, ...] = ()
    """What to do now, one line each."""
