"""Edits of TOML by tomlkit, which keeps comments, order and spacing elsewhere. No gate loads this."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import tomlkit
from tomlkit import exceptions, items

if TYPE_CHECKING:
    from callgate.core.adopt.edits import Edit


def edited(text: str, edits: "Sequence[Edit]") -> str:
    """Text that tomlkit cannot give back as it was comes back changed; the caller compares what it means.

    Raises ValueError for what tomlkit cannot read or change, and for lines that end in two ways: some would be another's.
    """
    if "\r\n" in text and "\n" in text.replace("\r\n", ""):
        raise ValueError("two line ends")
    try:
        document = tomlkit.parse(text)
        if tomlkit.dumps(document) != text:
            raise ValueError("not kept")
        for edit in edits:
            _edit(document, edit)
        found = str(tomlkit.dumps(document))
    except (exceptions.TOMLKitError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as fault:
        raise ValueError("tomlkit cannot change it") from fault
    plain = found.replace("\r\n", "\n")
    if "\n\n\n" not in text.replace("\r\n", "\n"):
        plain = plain.replace("\n\n\n", "\n\n")
    return plain.replace("\n", "\r\n") if "\r\n" in text else plain


def _edit(document: Any, edit: "Edit") -> None:
    table = document
    *way, last = (str(step) for step in edit.path)
    for depth, step in enumerate(way):
        if step not in table:
            if edit.how == "drop":
                return
            _add_table(table, step, whole=depth == len(way) - 1 and depth > 0)
        table = table[step]
    if edit.how == "drop":
        if last in table:
            _drop(table, last)
    elif edit.how == "add":
        if last not in table:
            table[last] = [edit.value]
        elif edit.value not in table[last]:
            table[last].append(edit.value)
    else:
        _put(table, last, edit.value)


def _add_table(parent: Any, name: str, *, whole: bool) -> None:
    """``whole``: with a header of its own. What is said above the next table stays above it."""
    if isinstance(parent, items.InlineTable):
        parent[name] = tomlkit.inline_table()
        return
    said = _taken_end(parent) if isinstance(parent, items.Table) else ""
    parent[name] = tomlkit.table(is_super_table=not whole)
    if said:
        parent[name].value.append(None, items.Whitespace(said))


def _drop(table: Any, name: str) -> None:
    """A table ends with what is said above the next one; that stays."""
    item = table[name]
    said = _taken_end(item) if isinstance(item, items.Table) else ""
    if "#" not in said:
        del table[name]
        return
    body = (table.value if isinstance(table, items.Table) else table).body
    place = next((number for number, (key, _) in enumerate(body) if key is not None and key.key == name), None)
    del table[name]
    if place is not None:
        body[place] = (None, items.Whitespace(said))


def _taken_end(table: Any) -> str:
    """Comments behind the last key of a table, or of the last one in it; they are gone from there."""
    body = table.value.body
    places = [number for number, (_, item) in enumerate(body) if not isinstance(item, items.Null)]
    said = ""
    for place in reversed(places):
        key, item = body[place]
        if isinstance(item, items.Table):
            return _taken_end(item) + said
        if key is not None:
            trail = item.trivia.trail
            item.trivia.trail = trail[:1]
            return str(trail[1:]) + said
        said = item.as_string() + said
        body[place] = (None, items.Null())
    return said


def _put(table: Any, name: str, value: Any) -> None:
    """A new key comes before what is said above the next table."""
    item = tomlkit.item(value) if not isinstance(value, dict) else tomlkit.inline_table()
    if isinstance(value, dict):
        item.update(value)
    if name in table or not isinstance(table, items.Table):
        table[name] = item
        return
    said = _taken_between(table.value.body)
    table[name] = item
    if said:
        item.trivia.trail = f"\n{said}"


def _taken_between(body: Any) -> str:
    """Comments and blank lines behind the last plain key; they are gone from there."""
    tables = [place for place, (_, item) in enumerate(body) if isinstance(item, items.Table | items.AoT)]
    keys = [place for place, (key, _) in enumerate(body) if key is not None and (not tables or place < tables[0])]
    said = ""
    if keys:
        trivia = body[keys[-1]][1].trivia
        said, trivia.trail = trivia.trail[1:], trivia.trail[:1]
    for place in range(keys[-1] + 1 if keys else 0, tables[0] if tables else len(body)):
        said += body[place][1].as_string()
        body[place] = (None, items.Null())
    return said
