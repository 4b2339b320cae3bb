"""``callgate catalog``: the manifests, without a running gate."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from callgate.catalog.report import CheckedManifest, check_catalogue
from callgate.cli import screens
from callgate.cli.options import JsonOption, sub_app
from callgate.cli.outcome import Exit

app = sub_app("The catalogue.")
catalog = sub_app("Check the manifests and their cases.")
app.add_typer(catalog, name="catalog")

_FolderOption = Annotated[
    Path | None,
    typer.Option(
        "--folder", metavar="FOLDER", help="A folder of your own manifests, looked at before the shipped ones."
    ),
]
_DefinitionsOption = Annotated[
    Path | None,
    typer.Option("--definitions", metavar="DIR", help="Recorded tool definitions (NAME.json) to compare with."),
]


@catalog.callback()
def root() -> None:
    """Check the manifests and their cases."""


@catalog.command("check")
def check(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Which; otherwise all.")] = None,
    folder: _FolderOption = None,
    definitions: _DefinitionsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read every manifest, its runbook and its cases, and compare it with recorded definitions.

    Exit code 1 when something is wrong. No gate has to run.
    """
    found = check_catalogue(tuple(names or ()), folder, definitions)
    if as_json:
        screens.dump(msgspec.json.encode(found))
    else:
        _draw(found)
    if any(one.problems for one in found):
        raise typer.Exit(Exit.NO)


def _draw(found: tuple[CheckedManifest, ...]) -> None:
    screens.table(
        ("Manifest", "Tools", "Cases", "Verified", "Compared with", "Problems"),
        (
            (
                one.name,
                str(one.tools),
                str(one.cases),
                "yes" if one.verified else "in part" if one.partly else "no",
                ", ".join(one.compared),
                str(len(one.problems)),
            )
            for one in found
        ),
        empty="There is no manifest.",
    )
    for one in found:
        for problem in one.problems:
            where = ": ".join(part for part in (problem.file, problem.key) if part)
            screens.say(f"{where}: {problem.reason}")
