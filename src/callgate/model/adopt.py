"""What ``callgate adopt`` did or would do. Nothing here holds a secret: keys of them, and diffs with them masked."""

from callgate.model.base import Fact


class AdoptMove(Fact, frozen=True):
    """One entry of a client that comes to point at the gate."""

    client: str
    server: str
    """As the client names it, before and after."""
    integration: str
    """What it is called in the gate."""
    owner: str
    file: str
    line: int
    target: str
    """What it was connected to: the URL's origin, or the program with its package."""
    becomes: str
    """``http`` or ``stdio``: how the client reaches the gate."""
    secrets: tuple[str, ...] = ()
    """Keys whose values move into the gate's home."""
    confined: bool = True
    may_write: tuple[str, ...] = ()
    """Paths that a confined local server may read and write."""
    near: bool = False
    """The URL may lead to this machine or a private network."""


class AdoptLeft(Fact, frozen=True):
    """One entry, or source of tools, that stays as it is, and why. ``code`` is stable; the sentences may change."""

    code: str
    client: str
    server: str
    file: str
    line: int
    says: str
    fix: str


class FileChange(Fact, frozen=True):
    file: str
    diff: str
    """Unified, secrets masked."""
    new: bool = False
    """There is no such file so far."""


class AdoptView(Fact, frozen=True):
    """``id`` is empty when no file was changed."""

    id: str
    dry_run: bool
    stage: str
    """At which the integrations start."""
    moves: tuple[AdoptMove, ...]
    left: tuple[AdoptLeft, ...]
    changes: tuple[FileChange, ...]
    next: tuple[str, ...] = ()
    """What a person has to do still."""
    finished: tuple[str, ...] = ()
    """Ids of adoptions that had been stopped between two files, and were finished first."""


class HalfView(Fact, frozen=True):
    """An adoption that was stopped between two files."""

    id: str
    integrations: tuple[str, ...]
    """What its files use at the gate."""
    done: tuple[str, ...]
    """Files that say already what they were to say."""
    waiting: tuple[str, ...]
    """Files that are as they were."""
    edited: tuple[str, ...]
    """Files that somebody else changed since; finishing leaves them."""
    can_finish: bool
    """The record has all that finishing needs."""


class UndoView(Fact, frozen=True):
    id: str
    restored: tuple[str, ...]
    edited: tuple[FileChange, ...] = ()
    """Changed since; left as they are unless that was asked for."""
    removed: tuple[str, ...] = ()
    """Integrations that were disconnected."""
    stays: tuple[str, ...] = ()
    """What was not taken back, in words."""


class KeptFile(Fact, frozen=True):
    """A client's file as it was before an adoption."""

    file: str
    """Absolute."""
    mode: int
    uid: int
    gid: int
    before: str
    """SHA-256 hex; empty: there was no such file."""
    after: str
    kept: str = ""
    """Name of the copy beside the record; empty: there was no such file."""
    fresh: str = ""
    """Name of the new content beside the record; empty: none was kept, so it cannot be finished."""
    folder: bool = False
    """The file's folder was not there before."""


class KeptConnection(Fact, frozen=True):
    """An integration that an adoption registered, or found registered by an earlier one."""

    integration: str
    connection: str
    """SHA-256 hex over where and how it connects, secrets included: the record is as private as they are."""
    secrets: tuple[str, ...] = ()
    """Names of its files in the home's folder ``secrets``."""
    state: str = "connected"
    """``wanted``: the gate was not asked so far; ``connecting``: it was, and its answer is not known; ``connected``."""
    where: str = ""
    """Origin of its URL, or its program's name, as the gate shows it; empty: not recorded."""


class AdoptRecord(Fact, frozen=True):
    """``record.json`` of one adoption. Written before its first act, and again before each that it has to know of."""

    schema: int
    id: str
    at_ms: int
    state: str
    """``planned``: no client's file was changed; ``begun``: some may be; ``done``; ``undone``."""
    connections: tuple[KeptConnection, ...]
    files: tuple[KeptFile, ...]
    rules: KeptFile | None = None
    """``rules.toml`` before its stages were written; None: it was not touched."""
