"""``callgate init`` and ``callgate serve``: they run the gate's machinery instead of talking to it."""

import getpass
import shlex
from typing import Annotated

import typer

from callgate.cli import machinery
from callgate.cli.options import HomeOption, PassphraseOption, sub_app
from callgate.cli.people import read_first_passphrase
from callgate.cli.text import safe
from callgate.model.terms import Profile

app = sub_app("The gate.")


@app.command("init")
def init(
    home: HomeOption = None,
    account: Annotated[str, typer.Option("--account", metavar="NAME", help="The first account.")] = "",
    profile: Annotated[Profile, typer.Option("--profile", help="Who may answer what.")] = Profile.SOLO,
    passphrase_fd: PassphraseOption = None,
    git_server: Annotated[
        str, typer.Option("--git-server", metavar="COMMAND", help="An MCP server for Git to try things with.")
    ] = "",
    peer: Annotated[
        list[int] | None,
        typer.Option("--peer", metavar="UID", help="A further user who may reach the gate; needs --socket."),
    ] = None,
    socket: Annotated[
        str, typer.Option("--socket", metavar="PATH", help="The socket in a folder these users can reach.")
    ] = "",
    if_missing: Annotated[
        bool, typer.Option("--if-missing", help="Say nothing of what is there already, nor what comes next.")
    ] = False,
) -> None:
    """Make a home: config, keys, first account, starter policies.

    What is there already is kept. The first account's passphrase is asked for on the terminal; without one it is
    made up and shown once. A Git server gets a scratch repository beside the home.
    """
    name = account or getpass.getuser()
    asked = passphrase_fd is not None or not machinery.place(home).config.exists()
    passphrase = read_first_passphrase(name, passphrase_fd) if asked else None
    report = machinery.init(
        home,
        account=name,
        passphrase=passphrase,
        profile=profile.value,
        git_server=git_server,
        peers=tuple(peer or ()),
        socket=socket,
    )
    lines = report.made
    if not if_missing:
        given = f" --home {shlex.quote(str(home))}" if home is not None else ""
        lines = (
            *(lines or (f"Everything is there already in {report.home}.",)),
            *(f"{line}{given}" for line in report.next),
        )
    for line in lines:
        typer.echo(safe(line))


@app.command("serve")
def serve(
    home: HomeOption = None,
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on instead of the config's.")] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="Port to listen on instead of the config's.")
    ] = None,
) -> None:
    """Run the gate until Ctrl-C."""
    raise typer.Exit(machinery.serve(home, host, port))
