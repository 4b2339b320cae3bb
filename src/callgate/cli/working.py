"""Says that something takes its time. Apart from the screens: few commands need it, and it loads a good deal."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from callgate.cli import screens
from callgate.cli.text import safe


@contextmanager
def working(what: str) -> Iterator[None]:
    """On a terminal: what is being done and for how long, gone when it is over. Otherwise nothing."""
    out = screens.console(err=True)
    if not out.is_terminal:
        yield
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=out, transient=True) as bar:
        bar.add_task(escape(safe(what)))
        yield
