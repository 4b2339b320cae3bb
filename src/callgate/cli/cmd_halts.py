"""``callgate halt``, ``halts`` and ``resume``: the kill switches. Stopping asks for nothing, resuming for a person."""

from typing import Annotated

import typer

from callgate.cli import screens
from callgate.cli.acting import person
from callgate.cli.client import Gate, decode, listed
from callgate.cli.options import AccountOption, HomeOption, JsonOption, PassphraseOption, sub_app
from callgate.cli.outcome import CommandError
from callgate.flow.admin import HaltRequest
from callgate.flow.views.gate import HaltView
from callgate.model.terms import HaltScope

app = sub_app("Kill switches.")


@app.command("halt")
def halt(
    scope: Annotated[
        HaltScope, typer.Argument(metavar="SCOPE", help="What to stop; without it, everything.")
    ] = HaltScope.TENANT,
    what: Annotated[
        str, typer.Argument(metavar="WHAT", help="Its name: git, git/git_commit, an account, a runtime, a task.")
    ] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why, for those who find it stopped.")] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stop everything, or one thing, at once. Asks for no passphrase."""
    if (scope is HaltScope.TENANT) == bool(what):
        hint = "Without a name everything stops: callgate halt" if what else f"Which? callgate halt {scope} NAME"
        raise CommandError(f"A halt of {scope} takes {'no' if what else 'a'} name.", hint)
    reply = Gate(home).post("halts", body=HaltRequest(scope=scope, what=what, reason=reason))
    if as_json:
        screens.dump(reply)
        return
    found = decode(reply, HaltView)
    screens.say(f"Stopped: {screens.halted(found.scope, found.what)}. Lift it with: callgate resume {found.id}")


@app.command("halts")
def halts(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List what is stopped."""
    reply = Gate(home).get("halts")
    if as_json:
        screens.dump(reply)
        return
    screens.cards(
        (
            (
                screens.halted(row.scope, row.what),
                (row.id, f"since {screens.moment(row.at_ms)} by {row.by}", row.reason),
            )
            for row in listed(reply, "halts", HaltView)
        ),
        empty="Nothing is stopped.",
    )


@app.command("resume")
def resume(
    halt_id: Annotated[str, typer.Argument(metavar="HALT", help="Its id, from callgate halts.")],
    account: AccountOption = "",
    passphrase_fd: PassphraseOption = None,
    home: HomeOption = None,
) -> None:
    """Lift a halt."""
    gate = Gate(home)
    by = person(gate, account, passphrase_fd)
    found = decode(gate.act("halts", halt_id, "resume", by=by, act={}), HaltView)
    screens.say(f"No longer stopped: {screens.halted(found.scope, found.what)}.")
