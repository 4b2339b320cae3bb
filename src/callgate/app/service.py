"""Runs the gate as a service of the machine: a user, a home, a unit. Everything that is the user's is done as the user."""

import os
import pwd
import shutil
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import callgate
from callgate.adapters.home.unit import ServicePlan, unit_text
from callgate.flow.views.home import ServiceView
from callgate.model.errors import ConfigError

UNITS = Path("/etc/systemd/system")
_BOOTED = Path("/run/systemd/system")
"""There when systemd runs the machine: sd_booted(3)."""
_TIMEOUT_S = 120


def install(
    plan: ServicePlan, *, account: str, people: Sequence[int], passphrase_fd: int | None, start: bool
) -> ServiceView:
    """ConfigError says which step could not be done; what was done before it stays, and a second run goes on."""
    text = unit_text(plan)
    _need()
    done: list[str] = []
    who = _user(plan, done)
    _runs(plan, who)
    _kept_from_others(plan, who)
    _folder(Path(plan.home).parent, who)
    if not (Path(plan.home) / "config.toml").exists():
        _init(plan, who, account=account, people=people, passphrase_fd=passphrase_fd)
        done.append(f"Home: {plan.home}")
    _write(UNITS / f"{plan.user}.service", text)
    done.append(f"Unit: {UNITS / f'{plan.user}.service'}")
    _command("systemctl", "daemon-reload")
    if start:
        _command("systemctl", "enable", "--now", f"{plan.user}.service")
        done.append(f"Started, and started with the machine: systemctl status {plan.user}")
    return _view(plan.user, *done)


def uninstall(user: str) -> ServiceView:
    """Stops it and takes the unit away. The home, the user and its backups stay."""
    _need()
    unit = UNITS / f"{user}.service"
    if not unit.exists():
        raise ConfigError("There is no such unit.", file=str(unit))
    _command("systemctl", "disable", "--now", unit.name)
    unit.unlink()
    _command("systemctl", "daemon-reload")
    return _view(user, f"Removed: {unit}")


def status(user: str) -> ServiceView:
    return _view(user)


def _need() -> None:
    if not _BOOTED.is_dir() or shutil.which("systemctl") is None:
        raise ConfigError(
            "systemd does not run this machine.",
            hint="See the unit with --print; without systemd follow docs/how-to/two-people.md",
        )
    if os.geteuid() != 0:
        raise ConfigError("A service is installed by root.", hint="Run it with sudo, or see the unit with --print.")


def _user(plan: ServicePlan, done: list[str]) -> pwd.struct_passwd:
    try:
        found = pwd.getpwnam(plan.user)
    except KeyError:
        home = str(Path(plan.home).parent)
        _command(
            *("useradd", "--system", "--user-group", "--no-create-home", "--home-dir", home),
            *("--shell", "/usr/sbin/nologin", plan.user),
        )
        done.append(f"User: {plan.user}")
        found = pwd.getpwnam(plan.user)
    if found.pw_uid == 0 or Path(found.pw_shell).name not in ("nologin", "false"):
        raise ConfigError(
            f"{plan.user} is a user that people log in as; the gate needs one of its own.", key="user-name"
        )
    return found


def _runs(plan: ServicePlan, who: pwd.struct_passwd) -> None:
    try:
        _command(plan.program, "--version", who=who)
    except ConfigError as fault:
        raise ConfigError(
            f"{plan.user} cannot run this program.",
            file=plan.program,
            hint="Install Callgate, and the Python it uses, where every user can read it, such as /opt/callgate.",
        ) from fault


def _kept_from_others(plan: ServicePlan, who: pwd.struct_passwd) -> None:
    """Whoever can change what the gate runs is the gate: its keys, and every yes."""
    code = Path(callgate.__file__).parent
    folders = (Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib"))
    for path in (Path(plan.program), Path(sys.executable), *folders, *code.rglob("*.py")):
        found = changeable(path, who.pw_uid)
        if found is not None:
            raise ConfigError(
                "Somebody else can change what the service would run.",
                file=str(found),
                hint="Install Callgate as root, where nobody else can write, such as /opt/callgate.",
            )


def changeable(path: Path, uid: int) -> Path | None:
    """What of this path, of what it links to and of the folders above them somebody but root and ``uid`` can change."""
    for one in dict.fromkeys((path, *path.parents, path.resolve(), *path.resolve().parents)):
        found = one.lstat()
        open_to_others = found.st_mode & 0o022 and not stat.S_ISLNK(found.st_mode) and not found.st_mode & stat.S_ISVTX
        if found.st_uid not in (0, uid) or open_to_others:
            return one
    return None


def _folder(folder: Path, who: pwd.struct_passwd) -> None:
    """Only when it is not there: root changes the owner of nothing that somebody else made."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
        os.chown(folder, who.pw_uid, who.pw_gid)
    except FileExistsError as fault:
        if folder.stat().st_uid != who.pw_uid:
            raise ConfigError(f"This folder does not belong to {who.pw_name}.", file=str(folder)) from fault
    except OSError as fault:
        raise ConfigError(f"The folder cannot be made: {fault.strerror}.", file=str(folder)) from fault


def _init(
    plan: ServicePlan, who: pwd.struct_passwd, *, account: str, people: Sequence[int], passphrase_fd: int | None
) -> None:
    words = ["init", "--home", plan.home, "--account", account]
    if people:
        words += ["--socket", plan.socket]
    for uid in people:
        words += ["--peer", str(uid)]
    if passphrase_fd is not None:
        words += ["--passphrase-fd", str(passphrase_fd)]
    _command(plan.program, *words, who=who, quiet=False, pass_fds=() if passphrase_fd is None else (passphrase_fd,))


def _write(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.write_text(text)
        fresh.chmod(0o644)
        fresh.replace(path)
    except OSError as fault:
        raise ConfigError(f"The unit cannot be written: {fault.strerror}.", file=str(path)) from fault


def _view(user: str, *done: str) -> ServiceView:
    installed = (UNITS / f"{user}.service").exists()
    state = "systemd does not run this machine"
    if _BOOTED.is_dir():
        asked = subprocess.run(  # noqa: S603
            ["systemctl", "is-active", f"{user}.service"],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        state = asked.stdout.strip()
    return ServiceView(
        user=user,
        unit="installed" if installed else "none",
        state=state,
        socket=ServicePlan(user=user, home="", program="").socket,
        done=done,
    )


def _command(
    *words: str, who: pwd.struct_passwd | None = None, quiet: bool = True, pass_fds: tuple[int, ...] = ()
) -> None:
    """As ``who`` with nothing of the caller's environment or groups, else as we are. ConfigError with what it said."""
    environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
    try:
        done = subprocess.run(  # noqa: S603
            words,
            cwd="/",
            env=environment | ({"HOME": who.pw_dir} if who is not None else {}),
            user=None if who is None else who.pw_uid,
            group=None if who is None else who.pw_gid,
            extra_groups=None if who is None else [],
            capture_output=quiet,
            text=True,
            timeout=_TIMEOUT_S if quiet else None,
            pass_fds=pass_fds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise ConfigError(f"{words[0]} cannot be run: {type(fault).__name__}.") from fault
    if done.returncode != 0:
        said = (done.stderr or "").strip().splitlines()
        raise ConfigError(f"{words[0]} failed{': ' + said[-1] if said else ''}.")
