"""``callgate hook``: run by an assistant before a call, it lets through what goes to the gate and nothing else."""

import shlex
import sys
from typing import Annotated, Any

import msgspec
import typer

from callgate.cli.options import sub_app
from callgate.cli.outcome import CommandError
from callgate.cli.token_store import callgate_program
from callgate.core.inventory.matching import same_gate

app = sub_app("Hooks.")
MAX_BYTES = 1 << 20
_REASON = "Only servers behind Callgate may be used on this machine."


@app.command("hook")
def hook(
    client: Annotated[str, typer.Argument(metavar="CLIENT", help="cursor")],
    gate: Annotated[str, typer.Option("--gate", metavar="URL", help="The gate's URL.")],
) -> None:
    """Say whether a call that an assistant is about to make goes to the gate.

    For the hooks that callgate export cursor --managed names. Reads the hook's JSON on stdin. What cannot be read is refused.
    """
    if client != "cursor":
        raise CommandError("There is a hook for cursor alone.", "Other clients are limited by their managed files.")
    if _goes_to_gate(_read(), gate):
        typer.echo('{"permission":"allow"}')
    else:
        typer.echo(
            msgspec.json.encode({"permission": "deny", "user_message": _REASON, "agent_message": _REASON}).decode()
        )


def _read() -> Any:
    try:
        return msgspec.json.decode(sys.stdin.buffer.read(MAX_BYTES + 1))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _goes_to_gate(call: Any, gate: str) -> bool:
    """By the server's URL, or by the very command that starts it: a program that is only called the same is another."""
    if not isinstance(call, dict):
        return False
    url, command = call.get("url"), call.get("command")
    if isinstance(url, str) and url:
        return same_gate(url, (gate,)) and not command
    if not isinstance(command, str):
        return False
    try:
        words = shlex.split(command)
    except ValueError:
        return False
    return words[:2] == [callgate_program(), "stdio"] and "--endpoint" not in command
