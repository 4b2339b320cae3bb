"""What a stdio server may see and do: environment, folder, files, limits. Applied by confine_exec.py in the child.

The network stays open: the model has no way yet to say that a server needs none.
"""

import ctypes
import os
import re
import resource
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from callgate.adapters.upstream.credentials import resolved_environment
from callgate.model.base import Fact
from callgate.model.errors import ConfigError
from callgate.model.tool import Integration

LAUNCHER = str(Path(__file__).with_name("confine_exec.py"))
PASSED_ON = ("PATH", "LANG", "LANGUAGE", "TZ")
DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"
SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin")
"""Programs and libraries: read and execute."""
ETC = (
    *("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ssl/certs", "ssl/openssl.cnf", "pki/tls/certs", "pki/ca-trust"),
    *("ca-certificates", "ca-certificates.conf", "crypto-policies", "resolv.conf", "hosts", "nsswitch.conf"),
    *("gai.conf", "host.conf", "services", "protocols", "networks", "passwd", "group", "localtime", "timezone"),
    *("os-release", "debian_version", "mime.types", "magic", "alternatives", "gitconfig", "terminfo", "fonts"),
    *("python3", "python3.11", "python3.12", "python3.13", "locale.alias", "locale.conf", "inputrc"),
)
"""What programs commonly read in /etc; no keys, no shadow, no service configuration."""
READABLE = ("/dev/random", "/dev/urandom", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/version")
READABLE_TREES = ("/sys/devices/system/cpu",)
DEVICES = ("/dev/null", "/dev/zero", "/dev/full")
LIMITS = {"RLIMIT_CORE": 0, "RLIMIT_NOFILE": 4096, "RLIMIT_NPROC": 8192, "RLIMIT_FSIZE": 2 << 30}
"""Bytes and counts. NPROC counts every process of the user, so it only stops a fork bomb."""
BROAD = frozenset(
    "/" + name
    for name in ("", "home", "root", "tmp", "var", "opt", "srv", "mnt", "media", "run", "etc", "proc", "sys", "dev")
)
"""Never granted because a program happens to lie in them."""

PR_SET_DUMPABLE = 4
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_SHEBANG = re.compile(rb"#!\s*(\S+)(?:\s+(\S+))?")


class LaunchSpec(Fact, frozen=True):
    """What the launcher is told."""

    gate: int
    gate_group: int
    confined: bool
    cwd: str
    limits: dict[str, int]
    execute: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()


class Launch(Fact, frozen=True):
    """How to start one child. The environment holds secrets: it is passed on and never shown."""

    command: tuple[str, ...]
    environment: dict[str, str]
    spec: bytes

    def __repr__(self) -> str:
        return f"Launch(command={self.command[:1]!r})"

    def argv(self, spec_fd: int) -> tuple[str, ...]:
        return (sys.executable, "-I", "-S", LAUNCHER, "--spec-fd", str(spec_fd), "--", *self.command)


def harden_self() -> None:
    """For the gate itself: no core dumps, no reading of its memory or environment by its own user, private files."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_DUMPABLE, ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)


def plan(
    integration: Integration, resolve: Callable[[str], str], *, folder: Path, hidden: Iterable[Path] = ()
) -> Launch:
    """``folder`` holds one folder per integration; ``hidden`` is never granted (Callgate's home).

    ConfigError when the command is not there, a secret is missing or a path would open what is hidden.
    """
    if not _NAME.fullmatch(integration.name):
        raise ConfigError("The integration's name cannot name a folder.", key="name")
    own = _own_folder(folder / integration.name)
    environment = _environment(integration, own)
    environment |= resolved_environment(integration.environment, resolve)
    command = _found(integration.command, environment["PATH"])
    shut = tuple(path.resolve() for path in hidden)
    cwd = Path(integration.cwd).expanduser() if integration.cwd else own
    spec = LaunchSpec(
        gate=os.getpid(),
        gate_group=os.getpgrp(),
        confined=integration.confined,
        cwd=str(cwd),
        limits=LIMITS if integration.confined else {"RLIMIT_CORE": 0},
    )
    if integration.confined:
        spec = _with_paths(spec, integration, command[0], environment["PATH"], own=own, shut=shut)
    return Launch(command=command, environment=environment, spec=msgspec.json.encode(spec))


def _own_folder(own: Path) -> Path:
    (own / "tmp").mkdir(parents=True, exist_ok=True, mode=0o700)
    own.chmod(0o700)
    return own.resolve()


def _environment(integration: Integration, own: Path) -> dict[str, str]:
    passed = {name: value for name, value in os.environ.items() if name in PASSED_ON or name.startswith("LC_")}
    passed.setdefault("PATH", DEFAULT_PATH)
    if integration.confined:
        return passed | {"HOME": str(own), "TMPDIR": str(own / "tmp")}
    return passed | {"HOME": str(Path.home())}


def _found(command: tuple[str, ...], path: str) -> tuple[str, ...]:
    if not command:
        raise ConfigError("There is no command.", key="command")
    found = shutil.which(str(Path(command[0]).expanduser()), path=path)
    if found is None:
        raise ConfigError(f"The command {command[0]} is not there or cannot be executed.", key="command")
    # Not resolved: a virtual environment is known by the path of its interpreter's link.
    return (str(Path(found).absolute()), *command[1:])


def _with_paths(
    spec: LaunchSpec, integration: Integration, program: str, path: str, *, own: Path, shut: tuple[Path, ...]
) -> LaunchSpec:
    home = Path.home().resolve()
    runtime = {
        str(prefix) for found in _programs(Path(program), path) for prefix in [_prefix(found, (*shut, home))] if prefix
    }
    readable = [_granted(text, "readable", shut) for text in integration.readable]
    writable = [_granted(text, "writable", shut) for text in integration.writable]
    return msgspec.structs.replace(
        spec,
        execute=(*SYSTEM, *sorted(runtime)),
        read=(*(f"/etc/{name}" for name in ETC), *READABLE, *READABLE_TREES, *readable),
        write=(*DEVICES, str(own), *writable),
    )


def _programs(program: Path, path: str, depth: int = 0) -> list[Path]:
    """The program, what its links lead to, and the interpreters they name."""
    found = [program]
    hop = program
    for _ in range(8):
        if not hop.is_symlink():
            break
        hop = Path(os.path.normpath(hop.parent / hop.readlink()))
        found.append(hop)
    found.append(program.resolve())
    if depth < 3:
        for interpreter in _interpreters(program, path):
            found += _programs(interpreter, path, depth + 1)
    return list(dict.fromkeys(found))


def _interpreters(program: Path, path: str) -> list[Path]:
    found = []
    try:
        with program.open("rb") as source:
            match = _SHEBANG.match(source.read(512))
    except OSError:
        return []
    if match:
        first, second = os.fsdecode(match[1]), os.fsdecode(match[2] or b"")
        named = shutil.which(second, path=path) if first.endswith("/env") and second else first
        found += [Path(named)] if named else []
    config = program.parent.parent / "pyvenv.cfg"
    if config.is_file():
        for line in config.read_text("utf-8", "replace").splitlines():
            key, _, value = line.partition("=")
            if key.strip() == "home":
                found.append(Path(value.strip()) / "python3")
    return found


def _prefix(program: Path, shut: tuple[Path, ...]) -> Path | None:
    """Where a program's own files lie: the folder above its ``bin``, or the program alone when that is too much."""
    if program.is_relative_to("/usr"):
        return None
    prefix = program.parent.parent
    narrow = (
        program.parent.name in ("bin", "sbin")
        and str(prefix) not in BROAD
        and prefix.name != ".local"
        and not any(closed.is_relative_to(prefix) or prefix.is_relative_to(closed) for closed in shut[:-1])
        and not shut[-1].is_relative_to(prefix)
    )
    return prefix if narrow else program


def _granted(text: str, key: str, shut: tuple[Path, ...]) -> str:
    path = Path(text).expanduser()
    if not path.is_absolute():
        raise ConfigError(f"{text} must be an absolute path.", key=key)
    real = path.resolve()
    if any(closed.is_relative_to(real) or real.is_relative_to(closed) for closed in shut):
        raise ConfigError(f"{text} would open Callgate's own files to a server.", key=key)
    return str(real)
