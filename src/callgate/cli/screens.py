"""What people see: Rich tables and panels that also read at 80 columns, without colour, and plain when piped.

Every text from elsewhere goes through ``cell``: a tool's argument must not be able to draw on an approver's screen.
"""

import datetime as dt
import sys
import time
from collections.abc import Iterable, Sequence

import msgspec
import typer
from rich import box
from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from callgate.cli.text import safe, safe_json, safe_lines

_PIPED_WIDTH = 100_000
_FRAME = 4
_WORDS = {
    "read": "can only look",
    "draft": "drafts",
    "execute": "changes things",
}
_STYLES = {
    "ok": "green",
    "ready": "green",
    "live": "green",
    "active": "green",
    "allow": "green",
    "pass": "green",
    "warn": "yellow",
    "hold": "yellow",
    "open": "yellow",
    "starting": "yellow",
    "backoff": "yellow",
    "awaiting_consent": "yellow",
    "fail": "red",
    "deny": "red",
    "down": "red",
    "broken": "red",
    "drifted": "red",
}


def console(*, err: bool = False) -> Console:
    """Made per command, so that it looks at the streams and NO_COLOR of now."""
    stream = sys.stderr if err else sys.stdout
    width = None if stream.isatty() else _PIPED_WIDTH
    return Console(stderr=err, width=width, markup=False, emoji=False, highlight=False)


def cell(text: str, style: str = "") -> Text:
    return Text(safe(text), style)


def lines(text: str) -> Text:
    """Text that may have line breaks of its own."""
    return Text(safe_lines(text))


def mark(word: str) -> Text:
    """A state's word, coloured where there is colour."""
    return Text(safe(word.replace("_", " ")), _STYLES.get(word, ""))


def tier(word: str) -> Text:
    """A tier in people's words."""
    return Text(_WORDS.get(word, safe(word)), "bold" if word == "execute" else "")


def show(*items: RenderableType, err: bool = False) -> None:
    out = console(err=err)
    if out.is_terminal:
        for item in items:
            out.print(item)
        return
    with out.capture() as drawn:
        for item in items:
            out.print(item)
    typer.echo("\n".join(line.rstrip() for line in drawn.get().splitlines()), err=err)


def say(sentence: str) -> None:
    show(cell(sentence))


def tell(sentence: str) -> None:
    """A remark beside the answer: on stderr."""
    show(cell(sentence), err=True)


def width() -> int:
    """Columns of the screen; a very large number when piped."""
    return console().width


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str | Text]],
    *,
    empty: str,
    whole: bool = False,
    copied: bool = False,
) -> None:
    """A table, or the sentence that there is nothing.

    ``whole``: what stands in the first column is not broken. ``copied``: no word is; rows become cards where the
    screen is too narrow.
    """
    drawn = [[item if isinstance(item, Text) else cell(item) for item in row] for row in rows]
    if not drawn:
        say(empty)
        return
    piped = not sys.stdout.isatty()
    grid = Table(box=None if piped else box.SIMPLE_HEAD, pad_edge=not piped, header_style="bold")
    for number, column in enumerate(columns):
        grid.add_column(column, overflow="fold", no_wrap=whole and number == 0)
    for row in drawn:
        grid.add_row(*row)
    if copied and not _fits(grid, 0):
        for heading, *under in drawn:
            _unbroken(heading, 0)
            _named(zip(columns[1:], under, strict=True), 2)
        return
    show(grid)


def _fits(body: RenderableType, frame: int) -> bool:
    """Whether it fits the screen beside so many columns of frame without breaking a word."""
    out = console()
    options = out.options.update(max_width=_PIPED_WIDTH)
    return Measurement.get(out, options, body).minimum <= out.width - frame


def _unbroken(text: Text, indent: int) -> None:
    """One line, however long: the terminal wraps it, and it is copied as one."""
    console().print(Text(" " * indent) + text, soft_wrap=True)


def _named(rows: Iterable[tuple[str, Text]], indent: int) -> None:
    """Names and values, one per line, unbroken; those that are empty are left out."""
    found = [(name, value) for name, value in rows if value.plain]
    longest = max((len(name) for name, _ in found), default=0)
    for name, value in found:
        _unbroken(Text.assemble((f"{name:<{longest}}  ", "bold"), value), indent)


def cards(rows: Iterable[tuple[str | Text, Sequence[str]]], *, empty: str) -> None:
    """A heading with lines under it per row: for rows with long ids, which no table shows well at 80 columns."""
    found = list(rows)
    for heading, under in found:
        show(heading if isinstance(heading, Text) else cell(heading, "bold"))
        for line in under:
            if line:
                show(Padding(cell(line), (0, 0, 0, 2)))
    if not found:
        say(empty)


def halted(scope: str, what: str) -> str:
    """What a halt stops."""
    return f"{scope} {what}" if what else "everything"


def count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def facts(rows: Iterable[tuple[str, str | Text]], *, skip_empty: bool = True) -> Table:
    """Names and values, one per line."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows:
        shown = value if isinstance(value, Text) else cell(value)
        if shown.plain or not skip_empty:
            grid.add_row(Text(name), shown)
    return grid


def headed(title: str, body: RenderableType) -> None:
    """A panel on a terminal; title and body when piped, and for facts of which a word is longer than the panel."""
    if not sys.stdout.isatty():
        show(cell(title), body)
    elif isinstance(body, Table) and not _fits(body, _FRAME):
        show(cell(title, "bold"))
        names, values = ([drawn for drawn in column.cells if isinstance(drawn, Text)] for column in body.columns)
        _named(((name.plain, value) for name, value in zip(names, values, strict=True)), 0)
    else:
        show(Panel(body, title=cell(title), title_align="left", box=box.ROUNDED))


def dump(reply: bytes) -> None:
    """JSON for programs, indented, its keys in the API's order."""
    typer.echo(safe_json(msgspec.json.format(reply, indent=2).decode()))


def dump_line(value: object) -> None:
    """One line of JSON, sent off at once."""
    typer.echo(safe_json(msgspec.json.encode(value).decode()))
    sys.stdout.flush()


def moment(at_ms: int, now_s: float | None = None) -> str:
    """Local time; with the date when it is not today. Empty for 0."""
    if at_ms == 0:
        return ""
    here = dt.datetime.fromtimestamp(at_ms / 1000).astimezone()
    today = dt.datetime.fromtimestamp(time.time() if now_s is None else now_s).astimezone().date()
    return here.strftime("%H:%M:%S" if here.date() == today else "%Y-%m-%d %H:%M")


def span(milliseconds: int) -> str:
    """A duration in its two largest units: ``3 h 12 min``."""
    seconds = max(0, milliseconds) // 1000
    for size, name, smaller, small in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            rest = seconds % size // smaller
            return f"{seconds // size} {name}" + (f" {rest} {small}" if rest else "")
    return f"{seconds} s"


def until(at_ms: int, now_s: float | None = None) -> str:
    """``14:02:00, in 3 h 12 min``; empty for 0."""
    if at_ms == 0:
        return ""
    left = at_ms - int((time.time() if now_s is None else now_s) * 1000)
    return f"{moment(at_ms, now_s)}, " + (f"in {span(left)}" if left > 0 else "over")
