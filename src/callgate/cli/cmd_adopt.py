"""``callgate adopt``: what assistants here are connected to comes behind the gate, under the same names, and back."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec
import typer

from callgate.cli import adopt_screen, machinery, screens
from callgate.cli.acting import person
from callgate.cli.adopt_gate import Disconnection, Registration, gate_url
from callgate.cli.client import Gate
from callgate.cli.options import AccountOption, HomeOption, PassphraseOption, YesOption, sub_app
from callgate.cli.outcome import CommandError, Exit, NoGateError
from callgate.cli.people import forget_typed
from callgate.cli.token_store import callgate_program, helper_file, kept
from callgate.core.adopt.connection import family
from callgate.core.adopt.entries import Approvals, GateRoute
from callgate.core.adopt.plan import CLIENTS, AdoptWish
from callgate.model.adopt import AdoptView
from callgate.model.terms import Stage

if TYPE_CHECKING:
    from callgate.app.adopting import Adopting
    from callgate.app.undoing import Undoing

app = sub_app("Adopting.")
DAYS = 14


Adoption = Annotated[str, typer.Argument(metavar="[ADOPTION]", help="With --undo: which one; else the newest.")]
Root = Annotated[
    Path, typer.Option("--root", metavar="DIR", help="Look below this folder only: a project, or another machine.")
]
HomeFolder = Annotated[
    Path | None, typer.Option("--home-dir", metavar="DIR", help="The home folder to look at; otherwise yours.")
]
Clients = Annotated[
    list[str] | None, typer.Option("--client", metavar="NAME", help="Only this client; may be repeated.")
]
Servers = Annotated[
    list[str] | None, typer.Option("--server", metavar="NAME", help="Only this server; may be repeated.")
]
Asking = Annotated[
    Approvals,
    typer.Option("--approvals", help="keep: clients go on asking as they did; gate: the gate alone asks."),
]
Unconfined = Annotated[
    list[str] | None,
    typer.Option("--unconfined", metavar="NAME", help="Run this local server without confinement; may be repeated."),
]
Days = Annotated[
    int, typer.Option("--observe-days", min=1, max=90, help="How long calls run as before and are recorded.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")]
Undo = Annotated[bool, typer.Option("--undo", help="Put the files back as they were.")]
Force = Annotated[
    bool, typer.Option("--force", help="With --undo: also files that were edited since; the edits are lost.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON; needs --yes or --dry-run.")]


class _Way(NamedTuple):
    """How a run goes on: who acts, what is asked, what is printed."""

    home: Path | None
    account: str
    passphrase_fd: int | None
    yes: bool
    as_json: bool
    days: int


@app.command("adopt")
def adopt(
    adoption: Adoption = "",
    root: Root = Path("/"),
    home_dir: HomeFolder = None,
    client: Clients = None,
    server: Servers = None,
    approvals: Asking = Approvals.KEEP,
    unconfined: Unconfined = None,
    observe_days: Days = DAYS,
    dry_run: DryRun = False,
    undo: Undo = False,
    force: Force = False,
    as_json: AsJson = False,
    account: AccountOption = "",
    passphrase_fd: PassphraseOption = None,
    yes: YesOption = False,
    home: HomeOption = None,
) -> None:
    """Move what assistants here are connected to behind the gate, under the same names.

    Shows every change first, secrets masked. What a killed run left is finished first. Secrets in clear move into files of the gate's home. Copies of the changed
    files stay there, and --undo puts them back byte for byte. Exit code 1 when somebody said no, or nothing could be
    moved of what was found.
    """
    if as_json and not (yes or dry_run):
        raise CommandError("With --json nobody can be asked.", "Add --yes or --dry-run.")
    way = _Way(home, account, passphrase_fd, yes, as_json, observe_days)
    if undo:
        _undo(way, adoption, force=force)
        return
    _check(client or [], [root] if home_dir is None else [root, home_dir])
    finished = _finish(way, dry_run=dry_run)
    run = machinery.adopting(
        os.environ,
        home=home,
        root=root,
        person=home_dir,
        link=_link(home),
        wish=AdoptWish(clients=tuple(client or ()), servers=tuple(server or ()), approvals=approvals),
        unconfined=tuple(unconfined or ()),
    )
    _adopt(way, run, dry_run=dry_run, finished=finished)


def _check(clients: list[str], folders: list[Path]) -> None:
    unknown = sorted(set(clients) - CLIENTS)
    if unknown:
        raise CommandError(f"Files of {unknown[0]} are not rewritten.", f"Clients are: {', '.join(sorted(CLIENTS))}.")
    for folder in folders:
        if not folder.is_dir():
            raise CommandError(f"{folder} is no folder.")


def _finish(way: _Way, *, dry_run: bool) -> tuple[str, ...]:
    """Adoptions that were stopped between two files come first. Ids of those that were finished."""
    run = machinery.half_adoptions(os.environ, way.home)
    views = run.views()
    if not way.as_json:
        adopt_screen.halves(views)
    ready = [] if dry_run else [view for view in views if view.can_finish]
    if not ready:
        return ()
    taken = _taken(Gate(way.home), needed=True)
    for view in ready:
        gone = [name for name in view.integrations if name not in taken]
        if gone:
            raise CommandError(
                f"The adoption {view.id} was stopped, and {gone[0]} is not connected to the gate any more.",
                f"Take it back: callgate adopt --undo {view.id}",
            )
    _ask("Finish what was stopped?", yes=way.yes)
    with run.held():
        problems = [problem for view in ready for problem in run.finish(view.id)]
    if problems:
        raise CommandError(problems[0], f"Mend it and try again, or: callgate adopt --undo {ready[-1].id}")
    if not way.as_json:
        adopt_screen.finished(ready)
    return tuple(view.id for view in ready)


def _adopt(way: _Way, run: "Adopting", *, dry_run: bool, finished: tuple[str, ...]) -> None:
    gate = Gate(way.home)
    run.name(_taken(gate, needed=not dry_run))
    planned = run.view(stage=Stage.OBSERVE.value, dry_run=dry_run, steps=run.unused())
    planned = msgspec.structs.replace(planned, finished=finished)
    if not way.as_json:
        adopt_screen.plan(planned, days=way.days)
    if dry_run or not planned.changes:
        if way.as_json:
            screens.dump(msgspec.json.encode(planned))
        else:
            adopt_screen.steps(planned)
        return
    _ask("Change these files, and connect these servers to the gate?", yes=way.yes)
    with run.held():
        done = _act(way, run, gate)
    done = msgspec.structs.replace(done, next=(*done.next, *planned.next), finished=finished)
    if way.as_json:
        screens.dump(msgspec.json.encode(done))
    else:
        adopt_screen.done(done)
    if not done.moves:
        raise typer.Exit(Exit.NO)


def _act(way: _Way, run: "Adopting", gate: Gate) -> AdoptView:
    registration = Registration(gate, person(gate, way.account, way.passphrase_fd), run)
    registration.look()
    if not way.as_json:
        adopt_screen.found(registration.found)
    if registration.found and not _agreed("Offer these tools to assistants through the gate?", yes=way.yes):
        registration.leave()
        raise CommandError("Nothing was changed.", exit_code=Exit.NO)
    registration.connect()
    steps = registration.stage(way.home, days=way.days)
    adopted = run.write()
    done = run.view(stage=Stage.OBSERVE.value, id_=adopted, steps=steps)
    if done.moves:
        done = msgspec.structs.replace(done, next=(*done.next, *_logins(done), "Start the assistants again."))
    return done


def _link(home: Path | None) -> GateRoute:
    helpers = helper_file("codex").parent
    return GateRoute(url=gate_url(home), program=callgate_program(), helpers=str(helpers))


def _taken(gate: Gate, *, needed: bool) -> list[str]:
    """Names of the gate's integrations; none when it does not run and nothing is to be changed."""
    try:
        found = msgspec.json.decode(gate.get("integrations"))
    except NoGateError:
        if needed:
            raise
        return []
    return [str(one["name"]) for one in found["integrations"]]


