"""``callgate tools diff`` and ``callgate tools confirm``: what servers changed since a person confirmed it."""

from typing import Annotated

import msgspec
import typer

from callgate.cli import screens
from callgate.cli.acting import person
from callgate.cli.client import Gate, decode, listed
from callgate.cli.discovery_screen import agreed
from callgate.cli.drift_screen import draw_drift, names
from callgate.cli.options import AccountOption, HomeOption, JsonOption, PassphraseOption, YesOption
from callgate.cli.outcome import CommandError, Exit
from callgate.core.visible import visible
from callgate.flow.views.drift import DriftView
from callgate.flow.views.integrations import IntegrationView


def diff(
    integration: Annotated[str, typer.Argument(metavar="INTEGRATION", help="Only this one.")] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask servers what they say of themselves now, and show what is not as it was confirmed; changes nothing.

    Exit code 1 when something is not confirmed, 2 when a server could not be asked.
    """
    gate = Gate(home)
    found, failed = _asked(gate, integration)
    if as_json:
        screens.dump(msgspec.json.encode({"drift": found}))
    for one in () if as_json else found:
        draw_drift(one)
    if not found and not failed:
        screens.tell("Nothing is confirmed yet. Connect an integration: callgate add")
    waiting = [one.integration for one in found if not one.confirmed]
    for name in waiting:
        screens.tell(f"Confirm it with: callgate tools confirm {name}")
    if failed:
        raise typer.Exit(Exit.USAGE)
    if waiting:
        raise typer.Exit(Exit.NO)


def _asked(gate: Gate, only: str) -> tuple[list[DriftView], bool]:
    """(what changed, whether one could not be asked)."""
    if only:
        return [_look(gate, only)], False
    found, failed = [], False
    for row in listed(gate.get("integrations"), "integrations", IntegrationView):
        if row.confirmed_ms:
            try:
                found.append(_look(gate, row.name))
            except CommandError as fault:
                failed = True
                screens.tell(f"{row.name}: {fault}")
    return found, failed


def _look(gate: Gate, name: str) -> DriftView:
    return decode(gate.post("integrations", name, "diff", body={}), DriftView)


def confirm(
    integration: Annotated[str, typer.Argument(metavar="INTEGRATION", help="Its name, e.g. git.")],
    tool: Annotated[
        list[str] | None, typer.Option("--tool", metavar="NAME", help="Only this one, as the diff names it.")
    ] = None,
    account: AccountOption = "",
    passphrase_fd: PassphraseOption = None,
    yes: YesOption = False,
    home: HomeOption = None,
) -> None:
    """Show what changed, and confirm it: from then on it is what models read and what calls are judged by.

    With --tool the rest stays as it was confirmed. In force at once, without a restart.
    """
    gate = Gate(home)
    found = _look(gate, integration)
    if not found.pinned:
        raise CommandError(
            "Nothing of it is confirmed yet.", f"Look at all of it: callgate integrations confirm {integration}"
        )
    wanted = tuple(tool or ())
    unknown = [visible(name) for name in wanted if name not in names(found)]
    if unknown:
        raise CommandError(f"{unknown[0]} did not change.", f"See what did: callgate tools diff {integration}")
    draw_drift(_only(found, wanted))
    if found.confirmed:
        screens.say("There is nothing to confirm.")
        return
    by = person(gate, account, passphrase_fd)
    if not (yes or agreed("Let this be what counts from now on?")):
        raise CommandError("Not confirmed: nothing changed.", "", Exit.NO)
    gate.act("integrations", integration, "confirm", by=by, act={"digest": found.seen, "tools": wanted})
    what = screens.count(len(wanted), "definition") if wanted else "what its server says now"
    screens.say(f"{integration}: {what} counts from now on.")


def _only(found: DriftView, wanted: tuple[str, ...]) -> DriftView:
    if not wanted:
        return found
    return msgspec.structs.replace(
        found,
        changes=tuple(change for change in found.changes if change.name in wanted),
        findings=tuple(one for one in found.findings if one.name in wanted),
        warnings=(),
    )
