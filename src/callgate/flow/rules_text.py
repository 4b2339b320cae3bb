"""Changes of rules, written into the file that they came from; the rest of it stays as it is."""

import re

from callgate.core.contract import parse_contract
from callgate.core.toml_text import quoted
from callgate.model.contract import Contract, Scope
from callgate.model.errors import CallgateError

_DOMAINS_LINE = re.compile(r"^domains\s*=\s*\[[^\]]*\]\s*$", re.MULTILINE)
_TABLE = re.compile(r"^[ \t]*\[", re.MULTILINE)
_SCOPE = re.compile(r"^[ \t]*\[\[scopes\]\][^\n]*\n", re.MULTILINE)
_BREADTH_LINE = re.compile(r"^[ \t]*breadth\s*=[^\n]*\n", re.MULTILINE)
_INTEGRATION_LINE = r"^[ \t]*integration\s*=\s*%s[^\n]*\n"


def rewritten(data: bytes, name: str, before: Contract, after: Contract) -> bytes | None:
    """The file of ``before``, saying ``after``, which has one scope more or one of another breadth.

    None: it holds other rules, or says them in a way that cannot be changed so.
    """
    try:
        if parse_contract(data, name).id != before.id:
            return None
        text = data.decode().rstrip("\n") + "\n"
        changed = next((scope for scope in after.scopes if scope not in before.scopes), None)
        if changed is None:
            return None
        known = any(scope.integration == changed.integration for scope in before.scopes)
        text = _with_breadth(text, changed) if known else text + _table_of(changed)
        if after.domains != before.domains:
            domains = f"domains = [{', '.join(map(quoted, after.domains))}]"
            text = _DOMAINS_LINE.sub(lambda _: domains, text, count=1)
        made = text.encode()
        return made if parse_contract(made, name).id == after.id else None
    except (CallgateError, UnicodeDecodeError):
        return None


def _table_of(scope: Scope) -> str:
    lines = ["", "[[scopes]]", f"integration = {quoted(scope.integration)}", 'tools = ["*"]']
    if scope.max_tier is not None:
        lines.append(f"max_tier = {quoted(scope.max_tier.name.lower())}")
    if scope.breadth is not None:
        lines.append(f"breadth = {quoted(scope.breadth)}")
    return "\n".join(lines) + "\n"


def _with_breadth(text: str, scope: Scope) -> str:
    """Its table of scopes with that breadth; the same text when there is no such table."""
    line = re.compile(_INTEGRATION_LINE % re.escape(quoted(scope.integration)), re.MULTILINE)
    for begin in _SCOPE.finditer(text):
        following = _TABLE.search(text, begin.end())
        end = following.start() if following is not None else len(text)
        table = text[begin.end() : end]
        if line.search(table) is None:
            continue
        table = _BREADTH_LINE.sub("", table)
        said = f"breadth = {quoted(scope.breadth)}\n" if scope.breadth is not None else ""
        table = line.sub(lambda match, said=said: match[0] + said, table, count=1)  # type: ignore[misc]
        return text[: begin.end()] + table + text[end:]
    return text
