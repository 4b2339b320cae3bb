"""``callgate add``: connect a server, after one look and one yes."""

import re
import shlex
from typing import Annotated

import msgspec
import typer

from callgate.cli import screens
from callgate.cli.acting import person
from callgate.cli.client import Gate, decode
from callgate.cli.discovery_screen import agreed, draw_added, draw_discovery
from callgate.cli.options import AccountOption, HomeOption, JsonOption, PassphraseOption, YesOption, sub_app
from callgate.cli.outcome import CommandError, Exit
from callgate.cli.working import working
from callgate.flow.admin import NewIntegration
from callgate.flow.views.integrations import AddedView, DiscoveryView
from callgate.model.tool import Integration

app = sub_app("Connecting.")

_REFERENCE = re.compile(r"(?:[A-Za-z][A-Za-z0-9-]* )?(?:env|file):\S.*")
Name = Annotated[str, typer.Argument(metavar="INTEGRATION", help="Its name, e.g. git.")]
Header = Annotated[
    list[str] | None,
    typer.Option("--header", metavar="NAME=REFERENCE", help="HTTP header as env:NAME or file:PATH."),
]
Variable = Annotated[
    list[str] | None,
    typer.Option("--env", metavar="NAME=VALUE", help="Variable of the local server; secrets as env: or file:."),
]
Readable = Annotated[
    list[str] | None, typer.Option("--readable", metavar="PATH", help="A confined server may read it.")
]
Writable = Annotated[
    list[str] | None, typer.Option("--writable", metavar="PATH", help="A confined server may write it.")
]
_EVERYDAY = typer.Option(
    "--everyday", metavar="TIER", help="What everyday rules shall allow in it: read, draft, execute or none."
)
_MANIFEST = typer.Option(
    "--manifest",
    help="Manifest of the catalogue, also with its variant (gmail/workspace), or none; otherwise the one for that name, address or program.",
)
_BREADTH = typer.Option(
    "--breadth",
    metavar="HOW",
    help="How far its searches may reach: targets (only what is named) or global (all that the account sees).",
)
Asks = Annotated[
    list[str] | None,
    typer.Option(
        "--asks",
        metavar="KIND",
        help="Its server may ask assistants for it inside a call: elicitation, sampling or roots.",
    ),
]


@app.command("add")
def add(
    name: Name,
    url: Annotated[str, typer.Option("--url", help="URL of an MCP server over HTTP.")] = "",
    stdio: Annotated[str, typer.Option("--stdio", metavar="COMMAND", help="Command line of a local MCP server.")] = "",
    header: Header = None,
    env: Variable = None,
    readable: Readable = None,
    writable: Writable = None,
    cwd: Annotated[str, typer.Option("--cwd", metavar="FOLDER", help="Where the local server starts.")] = "",
    unconfined: Annotated[bool, typer.Option("--unconfined", help="Run the local server without confinement.")] = False,
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="The URL may lead to this machine or a private network.")
    ] = False,
    manifest: Annotated[str, _MANIFEST] = "",
    everyday: Annotated[str, _EVERYDAY] = "read",
    breadth: Annotated[str, _BREADTH] = "",
    actor: Annotated[str, typer.Option("--actor", help="The account the target sees.")] = "",
    team: Annotated[str, typer.Option("--team", help="The team it belongs to.")] = "",
    asks: Asks = None,
    account: AccountOption = "",
    passphrase_fd: PassphraseOption = None,
    yes: YesOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Connect an integration: look, show, ask once.

    Shown are its tools with their tiers, what decided each, and the rules for them.

    Nothing is in force before the answer, and a no leaves nothing behind: exit code 1. With --json nothing is asked;
    it is connected with --yes only.
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
    _connect(
        Gate(home),
        NewIntegration(integration=wanted, everyday=everyday, breadth=breadth),
        account,
        passphrase_fd,
        yes=yes,
        data=as_json,
    )


def _connect(
    gate: Gate, want: NewIntegration, account: str, passphrase_fd: int | None, *, yes: bool, data: bool
) -> None:
    by = person(gate, account, passphrase_fd)
    name = want.integration.name
    with working(f"Connecting {name} and reading what it offers"):
        looked = gate.act("integrations", "look", by=by, act=want, slow=True)
    found = decode(looked, DiscoveryView)
    if not data:
        draw_discovery(found)
    if not (yes or (not data and agreed("Connect it with these tools, tiers and rules?"))):
        if data:
            screens.dump(_both(looked, b"null"))
            raise typer.Exit(Exit.NO)
        raise CommandError(f"{name} is not connected: nothing was kept.", "", Exit.NO)
    token = found.rules.token if found.rules is not None else ""
    agreed_to = msgspec.structs.replace(want, digest=found.digest, rules=token)
    with working(f"Connecting {name}"):
        reply = gate.act("integrations", by=by, act=agreed_to, slow=True)
    if data:
        screens.dump(_both(looked, reply))
        return
    draw_added(decode(reply, AddedView), found)


def _both(looked: bytes, added: bytes) -> bytes:
    """``added`` is null when it was only looked at."""
    return b'{"found":%b,"added":%b}' % (looked, added)


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
    if not all(_REFERENCE.fullmatch(value) for value in headers.values()):
        raise CommandError(
            "A header's value is a reference.",
            "Write --header NAME=env:VARIABLE or NAME=file:PATH; a scheme may stand before it.",
        )
    return headers
