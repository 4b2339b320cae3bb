"""The inventory as one page that stands alone: figures for a manager first, then tables. No scripts, nothing fetched."""

import base64
import hashlib
from collections.abc import Iterable, Sequence

from callgate.cli import screens
from callgate.cli.html import Element, page
from callgate.cli.inventory_sheet import SHEET
from callgate.cli.text import place
from callgate.model.inventory import COUNTED, ConfigFinding, Inventory, InventoryFigures, SeenServer

_HASH = base64.b64encode(hashlib.sha256(SHEET.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"
_WORDS = {"read": "can only look", "draft": "drafts", "execute": "changes things", "": "unknown"}
_STATES = {"on": "connected", "waits": "waits for approval", "off": "switched off", "blocked": "blocked"}
_CLIENT = {"asks": "asks", "runs": "runs without asking", "denies": "denied"}
_CLIENTS = {
    "claude-code": "Claude Code",
    "claude-desktop": "Claude Desktop",
    "codex": "Codex",
    "copilot": "Copilot CLI",
    "cursor": "Cursor",
    "gemini": "Gemini CLI",
    "opencode": "opencode",
    "vscode": "VS Code",
    "vscode-insiders": "VS Code Insiders",
    "vscode-remote": "VS Code remote",
    "vscodium": "VSCodium",
    "windsurf": "Windsurf",
    "zed": "Zed",
}
_SECTIONS = (
    ("servers", "Servers"),
    ("tools", "Tools"),
    ("findings", "Findings"),
    ("around", "Ways around"),
    ("unseen", "Unseen"),
)


def render(found: Inventory) -> str:
    """HTML 5, UTF-8. Equal inventories give equal pages."""
    return page(
        "Callgate inventory",
        SHEET,
        Element("a", "Skip to the figures", href="#figures", class_="skip"),
        _header(found),
        Element(
            "main",
            _figures(found),
            _section("servers", "Servers", _servers(found.servers)),
            _section("tools", "Tools", _tools(found.servers)),
            _section("findings", "Findings", _findings(found.findings)),
            _section("around", "Ways around", _around(found)),
            _section("unseen", "Unseen", _unseen(found)),
        ),
        Element(
            "footer", Element("p", f"callgate inventory, schema {found.schema}. Files were read; nothing was run.")
        ),
        policy=_POLICY,
    )


def _header(found: Inventory) -> Element:
    links = [Element("li", Element("a", title, href=f"#{name}")) for name, title in _SECTIONS]
    read = f"{found.files_read} configuration files below {found.root}."
    return Element(
        "header",
        Element("h1", "What assistants here are connected to"),
        Element("p", read, class_="lead"),
        Element("nav", Element("ul", *links), aria_label="Sections"),
    )


def _figures(found: Inventory) -> Element:
    figures = found.figures
    parts = [Element("h2", "At a glance", id="figures"), _coverage(figures)]
    if not found.complete:
        parts.append(Element("p", "Not everything could be read. The findings say what.", class_="note"))
    parts.append(
        Element(
            "dl",
            _figure(str(figures.servers), "servers connected", ""),
            _figure(str(figures.tools_known), "tools known", _unknown(figures)),
            _figure(str(figures.changes_things), "can change things", "of the known tools", bad=figures.changes_things),
            _figure(
                str(figures.cannot_be_undone), "cannot be undone", "of the known tools", bad=figures.cannot_be_undone
            ),
            _figure(str(figures.secrets_in_clear), "secrets in clear", "in files", bad=figures.secrets_in_clear),
            _figure(str(figures.ways_around), "ways around the gate", "servers and logins", bad=figures.ways_around),
            class_="figures",
        )
    )
    counts = f"{figures.high} high, {figures.medium} medium, {figures.low} low, {figures.info} for information"
    parts.append(Element("p", Element("strong", "Findings: "), counts, "."))
    return Element("section", *parts, aria_labelledby="figures")


def _coverage(figures: InventoryFigures) -> Element:
    if not figures.servers:
        return Element("p", "No connected server was found.", class_="coverage")
    said = f"{figures.gated} of {figures.servers} servers are behind the gate"
    more = f"; {screens.count(figures.unseen, 'more source')} cannot be seen from files" if figures.unseen else ""
    return Element(
        "div",
        Element("p", Element("span", f"{figures.coverage_percent} %", class_="big"), " coverage"),
        Element("meter", said, min="0", max=str(figures.servers), value=str(figures.gated), aria_label="Coverage"),
        Element("p", f"{said}{more}."),
        class_="coverage",
    )


def _unknown(figures: InventoryFigures) -> str:
    number = figures.servers_without_known_tools
    return f"{number} servers may have others" if number else ""


def _figure(number: str, name: str, more: str, *, bad: int = 0) -> Element:
    return Element(
        "div",
        Element("dt", name),
        Element("dd", Element("span", number, class_="number"), Element("small", more)),
        class_="bad" if bad else "plain",
    )


def _section(name: str, title: str, *parts: Element) -> Element:
    return Element("section", Element("h2", title, id=name), *parts, aria_labelledby=name)


def _table(
    caption: str, columns: Sequence[str], rows: Iterable[Sequence[Element | str]], *, empty: str, name: str
) -> Element:
    """The first cell of each row names it."""
    body = [
        Element("tr", Element("th", row[0], scope="row"), *(Element("td", cell) for cell in row[1:])) for row in rows
    ]
    if not body:
        return Element("p", empty, class_="none")
    head = Element("thead", Element("tr", *(Element("th", column, scope="col") for column in columns)))
    table = Element("table", Element("caption", caption, id=f"{name}-caption"), head, Element("tbody", *body))
    return Element("div", table, class_="scroll", role="region", aria_labelledby=f"{name}-caption", tabindex="0")


def _servers(servers: Sequence[SeenServer]) -> Element:
    rows = [
        (
            one.name,
            client(one.client),
            _gate(one),
            _STATES[one.state.value],
            _code(one.target),
            one.integration or "unknown",
            one.owner,
            _code(f"{one.file}:{one.line}"),
        )
        for one in servers
    ]
    columns = ("Server", "Client", "Gate", "State", "Goes to", "System", "Whose", "File")
    return _table(
        "Every connection of every client. Arguments, paths of URLs and queries are left out.",
        columns,
        rows,
        empty="No server is connected.",
        name="servers",
    )


def _gate(one: SeenServer) -> Element:
    """Loud only where calls can go past."""
    if one.gated:
        return _mark("behind the gate", "good")
    return _mark("past the gate", "high" if one.state in COUNTED else "plain")


def _tools(servers: Sequence[SeenServer]) -> Element:
    rows = [
        (
            _code(tool.name),
            one.name,
            client(one.client),
            _mark(_WORDS[tool.tier], {"execute": "high", "read": "good"}.get(tool.tier, "plain")),
            "none" if tool.irreversible else "",
            _CLIENT[tool.client],
        )
        for one in servers
        if one.state in COUNTED
        for tool in one.tools
    ]
    return _table(
        "Tools of connected servers that the catalogue or a file names. A server that the catalogue does not know may have "
        "any.",
        ("Tool", "Server", "Client", "What it can do", "Way back", "Client before a call"),
        rows,
        empty="No tool is known.",
        name="tools",
    )


def _findings(findings: Sequence[ConfigFinding]) -> Element:
    rows = [
        (
            _mark(one.severity, one.severity),
            Element("code", one.code, class_="word"),
            _place(one),
            ", ".join(part for part in (client(one.client), one.server) if part),
            one.says,
            one.fix,
        )
        for one in findings
    ]
    return _table(
        "What to change, the worst first.",
        ("Severity", "Code", "Place and key", "Client and server", "What it is", "Fix"),
        rows,
        empty="No findings.",
        name="findings",
    )


def _place(one: ConfigFinding) -> Element:
    where = _code(place(one.file, one.line))
    return Element("span", where, Element("br"), _code(one.key)) if one.key else where


def _around(found: Inventory) -> Element:
    return _table(
        "Logins that an assistant with a shell can use. Their files were not opened, or only for names of keys.",
        ("Login", "Whose", "File"),
        [(one.kind, one.owner, _code(one.file)) for one in found.logins],
        empty="No login was found.",
        name="around",
    )


def _unseen(found: Inventory) -> Element:
    return _table(
        "What may bring tools and is listed in no file here.",
        ("Source", "Client", "Whose", "Named in"),
        [(one.what, client(one.client), one.owner, _code(one.file)) for one in found.unseen],
        empty="Nothing that is known to be unseen.",
        name="unseen",
    )


def _mark(word: str, kind: str) -> Element:
    return Element("span", word, class_=f"mark {kind}")


def _code(text: str) -> Element:
    return Element("code", text)


def client(name: str) -> str:
    """As its vendor writes it."""
    return _CLIENTS.get(name, name)
