"""``callgate learn``: everyday rules proposed from calls that ran."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from callgate.cli import screens
from callgate.cli.client import Gate, decode
from callgate.cli.options import HomeOption, JsonOption, sub_app
from callgate.cli.outcome import CommandError
from callgate.cli.progress import followed
from callgate.cli.since import since_ms
from callgate.flow.admin import LearnRequest
from callgate.flow.views.learning import LearnEnd

app = sub_app("Learning.")


@app.command("learn")
def learn(
    team: Annotated[str, typer.Option("--team", help="Whose rules; needed when there are several teams.")] = "",
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="E.g. 12h, 7d, or 2026-01-31T12:00.")] = "7d",
    integration: Annotated[
        list[str] | None,
        typer.Option("--integration", metavar="NAME", help="Only its calls; the rules of others stay as they are."),
    ] = None,
    owner: Annotated[
        str, typer.Option("--owner", metavar="ACCOUNT", help="Who shall own the rules; otherwise as now.")
    ] = "",
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write them there.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Propose everyday rules from calls that ran.

    Prints a contract whose comments give the figures: what was used, what is left out, and what of the same calls
    would have waited under it. Changes nothing: it is in force when its owner has added it with callgate contract add.
    """
    want = LearnRequest(team=team, since_ms=since_ms(since), integrations=tuple(integration or ()), owner=owner)
    reply = msgspec.json.encode(followed(Gate(home), "contracts", "learn", body=want, what="Learning"))
    found = decode(reply, LearnEnd)
    if output is not None:
        _keep(found.text, output)
    if as_json:
        screens.dump(reply)
    elif output is None:
        typer.echo(found.text, nl=False)
    _tell(found, output)


def _keep(text: str, file: Path) -> None:
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError:
        raise CommandError(f"{file} is there already.", "Choose another name, or move it away.") from None
    except OSError as fault:
        raise CommandError(f"{file} cannot be written: {fault.strerror}.") from None


def _tell(found: LearnEnd, file: Path | None) -> None:
    total = dict.fromkeys(("allow", "narrow", "hold", "deny", "unknown"), 0)
    for row in found.replayed:
        total[row.effect] += row.calls
    screens.tell(
        f"Of {screens.count(found.span.calls, 'call')}, {total['allow'] + total['narrow']} would run under these rules, "
        f"{total['hold']} would wait for people, {total['deny']} would be stopped, {total['unknown']} cannot be judged again."
    )
    name = str(file) if file is not None else "FILE"
    screens.tell(f"Read it, change what you like, then: callgate contract check {name}; callgate contract add {name}")
