"""The commands that must not load Typer, read by hand in their plain form.

``token`` answers an assistant's header helper, ``stdio`` is an assistant's server, and ``serve`` becomes the gate:
Typer brings pydantic, which costs 0.15 s and 20 MiB. Any other form (help, a typo) is None: then Typer reads it, and says what is wrong.
"""

import importlib.util
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from callgate.cli.lazy import load
from callgate.cli.machinery import serve
from callgate.cli.outcome import CommandError
from callgate.cli.token_store import OWN_RUNTIME, kept


def options(argv: Sequence[str], takes: frozenset[str], flags: frozenset[str] = frozenset()) -> dict[str, str] | None:
    """``--name value``, ``--name=value`` and ``--flag``, each once; None for anything else."""
    found: dict[str, str] = {}
    words = iter(argv)
    for word in words:
        name, equals, value = word.partition("=")
        if name in takes and not equals:
            value = next(words, "-")
        elif not (name in takes or (name in flags and not equals)):
            return None
        if name in found or value.startswith("-"):
            return None
        found[name] = value
    return found


def run(argv: Sequence[str]) -> int | None:
    """Exit code; None: not a form that is known here."""
    if argv[:1] == ["token"]:
        return _token(argv[1:])
    if argv[:1] == ["serve"]:
        return _serve(argv[1:])
    if argv[:1] == ["stdio"]:
        return _stdio(argv[1:])
    if argv[:1] == ["practice"] and not {"-h", "--help"} & set(argv[1:2]):
        practise(argv[1:] or ["list"])
    return None


def print_token(runtime: str, *, headers: bool) -> None:
    found = kept(runtime)
    text = json.dumps({"Authorization": f"Bearer {found.token}"}) if headers else found.token
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def stdio(integration: str, runtime: str, task: str, token_file: str, endpoint: str) -> int:
    """Until stdin ends; the exit code."""
    code: int = load("callgate.cli.stdio_run").run(integration, runtime, task, token_file, endpoint)
    return code


PRACTICE = "callgate_practice"


def practise(words: Sequence[str]) -> NoReturn:
    """Becomes the practice servers' own command, which an assistant or the gate may have started as a server."""
    if importlib.util.find_spec(PRACTICE) is None:
        raise CommandError(
            f"The practice servers are not installed: there is no package {PRACTICE}.",
            "They come with the wheel of Callgate; install it whole: pip install --force-reinstall --no-deps callgate.",
        )
    os.execv(sys.executable, [sys.executable, "-P", "-m", PRACTICE, *words])  # noqa: S606 our own package


def _token(argv: Sequence[str]) -> int | None:
    found = options(argv, frozenset({"--runtime"}), frozenset({"--headers"}))
    if found is None:
        return None
    print_token(found.get("--runtime", OWN_RUNTIME), headers="--headers" in found)
    return 0


def _stdio(argv: Sequence[str]) -> int | None:
    named = bool(argv) and not argv[0].startswith("-")
    found = options(argv[1:] if named else argv, frozenset({"--runtime", "--task", "--token-file", "--endpoint"}))
    if found is None or (named and not argv[0]):
        return None
    return stdio(
        argv[0] if named else "",
        found.get("--runtime", OWN_RUNTIME),
        found.get("--task", ""),
        found.get("--token-file", ""),
        found.get("--endpoint", ""),
    )


def _serve(argv: Sequence[str]) -> int | None:
    found = options(argv, frozenset({"--home", "--host", "--port"}))
    if found is None:
        return None
    port = found.get("--port")
    if port is not None and not (port.isascii() and port.isdecimal() and int(port) <= 65_535):
        return None
    home = found.get("--home")
    return serve(Path(home) if home else None, found.get("--host"), None if port is None else int(port))
