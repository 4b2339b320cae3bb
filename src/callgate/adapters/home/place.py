"""Where the home is and what stands where in it. Folders are 0700: holding the home is no power, but its keys are."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from callgate.model.errors import ConfigError

MAX_SOCKET_BYTES = 107
"""What a Unix socket's address holds on Linux, without the closing zero."""
VARIABLE = "CALLGATE_HOME"


class Home:
    """Paths below one home folder. ``socket`` is the command's way in, ``lock`` is held by whoever writes the store."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.config = root / "config.toml"
        self.keys = root / "keys"
        self.data = root / "data"
        self.policies = root / "policies"
        self.contracts = root / "contracts"
        self.manifests = root / "manifests"
        self.children = root / "children"
        """Working folders of stdio servers; nothing else of the home is in their sight."""
        self.run = root / "run"
        self.socket = self.run / "gate.sock"
        self.lock = self.run / "lock"

    @property
    def folders(self) -> tuple[Path, ...]:
        return (
            self.root,
            self.keys,
            self.data,
            self.policies,
            self.contracts,
            self.manifests,
            self.children,
            self.run,
        )


def locate(environ: Mapping[str, str], chosen: Path | None = None) -> Home:
    """``chosen`` (a command's ``--home``), else ``CALLGATE_HOME``, else ``$XDG_DATA_HOME/callgate``, else
    ``~/.local/share/callgate``. Nothing is touched. Raises ConfigError.
    """
    named = environ.get(VARIABLE, "") if chosen is None else str(chosen)
    if named:
        return Home(Path(os.path.abspath(_expanded(named, environ))))  # noqa: PTH100 - resolve() would follow links
    data = environ.get("XDG_DATA_HOME", "")
    if Path(data).is_absolute():  # the XDG base directory specification: a relative path is ignored
        return Home(Path(data) / "callgate")
    return Home(_person(environ) / ".local" / "share" / "callgate")


def _expanded(named: str, environ: Mapping[str, str]) -> str:
    if "\0" in named:
        raise ConfigError("The home's path has a zero byte.", key=VARIABLE)
    if named == "~" or named.startswith("~/"):
        return str(_person(environ)) + named[1:]
    return named


def _person(environ: Mapping[str, str]) -> Path:
    home = Path(environ.get("HOME", ""))
    if not home.is_absolute():
        raise ConfigError(f"There is no home folder: set {VARIABLE} to a folder for the gate.", key=VARIABLE)
    return home


def prepare(home: Home) -> None:
    """Make the folders that are missing (0700) and check all. Raises ConfigError."""
    check_socket(home)
    try:
        home.root.parent.mkdir(parents=True, exist_ok=True)
        for folder in home.folders:
            folder.mkdir(mode=0o700, exist_ok=True)
    except FileExistsError as fault:
        raise ConfigError("This must be a folder.", file=str(fault.filename)) from fault
    except OSError as fault:
        named = str(fault.filename or home.root)
        raise ConfigError(f"The home cannot be made: {fault.strerror}.", file=named) from fault
    check(home)


def check(home: Home) -> None:
    """Raises ConfigError for the first folder that is missing, no folder, another user's, or open to others."""
    check_socket(home)
    for folder in home.folders:
        _check_folder(folder)


def check_socket(home: Home) -> None:
    used = len(os.fsencode(home.socket))
    if used > MAX_SOCKET_BYTES:
        raise ConfigError(
            f"The path is too long: {home.socket.name} needs an address of at most {MAX_SOCKET_BYTES} bytes and would "
            f"have {used}; choose a shorter home with {VARIABLE}.",
            file=str(home.root),
        )


def _check_folder(folder: Path) -> None:
    file = str(folder)
    try:
        status = folder.lstat()
    except FileNotFoundError as fault:
        raise ConfigError("There is no such folder; run `callgate init`.", file=file) from fault
    except OSError as fault:
        raise ConfigError(f"The home cannot be read: {fault.strerror}.", file=file) from fault
    if not stat.S_ISDIR(status.st_mode):
        raise ConfigError("This must be a folder, not a file or a link.", file=file)
    if status.st_uid != os.geteuid():
        raise ConfigError("It belongs to another user; run the gate as its owner.", file=file)
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise ConfigError("Other users can get at it; run chmod 700 on it.", file=file)
    if stat.S_IMODE(status.st_mode) & 0o700 != 0o700:
        raise ConfigError("The gate cannot use it; run chmod 700 on it.", file=file)
