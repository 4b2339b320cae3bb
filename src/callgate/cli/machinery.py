"""Running the gate itself: the one door from the command to the composition root, opened only when it is used."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from callgate.adapters.home.place import Home, locate
from callgate.adapters.home.unit import ServicePlan, unit_text
from callgate.cli.lazy import load
from callgate.flow.views.home import BackupView, InitReport, RestoreView, ServiceView
from callgate.flow.views.ledger import VerifyEnd
from callgate.model.errors import ConfigError
from callgate.model.inventory import Inventory

if TYPE_CHECKING:
    from callgate.app.adopt_journal import AdoptJournal
    from callgate.app.adopting import Adopting
    from callgate.app.inventory import InventoryTask
    from callgate.app.resuming import HalfAdoptions
    from callgate.app.undoing import Undoing
    from callgate.core.adopt.entries import GateRoute
    from callgate.core.adopt.plan import AdoptWish
    from callgate.core.export.clients import ExportClient, ExportPart
    from callgate.model.export import ExportCheck


def place(home: Path | None) -> Home:
    """``home``: what ``--home`` said; None: where homes stand by default."""
    return locate(os.environ, home)


def serve(home: Path | None, host: str | None, port: int | None) -> int:
    """Runs until it is stopped; the exit code. ConfigError: a setting must change first."""
    return int(load("callgate.app").serve(place(home).root, host=host, port=port))


def init(
    home: Path | None,
    *,
    account: str,
    passphrase: str | None,
    profile: str,
    git_server: str,
    peers: tuple[int, ...] = (),
    socket: str = "",
) -> InitReport:
    report: InitReport = load("callgate.app").init(
        place(home).root,
        account=account,
        passphrase=passphrase,
        profile=profile,
        git_server=git_server,
        peers=peers,
        socket=socket,
    )
    return report


def verify(home: Path | None, note: str) -> VerifyEnd:
    """The ledger of a home on which no gate runs."""
    end: VerifyEnd = load("callgate.app").verify(place(home).root, note)
    return end


def backup(
    home: Path | None, file: Path, *, passphrase: str | None, force: bool, progress: Callable[[int, int], None]
) -> BackupView:
    view: BackupView = load("callgate.app").backup(
        place(home).root, file, passphrase=passphrase, force=force, progress=progress
    )
    return view


def restore(
    home: Path | None,
    file: Path,
    *,
    passphrase: Callable[[], str],
    keys: Path | None,
    end_logins: bool,
    progress: Callable[[int, int], None],
) -> RestoreView:
    view: RestoreView = load("callgate.app").restore(
        file, place(home).root, passphrase=passphrase, keys=keys, end_logins=end_logins, progress=progress
    )
    return view


def service_unit(user: str, home: str, program: str, writable: tuple[str, ...], *, no_jit: bool) -> str:
    return str(unit_text(ServicePlan(user=user, home=home, program=program, writable=writable, no_jit=no_jit)))


def service_install(
    user: str,
    home: str,
    program: str,
    writable: tuple[str, ...],
    *,
    no_jit: bool,
    account: str,
    people: tuple[int, ...],
    passphrase_fd: int | None,
    start: bool,
) -> ServiceView:
    plan = ServicePlan(user=user, home=home, program=program, writable=writable, no_jit=no_jit)
    view: ServiceView = load("callgate.app.service").install(
        plan, account=account, people=people, passphrase_fd=passphrase_fd, start=start
    )
    return view


def service_uninstall(user: str) -> ServiceView:
    view: ServiceView = load("callgate.app.service").uninstall(user)
    return view


def service_status(user: str) -> ServiceView:
    view: ServiceView = load("callgate.app.service").status(user)
    return view


def inventory(
    environ: Mapping[str, str], *, root: Path, person: Path | None, gates: tuple[str, ...], home: Path | None
) -> Inventory:
    """``person``: the home folder to look at; None: that of the environment, or all of another root."""
    task = _task(environ, root, person, gates, home)
    found: Inventory = load("callgate.app.inventory").take_inventory(task)
    return found


def _task(
    environ: Mapping[str, str], root: Path, person: Path | None, gates: tuple[str, ...], home: Path | None
) -> "InventoryTask":
    taking = load("callgate.app.inventory")
    here = os.path.realpath(root) == "/"
    own = Path(environ["HOME"]) if here and environ.get("HOME", "").startswith("/") else None
    codex = environ.get("CODEX_HOME", "") if here and person is None else ""
    task: InventoryTask = taking.InventoryTask(
        root,
        home=person or own,
        projects=[Path.cwd()] if here and person is None else [],
        gate_homes=_gate_homes(environ, home) if here else [home] if home is not None else [],
        gates=gates,
        codex_home=Path(codex) if codex else None,
    )
    return task


def adopting(
    environ: Mapping[str, str],
    *,
    home: Path | None,
    root: Path,
    person: Path | None,
    link: "GateRoute",
    wish: "AdoptWish",
    unconfined: tuple[str, ...],
) -> "Adopting":
    """Looks, and changes nothing so far."""
    task = _task(environ, root, person, (link.url,), home)
    found: Adopting = load("callgate.app.adopting").Adopting(
        locate(environ, home).root, task, link, wish, unconfined=unconfined
    )
    return found


def half_adoptions(environ: Mapping[str, str], home: Path | None) -> "HalfAdoptions":
    found: HalfAdoptions = load("callgate.app.resuming").HalfAdoptions(locate(environ, home).root)
    return found


def undoing(environ: Mapping[str, str], home: Path | None, adoption: str) -> "Undoing":
    found: Undoing = load("callgate.app.undoing").Undoing(locate(environ, home).root, adoption)
    return found


def gate_url(environ: Mapping[str, str], home: Path | None) -> str:
    """Of the gate of the home. Raises ConfigError."""
    return str(load("callgate.app.adopting").gate_url(locate(environ, home).root))


def check_export(
    environ: Mapping[str, str],
    client: "ExportClient",
    parts: "tuple[ExportPart, ...]",
    gate: str,
    *,
    managed: bool,
    file: Path | None,
    root: Path,
    person: Path | None,
    home: Path | None,
) -> "ExportCheck":
    """``file``: this one alone; None: what is installed below ``root``."""
    exporting = load("callgate.app.exporting")
    found: ExportCheck
    if file is not None:
        found = exporting.check_file(client, parts, file, gate, managed=managed)
    else:
        task = _task(environ, root, person, (gate,), home)
        found = exporting.check_installed(client, parts, task, gate, managed=managed)
    return found


def write_stages(
    environ: Mapping[str, str],
    home: Path | None,
    *,
    names: list[str],
    runtimes: list[str],
    days: int,
    owner: str,
    journal: "AdoptJournal",
) -> bool:
    """Kept in the journal before; what a stopped adoption has a stage for keeps it."""
    staging = load("callgate.app.staging")
    return bool(
        staging.write_stages(
            locate(environ, home).root,
            names,
            runtimes,
            staging.starting_stage(days, owner),
            settled=tuple(journal.stopped()),
            keep=journal.keep_rules,
        )
    )


def rules_wait(environ: Mapping[str, str], home: Path | None, journal: "AdoptJournal") -> bool:
    """``rules.toml`` is what a stopped adoption wrote, to the byte."""
    return journal.rules_wait(load("callgate.app.staging").rules_text(locate(environ, home).root))


def _gate_homes(environ: Mapping[str, str], home: Path | None) -> list[Path]:
    try:
        return [locate(environ, home).root]
    except ConfigError:
        return []
