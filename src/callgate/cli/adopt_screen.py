"""What ``callgate adopt`` shows: the plan with its diffs, what servers offer, what was done and what stays."""

from collections.abc import Sequence

from rich.padding import Padding
from rich.text import Text

from callgate.cli import screens
from callgate.cli.text import place
from callgate.flow.views.integrations import DiscoveryView
from callgate.model.adopt import AdoptLeft, AdoptMove, AdoptView, FileChange, HalfView, UndoView

_STYLES = {"+": "green", "-": "red", "@": "cyan"}
_LATE = frozenset({"gate_refused", "waits_for_policy", "changed", "not_writable", "linked", "read_only"})
"""Reasons that come up after the plan was shown."""
_KNOWN = frozenset({"gated", "switched_off", "blocked"})
"""Reasons that need no card each."""


def plan(found: AdoptView, *, days: int) -> None:
    screens.cards(
        (
            (
                Text.assemble(
                    (f"{one.client} ", "bold"),
                    screens.cell(one.server, "bold"),
                    "  ",
                    screens.cell(f"{one.file}:{one.line}"),
                ),
                (
                    f"{one.target}, then {one.integration} at the gate{'' if one.becomes == 'http' else ' (callgate stdio)'}",
                    f"Secrets that move: {', '.join(one.secrets)}" if one.secrets else "",
                    _runs(one),
                ),
            )
            for one in found.moves
        ),
        empty="No entry can be moved.",
    )
    changes(found.changes)
    _stays(found.left)
    if found.moves:
        screens.say(f"They start at stage {found.stage} for {days} days: calls run as before and are recorded.")


def halves(found: Sequence[HalfView]) -> None:
    """What killed runs left, and both ways on."""
    for one in found:
        screens.say(f"The adoption {one.id} was stopped.")
        for title, names in (
            ("Changed already", one.done),
            ("Not changed so far", one.waiting),
            ("Changed by somebody else, and left", one.edited),
        ):
            for name in names:
                screens.say(f"  {title}: {name}")
        ways = "Finish it with callgate adopt, or take it back with" if one.can_finish else "Take it back with"
        screens.say(f"{ways}: callgate adopt --undo {one.id}")


def finished(found: Sequence[HalfView]) -> None:
    for one in found:
        screens.say(f"Finished: {one.id}. {screens.count(len(one.waiting), 'file')} changed now.")


def _runs(one: AdoptMove) -> str:
    if not one.confined:
        return "Runs with all that the gate's user may do"
    if one.near:
        return "On this machine or a private network"
    return f"Runs confined, and may write {', '.join(one.may_write)}" if one.may_write else ""


def changes(found: Sequence[FileChange]) -> None:
    for one in found:
        drawn = Text()
        for line in screens.lines(one.diff).split("\n"):
            line.stylize(_STYLES.get(line.plain[:1], ""))
            drawn.append_text(line).append("\n")
        screens.headed(f"{one.file}{' (new)' if one.new else ''}", drawn)


def _stays(left: Sequence[AdoptLeft]) -> None:
    told = [one for one in left if one.code not in _KNOWN]
    if told or not left:
        screens.cards(
            (
                (
                    Text.assemble(
                        (f"{one.client} ", "bold"),
                        screens.cell(one.server or "-"),
                        " stays  ",
                        screens.cell(place(one.file, one.line)),
                    ),
                    (one.says, f"Fix: {one.fix}"),
                )
                for one in told
            ),
            empty="Nothing else was found that stays as it is.",
        )
    quiet = len(left) - len(told)
    if quiet:
        screens.say(
            f"{screens.count(quiet, 'entry') if quiet == 1 else f'{quiet} entries'} need nothing: behind the gate already, or not connected."
        )


def found(servers: Sequence[DiscoveryView]) -> None:
    """What new servers offer, and what is to be known of it."""
    screens.table(
        ("Integration", "Server", "Tools", "Only look", "Change things", "Confined"),
        (
            (
                one.integration,
                f"{one.server_name} {one.server_version}",
                str(len(own := [tool for tool in one.tools if not tool.is_method])),
                str(sum(tool.tier == "read" for tool in own)),
                str(sum(tool.tier == "execute" for tool in own)),
                "yes" if one.confined else "no",
            )
            for one in servers
        ),
        empty="The gate knows these servers already.",
    )
    for one in servers:
        for warning in one.warnings:
            screens.show(
                Padding(Text.assemble((f"{one.integration}: ", "yellow"), screens.cell(warning)), (0, 0, 0, 2))
            )


def done(made: AdoptView) -> None:
    _stays([one for one in made.left if one.code in _LATE])
    screens.say(
        f"{screens.count(len(made.changes), 'file')} changed, {screens.count(len(made.moves), 'server')} behind the gate."
    )
    if made.id:
        screens.say(f"Take it back with: callgate adopt --undo {made.id}")
    steps(made)


def steps(made: AdoptView) -> None:
    """What a person has to do still."""
    for step in made.next:
        screens.say(step)


def undone(view: UndoView) -> None:
    for name in view.restored:
        screens.say(f"Put back: {name}")
    for name in view.removed:
        screens.say(f"Disconnected: {name}")
    for line in view.stays:
        screens.say(line)
