"""Makes a home from a backup: all of it is read, verified and written down before the home has its name."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import uvloop

from callgate.adapters.home.archive import UNREADABLE, ArchiveReader, Member, damaged
from callgate.adapters.home.config import read_config
from callgate.adapters.home.files import sync_folder
from callgate.adapters.home.place import Home, check_socket
from callgate.adapters.identity.keyring import KEY_BYTES, Keyring, read_key, write_key
from callgate.adapters.store.lock import HomeLock
from callgate.adapters.store.snapshot import check_database
from callgate.app.backup import CONTENTS, SECRET_TREES, BackupContents, Progress, fingerprint, key_files
from callgate.app.build import Built, build_tenant, issuer_of, log_key
from callgate.app.system import SystemEntropy
from callgate.core.ledger.note import verifier_key, verify_note
from callgate.flow.verifying import verified
from callgate.flow.views.home import KeptLog, RestoreView
from callgate.flow.views.ledger import VerifyEnd
from callgate.model.config import Config
from callgate.model.errors import ConfigError, InputError, IntegrityError
from callgate.model.event import Restored
from callgate.model.store import Unit
from callgate.model.terms import HoldState

_MAX_CONTENTS = 64 << 20


def restore(
    file: Path, home: Path, *, passphrase: Callable[[], str], keys: Path | None, end_logins: bool, progress: Progress
) -> RestoreView:
    """``keys``: the folder of keys for a backup without. ``end_logins``: a new issuer key, so that no token of before
    works. ConfigError, InputError: nothing was restored.
    """
    place = Home(home)
    check_socket(place)
    _check_place(place)
    with _draft(home) as draft:
        restoring = _Restore(Home(draft), file, keys, progress)
        restoring.unpack(passphrase)
        voided = uvloop.run(restoring.verify_and_mark())
        if end_logins:
            _end_logins(restoring.home)
        _settle(draft)
        _put_in_place(draft, home)
    contents = restoring.contents
    return RestoreView(home=str(home), taken_ms=contents.created_ms, logs=contents.logs, voided=voided)


class _Restore:
    """Everything happens in a draft beside the home."""

    def __init__(self, home: Home, file: Path, keys: Path | None, progress: Progress) -> None:
        self.home = home
        self._file = file
        self._given = keys
        self._progress = progress
        self.contents = BackupContents(created_ms=0, with_keys=False, logs=(), origins={}, keys={}, members=())

    def unpack(self, passphrase: Callable[[], str]) -> None:
        """What is signed is what was unpacked; none of it is looked into before the signature holds."""
        try:
            with self._file.open("rb") as source:
                size = os.fstat(source.fileno()).st_size
                reader = ArchiveReader(source, passphrase)
                members = reader.members()
                raw = self._unpack(members, lambda: self._progress(source.tell(), size))
                reader.end()
        except OSError as fault:
            # Of the file that is read, or of one that is written: its name says which.
            raise ConfigError(
                f"The backup cannot be unpacked: {fault.strerror}.", file=str(fault.filename or self.home.root)
            ) from fault
        self.contents = _contents(raw)
        if self.contents.with_keys and reader.header.derivation is None:
            # Anybody can make such a file, with keys of their own.
            damaged("it holds keys and is not encrypted")
        if reader.header.derivation is None and any((self.home.root / tree).exists() for tree in SECRET_TREES):
            damaged("it holds secrets and is not encrypted")
        self._check_members()
        self._check_keys()
        self._check_signature(reader)

    def _unpack(self, members: Iterator[tuple[Member, Iterator[bytes]]], told: Callable[[], None]) -> bytes:
        first = next(members, None)
        if first is None or first[0].name != CONTENTS or first[0].size > _MAX_CONTENTS:
            damaged("it does not begin with its contents")
        raw = b"".join(first[1])
        for member, parts in members:
            path = self.home.root / _safe(member.name)
            self._folders(path)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(handle, "wb") as target:
                for part in parts:
                    target.write(part)
                    told()
        return raw

    def _folders(self, path: Path) -> None:
        for folder in reversed(path.relative_to(self.home.root).parents):
            (self.home.root / folder).mkdir(mode=0o700, exist_ok=True)

    def _check_members(self) -> None:
        found = {
            str(path.relative_to(self.home.root)): path.stat().st_size
            for path in self.home.root.rglob("*")
            if path.is_file()
        }
        if found != {member.name: member.size for member in self.contents.members}:
            damaged("its members are not those it lists")

    def _check_keys(self) -> None:
        """The keys of the backup, or the given ones: exactly those its data was made with."""
        if self.contents.with_keys == (self._given is not None):
            raise InputError(
                "This backup has its keys in it; leave --keys out."
                if self._given
                else "This backup has no keys in it.",
                code="bad_keys",
                hint="" if self._given else "Name the folder of keys that was kept apart: --keys FOLDER",
            )
        wanted = self.contents.keys
        for name in wanted:
            target = self.home.keys / _safe(name)
            data = read_key(target if self._given is None else self._given / name)
            if fingerprint(data) != wanted[name]:
                raise ConfigError("This is not the key the backup was made with.", file=name)
            if self._given is not None:
                self._folders(target)
                write_key(target, data)

    def _check_signature(self, reader: ArchiveReader) -> None:
        if not self.contents.logs:
            damaged("it holds no ledger")
        for log in self.contents.logs:
            _, public = self._log_key(log.tenant)
            try:
                verify_note(log.note, self.contents.origins[log.tenant], public)
            except (IntegrityError, KeyError):
                damaged(f"the checkpoint of {log.tenant} is not signed by its ledger's key")
        _, public = self._log_key(self.contents.logs[0].tenant)
        reader.check_signature(public)

    def _log_key(self, tenant: str) -> tuple[Callable[[bytes], bytes], bytes]:
        name = f"tenants/{tenant}/ledger.key"
        if name not in self.contents.keys:
            damaged(f"it names no key of the ledger of {tenant}")
        return log_key(read_key(self.home.keys / name))

    async def verify_and_mark(self) -> int:
        """Every event, every page, every log; then the event that says so. Returns how many holds were ended."""
        for folder in self.home.folders:
            folder.mkdir(mode=0o700, exist_ok=True)
        config = read_config(self.home.config)
        logs = {log.tenant: log for log in self.contents.logs}
        if set(config.tenants) != set(logs) or set(key_files(config.tenants)) - set(self.contents.keys):
            damaged("its tenants are not those of its configuration")
        keys = Keyring.open(self.home.keys, config.tenants, SystemEntropy(), create=False)
        voided = 0
        for tenant in config.tenants:
            for name in ("ledger.db", "keys.db"):
                check_database(self.home.data / tenant / name)
            voided += await self._tenant(config, keys, logs[tenant])
        return voided

    async def _tenant(self, config: Config, keys: Keyring, log: KeptLog) -> int:
        built = await build_tenant(self.home, config, keys, log.tenant)
        try:
            await _verify(built, log, issuer_of(config, log.tenant))
            return await _mark(built, log, self.contents.created_ms)
        finally:
            await built.pool.close()
            await built.store.close()


async def _verify(built: Built, log: KeptLog, issuer: str) -> None:
    head = await built.store.head()
    if (head.size, head.root.hex()) != (log.size, log.root):
        damaged(f"the ledger of {log.tenant} is not the one its checkpoint is of")
    key = verifier_key(built.origin, built.public_key)
    async for line in verified(built.store, built.origin, key, log.note):
        if isinstance(line, VerifyEnd) and not line.ok:
            damaged(f"the ledger of {log.tenant} does not verify: {line.problem}")
    # Their fingerprints say that the keys are those of the backup; this, that they open what is stored.
    sealer = built.house.tenancy.sealer
    for subject in built.house.tenancy.live.accounts:
        pseudonym = sealer.pseudonym("person", f"{issuer}|{subject}")
        found = await built.store.name(pseudonym)
        if found is not None and sealer.open_name(pseudonym, found).decode() != f"{issuer}|{subject}":
            damaged(f"the keys of {log.tenant} do not open what is stored")


async def _mark(built: Built, log: KeptLog, taken_ms: int) -> int:
    """An approved hold may have run after the backup: it is ended, never run at the next start."""
    tenancy, holds = built.house.tenancy, built.house.holds
    approved = [hold for hold in tenancy.live.holds.values() if hold.state is HoldState.APPROVED]
    body = Restored(size=log.size, root=log.root, taken_ms=taken_ms, voided=len(approved))
    await tenancy.write(Unit(events=(tenancy.event(body, same_host=True),)))
    for hold in approved:
        await holds.end(hold, HoldState.VOID, "restored")
    return len(approved)


def _contents(raw: bytes) -> BackupContents:
    try:
        return msgspec.json.decode(raw, type=BackupContents)
    except UNREADABLE:
        damaged("its list of contents cannot be read")


def _safe(name: str) -> Path:
    """A member's path below the home: nothing that leads out of it, or that the running gate makes itself."""
    parts = name.split("/")
    if any(part in ("", ".", "..") or "\0" in part or len(part) > 255 for part in parts) or len(parts) > 16:
        damaged("a member has a name that no member has")
    if parts[0] in ("run", "children"):
        damaged("a member has a name that no member has")
    return Path(*parts)


