"""Options that many commands share."""

from pathlib import Path
from typing import Annotated

import typer


def _remembered(ctx: typer.Context, value: Path | None) -> Path | None:
    """``callgate --home X tools`` means ``callgate tools --home X``."""
    if value is not None:
        ctx.obj = value
    chosen = ctx.obj
    return chosen if isinstance(chosen, Path) else None


HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        metavar="FOLDER",
        callback=_remembered,
        help="The gate's home; otherwise CALLGATE_HOME, then the XDG data folder.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the API's answer as JSON.")]
AccountOption = Annotated[
    str, typer.Option("--account", metavar="NAME", help="Who acts; otherwise the one account there is, or yours.")
]
PassphraseOption = Annotated[
    int | None,
    typer.Option(
        "--passphrase-fd", metavar="N", min=0, help="Read the passphrase from this file descriptor (0 is stdin)."
    ),
]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]
RuntimeOption = Annotated[
    str, typer.Option("--runtime", metavar="NAME", help="Assistant runtime, e.g. codex or claude-code.")
]


def sub_app(summary: str) -> typer.Typer:
    """A group of commands with our settings."""
    return typer.Typer(help=summary, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)
