"""``callgate add`` and ``integrations``: the systems behind the gate."""

import shlex
from typing import Annotated

import typer
from rich.text import Text

from callgate.cli import screens
from callgate.cli.acting import person
from callgate.cli.client import Gate, decode, listed
from callgate.cli.cmd_condition import integrations as draw_integrations
from callgate.cli.options import (
    AccountOption,
    HomeOption,
    JsonOption,
    PassphraseOption,
    YesOption,
    sub_app,
)
from callgate.cli.outcome import CommandError, Exit
from callgate.cli.people import Person
from callgate.cli.tool_table import draw_tools
from callgate.flow.views import DiscoveryView, IntegrationView
from callgate.model.tool import Integration

app = sub_app("Integrations.")
integrations = sub_app("List, refresh, confirm and remove integrations.")
app.add_typer(integrations, name="integrations")

MOST_NAMED = 20
"""Prompts, or templates, that a screen names."""
Asks = Annotated[
    list[str] | None,
    typer.Option(
        "--asks",
        metavar="KIND",
        help="Its server may ask assistants for it inside a call: elicitation, sampling or roots.",
    ),
]
Name = Annotated[str, typer.Argument(metavar="INTEGRATION", help="Its name, e.g. git.")]


@app.command("add")
def add(
    name: Name,
    url: Annotated[str, typer.Option("--url", help="URL of an MCP server over HTTP.")] = "",
    stdio: Annotated[str, typer.Option("--stdio", metavar="COMMAND", help="Command line of a local MCP server.")] = "",
    header: Annotated[
        list[str] | None,
        typer.Option("--header", metavar="NAME=REFERENCE", help="HTTP header as env:NAME or file:PATH."),
    ] = None,
    env: Annotated[
        list[str] | None,
        typer.Option("--env", metavar="NAME=VALUE", help="Variable of the local server; secrets as env: or file:."),
    ] = None,
    readable: Annotated[
        list[str] | None, typer.Option("--readable", metavar="PATH", help="A confined server may read it.")
    ] = None,
    writable: Annotated[
        list[str] | None, typer.Option("--writable", metavar="PATH", help="A confined server may write it.")
    ] = None,
    cwd: Annotated[str, typer.Option("--cwd", metavar="FOLDER", help="Where the local server starts.")] = "",
    unconfined: Annotated[bool, typer.Option("--unconfined", help="Run the local server without confinement.")] = False,
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="The URL may lead to this machine or a private network.")
    ] = False,
    manifest: Annotated[
        str, typer.Option("--manifest", help="Manifest of the catalogue, or none; otherwise the one of that name.")
    ] = "",
    actor: Annotated[str, typer.Option("--actor", help="The account the target sees.")] = "",
    team: Annotated[str, typer.Option("--team", help="The team it belongs to.")] = "",
    asks: Asks = None,
    account: AccountOption = "",
    passphrase_fd: PassphraseOption = None,
    yes: YesOption = False,
    home: HomeOption = None,
) -> None:
    """Connect an integration and confirm its tools.

    Shows what the server offers before anything is offered to an assistant. Exit code 1 when it is not confirmed.
    """
    if bool(url) == bool(stdio):
        raise CommandError("An integration has a --url or a --stdio command.", "Give exactly one.")
    wanted = Integration(
        name=name,
        actor=actor or ("local" if stdio else ""),
        team=team,
        url=url,
        command=_words(stdio),
        environment=_pairs(env, "--env"),
        headers=_references(_pairs(header, "--header")),
        cwd=cwd,
        readable=tuple(readable or ()),
        writable=tuple(writable or ()),
        confined=not unconfined,
        allow_private=allow_private,
        manifest=manifest,
        asks=tuple(asks or ()),
    )
    gate = Gate(home)
    by = person(gate, account, passphrase_fd)
    found = decode(gate.act("integrations", by=by, act=wanted), DiscoveryView)
    _confirm(gate, by, found, yes=yes)


def _words(command: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(command))
    except ValueError:
        raise CommandError("The --stdio command has an open quote.", "Write it as for a shell.") from None


def _pairs(items: list[str] | None, option: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in items or ():
        key, equals, value = item.partition("=")
        if not (key and equals):
            raise CommandError(f"{option} takes NAME=VALUE.", "Quote it when it has spaces.")
        found[key] = value
    return found


def _references(headers: dict[str, str]) -> dict[str, str]:
    """A header is a credential nearly always, and argv is no place for one."""
    if any(not value.startswith(("env:", "file:")) for value in headers.values()):
        raise CommandError("A header's value is a reference.", "Write --header NAME=env:VARIABLE or NAME=file:PATH.")
    return headers


def _confirm(gate: Gate, by: Person, found: DiscoveryView, *, yes: bool) -> None:
    _draw(found)
    if found.confirmed:
        screens.say("These definitions are confirmed already.")
        return
    if not (yes or _agreed(found.integration)):
        raise CommandError(
            "Not confirmed: nothing is offered.",
            f"Look again with: callgate integrations confirm {found.integration}",
            Exit.NO,
        )
    confirmed = decode(
        gate.act("integrations", found.integration, "confirm", by=by, act={"digest": found.digest}), IntegrationView
    )
    prompts = f" and {confirmed.prompts} prompts" if confirmed.prompts else ""
    screens.say(f"{confirmed.name} is connected with {confirmed.tools} tools{prompts}.")


def _agreed(integration: str) -> bool:
    try:
        return typer.confirm("Offer these tools to assistants, under the gate's rules?", default=False, err=True)
    except typer.Abort:
        raise CommandError(
            "Not confirmed: nobody answered.",
            f"Add --yes, or run: callgate integrations confirm {integration} --yes",
            Exit.NO,
        ) from None


def _draw(found: DiscoveryView) -> None:
    screens.headed(
        f"{found.integration}: what its server offers",
        screens.facts(
            (
                ("Server", f"{found.server_name} {found.server_version}"),
                ("Speaks", ", ".join(found.eras)),
                ("Confined", "" if found.confined else "no: it runs with all that the gate's user may do"),
                ("Tells models", screens.lines(found.instructions)),
                ("Digest", found.digest),
            )
        ),
    )
    known = any(tool.pinned for tool in found.tools)
    draw_tools(found.tools, empty="It offers no tools.", new=known)
    for what, names in (("Prompts", found.prompts), ("Resource templates", found.templates)):
        if names:
            screens.say(
                f"{what} ({len(names)}): {', '.join(names[:MOST_NAMED])}{', …' if len(names) > MOST_NAMED else ''}"
            )
    for change in found.changes:
        screens.say(f"Changed: {change}")
    for warning in found.warnings:
        screens.show(Text.assemble(("Warning: ", "yellow"), screens.cell(warning)))


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
        _draw(found)
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
    _confirm(gate, person(gate, account, passphrase_fd), found, yes=yes)


@integrations.command("remove")
def remove(
    name: Name, account: AccountOption = "", passphrase_fd: PassphraseOption = None, home: HomeOption = None
) -> None:
    """Disconnect an integration; its tools are gone at once."""
    gate = Gate(home)
    gate.act("integrations", name, "remove", by=person(gate, account, passphrase_fd), act={})
    screens.say(f"{name} is disconnected.")
