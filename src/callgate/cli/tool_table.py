"""Tools on a screen: what changes things first, and for each who decided that, and why."""

from collections.abc import Sequence

from rich.text import Text

from callgate.cli import screens
from callgate.cli.drift_screen import found_codes
from callgate.flow.views.integrations import ToolView, by_tier

_COLUMNS = ("Tool", "Decided by", "Undo", "Target")
_UNDO = {"by_tool": "by {}", "by_hand": "by hand", "perhaps_none": "perhaps not", "none": "no", "unknown": "unknown"}
_BESIDE = 58
"""Columns that reasons, undo and target need beside the names; with less each tool gets lines of its own."""


def draw_tools(tools: Sequence[ToolView], *, empty: str, new: bool = True) -> None:
    """``new``: say which ones are not confirmed."""
    many = len({tool.integration for tool in tools}) > 1
    rows: list[tuple[Text, str, str, str]] = []
    for heading, group in by_tier(tools):
        rows.append((screens.cell(heading, "bold"), "", "", ""))
        rows += [(_name(tool, many), _why(tool, new=new), _undo(tool), _target(tool)) for tool in group]
    longest = max((len(name) for name, *_ in rows), default=0)
    if longest + _BESIDE <= screens.width():
        screens.table(_COLUMNS, rows, empty=empty, whole=True)
    else:
        screens.cards(((name, _lines(cells)) for name, *cells in rows), empty=empty)
    _draw_methods([tool for tool in tools if tool.is_method], many)


def _draw_methods(methods: Sequence[ToolView], many: bool) -> None:
    """What else of the protocol is governed: the same for every server that has it, so its names are enough."""
    if methods:
        listed = ", ".join(f"{_name(tool, many).plain}{_state(tool)}" for tool in methods)
        screens.say(f"Of the protocol, which only looks: {listed}.")


def _state(tool: ToolView) -> str:
    notes = _notes(tool, new=False)
    return f" ({'. '.join(notes)})" if notes else ""


def _name(tool: ToolView, many: bool) -> Text:
    return screens.cell(f"{tool.integration}/{tool.tool}" if many else tool.tool)


def counts(tools: Sequence[ToolView]) -> str:
    """``9 tools: 3 change things, 1 drafts, 5 only look``; what is not there is left out."""
    words = {
        "execute": ("changes things", "change things"),
        "draft": ("drafts", "draft"),
        "read": ("only looks", "only look"),
    }
    own = [tool for tool in tools if not tool.is_method]
    found = {tier: sum(tool.tier == tier for tool in own) for tier in words}
    return f"{screens.count(len(own), 'tool')}: " + ", ".join(
        f"{many} {words[tier][many > 1]}" for tier, many in found.items() if many
    )


def _lines(cells: Sequence[str]) -> tuple[str, ...]:
    why, undo, target = cells
    if not why:
        return ()
    return (why, "; ".join(part for part in (undo and f"undo: {undo}", target and f"target: {target}") if part))


def _why(tool: ToolView, *, new: bool) -> str:
    return ". ".join(part.rstrip(".") for part in (_decided(tool), *_notes(tool, new=new)) if part)


def _decided(tool: ToolView) -> str:
    if tool.decided_by == "person":
        return f"{tool.ruled_by} ({tool.ruled_reason}); otherwise {tool.own_tier}"
    if tool.decided_by == "manifest":
        return f"manifest {tool.manifest}: {tool.say}"
    if tool.decided_by == "unverified":
        return f"manifest {tool.manifest}, not verified for this server: {tool.say}"
    if tool.decided_by == "rules":
        return f"rules, confidence {tool.confidence}: {next(iter(tool.reasons), '')}"
    if tool.decided_by == "protocol":
        return f"the protocol: {tool.say}" if tool.say else "the protocol"
    return "nobody, so it counts as the worst"


def _notes(tool: ToolView, *, new: bool) -> tuple[str, ...]:
    notes = (
        "Rights or settings" if tool.admin else "",
        "Money" if tool.money else "",
        "" if tool.pinned or not new else "Not confirmed",
        "Changed since it was confirmed" if tool.drifted else "",
        f"What {tool.ruled_by} said of it counts no more: it is another tool now" if tool.ruling_void else "",
        _asked(tool),
        "Not on /mcp: its name looks like another's" if tool.kept_away else "",
        "Only observed: it is let go and recorded" if tool.observed else "",
        f"Look at its words: {found_codes(tool.findings)}" if tool.findings else "",
    )
    return tuple(note for note in notes if note)


def classified(tool: ToolView) -> str:
    """What a person is told who decided a tool's tier."""
    name = f"{tool.integration}/{tool.tool}"
    if tool.asked_tier:
        return (
            f"{name} counts as {tool.tier} as before. It counts as {tool.asked_tier} once another person of Security says "
            "the same, with the same command."
        )
    return f"{name} counts as {tool.tier} from now on; its own tier is {tool.own_tier}."


def _asked(tool: ToolView) -> str:
    if not tool.asked_tier:
        return ""
    return f"{tool.asked_by} asks for {tool.asked_tier}; it counts once another person of Security says the same"


def _undo(tool: ToolView) -> str:
    return "" if tool.tier == "read" else _UNDO[tool.way_back].format(tool.undone_by)


def _target(tool: ToolView) -> str:
    return "known" if tool.aims or tool.decided_by == "protocol" else "unknown"
