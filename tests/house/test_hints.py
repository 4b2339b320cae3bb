"""Whoever does what a message says finds that the command exists."""

import ast
import re
from pathlib import Path

import typer

from callgate.cli.index import app

SOURCES = Path(__file__).parents[2] / "src" / "callgate"
_COMMAND = re.compile(r"(?:with:|Then|[Oo]r:?|:) callgate ([a-z].*)|^callgate ([a-z].*)")


def _hints() -> list[tuple[str, list[str]]]:
    """(file, words) of every command that a text of the program ends with, and of every list that is named by one."""
    found = []
    for file in sorted(SOURCES.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            text = ""
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "missing":
                text = f"callgate {_said(node.args[1])}"
            elif isinstance(node, ast.Constant | ast.JoinedStr):
                text = _said(node)
            at = _COMMAND.search(text) if "\n" not in text else None
            if at:
                found.append((file.name, re.split(r"[\s.,;)]+", at[1] or at[2])))
    return found


def _said(node: ast.expr) -> str:
    """A text's words, its values as one capital each."""
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_what_a_hint_names_exists() -> None:
    index = typer.main.get_command(app)
    wrong = []
    hints = _hints()
    for file, words in hints:
        command, context, rest = index, typer.Context(index, info_name="callgate"), list(words)
        while rest and hasattr(command, "get_command") and re.fullmatch("[a-z-]+", rest[0]):
            inner = command.get_command(context, rest[0])
            if inner is None:
                break
            command, context = inner, typer.Context(inner, info_name=rest.pop(0), parent=context)
        options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        strange = [word for word in rest if word.startswith("--") and word not in options]
        strange = [] if words[:2] == ["task", "open"] else strange
        if command is index or getattr(command, "no_args_is_help", False) or strange:
            wrong.append(f"{file}: callgate {' '.join(words)}")
    assert len(hints) > 40
    assert wrong == []
