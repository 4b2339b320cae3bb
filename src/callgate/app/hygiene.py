"""Checks of the machine for ``callgate doctor``: who can read what should be read by the gate alone."""

import os
import pwd
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from callgate.adapters.home.place import Home
from callgate.adapters.upstream.confine_exec import landlock_abi
from callgate.flow.readiness import LOW_BYTES

LOW_DISK = 1 << 30
Check = tuple[str, str, str, str]
"""(code, state, text, todo)."""


def hygiene(home: Home, *, peers: tuple[int, ...]) -> tuple[Check, ...]:
    """``peers``: the further users of the local socket; none: everybody acts as the gate's own user."""
    return (*_modes(home), *_user(peers), *_confinement(), *_disk(home))


def _modes(home: Home) -> Iterator[Check]:
    loose = [str(path) for path in _private(home) if stat.S_IMODE(path.lstat().st_mode) & 0o077]
    if loose:
        yield (
            "modes",
            "fail",
            f"Other users can get at {loose[0]} and {len(loose) - 1} more.",
            f"chmod go-rwx {loose[0]}",
        )
    else:
        yield "modes", "ok", "Home, keys and stores are the gate's user's alone.", ""


def _private(home: Home) -> Iterator[Path]:
    yield home.root
    for folder in (home.keys, home.data):
        yield from (path for path in folder.rglob("*"))


def _user(peers: tuple[int, ...]) -> Iterator[Check]:
    if os.geteuid() == 0:
        yield (
            "user",
            "warn",
            "The gate runs as root: what it starts and reads is root's.",
            "Run it as a user of its own: callgate service install",
        )
    elif os.geteuid() in peers:
        yield (
            "user",
            "fail",
            "The gate runs as one of the people who reach it: their assistants can read its keys and stop it.",
            "Run the gate as a user of its own: callgate service install",
        )
    elif peers and _logs_in():
        yield (
            "user",
            "warn",
            "The gate's user can log in; whoever does, or runs an assistant as it, can read its keys and stop it.",
            f"Give it no shell: usermod --shell /usr/sbin/nologin {_name()}",
        )
    elif peers:
        yield "user", "ok", "The gate runs as a user of its own; people reach it from theirs.", ""
    else:
        yield (
            "user",
            "warn",
            "Programs of this user, assistants too, can read the gate's keys and stop it; their acts are marked same-host.",
            "Run the gate as a user of its own: callgate service install",
        )


def _name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _logs_in() -> bool:
    try:
        shell = pwd.getpwuid(os.geteuid()).pw_shell
    except KeyError:
        return False
    return Path(shell).name not in ("nologin", "false")


def _confinement() -> Iterator[Check]:
    abi = landlock_abi()
    if abi >= 1:
        yield "landlock", "ok", f"The kernel confines stdio servers (Landlock ABI {abi}).", ""
    else:
        yield (
            "landlock",
            "fail",
            "The kernel has no Landlock, so stdio servers cannot be confined and are not started.",
            "Use a newer kernel, connect over HTTP, or add them with --unconfined.",
        )


def _disk(home: Home) -> Iterator[Check]:
    free = shutil.disk_usage(home.data).free
    said = f"{free >> 20} MiB are free where the ledger grows."
    if free >= LOW_DISK:
        yield "disk", "ok", said, ""
    elif free >= LOW_BYTES:
        yield "disk", "warn", said, "Make room."
    else:
        yield "disk", "fail", f"{said} Below {LOW_BYTES >> 20} MiB the gate counts as not ready.", "Make room."
