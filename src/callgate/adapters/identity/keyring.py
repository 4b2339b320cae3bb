"""The gate's own keys: 32 random bytes each, in files of mode 0600 under folders of mode 0700.

A set of keys (the gate's, or one tenant's) is made whole or not at all, and never completed: a missing file among
present ones is a loss to be restored from a backup, not a reason for a new key. docs/reference/keys.md has the table.
"""

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from callgate.flow.ports import Entropy
from callgate.model.errors import ConfigError

KEY_BYTES = 32
GATE_KEYS = ("issuer", "session")
TENANT_KEYS = ("ledger", "correlation", "pseudonym", "kek")
PREVIOUS_ISSUER = "issuer.previous"


class TenantKeys:
    """Keys of one tenant: ``ledger`` (Ed25519 seed), ``correlation``, ``pseudonym``, ``kek``."""

    __slots__ = ("correlation", "kek", "ledger", "pseudonym")

    def __init__(self, ledger: bytes, correlation: bytes, pseudonym: bytes, kek: bytes) -> None:
        self.ledger = ledger
        self.correlation = correlation
        self.pseudonym = pseudonym
        self.kek = kek


class Keyring:
    """All keys, read once at start. Has no text form that shows them."""

    __slots__ = ("_tenants", "issuer", "issuer_previous", "session")

    def __init__(
        self, issuer: bytes, session: bytes, tenants: dict[str, TenantKeys], issuer_previous: tuple[bytes, ...] = ()
    ) -> None:
        self.issuer = issuer
        self.session = session
        self.issuer_previous = issuer_previous
        self._tenants = tenants

    def tenant(self, name: str) -> TenantKeys:
        """KeyError for a tenant that was not opened."""
        return self._tenants[name]

    @classmethod
    def open(cls, folder: Path, tenants: Sequence[str], entropy: Entropy, *, create: bool = True) -> "Keyring":
        """Read the keys below ``folder``; with ``create``, make the sets that are not there at all.

        Raises ConfigError: looser modes, other owners, links, wrong lengths, a missing key among present ones.
        """
        if create:
            _folder(folder)
        _check_folder(folder)
        gate = _key_set(folder / "gate", GATE_KEYS, entropy, create=create)
        parent = folder / "tenants"
        if create:
            _folder(parent)
        _check_folder(parent)
        found = {one: TenantKeys(**_key_set(parent / one, TENANT_KEYS, entropy, create=create)) for one in tenants}
        retired = folder / "gate" / f"{PREVIOUS_ISSUER}.key"
        previous = (read_key(retired),) if os.path.lexists(retired) else ()
        return cls(gate["issuer"], gate["session"], found, previous)


def _key_set(folder: Path, names: Sequence[str], entropy: Entropy, *, create: bool) -> dict[str, bytes]:
    if create and not os.path.lexists(folder):
        _make_set(folder, names, entropy)
    _check_folder(folder)
    return {name: read_key(folder / f"{name}.key") for name in names}


def _make_set(folder: Path, names: Sequence[str], entropy: Entropy) -> None:
    """Everything into a new folder beside it, synced, then renamed: a crash leaves all of the set or none."""
    draft = folder.with_name(f".{folder.name}.{entropy.bytes(8).hex()}")
    try:
        draft.mkdir(mode=0o700)
        for name in names:
            write_key(draft / f"{name}.key", entropy.bytes(KEY_BYTES))
        _sync(draft)
        draft.rename(folder)
        _sync(folder.parent)
    except OSError as fault:
        raise ConfigError(f"Keys cannot be written: {fault.strerror}.", file=str(folder)) from fault


def write_key(path: Path, data: bytes) -> None:
    """Make a key file that must not be there yet; synced. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def read_key(path: Path) -> bytes:
    """The 32 bytes of a key file that only we can read. Raises ConfigError."""
    file = str(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as fault:
        raise ConfigError("A key is missing; restore it from a backup.", file=file) from fault
    except OSError as fault:
        raise ConfigError(f"The key cannot be read (links are not followed): {fault.strerror}.", file=file) from fault
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise ConfigError("A key must be a plain file with one name.", file=file)
        _check_private(status, file, "chmod 600")
        data = os.read(descriptor, KEY_BYTES + 1)
    except OSError as fault:
        raise ConfigError(f"The key cannot be read: {fault.strerror}.", file=file) from fault
    finally:
        os.close(descriptor)
    if len(data) != KEY_BYTES:
        raise ConfigError(f"A key has exactly {KEY_BYTES} bytes; restore it from a backup.", file=file)
    return data


def _folder(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as fault:
        raise ConfigError(f"The folder of keys cannot be made: {fault.strerror}.", file=str(path)) from fault


def _check_folder(path: Path) -> None:
    try:
        status = path.lstat()
    except FileNotFoundError as fault:
        raise ConfigError("The keys are missing; restore them from a backup.", file=str(path)) from fault
    except OSError as fault:
        raise ConfigError(f"The keys cannot be read: {fault.strerror}.", file=str(path)) from fault
    if not stat.S_ISDIR(status.st_mode):
        raise ConfigError("This must be a folder, not a file or a link.", file=str(path))
    _check_private(status, str(path), "chmod 700")


def _check_private(status: os.stat_result, file: str, remedy: str) -> None:
    if status.st_uid != os.geteuid():
        raise ConfigError("It belongs to another user; the gate reads only its own keys.", file=file)
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise ConfigError(f"Other users can get at it; run {remedy} on it, and change the key if they did.", file=file)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
