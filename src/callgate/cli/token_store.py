"""Tokens of assistant runtimes on this machine, one file each, readable by their owner only. Standard library only."""

import contextlib
import json
import os
import re
import shlex
import stat
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from callgate.cli.outcome import CommandError, Exit

OWN_RUNTIME = "callgate-cli"
"""The runtime of the command itself."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\Z")


class KeptToken(NamedTuple):
    runtime: str
    account: str
    token: str
    credential: str
    expires_ms: int
    endpoint: str
    home: str

    def __repr__(self) -> str:
        return f"KeptToken({self.runtime!r})"


def token_file(runtime: str) -> Path:
    """``$XDG_STATE_HOME/callgate/tokens/<runtime>.json``."""
    if _NAME.match(runtime) is None:
        raise CommandError("That is no name of a runtime.", "Small letters, digits, dots and dashes, e.g. codex.")
    base = os.environ.get("XDG_STATE_HOME", "")
    state = Path(base) if Path(base).is_absolute() else Path.home() / ".local" / "state"
    return state / "callgate" / "tokens" / f"{runtime}.json"


def helper_file(runtime: str) -> Path:
    """``$XDG_STATE_HOME/callgate/helpers/<runtime>``: a program without arguments, for clients that take a path."""
    return token_file(runtime).parents[1] / "helpers" / runtime


def callgate_program() -> str:
    """Absolute path of this very command, for whoever does not read the shell's settings."""
    return str(Path(sys.prefix) / "bin" / "callgate")


def keep(token: KeptToken) -> None:
    """Keep the token, 0600, and a program beside it that prints its headers, 0700."""
    _replace(token_file(token.runtime), json.dumps(token._asdict()), 0o600)
    command = shlex.quote(callgate_program())
    script = f"#!/bin/sh\nexec {command} token --runtime {token.runtime} --headers\n"
    _replace(helper_file(token.runtime), script, 0o700)


def _replace(path: Path, text: str, mode: int) -> None:
    """What was there is replaced in one step; the file has its mode from its first byte."""
    fresh = path.with_suffix(f".{os.getpid()}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
            file.write(text)
        fresh.replace(path)
    except OSError as fault:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise CommandError(f"The token cannot be kept in {path}: {fault.strerror}.") from None


def kept(runtime: str) -> KeptToken:
    """CommandError (exit 1) when there is none that can be used now."""
    login = f"Run: callgate login --runtime {runtime}"
    path = token_file(runtime)
    try:
        with path.open(encoding="utf-8") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise CommandError(f"Other users can read {path}.", login, Exit.NO)
            found = _parsed(json.load(file))
    except FileNotFoundError:
        raise CommandError(f"There is no token for {runtime}.", login, Exit.NO) from None
    except OSError as fault:
        raise CommandError(f"{path} cannot be read: {fault.strerror}.", login, Exit.NO) from None
    except (ValueError, TypeError, KeyError):
        raise CommandError(f"{path} holds no token.", login, Exit.NO) from None
    if found.expires_ms <= time.time() * 1000:
        raise CommandError(f"The token for {runtime} is over.", login, Exit.NO)
    return found


def _parsed(found: Any) -> KeptToken:
    texts = {name: str(found[name]) for name in KeptToken._fields if name != "expires_ms"}
    return KeptToken(expires_ms=int(found["expires_ms"]), **texts)


def forget(runtime: str) -> None:
    """The token. The program that prints its headers stays where clients look for it, and says how to sign in."""
    with contextlib.suppress(FileNotFoundError):
        token_file(runtime).unlink()
