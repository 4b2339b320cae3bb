"""Who acts at which gate: picks the account, asks the passphrase."""

import getpass

from callgate.cli.client import Gate, listed
from callgate.cli.outcome import CommandError
from callgate.cli.people import Person, read_passphrase
from callgate.flow.views.people import AccountView


def account_of(gate: Gate, named: str) -> str:
    """``named``, else the one enabled account, else the one with the name of the person at this machine."""
    if named:
        return named
    subjects = [row.subject for row in listed(gate.get("accounts"), "accounts", AccountView) if not row.disabled]
    if len(subjects) == 1:
        return subjects[0]
    if getpass.getuser() in subjects:
        return getpass.getuser()
    raise CommandError("It is not clear who you are.", f"Add --account with one of: {', '.join(subjects) or '-'}.")


def person(gate: Gate, named: str, passphrase_fd: int | None) -> Person:
    account = account_of(gate, named)
    return Person(account, read_passphrase(f"Passphrase of {account}: ", passphrase_fd))
