"""The inventory on a terminal: figures first, then servers, findings and ways around."""

from rich.text import Text

from callgate.cli import screens
from callgate.cli.text import place
from callgate.model.inventory import ConfigFinding, Inventory, SeenServer

_COLUMNS = ("client", "server", "goes to", "gate", "state", "tools", "whose")
_BETWEEN = 3
"""Columns that a table puts around each cell."""
_STYLES = {"high": "bold red", "medium": "yellow", "low": "", "info": "dim"}


def show(found: Inventory) -> None:
    figures = found.figures
    behind = f"{figures.gated} of {figures.servers}"
    screens.show(
        screens.facts(
            [
                (
                    "Servers behind the gate",
                    f"{behind} ({figures.coverage_percent} %)" if figures.servers else "none seen",
                ),
                ("Tools known", f"{figures.tools_known}; of {figures.servers_without_known_tools} servers not all are"),
                ("Change things", str(figures.changes_things)),
                ("Cannot be undone", str(figures.cannot_be_undone)),
                ("Secrets in clear", str(figures.secrets_in_clear)),
                ("Ways around", str(figures.ways_around)),
                (
                    "Unseen",
                    f"{figures.unseen}: an account, not a file, says what they bring" if figures.unseen else "0",
                ),
                ("Gates found", ", ".join(found.gates) or "none"),
                ("Read", f"{screens.count(found.files_read, 'file')} below {found.root}"),
            ]
        )
    )
    if not found.complete:
        screens.say("Not everything could be read; the findings say what.")
    screens.say("")
    _draw_servers([_server(one) for one in found.servers])
    screens.say("")
    screens.cards([(_heading(one), _lines(one)) for one in found.findings], empty="No findings.")


def _draw_servers(rows: list[list[str | Text]]) -> None:
    """A table where every cell has its own width; otherwise lines of their own, so that no name or URL is broken."""
    cells = [_COLUMNS, *([getattr(item, "plain", item) for item in row] for row in rows)]
    needed = sum(max(map(len, column)) + _BETWEEN for column in zip(*cells, strict=True))
    empty = "No server is connected."
    if needed <= screens.width():
        screens.table(_COLUMNS, rows, empty=empty)
    else:
        screens.cards([(_title(row), _about(row)) for row in rows], empty=empty)


def _title(row: list[str | Text]) -> Text:
    client, name, *_ = row
    return screens.cell(f"{name}", "bold").append_text(screens.cell(f"  {client}"))


def _about(row: list[str | Text]) -> list[str]:
    _, _, target, gate, state, tools, owner = (str(item) for item in row)
    return [f"goes to {target}" if target else "", f"gate: {gate}; {state}; tools: {tools}; {owner}"]


def _server(one: SeenServer) -> list[str | Text]:
    changes = sum(tool.tier == "execute" and tool.client != "denies" for tool in one.tools)
    known = f"{len(one.tools)}, {changes} change things" if one.tools_known else "unknown"
    gate = Text("yes", "green") if one.gated else Text("no", "red")
    return [one.client, one.name, one.target, gate, one.state.value, known, one.owner]


def _heading(one: ConfigFinding) -> Text:
    heading = Text(f"{one.severity:6} ", _STYLES[one.severity])
    heading.append_text(screens.cell(f"{one.code}  "))
    return heading.append_text(screens.cell(place(one.file, one.line), "bold"))


def _lines(one: ConfigFinding) -> list[str]:
    about = "  ".join(part for part in (one.client, one.server and f"server {one.server}", one.key) if part)
    return [about, one.says, f"Fix: {one.fix}"]
