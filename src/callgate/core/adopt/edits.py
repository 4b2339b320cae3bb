"""Changes to a configuration file that leave alone what they do not name: values by their path."""

import copy
from collections.abc import Sequence
from typing import Any

from callgate.core.adopt import json_edit, toml_edit
from callgate.core.inventory.document import BadDocument, Document, Path
from callgate.core.inventory.jsonc import parse_json
from callgate.core.inventory.toml import parse_toml
from callgate.model.base import Fact

MARK = "\ufeff"
"""A byte order mark, which some editors put before a text."""
STRICT_JSON = frozenset(
    {"claude-servers", "claude-state", "claude-desktop", "claude-managed", "plugin", "codex-hooks", "extension"}
)
"""Forms whose clients take no comments."""
TOML = frozenset({"codex-config", "codex-requirements"})


class NotEditable(Exception):
    """The file is for a person. ``code`` of core.adopt.codes; carries no text of the file."""

    def __init__(self, code: str, line: int = 0) -> None:
        super().__init__(code)
        self.code = code
        self.line = line


class Edit(Fact, frozen=True):
    """``set`` puts a value, ``drop`` takes a key away, ``add`` puts a value at the end of a list when it is not in it.

    What is missing on the way is made. JSON values only, and no null.
    """

    path: Path
    value: Any = None
    how: str = "set"


def parse(form: str, text: str) -> Document:
    """``text`` may begin with a byte order mark. Raises BadDocument."""
    return _parsed(form, text.removeprefix(MARK))


def _parsed(form: str, text: str) -> Document:
    return parse_toml(text) if form in TOML else parse_json(text, comments=form not in STRICT_JSON)


def edited(form: str, text: str, edits: Sequence[Edit]) -> str:
    """The text with all edits, checked by reading it again. Raises NotEditable."""
    mark, body = (MARK, text[1:]) if text.startswith(MARK) else ("", text)
    if not body.strip():
        body = "" if form in TOML else "{}\n"
    try:
        before = _parsed(form, body)
    except BadDocument as fault:
        raise NotEditable("bad_file", fault.line) from None
    if before.doubles:
        raise NotEditable("key_twice", before.doubles[0][1])
    if not isinstance(before.value, dict):
        raise NotEditable("bad_file", 1)
    wanted = copy.deepcopy(before.value)
    for edit in edits:
        _apply(wanted, edit)
    if wanted == before.value:
        return text
    try:
        after = (
            toml_edit.edited(body, edits) if form in TOML else json_edit.edited(body, edits, form not in STRICT_JSON)
        )
    except (BadDocument, ValueError):
        raise NotEditable("by_hand") from None
    _check(form, after, wanted)
    return mark + after


def _check(form: str, text: str, wanted: Any) -> None:
    """What a client would read is exactly what was wanted, and can be written as UTF-8."""
    try:
        text.encode("utf-8")
        found = _parsed(form, text)
    except (BadDocument, UnicodeEncodeError):
        raise NotEditable("by_hand") from None
    if found.value != wanted or found.doubles:
        raise NotEditable("by_hand")


def _apply(top: dict[str, Any], edit: Edit) -> None:
    *way, last = edit.path
    if edit.how == "drop" and value_at(top, edit.path) is None:
        return
    table: Any = top
    for step in way:
        table = _below(table, step)
    if not isinstance(table, dict) or not isinstance(last, str):
        raise NotEditable("bad_value")
    match edit.how:
        case "drop":
            del table[last]
        case "add":
            found = table.setdefault(last, [])
            if not isinstance(found, list):
                raise NotEditable("bad_value")
            if edit.value not in found:
                found.append(edit.value)
        case _:
            table[last] = edit.value


def _below(table: Any, step: str | int) -> Any:
    if isinstance(table, list) and isinstance(step, int) and step < len(table):
        return table[step]
    if not isinstance(table, dict) or not isinstance(step, str):
        raise NotEditable("bad_value")
    return table.setdefault(step, {})


def value_at(top: Any, path: Path) -> Any:
    """None when there is none."""
    for step in path:
        if isinstance(top, dict) and isinstance(step, str):
            top = top.get(step)
        elif isinstance(top, list) and isinstance(step, int) and step < len(top):
            top = top[step]
        else:
            return None
    return top
