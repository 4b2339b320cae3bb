"""``callgate login``, ``logout`` and ``accounts``: who may come in."""

from typing import Annotated

import typer

from callgate.cli import screens
from callgate.cli.acting import person
from callgate.cli.client import Gate, decode, listed
from callgate.cli.options import AccountOption, HomeOption, JsonOption, PassphraseOption, RuntimeOption, sub_app
from callgate.cli.people import read_new_passphrase
from callgate.cli.signing_in import sign_in
from callgate.cli.token_store import OWN_RUNTIME, forget, helper_file, kept, token_file
from callgate.flow.admin import NewAccount, NewPassphrase, TokenRequest
from callgate.flow.views.people import AccountView

app = sub_app("Access.")
accounts = sub_app("List, add and disable local accounts.")
app.add_typer(accounts, name="accounts")

Subject = Annotated[str, typer.Argument(metavar="NAME", help="The account.")]
NewPassphraseOption = Annotated[
    int | None,
    typer.Option("--new-passphrase-fd", metavar="N", min=0, help="Read the new passphrase from this file descriptor."),
]


@app.command("login")
def login(
    runtime: Annotated[
        list[str] | None,
        typer.Option("--runtime", metavar="NAME", help="Assistant runtime, e.g. codex; may be given again."),
    ] = None,
    account: AccountOption = "",
    task: Annotated[str, typer.Option("--task", metavar="ID", help="Bind the token to this open task.")] = "",
    integration: Annotated[
        list[str] | None,
        typer.Option("--integration", metavar="NAME", help="Only these integrations; may be given again."),
    ] = None,
    hours: Annotated[int, typer.Option("--hours", min=1, max=24, help="How long the token lasts.")] = 8,
    passphrase_fd: PassphraseOption = None,
    home: HomeOption = None,
) -> None:
    """Sign in and keep a token for an assistant runtime.

    The token stands in a file of yours that only you can read; callgate token prints it.
    """
    gate = Gate(home)
    runtimes = runtime or [OWN_RUNTIME]
    for name in runtimes:
        token_file(name)
    by = person(gate, account, passphrase_fd)
    for name in runtimes:
        want = TokenRequest(runtime=name, task=task, integrations=tuple(integration or ()), hours=hours)
        found = sign_in(gate, by, want)
        screens.say(
            f"Signed in as {found.account} for {name} until {screens.moment(found.expires_ms)}. "
            f"Endpoint: {found.endpoint}/<integration>"
        )
        if name != OWN_RUNTIME:
            screens.say(f"  Header helper for its configuration: {helper_file(name)}")


@app.command("logout")
def logout(runtime: RuntimeOption = OWN_RUNTIME, home: HomeOption = None) -> None:
    """Revoke a runtime's token and forget it."""
    found = kept(runtime)
    Gate(home).post("tokens", "revoke", body={"credential": found.credential})
    forget(runtime)
    screens.say(f"The token for {runtime} is revoked and forgotten.")


@accounts.command("list")
def list_accounts(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the accounts."""
    reply = Gate(home).get("accounts")
    if as_json:
        screens.dump(reply)
        return
    rows = listed(reply, "accounts", AccountView)
    screens.table(
        ("Account", "Name", "Roles", "Team", "Since", "Notes"),
        (
            (
                row.subject,
                row.name,
                ", ".join(row.roles),
                row.team,
                screens.moment(row.created_ms),
                "disabled" if row.disabled else "",
            )
            for row in rows
        ),
        empty="There is no account.",
    )


@accounts.command("add")
def add_account(
    subject: Subject,
    name: Annotated[str, typer.Option("--name", help="The person's name.")] = "",
    team: Annotated[str, typer.Option("--team", help="The person's team.")] = "",
    account: AccountOption = "",
    passphrase_fd: PassphraseOption = None,
    new_passphrase_fd: NewPassphraseOption = None,
    home: HomeOption = None,
) -> None:
    """Add an account. Asks for your passphrase, then for the new one. Roles are bound in rules.toml of the policy."""
    gate = Gate(home)
    by = person(gate, account, passphrase_fd)
    new = NewAccount(
        subject=subject,
        passphrase=read_new_passphrase(subject, new_passphrase_fd),
        name=name,
        team=team,
    )
    decode(gate.act("accounts", by=by, act=new), AccountView)
    screens.say(f"Account {subject} is added.")


@accounts.command("disable")
def disable_account(
    subject: Subject, account: AccountOption = "", passphrase_fd: PassphraseOption = None, home: HomeOption = None
) -> None:
    """Disable an account; its tokens end with the next call."""
    gate = Gate(home)
    gate.act("accounts", subject, "disable", by=person(gate, account, passphrase_fd), act={})
    screens.say(f"Account {subject} is disabled.")


@accounts.command("passphrase")
def change_passphrase(
    subject: Subject,
    account: AccountOption = "",
    passphrase_fd: PassphraseOption = None,
    new_passphrase_fd: NewPassphraseOption = None,
    home: HomeOption = None,
) -> None:
    """Give an account a new passphrase."""
    gate = Gate(home)
    by = person(gate, account, passphrase_fd)
    new = NewPassphrase(passphrase=read_new_passphrase(subject, new_passphrase_fd))
    gate.act("accounts", subject, "passphrase", by=by, act=new)
    screens.say(f"Account {subject} has a new passphrase.")
