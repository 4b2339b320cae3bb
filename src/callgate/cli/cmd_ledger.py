"""``callgate ledger``: proofs of what happened."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from callgate.cli import machinery, screens
from callgate.cli.client import Gate, decode
from callgate.cli.options import HomeOption, JsonOption, sub_app
from callgate.cli.outcome import CommandError, Exit, NoGateError
from callgate.cli.progress import followed
from callgate.cli.text import safe_json
from callgate.flow.views.ledger import CheckpointView, ExportView, ProofView, VerifyEnd

app = sub_app("The ledger.")
ledger = sub_app("Verify, prove, export; the signed checkpoint.")
app.add_typer(ledger, name="ledger")

_MAX_NOTE = 64 * 1024
OutOption = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write it there instead.")]


@ledger.command("verify")
def verify(
    checkpoint: Annotated[
        Path | None,
        typer.Option("--checkpoint", metavar="FILE", help="A checkpoint you kept elsewhere; finds lost events."),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read all events and check them against tree and signature; also on a home where no gate runs.

    Exit code 1, and the first bad event, when they do not verify. Without a checkpoint of your own this shows
    internal consistency only.
    """
    note = "" if checkpoint is None else _note(checkpoint)
    try:
        found = decode(
            msgspec.json.encode(followed(Gate(home), "ledger", "verify", body={"note": note}, what="The verification")),
            VerifyEnd,
        )
    except NoGateError:
        if not machinery.place(home).config.exists():
            raise
        found = machinery.verify(home, note)
    if as_json:
        screens.dump(msgspec.json.encode(found))
    elif found.ok:
        screens.say(f"{screens.count(found.events, 'event')} verified ({found.consistency}). Root {found.root}")
    else:
        screens.say(f"The ledger does not verify: {_place(found)}{found.problem}")
        if note:
            screens.say("Was a backup restored since? Then this is what it looks like: callgate events --kind restored")
    if not found.ok:
        raise typer.Exit(Exit.NO)


def _place(found: VerifyEnd) -> str:
    if found.bad_index < 0:
        return ""
    exact = f"event {found.bad_index} ({found.bad_event}): "
    return exact if found.bad_event else f"from event {found.bad_index} on: "


def _note(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(_MAX_NOTE).decode()
    except (OSError, UnicodeDecodeError):
        raise CommandError(
            f"{file} holds no checkpoint that can be read.", "It is the text of a signed note."
        ) from None


@ledger.command("checkpoint")
def checkpoint(out: OutOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Print the newest signed checkpoint. Keep it on another machine."""
    reply = Gate(home).get("ledger", "checkpoint")
    found = decode(reply, CheckpointView)
    if as_json:
        screens.dump(reply)
    else:
        _give(found.note, out, f"The checkpoint of {screens.count(found.size, 'event')} is in")


@ledger.command("proof")
def proof(
    event: Annotated[str, typer.Argument(metavar="EVENT", help="Its id.")],
    out: OutOption = None,
    home: HomeOption = None,
) -> None:
    """Print the proof that an event is in the ledger, for the offline verifier (JSON)."""
    found = decode(Gate(home).get("ledger", "proof", event), ProofView)
    text = safe_json(msgspec.json.format(found.proof, indent=2)).rstrip("\n") + "\n"
    _give(text, out, f"The proof of {found.event} is in")


def _give(text: str, out: Path | None, sentence: str) -> None:
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as fault:
        raise CommandError(f"{out} cannot be written: {fault.strerror}.") from None
    screens.say(f"{sentence} {out}")


@ledger.command("export")
def export(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Empty, or not there yet.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write events, tiles and checkpoint into a folder, for the offline verifier."""
    reply = Gate(home).post("ledger", "export", body={"folder": str(folder.absolute())})
    if as_json:
        screens.dump(reply)
        return
    found = decode(reply, ExportView)
    screens.say(
        f"Written to {found.folder}: {screens.count(found.events, 'event')} in {screens.count(found.files, 'file')}"
    )
