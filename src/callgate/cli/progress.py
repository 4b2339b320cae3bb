"""Long answers of the gate, with a bar for who watches."""

from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from callgate.cli import screens
from callgate.cli.client import Gate
from callgate.cli.outcome import CommandError


def followed(gate: Gate, *path: str, body: object, what: str) -> dict[str, Any]:
    """Draws the steps on stderr when it is a terminal; returns the last line. ``what``: as a sentence begins with it."""
    screen = screens.console(err=True)
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        row = bar.add_task("", total=None)
        for line in gate.lines(*path, body=body):
            if line.get("kind") == "end":
                return line
            bar.update(row, completed=line["checked"], total=line["of"])
    raise CommandError(f"{what} broke off.", "Look at the gate's log.")
