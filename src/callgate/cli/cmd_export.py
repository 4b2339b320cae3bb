"""``callgate export``: configurations of assistants that leave only the gate; and whether one still does."""

import os
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import typer

from callgate.cli import machinery, screens
from callgate.cli.adopt_gate import gate_url
from callgate.cli.client import Gate, decode
from callgate.cli.gate_address import base_url
from callgate.cli.options import HomeOption, sub_app
from callgate.cli.outcome import CommandError, Exit, NoGateError
from callgate.cli.text import safe
from callgate.cli.token_store import callgate_program, helper_file
from callgate.core.adopt.entries import GateRoute
from callgate.core.export.clients import ExportClient, ExportPlan, ExportWish, TokenWay, plan
from callgate.core.export.writing import bundle
from callgate.flow.views.integrations import IntegrationView
from callgate.model.export import ExportBundle, ExportCheck

app = sub_app("Export.")

Client = Annotated[ExportClient, typer.Argument(metavar="CLIENT", help="codex, claude-code, cursor, vscode or gemini.")]
Managed = Annotated[bool, typer.Option("--managed", help="Files of the administrator instead of the user's own.")]
Output = Annotated[
    Path | None,
    typer.Option("--output", metavar="DIR", help="Write the files below this folder; nothing is overwritten."),
]
CheckFile = Annotated[
    Path | None, typer.Option("--check", metavar="FILE", help="Say whether this file still leaves only the gate.")
]
Installed = Annotated[bool, typer.Option("--installed", help="The same of all files at their places.")]
Integrations = Annotated[
    list[str] | None,
    typer.Option(
        "--integration", metavar="NAME", help="Only this one; may be repeated. Otherwise all that are confirmed."
    ),
]
Together = Annotated[bool, typer.Option("--together", help="One entry for everything, named callgate.")]
GateUrl = Annotated[str, typer.Option("--gate", metavar="URL", help="The gate's URL; otherwise that of the home.")]
Token = Annotated[
    TokenWay | None,
    typer.Option("--token", help="How the client gets its token; otherwise what suits it, managed files a variable."),
]
Desktop = Annotated[
    bool, typer.Option("--desktop", help="A person sits beside it: the client asks too. Otherwise the gate alone asks.")
]
Registry = Annotated[
    str, typer.Option("--registry", metavar="URL", help="For vscode --managed: a registry that lists the gate alone.")
]
Root = Annotated[Path, typer.Option("--root", metavar="DIR", help="With --installed: another machine's files.")]
HomeFolder = Annotated[
    Path | None, typer.Option("--home-dir", metavar="DIR", help="With --installed: the home folder; otherwise yours.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class _Looking(NamedTuple):
    """What is checked. Neither: nothing is."""

    file: Path | None
    installed: bool
    root: Path
    person: Path | None


@app.command("export")
def export(
    client: Client,
    managed: Managed = False,
    output: Output = None,
    check: CheckFile = None,
    installed: Installed = False,
    integration: Integrations = None,
    together: Together = False,
    gate: GateUrl = "",
    token: Token = None,
    desktop: Desktop = False,
    registry: Registry = "",
    root: Root = Path("/"),
    home_dir: HomeFolder = None,
    as_json: AsJson = False,
    home: HomeOption = None,
) -> None:
    """Write the configuration of an assistant that leaves only the gate, or check one.

    Without --output it is printed. No token stands in it. With --check or --installed each difference from what would be
    written now is a finding, with its line and the fix, and so is everything that goes past the gate; exit code 1 then.
    """
    if (check is not None) + installed + (output is not None) > 1:
        raise CommandError("--output, --check and --installed do not go together.", "Ask for one of them.")
    url = base_url(gate) if gate else gate_url(home)
    if integration and not gate:
        _check_known(home, integration)
    wish = ExportWish(
        route=GateRoute(url=url, program=callgate_program(), helpers=str(helper_file("codex").parent)),
        integrations=() if together else tuple(integration or _confirmed(home)),
        managed=managed,
        token=token,
        desktop=desktop,
        registry=registry,
    )
    planned = plan(client, wish)
    if check is not None or installed:
        _check(client, planned, wish, _Looking(check, installed, root, home_dir), home, as_json=as_json)
        return
    made = bundle(client.value, planned, managed=managed)
    if output is not None:
        _write(output, made)
    if as_json:
        screens.dump(msgspec.json.encode(made))
    else:
        _show(made, output)


def _check_known(home: Path | None, names: list[str]) -> None:
    """A name that a running gate does not know would be an entry that never works."""
    try:
        known = _offered(home)
    except NoGateError:
        return
    strange = [name for name in names if name not in known]
    if strange:
        raise CommandError(
            f"The gate has no confirmed integration {safe(strange[0])}.", f"It has: {', '.join(known) or 'none'}."
        )


def _confirmed(home: Path | None) -> list[str]:
    try:
        names = _offered(home)
    except NoGateError as fault:
        raise CommandError(str(fault), "Name what to export with --integration, or take --together.") from None
    if not names:
        raise CommandError(
            "The gate has no integration that is confirmed.", "Add one: callgate add, or callgate adopt."
        )
    return names


def _offered(home: Path | None) -> list[str]:
    """Names of integrations that the running gate offers. Raises NoGateError."""
    rows = decode(Gate(home).get("integrations"), dict[str, tuple[IntegrationView, ...]])["integrations"]
    return [row.name for row in rows if row.confirmed_ms]


def _show(made: ExportBundle, output: Path | None) -> None:
    for file in made.files:
        place = f"/{file.place}" if made.managed else f"~/{file.place}"
        if output is not None:
            screens.say(f"Written: {output / file.place}, for {place}")
        else:
            screens.headed(place, screens.lines(file.text))
    for note in made.notes:
        screens.tell(f"Note: {note}")


def _write(output: Path, made: ExportBundle) -> None:
    """What is there already stays: an export is compared and merged by a person, or adopted."""
    there = [str(output / file.place) for file in made.files if os.path.lexists(output / file.place)]
    if there:
        raise CommandError(f"{there[0]} is there already.", "Take an empty folder, or compare with --check.")
    try:
        for file in made.files:
            path = output / file.place
            path.parent.mkdir(parents=True, exist_ok=True)
            mode = 0o644 if made.managed else 0o600
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
            with os.fdopen(handle, "w", encoding="utf-8") as out:
                out.write(file.text)
    except OSError as fault:
        raise CommandError(f"{fault.filename or output} cannot be written: {fault.strerror}.") from None


def _check(
    client: ExportClient, planned: ExportPlan, wish: ExportWish, looking: _Looking, home: Path | None, *, as_json: bool
) -> None:
    found: ExportCheck = machinery.check_export(
        os.environ,
        client,
        planned.parts,
        wish.route.url,
        managed=wish.managed,
        file=looking.file,
        root=looking.root,
        person=looking.person,
        home=home,
    )
    if as_json:
        screens.dump(msgspec.json.encode(found))
    else:
        screens.cards(
            (
                (
                    f"{one.severity}  {one.code}  {one.file}{f':{one.line}' if one.line else ''}",
                    (f"Key: {one.key}" if one.key else "", one.says, f"Fix: {one.fix}"),
                )
                for one in found.findings
            ),
            empty=f"It leaves only the gate: {', '.join(found.read) or 'nothing was read'}.",
        )
    if found.findings:
        raise typer.Exit(Exit.NO)
