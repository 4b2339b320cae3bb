"""Writes a backup of a home, beside the gate that runs on it: everything of one moment in one file."""

import contextlib
import fcntl
import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from callgate import __version__
from callgate.adapters.home.archive import FRAME, ArchiveHeader, ArchiveWriter, Derivation, Member
from callgate.adapters.home.config import read_config
from callgate.adapters.home.files import sync_folder
from callgate.adapters.home.place import Home, check
from callgate.adapters.identity.keyring import GATE_KEYS, PREVIOUS_ISSUER, TENANT_KEYS, Keyring, read_key
from callgate.adapters.store.lock import HomeLock
from callgate.adapters.store.snapshot import Snapshot
from callgate.app.build import log_key
from callgate.app.system import SystemEntropy
from callgate.core.ledger.note import checkpoint_text, sign_note
from callgate.flow.views.home import BackupView, KeptLog
from callgate.model.base import Fact
from callgate.model.config import Config
from callgate.model.errors import ConfigError, InputError

CONTENTS = "contents.json"
MIN_PASSPHRASE = 10
TREES = ("policies", "contracts", "manifests", "integrations")
SECRET_TREES = ("secrets", "adopted")
"""Values that integrations refer to, and copies of clients' files with what stood in them: only ever encrypted."""
_MAX_SMALL = 16 << 20

Progress = Callable[[int, int], None]
"""(bytes done, bytes in all)."""


class BackupContents(Fact, frozen=True):
    """First member: what the backup holds, and which keys belong to it."""

    created_ms: int
    with_keys: bool
    """Keys and secrets are in it."""
    logs: tuple[KeptLog, ...]
    origins: dict[str, str]
    """By tenant."""
    keys: dict[str, str]
    """Path below ``keys/`` -> fingerprint, with or without the key itself."""
    members: tuple[Member, ...]


def backup(home: Path, file: Path, *, passphrase: str | None, force: bool, progress: Progress) -> BackupView:
    """With ``passphrase`` keys and secrets are in it and all is encrypted; None: neither. ConfigError, InputError."""
    place = Home(home)
    check(place)
    _check_target(place, file, force=force)
    if passphrase is not None and len(passphrase) < MIN_PASSPHRASE:
        raise InputError(f"A backup's passphrase has at least {MIN_PASSPHRASE} characters.", code="passphrase_short")
    with contextlib.ExitStack() as stack:
        lock = HomeLock(place.lock)
        with contextlib.suppress(ConfigError):
            # Held by a gate: it goes on. Free: none starts while this reads.
            stack.enter_context(lock)
        return _Backup(place, stack, passphrase, progress).write(file, force=force)


def fingerprint(key: bytes) -> str:
    """Says of two keys whether they are the same; 32 random bytes cannot be guessed from it."""
    return hashlib.sha256(b"callgate key\0" + key).hexdigest()


def key_files(tenants: tuple[str, ...]) -> tuple[str, ...]:
    """Paths below ``keys/`` of every key there must be."""
    mine = [f"tenants/{tenant}/{name}.key" for tenant in tenants for name in TENANT_KEYS]
    return (*(f"gate/{name}.key" for name in GATE_KEYS), *mine)


