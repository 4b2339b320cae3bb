"""``callgate integrations``: the systems behind the gate."""

from typing import Annotated

import msgspec
import typer

from callgate.cli import screens
from callgate.cli.acting import person
from callgate.cli.client import Gate, decode, listed
from callgate.cli.cmd_condition import integrations as draw_integrations
from callgate.cli.discovery_screen import agreed, draw_connected, draw_discovery
from callgate.cli.options import (
    AccountOption,
    HomeOption,
    JsonOption,
    PassphraseOption,
    YesOption,
    sub_app,
)
from callgate.cli.outcome import CommandError, Exit
from callgate.cli.tool_table import classified
from callgate.flow.admin import ToolRuling
from callgate.flow.views.integrations import DiscoveryView, IntegrationView, ToolView

app = sub_app("Integrations.")
integrations = sub_app("List, refresh, confirm, apply and remove integrations.")
app.add_typer(integrations, name="integrations")

Name = Annotated[str, typer.Argument(metavar="INTEGRATION", help="Its name, e.g. git.")]


@integrations.command("list")
def list_integrations(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the integrations."""
    reply = Gate(home).get("integrations")
    if as_json:
        screens.dump(reply)
        return
    draw_integrations(listed(reply, "integrations", IntegrationView))


@integrations.command("refresh")
def refresh(name: Name, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Ask the server again and show what changed; changes nothing.

    Exit code 1 when what it says now is not confirmed.
    """
    reply = Gate(home).post("integrations", name, "refresh", body={})
    found = decode(reply, DiscoveryView)
    if as_json:
        screens.dump(reply)
    else:
        draw_discovery(found)
    if not found.confirmed:
        screens.tell(f"Not confirmed. Confirm it with: callgate integrations confirm {name}")
        raise typer.Exit(Exit.NO)


@integrations.command("confirm")
def confirm(
    name: Name,
    account: AccountOption = "",
    passphrase_fd: PassphraseOption = None,
    yes: YesOption = False,
    home: HomeOption = None,
) -> None:
    """Show what the server says now, and confirm it."""
    gate = Gate(home)
    found = decode(gate.post("integrations", name, "refresh", body={}), DiscoveryView)
    by = person(gate, account, passphrase_fd)
    draw_discovery(found)
    if found.confirmed:
        screens.say("These definitions are confirmed already.")
        return
    if not (yes or agreed("Offer these tools to assistants, under the gate's rules?")):
        raise CommandError(
            "Not confirmed: nothing changed.", f"Look again with: callgate integrations confirm {name}", Exit.NO
        )
    confirmed = gate.act("integrations", name, "confirm", by=by, act={"digest": found.digest})
    draw_connected(decode(confirmed, IntegrationView))


@integrations.command("apply")
def apply(
    name: Name,
    despite_schema: Annotated[
        bool, typer.Option("--despite-schema", help="Also below what a tool's arguments and hints say.")
    ] = False,
    account: AccountOption = "",
    passphrase_fd: PassphraseOption = None,
    yes: YesOption = False,
    home: HomeOption = None,
) -> None:
    """Make the tiers that you wrote into the integration's file count.

    Each needs a reason beside it in the file. See callgate tools classify for who may do it.
    """
    gate = Gate(home)
    changes = listed(gate.get("integrations", name, "file"), "changes", ToolRuling)
    if not changes:
        screens.say("The file says what counts already.")
        return
    screens.table(("Tool", "Would be", "Because"), ((one.tool, one.tier, one.reason) for one in changes), empty="")
    missing = [one.tool for one in changes if not one.reason.strip()]
    if missing:
        raise CommandError(f"There is no reason for {missing[0]}.", 'Write reason = "…" below its tier.')
    by = person(gate, account, passphrase_fd)
    if not (yes or agreed(f"Let {screens.count(len(changes), 'tool')} count so from now on?")):
        raise CommandError("Nothing changed.", "", Exit.NO)
    for one in changes:
        wanted = msgspec.structs.replace(one, despite=despite_schema)
        found = decode(gate.act("tools", "classify", by=by, act=wanted), ToolView)
        screens.say(classified(found))


@integrations.command("remove")
def remove(
    name: Name, account: AccountOption = "", passphrase_fd: PassphraseOption = None, home: HomeOption = None
) -> None:
    """Disconnect an integration; its tools are gone at once."""
    gate = Gate(home)
    gate.act("integrations", name, "remove", by=person(gate, account, passphrase_fd), act={})
    screens.say(f"{name} is disconnected.")