def _check_place(home: Home) -> None:
    root = home.root
    if not os.path.lexists(root):
        if not root.parent.is_dir():
            raise ConfigError("The folder for the home is not there.", file=str(root.parent))
        return
    if root.is_symlink() or not root.is_dir():
        raise ConfigError("This must be a new or an empty folder.", file=str(root))
    if home.lock.exists():
        with HomeLock(home.lock):
            pass
    if any(root.iterdir()):
        raise ConfigError(
            "The home is not empty, and a restore replaces nothing.", file=str(root), hint="Name a new one with --home."
        )


@contextlib.contextmanager
def _draft(home: Path) -> Iterator[Path]:
    """A folder beside the home; what a killed restore left there is removed. Nothing of it stays after a fault."""
    draft = home.with_name(f".{home.name}.restore")
    marker = home.with_name(f".{home.name}.restore-lock")
    try:
        descriptor = os.open(marker, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as fault:
        raise ConfigError(f"The home cannot be made: {fault.strerror}.", file=str(home)) from fault
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as fault:
            raise ConfigError("Another restore makes this home.", file=str(home)) from fault
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        try:
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)
            marker.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _end_logins(home: Home) -> None:
    gate = home.keys / "gate"
    for name in ("issuer.key", "issuer.previous.key"):
        (gate / name).unlink(missing_ok=True)
    write_key(gate / "issuer.key", os.urandom(KEY_BYTES))


def _settle(draft: Path) -> None:
    """Make every file and folder durable."""
    for path in (draft, *draft.rglob("*")):
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _put_in_place(draft: Path, home: Path) -> None:
    try:
        draft.rename(home)  # over an empty folder, or to a name that is free: never over a home
        sync_folder(home.parent)
    except OSError as fault:
        raise ConfigError(f"The home cannot be put in place: {fault.strerror}.", file=str(home)) from fault
