"""Writes docs/reference/cli.md from the commands themselves. ``--check`` only compares; exit code 1 when it is old."""

import sys
from pathlib import Path
from typing import Any

import typer

from callgate.cli.index import SECTIONS, CommandIndex, app
from callgate.cli.outcome import Exit

TARGET = Path(__file__).parent.parent / "docs" / "reference" / "cli.md"
_MEANING = {
    Exit.OK: "done",
    Exit.NO: "the answer is no: denied, refused, does not verify, a case failed",
    Exit.USAGE: "the command, a file or the gate must change first; also: no gate is running",
    Exit.PENDING: "somebody must answer first",
}
_HEAD = """\
# The `callgate` command

Written by `tools/generate_cli.py` from the command itself; change it there.

The command is a client of the gate that runs on a home: it speaks to it over the Unix socket in the home, which serves
the gate's own user and root only. Reading needs nothing more. Whatever changes something asks for the passphrase of an
account, on the terminal or with `--passphrase-fd`; never as an argument or in the environment. Stopping (`halt`,
`logout`) needs none.

`CALLGATE_SOCKET` names the socket of a gate whose home is another user's, where its config serves you.

`--json` prints the API's answer: its keys stay, new ones may come. `--home` may stand before or after the command.
"""


def render() -> str:
    index: Any = typer.main.get_command(app)
    assert isinstance(index, CommandIndex)
    context = typer.Context(index, info_name="callgate")
    parts = [_HEAD, "| exit code | meaning |\n|---|---|"]
    parts[-1] += "".join(f"\n| {code.value} | {_MEANING[code]} |" for code in Exit)
    for title, rows in SECTIONS:
        parts.append(f"## {title}")
        for name, _, _ in rows:
            parts.extend(_command(index.get_command(context, name), context, name))
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _command(command: Any, parent: typer.Context, name: str) -> list[str]:
    context = typer.Context(command, info_name=name, parent=parent)
    path = context.command_path
    help_text = "\n\n".join(
        " ".join(line.strip() for line in block.splitlines()) for block in (command.help or "").split("\n\n")
    )
    children = getattr(command, "commands", None)
    if children:
        parts = [f"### `{path}`", help_text]
        for child in children:
            parts.extend(_command(children[child], context, child))
        return parts
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    mark = "####" if parent.parent is not None else "###"
    table = _table(command, context)
    return [f"{mark} `{path}`", help_text, f"```\n{usage}\n```", *([table] if table else [])]


def _table(command: Any, context: typer.Context) -> str:
    rows = []
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is None or "--help" in parameter.opts:
            continue
        left, right = (text.replace("|", "\\|") for text in record)
        rows.append(f"| `{left}` | {right} |")
    return "\n".join(["| | |", "|---|---|", *rows]) if rows else ""


def main() -> int:
    text = render()
    if "--check" in sys.argv[1:]:
        return int(not TARGET.exists() or TARGET.read_text(encoding="utf-8") != text)
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
