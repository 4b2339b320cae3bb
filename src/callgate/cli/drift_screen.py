"""What changed in definitions since they were confirmed, and what of them a person should look at."""

from collections.abc import Iterable, Iterator

from rich.padding import Padding
from rich.text import Text

from callgate.cli import screens
from callgate.core.visible import visible
from callgate.flow.views.drift import ChangeView, DefinitionFindingView, DriftView

AROUND = 60
"""Characters of what is equal that are shown beside what is not."""
MOST = 1_200
"""Characters of one side that are shown."""
MOST_FINDINGS = 20
_KINDS = {"noted": "noted", "in_force": "in force", "new": "new", "held": "held"}
_STYLES = {"held": "bold red", "in_force": "yellow", "new": "cyan", "noted": "dim"}
_SEVERITIES = {"high": "red", "medium": "yellow", "low": "dim"}


def draw_drift(found: DriftView) -> None:
    """One heading per definition, under it each change: what becomes of it, what it was, what it is."""
    screens.show(Text(f"{found.integration}: {_sum(found)}", "bold"))
    shown = None
    for change in sorted(found.changes, key=lambda one: one.name):
        if change.name != shown:
            shown = change.name
            screens.show(Padding(_seen(change.name or "The server", "bold"), (0, 0, 0, 2)))
        _draw_change(change)
    draw_findings(found.findings)
    for warning in found.warnings:
        screens.show(Text.assemble(("Also: ", "yellow"), screens.cell(warning)))


def draw_findings(findings: Iterable[DefinitionFindingView]) -> None:
    listed = list(findings)
    for one in listed[:MOST_FINDINGS]:
        where = " ".join(part for part in (visible(one.name), visible(one.field)) if part)
        screens.show(
            Text.assemble(
                (f"{one.code} ({one.severity})", _SEVERITIES.get(one.severity, "")),
                f": {where}: {one.says} ",
                _seen(f"“{one.excerpt}”"),
            )
        )
    if len(listed) > MOST_FINDINGS:
        screens.say(f"And {len(listed) - MOST_FINDINGS} more; --json shows all.")


def found_codes(findings: Iterable[DefinitionFindingView]) -> str:
    """Each code once, with its severity."""
    return ", ".join(dict.fromkeys(f"{one.code} ({one.severity})" for one in findings))


def _sum(found: DriftView) -> str:
    if not found.changes:
        return "as it was confirmed" if found.confirmed else "its definitions are as they were confirmed"
    counts = {kind: sum(change.kind == kind for change in found.changes) for kind in reversed(_KINDS)}
    return ", ".join(f"{number} {_KINDS[kind]}" for kind, number in counts.items() if number)


def _draw_change(change: ChangeView) -> None:
    what = change.field or ("is new" if change.kind == "new" else "is gone")
    head = Text.assemble((_KINDS.get(change.kind, change.kind), _STYLES.get(change.kind, "")), " ", _seen(what))
    screens.show(Padding(Text.assemble(head, ": ", screens.cell(change.means)), (0, 0, 0, 4)))
    if change.kind == "new" or not change.field:
        return
    for mark, style, text in zip("-+", ("red", "green"), sides(change.old, change.new), strict=True):
        for line in text:
            screens.show(Padding(Text.assemble((f"{mark} ", style), _seen(line, style)), (0, 0, 0, 6)))


def sides(old: str, new: str) -> tuple[list[str], list[str]]:
    """Lines of both, without what is equal at their ends but for some characters of it."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    first, last = max(0, start - AROUND), max(0, end - AROUND)
    return _cut(old, first, last), _cut(new, first, last)


def _cut(text: str, first: int, last: int) -> list[str]:
    if not text:
        return ["(nothing)"]
    part = text[first : len(text) - last]
    whole = f"{'…' if first else ''}{part[:MOST]}{'…' if last and len(part) <= MOST else ''}"
    lines = whole.split("\n")
    return [*lines, f"({len(part) - MOST} characters more; --json shows all)"] if len(part) > MOST else lines


def _seen(text: str, style: str = "") -> Text:
    """The server's own text: nothing in it hides or moves."""
    return Text(visible(text), style)


def names(found: DriftView) -> Iterator[str]:
    """What changed, each once; without the server as a whole."""
    yield from dict.fromkeys(change.name for change in found.changes if change.name)
