"""Running the gate itself: the one door from the command to the composition root, opened only when it is used."""

import os

from callgate.adapters.home.place import Home, locate
from callgate.cli.lazy import load
from callgate.flow.views import InitReport, VerifyEnd


def place(home: str) -> Home:
    """``home``: what ``--home`` said; empty: where homes stand by default."""
    return locate(os.environ, home)


def serve(home: str, host: str | None, port: int | None) -> int:
    """Runs until it is stopped; the exit code. ConfigError: a setting must change first."""
    return int(load("callgate.app").serve(place(home).root, host=host, port=port))


def init(home: str, *, account: str, passphrase: str | None, profile: str, git_server: str) -> InitReport:
    report: InitReport = load("callgate.app").init(
        place(home).root, account=account, passphrase=passphrase, profile=profile, git_server=git_server
    )
    return report


def verify(home: str, note: str) -> VerifyEnd:
    """The ledger of a home on which no gate runs."""
    end: VerifyEnd = load("callgate.app").verify(place(home).root, note)
    return end
