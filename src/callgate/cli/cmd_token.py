"""``callgate token``: what an assistant's header helper runs; nothing else on stdout."""

from typing import Annotated

import typer

from callgate.cli.options import RuntimeOption, sub_app
from callgate.cli.quick import print_token
from callgate.cli.token_store import OWN_RUNTIME

app = sub_app("Tokens.")


@app.command("token")
def token(
    runtime: RuntimeOption = OWN_RUNTIME,
    headers: Annotated[bool, typer.Option("--headers", help="Print a JSON map of HTTP headers.")] = False,
) -> None:
    """Print a runtime's token, or the headers for it.

    For Claude Code's headersHelper and Codex's http_headers_helper use --headers. Exit code 1 when there is no
    token or it is over: sign in again with callgate login.
    """
    print_token(runtime, headers=headers)
