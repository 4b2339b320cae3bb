"""``callgate holds``: what waits for people, and their answers. An approver reads it in thirty seconds."""

from typing import Annotated

import typer
from rich.text import Text

from callgate.cli import screens
from callgate.cli.acting import account_of
from callgate.cli.client import Gate, decode, listed
from callgate.cli.options import AccountOption, HomeOption, JsonOption, PassphraseOption, sub_app
from callgate.cli.outcome import CommandError, Exit
from callgate.cli.people import Person, read_passphrase
from callgate.cli.text import safe
from callgate.flow.admin import Ballot
from callgate.flow.views.holds import ArgumentView, HoldDetail, HoldView, QuestionView, VoteView

app = sub_app("Holds.")
holds = sub_app("See and answer what waits for people.")
app.add_typer(holds, name="holds")

HoldId = Annotated[str, typer.Argument(metavar="HOLD", help="Its id.")]
DigestOption = Annotated[
    str, typer.Option("--digest", metavar="HEX", help="Only if the hold is still exactly this; see holds show.")
]


@holds.command("list")
def list_holds(
    every: Annotated[bool, typer.Option("--all", help="Ended ones too.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what waits."""
    reply = Gate(home).get("holds", state="" if every else "open")
    if as_json:
        screens.dump(reply)
        return
    screens.cards(
        ((row.sentence, _lines(row)) for row in listed(reply, "holds", HoldView)), empty="Nothing waits for anybody."
    )


def _lines(row: HoldView) -> tuple[str, ...]:
    if row.state == "open":
        state = f"waits for {', '.join(row.waiting_for)} until {screens.until(row.expires_ms)}"
    else:
        state = " ".join(part for part in (row.state, row.ended) if part)
    return row.id, f"{state}; asked by {row.asked_by}, through {row.runtime}"


@holds.command("show")
def show(hold: HoldId, account: AccountOption = "", home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show one hold: the call, why it waits, who asks, what it would do."""
    reply = Gate(home).get("holds", hold, viewer=account)
    if as_json:
        screens.dump(reply)
        return
    _draw(decode(reply, HoldDetail))


@holds.command("approve")
def approve(
    hold: HoldId,
    question: Annotated[
        list[str] | None,
        typer.Option("--question", metavar="ID", help="Answer only this one; otherwise all that are yours."),
    ] = None,
    digest: DigestOption = "",
    account: AccountOption = "",
    passphrase_fd: PassphraseOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a hold, ask for your passphrase, and approve what was shown.

    Exit code 3 when somebody else must still answer.
    """
    gate = Gate(home)
    by, shown = _shown(gate, hold, account, passphrase_fd, digest, quiet=as_json)
    ballot = Ballot(digest=shown.digest, questions=tuple(question or ()))
    reply = gate.act("holds", hold, "approve", by=by, act=ballot)
    found = decode(reply, VoteView)
    _ended(reply, found, as_json=as_json)
    if found.open:
        raise typer.Exit(Exit.PENDING)


@holds.command("deny")
def deny(
    hold: HoldId,
    reason: Annotated[
        str, typer.Option("--reason", metavar="CODE", help="E.g. not_meant, wrong_target.")
    ] = "not_meant",
    digest: DigestOption = "",
    account: AccountOption = "",
    passphrase_fd: PassphraseOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a hold, ask for your passphrase, and deny it; nothing will run."""
    gate = Gate(home)
    by, shown = _shown(gate, hold, account, passphrase_fd, digest, quiet=as_json)
    reply = gate.act("holds", hold, "deny", by=by, act=Ballot(digest=shown.digest, reason=reason))
    _ended(reply, decode(reply, VoteView), as_json=as_json)


def _shown(
    gate: Gate, hold: str, named: str, passphrase_fd: int | None, digest: str, *, quiet: bool
) -> tuple[Person, HoldDetail]:
    """The hold as this person was shown it, before the passphrase is asked for."""
    account = account_of(gate, named)
    found = decode(gate.get("holds", hold, viewer=account), HoldDetail)
    if digest and digest != found.digest:
        raise CommandError("The hold is not what that digest says.", f"Look again with: callgate holds show {hold}")
    if not quiet:
        _draw(found)
    if found.hold.state != "open":
        raise CommandError(f"It is {found.hold.state} already.", "There is nothing to answer.", Exit.NO)
    return Person(account, read_passphrase(f"Passphrase of {account}: ", passphrase_fd)), found


def _ended(reply: bytes, found: VoteView, *, as_json: bool) -> None:
    if as_json:
        screens.dump(reply)
        return
    alone = " You answered alone; it is marked so." if found.alone else ""
    screens.say(
        f"{screens.count(len(found.answered), 'question')} answered; the hold is {found.state}. {found.next}{alone}"
    )


def _draw(found: HoldDetail) -> None:
    hold = found.hold
    task = f', for "{found.task_title}"' if found.task_title else ""
    screens.show(
        Text(safe(hold.sentence), "bold"),
        screens.facts(
            (
                ("Why it waits", screens.lines("\n".join(hold.why))),
                ("Who asks", f"{hold.asked_by}, through {hold.runtime}, as {found.actor}{task}"),
                ("Can it be undone", found.undo),
                ("Questions", screens.lines("\n".join(_question(item) for item in found.questions))),
                ("State", Text("") if hold.state == "open" else screens.mark(hold.state)),
                ("It ended by", hold.ended if hold.ended != hold.state else ""),
                ("Until", screens.until(hold.expires_ms) if hold.state == "open" else ""),
            )
        ),
        Text(""),
        Text("Every argument (* is not in the sentence above; out: data leaves or the effect is aimed by it)", "bold"),
        screens.facts(((_name(item), item.value) for item in found.arguments), skip_empty=False),
        Text(""),
        screens.facts(
            (
                ("Call", f"{hold.integration}/{hold.tool}, {found.call}"),
                ("Touches", screens.lines("\n".join(found.targets))),
                ("Rules", found.contract),
                ("Risk", f"{found.risk} of 100"),
                ("Also bound", found.state_pin),
                ("Hold", hold.id),
                ("Digest", found.digest),
            )
        ),
    )


def _question(item: QuestionView) -> str:
    who = " or ".join(item.who) or "nobody can answer"
    need = f", {item.quorum} of them" if item.quorum > 1 else ""
    said = f"; yes from {', '.join(item.yes)}" if item.yes else ""
    return f"{item.text} ({item.id}: {who}{need}{said}{'' if item.open else '; answered'})"


def _name(item: ArgumentView) -> str:
    marks = ("" if item.shown else "*", "out" if item.sink else "", "sensitive" if item.sensitive else "")
    return " ".join((safe(item.path), *filter(None, marks)))
