"""``callgate stdio``: for assistants that start their MCP servers as programs."""

from pathlib import Path
from typing import Annotated

import typer

from callgate.cli.options import RuntimeOption, sub_app
from callgate.cli.quick import stdio as relay
from callgate.cli.token_store import OWN_RUNTIME

app = sub_app("MCP on stdin and stdout.")


@app.command("stdio")
def stdio(
    integration: Annotated[
        str, typer.Argument(metavar="INTEGRATION", help="E.g. git; without one, all of yours at once.")
    ] = "",
    runtime: RuntimeOption = OWN_RUNTIME,
    task: Annotated[str, typer.Option("--task", metavar="ID", help="Under this open task.")] = "",
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", metavar="FILE", help="Read the token here instead of where login keeps it."),
    ] = None,
    endpoint: Annotated[
        str, typer.Option("--endpoint", metavar="URL", help="With a token of your own: the gate's URL up to /mcp.")
    ] = "",
) -> None:
    """Speak MCP on stdin and stdout with the running gate, for assistants without HTTP.

    The token is the file's, or else the one in CALLGATE_TOKEN, or else the one that login keeps; it never stands on the
    command line.
    Exit codes, when the client leaves: 0 all is well, 1 the gate refused the token or there is none, 2 no gate is
    running or it has no such integration.
    """
    raise typer.Exit(relay(integration, runtime, task, "" if token_file is None else str(token_file), endpoint))
