"""``callgate practice``: MCP servers to try things on. They are a package of their own, which nothing here imports."""

from typing import Annotated

import typer

from callgate.cli.options import sub_app
from callgate.cli.quick import practise

app = sub_app("Practice servers.")


@app.command("practice", context_settings={"ignore_unknown_options": True})
def practice(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="WHAT", help="A server's name, or list, snapshot FILE, compare A B."),
    ] = None,
) -> None:
    """Start a practice server, or compare what one held before and after.

    A server takes --http PORT, --state FILE, --seed N and --reset; without --http it speaks on stdin and stdout.
    Exit codes: 0 done, 1 the states differ, 2 usage or a file that is no state.
    """
    practise(words or ["list"])
