"""Running the gate itself: the one door from the command to the composition root, opened only when it is used."""

import os
from collections.abc import Callable
from pathlib import Path

from callgate.adapters.home.place import Home, locate
from callgate.cli.lazy import load
from callgate.flow.views import BackupView, InitReport, RestoreView, VerifyEnd


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


def backup(
    home: str, file: Path, *, passphrase: str | None, force: bool, progress: Callable[[int, int], None]
) -> BackupView:
    view: BackupView = load("callgate.app").backup(
        place(home).root, file, passphrase=passphrase, force=force, progress=progress
    )
    return view


def restore(
    home: str,
    file: Path,
    *,
    passphrase: Callable[[], str],
    keys: Path | None,
    end_logins: bool,
    progress: Callable[[int, int], None],
) -> RestoreView:
    view: RestoreView = load("callgate.app").restore(
        file, place(home).root, passphrase=passphrase, keys=keys, end_logins=end_logins, progress=progress
    )
    return view