class _Backup:
    """One run: opens every snapshot first, so that all of it is of one moment, then writes."""

    def __init__(self, home: Home, stack: contextlib.ExitStack, passphrase: str | None, progress: Progress) -> None:
        self._home = home
        self._passphrase = passphrase
        self._progress = progress
        self._config = read_config(home.config)
        self._keys = Keyring.open(home.keys, self._config.tenants, SystemEntropy(), create=False)
        self._origins = {tenant: _origin(home, tenant) for tenant in self._config.tenants}
        self._snapshots: dict[str, Snapshot] = {}
        for tenant in self._config.tenants:
            made = Snapshot(home.data / tenant, tenant, self._origins[tenant])
            stack.callback(made.close)
            self._snapshots[tenant] = made
        self._small, self._left_out = _small_files(home, self._config, secrets=passphrase is not None)
        names = key_files(self._config.tenants)
        if (home.keys / "gate" / f"{PREVIOUS_ISSUER}.key").exists():
            names += (f"gate/{PREVIOUS_ISSUER}.key",)
        self._key_data = {name: read_key(home.keys / name) for name in names}
        self._done = 0
        self._all = 0

    def write(self, file: Path, *, force: bool) -> BackupView:
        created = time.time_ns() // 1_000_000
        contents = self._contents(created)
        self._all = sum(member.size for member in contents.members) + sum(sum(one.sizes()) for one in self._all_of())
        derivation = Derivation(salt=os.urandom(16).hex()) if self._passphrase is not None else None
        header = ArchiveHeader(created_ms=created, version=__version__, derivation=derivation)
        try:
            with _fresh(file, force=force) as target:
                writer = ArchiveWriter(target, header, self._passphrase or "")
                self._members(writer, contents, file.with_name(f".{file.name}.copy"))
                writer.end(log_key(self._keys.tenant(self._config.tenants[0]).ledger)[0])
                size = target.tell()
        except OSError as fault:
            raise ConfigError(f"The backup cannot be written: {fault.strerror}.", file=str(file)) from fault
        return BackupView(
            file=str(file),
            bytes=size,
            with_keys=contents.with_keys,
            logs=contents.logs,
            left_out=self._left_out,
            kept_back=() if contents.with_keys else _filled(self._home, SECRET_TREES),
        )

    def _all_of(self) -> tuple[Snapshot, ...]:
        return tuple(self._snapshots.values())

    def _contents(self, created: int) -> BackupContents:
        members = [Member(name, len(data)) for name, data in self._small.items()]
        if self._passphrase is not None:
            members += [Member(f"keys/{name}", len(data)) for name, data in self._key_data.items()]
        for tenant, snapshot in self._snapshots.items():
            ledger, keys = snapshot.sizes()
            members += [Member(f"data/{tenant}/ledger.db", ledger), Member(f"data/{tenant}/keys.db", keys)]
        return BackupContents(
            created_ms=created,
            with_keys=self._passphrase is not None,
            logs=tuple(self._log(tenant) for tenant in self._config.tenants),
            origins=self._origins,
            keys={name: fingerprint(data) for name, data in self._key_data.items()},
            members=tuple(members),
        )

    def _log(self, tenant: str) -> KeptLog:
        """The checkpoint of exactly this head: what is durable is signed sooner or later anyway."""
        head = self._snapshots[tenant].head()
        origin = self._origins[tenant]
        sign, public = log_key(self._keys.tenant(tenant).ledger)
        note = sign_note(checkpoint_text(origin, head.size, head.root), origin, sign, public)
        return KeptLog(tenant=tenant, size=head.size, root=head.root.hex(), note=note)

    def _members(self, writer: ArchiveWriter, contents: BackupContents, scratch: Path) -> None:
        raw = msgspec.json.encode(contents)
        writer.add(Member(CONTENTS, len(raw)), (raw,))
        sizes = {member.name: member for member in contents.members}
        for name, data in self._small.items():
            writer.add(sizes[name], self._told(iter((data,))))
        if contents.with_keys:
            for name, data in self._key_data.items():
                writer.add(sizes[f"keys/{name}"], self._told(iter((data,))))
        for tenant, snapshot in self._snapshots.items():
            with snapshot.ledger(scratch, self._moved) as copy:
                writer.add(sizes[f"data/{tenant}/ledger.db"], self._told(_parts(copy)))
            with snapshot.keys(scratch, self._moved) as copy:
                writer.add(sizes[f"data/{tenant}/keys.db"], self._told(_parts(copy)))

    def _told(self, parts: Iterator[bytes]) -> Iterator[bytes]:
        for part in parts:
            self._moved(len(part))
            yield part

    def _moved(self, size: int) -> None:
        self._done += size
        self._progress(self._done, self._all)


