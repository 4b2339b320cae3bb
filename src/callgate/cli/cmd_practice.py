"""``callgate practice``: MCP servers to try things on. They are a package of their own, which nothing here imports."""

from typing import Annotated

import typer

from callgate.cli.options import sub_app
from callgate.cli.quick import practise

app = sub_app("Practice servers.")


@app.command("practice")
def practice(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="WHAT", help="A server's name, or list, snapshot FILE, compare BEFORE AFTER."),
    ] = None,
    http: Annotated[
        int | None,
        typer.Option("--http", metavar="PORT", help="Streamable HTTP on 127.0.0.1 instead of stdio; 0: a free port."),
    ] = None,
    state: Annotated[
        str, typer.Option("--state", metavar="FILE", help="Keep the server's state here; otherwise in memory.")
    ] = "",
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", help="Another world: other ids, the same shape.")
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Begin with the default world again.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="snapshot: with times and versions.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="list and compare: print JSON.")] = False,
) -> None:
    """Start a practice server, or compare what one held before and after.

    Exit codes: 0 done, 1 the states differ, 2 usage or a file that is no state.
    """
    values = {"--http": http, "--state": state or None, "--seed": seed}
    flags = {"--reset": reset, "--all": everything, "--json": as_json}
    found = [word for name, value in values.items() if value is not None for word in (name, str(value))]
    practise([*(words or ["list"]), *found, *(name for name, said in flags.items() if said)])
