"""Starts the stdio front on this process's own stdin and stdout, with the token that is kept or handed over."""

import os
import stat
import sys
from pathlib import Path

from callgate.cli.gate_link import GateLink
from callgate.cli.outcome import CommandError, Exit
from callgate.cli.stdio import KnownToken, StdioFront
from callgate.cli.text import safe
from callgate.cli.token_store import kept

VARIABLE = "CALLGATE_TOKEN"
ENDPOINT = "http://127.0.0.1:8700/mcp"
"""Where a gate listens unless it was told otherwise."""
_MOST = 16 << 10


def run(integration: str, runtime: str, task: str, token_file: str, endpoint: str) -> int:
    """Until stdin ends; the exit code."""
    link = GateLink(integration, endpoint or ENDPOINT)

    def token() -> KnownToken:
        if token_file:
            return KnownToken(_read(Path(token_file)), f"Put a new token into {token_file}.")
        handed = os.environ.get(VARIABLE, "").strip()
        if handed:
            return KnownToken(_usable(handed, VARIABLE), f"Restart with a new {VARIABLE}.")
        found = kept(runtime)
        if not endpoint:
            link.aim(found.endpoint)
        return KnownToken(found.token, f"Run: callgate login --runtime {runtime}")

    if sys.stdin.isatty():
        _tell("An MCP client starts this and speaks JSON-RPC on stdin; Ctrl-D ends it.")
    try:
        return StdioFront(link, token, _write, _tell, task=task).run(sys.stdin.buffer)
    except KeyboardInterrupt:
        return Exit.OK


def _read(path: Path) -> str:
    """CommandError (exit 1) when there is no token that only its owner can read."""
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise CommandError(f"Other users can read {path}.", f"Run: chmod 600 {path}", Exit.NO)
            found = file.read(_MOST).decode("ascii", "replace").strip()
    except OSError as fault:
        raise CommandError(f"{path} cannot be read: {fault.strerror}.", "Put a token there.", Exit.NO) from None
    return _usable(found, str(path))


def _usable(token: str, where: str) -> str:
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise CommandError(f"{where} holds no token.", "Put one there.", Exit.NO)
    return token


def _write(line: bytes) -> None:
    """Past the buffer of sys.stdout, which a thread that is still writing would keep from closing."""
    while line:
        line = line[os.write(1, line) :]


def _tell(line: str) -> None:
    sys.stderr.write(f"callgate: {safe(line)}\n")
    sys.stderr.flush()
