"""``callgate call``: a tool call through the gate, governed like that of any assistant."""

import json
import re
import sys
from typing import Annotated, Any

import typer

from callgate.cli import screens
from callgate.cli.acting import person
from callgate.cli.client import Gate
from callgate.cli.mcp_client import McpClient
from callgate.cli.options import AccountOption, HomeOption, JsonOption, PassphraseOption, RuntimeOption, sub_app
from callgate.cli.outcome import CommandError, Exit
from callgate.cli.signing_in import sign_in
from callgate.cli.text import safe_json
from callgate.cli.token_store import OWN_RUNTIME, KeptToken, kept
from callgate.flow.admin import TokenRequest

app = sub_app("Calls.")

_HOLD = re.compile(r"hold-[0-9a-f]{1,64}")

_CODES = {"refused": Exit.NO, "pending_approval": Exit.PENDING, "failed": Exit.NO, "unknown": Exit.NO}


@app.command("call")
def call(
    integration: Annotated[str, typer.Argument(metavar="INTEGRATION", help="E.g. git.")],
    tool: Annotated[str, typer.Argument(metavar="TOOL", help="E.g. git_status.")],
    arguments: Annotated[
        str, typer.Argument(metavar="JSON", help="The arguments, a JSON object; - reads it from stdin.")
    ] = "{}",
    task: Annotated[str, typer.Option("--task", metavar="ID", help="Under this open task.")] = "",
    runtime: RuntimeOption = OWN_RUNTIME,
    account: AccountOption = "",
    passphrase_fd: PassphraseOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Call a tool through the gate, as any client would.

    Signs in first when there is no token. Exit codes: 0 the tool answered, 1 refused or failed, 3 somebody must
    answer first.
    """
    wanted = _object(arguments)
    token = _token(Gate(home), runtime, account, passphrase_fd)
    with McpClient(token.endpoint, integration, token.token, task=task) as client:
        found = client.call(tool, wanted)
    if as_json:
        typer.echo(safe_json(json.dumps(found, indent=2)))
    else:
        _draw(found)
    code = _code(found)
    if code is Exit.PENDING and not as_json:
        # What stands above is for assistants; this is for whoever typed it. A target can answer the like: no text of
        # its own becomes a command.
        hold = str(_object_in(_object_in(found, "result"), "structuredContent").get("approval_id"))
        look = f"callgate holds show {hold}" if _HOLD.fullmatch(hold) else "callgate holds list"
        screens.tell(f"To see and answer it: {look}")
    if code:
        raise typer.Exit(code)


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(sys.stdin.read() if text == "-" else text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as fault:
        raise CommandError(f"The arguments are no JSON: {fault}.", 'Quote them: \'{"repo_path": "."}\'') from None
    if not isinstance(found, dict):
        raise CommandError("The arguments must be a JSON object.", 'Quote them: \'{"repo_path": "."}\'')
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """As the gate does: of two members of one name none may win."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise CommandError("The arguments hold an object with the same key twice.", "Write each key once.")
    return found


def _token(gate: Gate, runtime: str, account: str, passphrase_fd: int | None) -> KeptToken:
    """The kept token, if it is this gate's and this account's; otherwise a new one."""
    try:
        found = kept(runtime)
        if found.home == gate.place and account in {"", found.account}:
            return found
    except CommandError as fault:
        if passphrase_fd is None and not sys.stderr.isatty():
            raise
        screens.tell(f"{fault} Signing in.")
    sign_in(gate, person(gate, account, passphrase_fd), TokenRequest(runtime=runtime))
    return kept(runtime)


def _code(found: dict[str, Any]) -> Exit:
    if "error" in found:
        return Exit.NO
    result = _object_in(found, "result")
    if not result.get("isError"):
        return Exit.OK
    return _CODES.get(str(_object_in(result, "structuredContent").get("status")), Exit.NO)


def _object_in(found: dict[str, Any], name: str) -> dict[str, Any]:
    """Targets answer what they like: what is no object counts as an empty one."""
    value = found.get(name)
    return value if isinstance(value, dict) else {}


def _draw(found: dict[str, Any]) -> None:
    if "error" in found:
        error = _object_in(found, "error")
        screens.say(f"Error {error.get('code', '')}: {error.get('message', '')}")
        return
    result = _object_in(found, "result")
    content = result.get("content")
    for block in content if isinstance(content, list) else ():
        text = block.get("text") if isinstance(block, dict) else None
        screens.show(screens.lines(text) if isinstance(text, str) else screens.cell(_other(block)))
    meta = _object_in(result, "_meta")
    receipt = _object_in(meta, "io.callgate/receipt")
    if receipt:
        screens.tell("Result: " + ", ".join(f"{name} {value}" for name, value in receipt.items()))
    if "io.callgate/call" in meta:
        screens.tell(f"Call: {meta['io.callgate/call']}")


def _other(block: Any) -> str:
    kind = block.get("type", "block") if isinstance(block, dict) else "block"
    return f"[{kind}, {len(json.dumps(block))} bytes]"
