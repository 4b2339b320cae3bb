"""``callgate service``: the gate as a service of this machine, with a user of its own."""

import os
import pwd
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from callgate.cli import machinery, screens
from callgate.cli.options import JsonOption, PassphraseOption, sub_app
from callgate.cli.outcome import CommandError
from callgate.flow.views.home import ServiceView

app = sub_app("Services.")
service = sub_app("Run the gate as a service of this machine, with a user of its own.")
app.add_typer(service, name="service")

UserOption = Annotated[str, typer.Option("--user-name", metavar="NAME", help="The gate's own user.")]


@service.command("install")
def install(
    user_name: UserOption = "callgate",
    service_home: Annotated[
        Path | None, typer.Option("--home", metavar="FOLDER", help="The gate's home; else /var/lib/NAME/home.")
    ] = None,
    account: Annotated[str, typer.Option("--account", metavar="NAME", help="The first account.")] = "",
    person: Annotated[
        list[str] | None,
        typer.Option("--person", metavar="NAME", help="A user of this machine who may reach the gate; repeatable."),
    ] = None,
    path: Annotated[
        list[Path] | None,
        typer.Option("--path", metavar="FOLDER", help="A folder that stdio servers may change; repeatable."),
    ] = None,
    no_jit: Annotated[
        bool, typer.Option("--no-jit", help="Deny executable memory. Servers in JavaScript do not start then.")
    ] = False,
    start: Annotated[bool, typer.Option("--start/--no-start", help="Start it now and with the machine.")] = True,
    show: Annotated[bool, typer.Option("--print", help="Print the unit and do nothing.")] = False,
    passphrase_fd: PassphraseOption = None,
) -> None:
    """Make the user, the home with its first account, and a hardened systemd unit; start it.

    Needs root, but for --print. A second run writes the unit anew and keeps the rest. People reach the gate through
    /run/NAME/gate.sock; each names an operating-system user with --person, you among them when you use sudo.
    """
    home = str((service_home or Path("/var/lib") / user_name / "home").absolute())
    program = str(Path(sys.prefix) / "bin" / "callgate")
    writable = tuple(str(one.absolute()) for one in path or ())
    if show:
        typer.echo(machinery.service_unit(user_name, home, program, writable, no_jit=no_jit), nl=False)
        return
    names = person or ([os.environ["SUDO_USER"]] if os.environ.get("SUDO_USER", "root") != "root" else [])
    first = account or (names[0] if names else "")
    if not first:
        raise CommandError("It is not clear who the first account is of.", "Name it with --account.")
    found = machinery.service_install(
        user_name,
        home,
        program,
        writable,
        no_jit=no_jit,
        account=first,
        people=tuple(_uid(name) for name in names),
        passphrase_fd=passphrase_fd,
        start=start,
    )
    for line in found.done:
        screens.say(line)
    screens.say(f"Each person, from their own user: callgate login. The socket is {found.socket}")


@service.command("uninstall")
def uninstall(user_name: UserOption = "callgate") -> None:
    """Stop the service and remove its unit. Home and user stay."""
    for line in machinery.service_uninstall(user_name).done:
        screens.say(line)


@service.command("status")
def status(user_name: UserOption = "callgate", as_json: JsonOption = False) -> None:
    """Is it installed, does it run, where is its socket."""
    found: ServiceView = machinery.service_status(user_name)
    if as_json:
        screens.dump(msgspec.json.encode(found))
        return
    screens.show(screens.facts([("Unit", found.unit), ("State", found.state), ("Socket", found.socket)]))


def _uid(name: str) -> int:
    if name.isdecimal():
        return int(name)
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        raise CommandError(f"There is no user {name} on this machine.") from None
