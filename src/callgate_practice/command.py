"""``callgate practice``: list the servers, run one, write down its state, compare two states.

Exit codes: 0 done, 1 the states differ, 2 usage or a file that is no state.
"""

import argparse
import errno
import importlib
import json
import sqlite3
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from callgate_practice import compare, servers
from callgate_practice.reply import JSON
from callgate_practice.wire import stdio
from callgate_practice.wire.speech import Speech
from callgate_practice.world import World, WorldError


def main(argv: Sequence[str]) -> int:
    words = _parser().parse_args(argv or ["--help"])
    run: Callable[[argparse.Namespace], int] = words.run
    try:
        return run(words)
    except WorldError as fault:
        said = str(fault)
    except OSError as fault:
        said = _of_system(fault)
    except KeyboardInterrupt:
        return 0
    sys.stderr.write(f"callgate practice: {said}\n")
    return 2


def _of_system(fault: OSError) -> str:
    if fault.errno == errno.EADDRINUSE:
        return "Something else listens on this port already. Choose another with --http; 0 takes a free one."
    if fault.errno == errno.EACCES and fault.filename is None:
        return "This port takes more rights. Choose one above 1023 with --http."
    about = f"{fault.filename}: " if fault.filename is not None else ""
    return f"{about}{fault.strerror or fault}."


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="callgate practice", description="Small MCP servers with the tool names of real ones, to try things on."
    )
    commands = parser.add_subparsers(metavar="WHAT", required=True)
    for name, line in servers.SERVERS.items():
        _server(commands.add_parser(name, help=line, description=line), name)
    listed = commands.add_parser("list", help="List the servers.")
    listed.add_argument("--json", action="store_true", help="As JSON, with the names of their tools.")
    listed.set_defaults(run=_list)
    taken = commands.add_parser("snapshot", help="Print what a state file holds, as JSON.")
    taken.add_argument("file", type=Path)
    taken.add_argument("--all", action="store_true", help="With times and versions, which every change moves.")
    taken.set_defaults(run=_snapshot)
    both = commands.add_parser("compare", help="Print what changed from one state or snapshot to another.")
    both.add_argument("before", type=Path)
    both.add_argument("after", type=Path)
    both.add_argument("--json", action="store_true", help="One object per change, with former and later members.")
    both.set_defaults(run=_compare)
    return parser


def _server(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument(
        "--http", type=int, metavar="PORT", help="Streamable HTTP on this port of 127.0.0.1; 0: a free one."
    )
    parser.add_argument("--state", metavar="FILE", default=":memory:", help="Keep the state here; otherwise in memory.")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="Another world: other ids, the same shape.")
    parser.add_argument("--reset", action="store_true", help="Begin with the default world again.")
    parser.set_defaults(run=_run, server=name)


def _run(words: argparse.Namespace) -> int:
    tools = servers.toolset(words.server)
    world = servers.world(tools, words.state, words.seed, reset=words.reset)
    speech = Speech(tools, world)
    try:
        if words.http is None:
            if sys.stdin.isatty():
                sys.stderr.write(f"{tools.title}: MCP on stdin and stdout, one message a line. End: Ctrl-D.\n")
            stdio.serve(speech, sys.stdin.buffer, sys.stdout.buffer)
        else:
            _over_http(speech, words.http)
    finally:
        world.close()
    return 0


def _over_http(speech: Speech, port: int) -> None:
    http = importlib.import_module("callgate_practice.wire.http")  # it takes longer to load than all the rest
    http.serve(speech, port, lambda taken: _say(f"http://127.0.0.1:{taken}{http.PATH}"))


def _list(words: argparse.Namespace) -> int:
    if words.json:
        found = [
            {"name": name, "about": line, "tools": sorted(servers.toolset(name).tools)}
            for name, line in servers.SERVERS.items()
        ]
        _say(json.dumps(found, indent=1))
        return 0
    for name, line in servers.SERVERS.items():
        _say(f"{name:<16} {line}")
    return 0


def _snapshot(words: argparse.Namespace) -> int:
    _say(json.dumps(_state(words.file, everything=words.all), indent=1, ensure_ascii=False, sort_keys=True))
    return 0


def _state(path: Path, *, everything: bool = False) -> compare.State:
    """Of a state file, or of a snapshot that was written down."""
    data = path.read_bytes()
    if not data.startswith(b"SQLite format 3"):
        try:
            found: compare.State = json.loads(data)
        except ValueError:
            raise WorldError(f"{path} is neither a state nor a snapshot") from None
        return found
    try:
        with sqlite3.connect(path) as link:
            known: dict[str, str] = dict(link.execute("SELECT name, value FROM about"))
        link.close()
    except sqlite3.DatabaseError:
        known = {}
    if known.get("server") not in servers.SERVERS:
        raise WorldError(f"{path} is no state of a practice server")
    tools = servers.toolset(known["server"])
    world = World(str(path), tools.server, 1)
    try:
        return compare.snapshot(world, frozenset() if everything else tools.volatile)
    finally:
        world.close()


def _compare(words: argparse.Namespace) -> int:
    rows = compare.compare(_state(words.before), _state(words.after))
    if words.json:
        _say(json.dumps(rows, indent=1, ensure_ascii=False))
    else:
        for row in rows:
            _say(_line(row))
    return 1 if rows else 0


def _line(row: JSON) -> str:
    members = row.get("members", {})
    more = "".join(f"\n    {name}: {one['before']!r} -> {one['after']!r}" for name, one in members.items())
    return f"{row['change']:<8} {row['kind']} {row['id']}{more}"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