def _agreed(question: str, *, yes: bool) -> bool:
    if yes:
        return True
    forget_typed()
    try:
        return typer.confirm(question, default=False, err=True)
    except typer.Abort:
        return False


def _ask(question: str, *, yes: bool) -> None:
    if not _agreed(question, yes=yes):
        raise CommandError("Nothing was changed.", "Look first with --dry-run, or add --yes.", Exit.NO)


def _logins(planned: AdoptView) -> list[str]:
    """Runtimes that have no token of today."""
    missing = []
    for client in sorted({family(one.client) for one in planned.moves}):
        try:
            kept(client)
        except CommandError:
            missing.append(f"--runtime {client}")
    return [f"Sign in for them: callgate login {' '.join(missing)}"] if missing else []


def _question(run: "Undoing") -> str:
    """Before an adoption is taken back."""
    if not run.record.files:
        return f"Take back what the adoption {run.record.id} did before it was stopped? It changed no file."
    return f"Put back {screens.count(len(run.record.files), 'file')} as before the adoption {run.record.id}?"


def _undo(way: _Way, adoption: str, *, force: bool) -> None:
    run = machinery.undoing(os.environ, way.home, adoption)
    edited = run.edited()
    if edited and not force:
        adopt_screen.changes(edited)
        raise CommandError(
            f"{screens.count(len(edited), 'file')} changed since: nothing was put back.",
            "Above is what putting back would undo. Add --force to do it, or keep what you need by hand first.",
            Exit.NO,
        )
    _ask(_question(run), yes=way.yes)
    gate = Disconnection(Gate(way.home), run)
    with run.held():
        view = run.restore(force=force)
        gate.work(way.account, way.passphrase_fd)
        run.finish()
    view = msgspec.structs.replace(view, removed=tuple(gate.gone), stays=(*view.stays, *gate.stays))
    if way.as_json:
        screens.dump(msgspec.json.encode(view))
    else:
        adopt_screen.undone(view)
    if len(view.restored) < len(run.record.files):
        raise typer.Exit(Exit.NO)
