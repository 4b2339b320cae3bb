"""``callgate events`` and ``explain``: what happened, and why."""

from typing import Annotated

import typer

from callgate.cli import screens
from callgate.cli.client import Gate, decode
from callgate.cli.options import HomeOption, JsonOption, sub_app
from callgate.cli.since import since_ms
from callgate.flow.views.ledger import EventsView, EventView, ExplainView, FindingView

app = sub_app("What happened.")

_WAIT_MS = 20_000


@app.command("events")
def events(
    kind: Annotated[str, typer.Option("--kind", help="Only this kind, e.g. decided, voted, finished.")] = "",
    call: Annotated[str, typer.Option("--call", metavar="ID", help="Only this call's.")] = "",
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="E.g. 30m, 2h, 1d, or 2026-01-31T12:00.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="At most so many.")] = 100,
    after: Annotated[int, typer.Option("--after", min=-1, metavar="INDEX", help="Only later ones.")] = -1,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new ones until Ctrl-C.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List events, or follow them. With --follow --json each event is one line."""
    gate = Gate(home)
    asked: dict[str, object] = {"kind": kind, "call": call, "since_ms": since_ms(since) or "", "limit": limit}
    reply = gate.get("events", **asked, after=after)
    found = decode(reply, EventsView)
    if as_json and not follow:
        screens.dump(reply)
        return
    _print(found.events, as_json=as_json)
    if not follow and not found.events:
        screens.say("There is no such event.")
    while follow:
        found = decode(gate.get("events", **asked, after=found.next, wait_ms=_WAIT_MS), EventsView)
        _print(found.events, as_json=as_json)


def _print(found: tuple[EventView, ...], *, as_json: bool) -> None:
    for row in found:
        if as_json:
            screens.dump_line(row)
        else:
            screens.say(f"{screens.moment(row.at_ms)}  {row.id}  {row.kind:<20}  {row.summary}")


@app.command("explain")
def explain(
    id_: Annotated[str, typer.Argument(metavar="ID", help="Of a decision, a call or a hold.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Why a call was decided as it was."""
    reply = Gate(home).get("explain", id_)
    if as_json:
        screens.dump(reply)
        return
    found = decode(reply, ExplainView)
    screens.headed(f"{found.integration}/{found.tool}: {found.effect}", screens.facts(_facts(found)))
    screens.table(
        ("Gate", "Code", "Says", "Why"),
        ((row.gate, row.code, screens.mark(row.effect), _why(row)) for row in found.findings),
        empty="No gate had a finding.",
    )
    for row in found.questions:
        who = f": {' or '.join(row.who)}" if row.who else ""
        screens.say(f"{row.text} ({row.id}{who}{'' if row.open else '; answered'})")
    if found.next:
        screens.say(found.next)
    _print(found.events, as_json=False)


def _facts(found: ExplainView) -> list[tuple[str, str]]:
    parts = ", ".join(f"{code} {points}" for code, points in found.risk_parts)
    return [
        ("Asked by", f"{found.asked_by}, through {found.runtime}, as {found.actor}"),
        ("Rules", found.contract),
        ("Task", found.task),
        ("Stage", f"{found.stage}; in production: {found.would}" if found.stage else ""),
        ("Risk", f"{found.risk} of 100" + (f" ({parts})" if parts else "")),
        ("At", screens.moment(found.at_ms)),
        ("Now", found.outcome),
        ("Decision", found.decision),
        ("Call", found.call),
        ("Hold", found.hold),
        ("Policy", f"bundle {found.bundle[:12]}"),
    ]


def _why(row: FindingView) -> str:
    notes = ("answered" if row.discharged else "", "recorded only" if row.shadow else "", row.path)
    extra = ", ".join(note for note in notes if note)
    return f"{row.reason} ({extra})" if extra and row.reason else row.reason or extra
