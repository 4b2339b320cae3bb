"""Diffs of configuration that show no secret: of the file's own, and of what moved out of it."""

import difflib
import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from typing import Any

from callgate.core.adopt.edits import MARK, TOML, parse
from callgate.core.inventory.document import BadDocument, Document
from callgate.core.inventory.programs import secret_arguments
from callgate.core.inventory.secrecy import hide_tokens, is_token, looks_secret, url_secrets
from callgate.core.inventory.toml import STRING

MASK = "(secret)"
_MIN_TEXT = 4
"""Shorter values are masked where they stand as a value, not wherever their letters occur."""
_NAMED = re.compile(r"^(?:env|environment|headers|http_headers|set)$")
_STRINGS = re.compile(rf"#[^\n]*|{STRING}")


def diff(form: str, file: str, before: str, after: str, secrets: Iterable[str]) -> str:
    """Unified, with three lines of context. ``secrets``: values that moved."""
    hidden = {one for one in secrets if one}
    for text in (before, after):
        hidden |= set(_found(form, text))
    old, new = (masked(form, text, hidden).splitlines(keepends=True) for text in (before, after))
    lines = difflib.unified_diff(old, new, f"{file} (before)", f"{file} (after)")
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def masked(form: str, text: str, hidden: set[str]) -> str:
    """Values by their place first, then whatever still looks like one of them."""
    try:
        document = parse(form, text)
    except BadDocument:
        document = None
    if form in TOML:
        text = _STRINGS.sub(lambda found: _of_toml(found[0], hidden), text)
    elif document is not None:
        text = _by_place(text.removeprefix(MARK), document, hidden)
    for secret in sorted(hidden, key=len, reverse=True):
        if len(secret) >= _MIN_TEXT:
            for spelling in {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}:
                text = text.replace(spelling, MASK)
    return hide_tokens(text, MASK)


def _by_place(text: str, document: Document, hidden: set[str]) -> str:
    spans = []
    for path, span in document.spans.items():
        value: Any = document.value
        for step in path:
            value = value[step]
        if isinstance(value, str) and value in hidden:
            spans.append(span)
    for start, end in sorted(spans, reverse=True):
        text = f'{text[:start]}"{MASK}"{text[end:]}'
    return text


def _of_toml(found: str, hidden: set[str]) -> str:
    if found.startswith("#"):
        return found
    try:
        value = tomllib.loads(f"x = {found}")["x"]
    except tomllib.TOMLDecodeError:
        return f'"{MASK}"'
    return f'"{MASK}"' if value in hidden else found


def _found(form: str, text: str) -> Iterator[str]:
    """Every text of the file that looks like a secret."""
    try:
        document = parse(form, text)
    except BadDocument:
        return
    waiting: list[tuple[Any, str, bool]] = [(document.value, "", False)]
    while waiting:
        value, name, inside = waiting.pop()
        if isinstance(value, dict):
            waiting += [(inner, key, inside or bool(_NAMED.match(name))) for key, inner in value.items()]
        elif isinstance(value, list):
            texts = [one if isinstance(one, str) else "" for one in value]
            yield from (texts[number] for number in secret_arguments(texts))
            waiting += [(one, "", inside) for one in value]
        elif isinstance(value, str) and value:
            in_table = inside or bool(_NAMED.match(name))
            if is_token(value) or url_secrets(value) or (in_table and looks_secret(value, name)):
                yield value
