"""``callgate reload``, ``backup`` and ``restore``: what an operator does to a gate as a whole."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

from callgate.cli import machinery, screens
from callgate.cli.client import Gate, decode
from callgate.cli.options import HomeOption, JsonOption, PassphraseOption, sub_app
from callgate.cli.people import read_new_passphrase, read_passphrase
from callgate.flow.views.gate import ReloadView
from callgate.flow.views.home import KeptLog

app = sub_app("Running a gate.")
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The backup.")]


@app.command("reload")
def reload(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Make the settings of config.toml live, all of them or none.

    Only addresses, limits and the log can change while the gate runs; for anything else this says which key needs a
    restart, and changes nothing. Calls under way are not disturbed.
    """
    reply = Gate(home).post("reload", body={})
    if as_json:
        screens.dump(reply)
        return
    found = decode(reply, ReloadView)
    if found.keys:
        screens.say(f"Changed: {', '.join(found.keys)}. Listening on {found.listening}")
    else:
        screens.say("No setting changed.")


@app.command("backup")
def backup(
    file: FileArgument,
    with_keys: Annotated[
        bool, typer.Option("--with-keys", help="Keep keys and secrets too, and encrypt all of it under a passphrase.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    passphrase_fd: PassphraseOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the home into one file, while the gate runs or not.

    It holds ledgers, keys of calls, accounts, config, policies, contracts and manifests, all of one moment. Run it
    as the gate's user. Without --with-keys the gate's own keys and its folders secrets and adopted are not in it: keep
    them apart, a restore needs the keys. Prints the checkpoint it holds.
    """
    passphrase = read_new_passphrase("this backup", passphrase_fd) if with_keys else None
    with _bar() as progress:
        found = machinery.backup(home, file, passphrase=passphrase, force=force, progress=progress)
    if as_json:
        screens.dump(msgspec.json.encode(found))
        return
    kind = "with keys, encrypted" if found.with_keys else "without the gate's own keys: keep those apart"
    screens.say(f"Written to {found.file}: {found.bytes} bytes, {kind}.")
    for name in found.left_out:
        screens.say(f"Left out, as it is no plain file: {name}")
    if found.kept_back:
        screens.say(
            f"Not in it, as it is not encrypted: {', '.join(found.kept_back)}. Keep them apart, or add --with-keys."
        )
    _checkpoints(found.logs)


@app.command("restore")
def restore(
    file: FileArgument,
    keys: Annotated[
        Path | None, typer.Option("--keys", metavar="FOLDER", help="The gate's own keys, for a backup without them.")
    ] = None,
    end_logins: Annotated[
        bool, typer.Option("--end-logins", help="Make a new issuer key: no token of before works any more.")
    ] = False,
    passphrase_fd: PassphraseOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a home from a backup.

    The home is a new folder, or an empty one. Everything is verified before it is there: the file, the databases, the
    ledger against the backup's own checkpoint, the keys. What was decided, revoked or erased after the backup is not known to the restored gate.
    """
    with _bar() as progress:
        found = machinery.restore(
            home,
            file,
            passphrase=lambda: read_passphrase("Passphrase of the backup: ", passphrase_fd),
            keys=keys,
            end_logins=end_logins,
            progress=progress,
        )
    if as_json:
        screens.dump(msgspec.json.encode(found))
        return
    screens.say(f"Restored to {found.home}, as of {screens.moment(found.taken_ms)}. Nothing runs yet: callgate serve")
    if found.voided:
        screens.say(f"Approved calls that may have run since, and were ended: {found.voided}. Look at their targets.")
    if not end_logins:
        screens.say("Logins that were revoked after the backup work again until they are over; see --end-logins.")
    _checkpoints(found.logs)


def _checkpoints(logs: tuple[KeptLog, ...]) -> None:
    for log in logs:
        screens.say(f"Tenant {log.tenant}: {screens.count(log.size, 'event')}, root {log.root}. Checkpoint:")
        typer.echo(log.note, nl=False)


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None]]:
    """Draws bytes on stderr when it is a terminal, from the first one on: a passphrase may be typed before."""
    screen = screens.console(err=True)
    columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal)
    row = bar.add_task("", total=None)

    def told(done: int, size: int) -> None:
        bar.start()
        bar.update(row, completed=done, total=size)

    try:
        yield told
    finally:
        bar.stop()