def _parts(file: BinaryIO) -> Iterator[bytes]:
    while part := file.read(FRAME):
        yield part


def _origin(home: Home, tenant: str) -> str:
    path = home.data / f"{tenant}.origin"
    try:
        return path.read_text().strip()
    except OSError as fault:
        raise ConfigError(f"It cannot be read: {fault.strerror}.", file=str(path)) from fault


def _small_files(home: Home, config: Config, *, secrets: bool) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """(contents by path below the home, what was left out)."""
    paths = [home.config, *(home.data / f"{tenant}.origin" for tenant in config.tenants)]
    for issuer in config.issuers:
        path = home.root / issuer.jwks_file
        if issuer.jwks_file and path.is_relative_to(home.root) and ".." not in path.parts:
            paths.append(path)
    below, left_out = _below(home, (*TREES, *SECRET_TREES) if secrets else TREES)
    paths += below
    found: dict[str, bytes] = {}
    for path in dict.fromkeys(paths):
        try:
            if path.stat().st_size > _MAX_SMALL:
                raise ConfigError("The file is over 16 MiB.", file=str(path))
            found[str(path.relative_to(home.root))] = path.read_bytes()
        except OSError as fault:
            raise ConfigError(f"It cannot be read: {fault.strerror}.", file=str(path)) from fault
    return found, left_out


def _below(home: Home, trees: tuple[str, ...]) -> tuple[list[Path], tuple[str, ...]]:
    """(plain files, what is none). No link in a folder is followed; policies and the like may stand elsewhere as a
    whole, secrets that do are somebody else's to keep.
    """
    files: list[Path] = []
    others: list[str] = []
    for tree in trees:
        top = home.root / tree
        for path in (top,) if tree in SECRET_TREES and top.is_symlink() else sorted(top.rglob("*")):
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                others.append(str(path.relative_to(home.root)))
            elif path.is_file():
                files.append(path)
    return files, tuple(others)


def _filled(home: Home, trees: tuple[str, ...]) -> tuple[str, ...]:
    """Those that hold a file."""
    return tuple(tree for tree in trees if any(not path.is_dir() for path in (home.root / tree).rglob("*")))


def _check_target(home: Home, file: Path, *, force: bool) -> None:
    where = Path(os.path.abspath(file))  # noqa: PTH100 - resolve() would follow the file's own link
    if where.is_relative_to(home.root):
        raise InputError("A backup belongs outside the home.", code="bad_file", hint="Name another folder.")
    if os.path.lexists(where) and not force:
        raise InputError("This file is there already.", code="bad_file", hint="Name a new one, or add --force.")
    if where.is_dir():
        raise InputError("This is a folder.", code="bad_file", hint="Name a file in it.")


@contextlib.contextmanager
def _fresh(file: Path, *, force: bool) -> Iterator[BinaryIO]:
    """A file beside ``file`` that takes its name when all is written and durable. What a killed run left is reused."""
    draft = file.with_name(f".{file.name}.part")
    descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as target:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as fault:
            raise ConfigError("Another backup writes this file.", file=str(file)) from fault
        found = os.fstat(descriptor)
        if found.st_uid != os.geteuid() or found.st_nlink != 1 or not stat.S_ISREG(found.st_mode):
            # Put there by somebody else, to read the backup or to have another file emptied.
            raise ConfigError("There is a file of that name already, and not only this command's own.", file=str(draft))
        try:
            os.fchmod(descriptor, 0o600)
            os.ftruncate(descriptor, 0)
            yield target
            target.flush()
            os.fsync(descriptor)
            if os.path.lexists(file) and not force:
                raise InputError("This file is there already.", code="bad_file", hint="Name a new one, or add --force.")
            draft.replace(file)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
    sync_folder(file.parent)
