"""``callgate inventory``: what assistants on this machine are connected to, and what passes the gate."""

import enum
import os
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from callgate.cli import inventory_page, inventory_screen, machinery, screens
from callgate.cli.gate_address import base_url
from callgate.cli.options import HomeOption, sub_app
from callgate.cli.outcome import CommandError, Exit
from callgate.core.inventory.report import reaches
from callgate.model.inventory import Inventory, Severity

app = sub_app("The inventory.")


class FailOn(enum.StrEnum):
    """A severity, or none."""

    NONE = "none"
    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@app.command("inventory")
def inventory(
    root: Annotated[
        Path, typer.Option("--root", metavar="DIR", help="Read below this folder only: a project, or another machine.")
    ] = Path("/"),
    home_dir: Annotated[
        Path | None,
        typer.Option(
            "--home-dir",
            metavar="DIR",
            help="The home folder to look at; otherwise yours, or with --root every home in it.",
        ),
    ] = None,
    gate: Annotated[
        list[str] | None, typer.Option("--gate", metavar="URL", help="A gate that runs elsewhere; may be repeated.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON; its schema is docs/reference/inventory-schema.json.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write one self-contained page, and nothing else.")
    ] = None,
    fail_on: Annotated[
        FailOn, typer.Option("--fail-on", help="Exit code 1 when a finding is at least this bad.")
    ] = FailOn.NONE,
    home: HomeOption = None,
) -> None:
    """See what assistants here are connected to, and what goes past the gate.

    Reads, and never runs, what they are configured with: servers, tools, secrets in clear, ways around the gate. Needs
    no running gate. Secrets are named by file, line and key, and never shown.
    """
    if as_json and html is not None:
        raise CommandError("--json and --html do not go together.", "Ask for one of them.")
    for folder in (root, home_dir):
        if folder is not None and not folder.is_dir():
            raise CommandError(f"{folder} is no folder.")
    found = machinery.inventory(
        os.environ, root=root, person=home_dir, gates=tuple(base_url(one) for one in gate or ()), home=home
    )
    if html is not None:
        _write(html, inventory_page.render(found))
        screens.say(f"Written to {html}")
    elif as_json:
        screens.dump(msgspec.json.encode(found))
    else:
        inventory_screen.show(found)
    if _fails(found, fail_on):
        raise typer.Exit(Exit.NO)


def _fails(found: Inventory, fail_on: FailOn) -> bool:
    return fail_on is not FailOn.NONE and reaches(found, Severity[fail_on.name])


def _write(file: Path, text: str) -> None:
    """For its owner alone: the page says how to get around the gate."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
    except OSError as fault:
        raise CommandError(f"{file} cannot be written: {fault.strerror}.") from None
