"""``callgate init`` and ``callgate serve``: they run the gate's machinery instead of talking to it."""

import getpass
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from callgate.adapters.home.place import Home, locate
from callgate.cli.lazy import load
from callgate.cli.options import HomeOption, PassphraseOption, sub_app
from callgate.cli.people import read_new_passphrase
from callgate.cli.text import safe
from callgate.model.terms import Profile

app = sub_app("The gate.")


def _place(home: Path | None) -> Home:
    return locate(os.environ, "" if home is None else str(home))


def _machinery() -> Any:
    """The composition root; loading it loads every adapter."""
    return load("callgate.app")


@app.command("init")
def init(
    home: HomeOption = None,
    account: Annotated[str, typer.Option("--account", metavar="NAME", help="The first account.")] = "",
    profile: Annotated[Profile, typer.Option("--profile", help="Who may answer what.")] = Profile.SOLO,
    passphrase_fd: PassphraseOption = None,
) -> None:
    """Make a home: config, keys, first account, starter policies.

    What is there already is kept. The first account's passphrase is asked for on the terminal.
    """
    place = _place(home)
    name = account or getpass.getuser()
    asked = passphrase_fd is not None or not place.config.exists()
    passphrase = read_new_passphrase(name, passphrase_fd) if asked else None
    report = _machinery().init(place.root, account=name, passphrase=passphrase, profile=profile.value)
    lines = report.made or (f"Everything is there already in {report.home}.",)
    for line in (*lines, *report.next):
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
    raise typer.Exit(int(_machinery().serve(_place(home).root, host=host, port=port)))
