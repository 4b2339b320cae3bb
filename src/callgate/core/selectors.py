"""Selectors: where in the arguments a value stands, and how it becomes the one id of a resource.

A selector is a dotted path; ``[]`` after a name walks an array: ``edits[].path``. What cannot be read as the
manifest says is a problem, never skipped: a call whose aim is not understood is not executed.
"""

import re
import unicodedata
from collections.abc import Callable
from typing import Any

from callgate.core.conditions import Criterion
from callgate.core.parsers import PARSERS
from callgate.core.paths import Selector
from callgate.core.strict import nearest
from callgate.model.tool import TargetRule

MAX_TARGETS = 1000
MAX_ID = 4096
_UUID = re.compile(r"[0-9a-f]{32}")
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,200}(?:/[A-Za-z0-9_-]{1,200}){0,4}")
_AIRTABLE = re.compile(r"(?:app|tbl|rec|fld)[A-Za-z0-9]{14}(?:/(?:tbl|rec|fld)[A-Za-z0-9]{14}){0,2}")
_SLACK_ID = re.compile(r"[A-Z][A-Z0-9]{1,63}")
_SLUG = re.compile(r"(?!\.{1,2}(?:/|\Z))[A-Za-z0-9_.-]{1,200}(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9_.-]{1,200}){0,4}")
_STEPS = frozenset({".", ".."})
_PLACE = re.compile(r"\{([^{}]*)\}")


def plain(text: str) -> str | None:
    return text


def lower(text: str) -> str | None:
    return text.lower()


def channel(text: str) -> str | None:
    """Names of channels and people, which begin with ``#`` or ``@``, in lower case; ids, which have capitals and digits,
    as they are. Slack takes a name without its mark too, and rules would miss that one.
    """
    if text.startswith(("#", "@")):
        return text.lower()
    return text if _SLACK_ID.fullmatch(text) else None


def dashed(text: str) -> str | None:
    """Lower case, and a dash for each slash: how Gmail's searches write a label."""
    return text.lower().replace("/", "-")


def posix_path(text: str) -> str | None:
    """An absolute path without empty, ``.`` and trailing parts; None for one that names no certain place.

    ``..`` is refused, not resolved: behind a symbolic link the kernel goes elsewhere than the text says. A backslash
    and a leading ``~`` mean different places to different programs.
    """
    if not text.startswith("/") or "\\" in text:
        return None
    if "//" not in text and "/." not in text and not text.endswith("/"):
        return text
    parts = [part for part in text.split("/") if part not in {"", "."}]
    return None if ".." in parts else "/" + "/".join(parts)


def repository_path(text: str) -> str | None:
    """A ``posix_path`` to a Git repository: GitPython takes ``<path>/.git`` for it too, and expands ``$NAME``."""
    path = posix_path(text)
    if path is None or "$" in path:
        return None
    if path.endswith("/.git"):
        path = path[:-5] or "/"
    # Work trees and modules below .git are other ways into the same repository.
    return None if "/.git/" in f"{path}/" else path


def uuid(text: str) -> str | None:
    """32 hex characters, lower case, without dashes."""
    plain_text = text.lower().replace("-", "")
    return plain_text if _UUID.fullmatch(plain_text) else None


def digits(text: str) -> str | None:
    return text if text.isascii() and text.isdigit() and len(text) <= 40 and (text == "0" or text[0] != "0") else None


def plain_id(text: str) -> str | None:
    """Letters, digits, ``-`` and ``_``, several words with ``/`` between: nothing that a URL or SQL made of it reads."""
    return text if _PLAIN.fullmatch(text) else None


def slug(text: str) -> str | None:
    """Names that stand in a URL as they are, lower case, with ``/`` between: nothing that a URL reads otherwise."""
    return text.lower() if _SLUG.fullmatch(text) else None


def airtable_id(text: str) -> str | None:
    """Ids of Airtable with ``/`` between; a name is none, because a table has both and rules would miss one of them."""
    return text if _AIRTABLE.fullmatch(text) else None


NORMALISERS: dict[str, Callable[[str], str | None]] = {
    "": plain,
    "channel": channel,
    "dashed": dashed,
    "airtable_id": airtable_id,
    "digits": digits,
    "lower": lower,
    "plain_id": plain_id,
    "posix_path": posix_path,
    "repository_path": repository_path,
    "slug": slug,
    "uuid": uuid,
}


class TargetSelector:
    """A compiled TargetRule: from arguments to ids, each with its kind."""

    __slots__ = (
        "_default",
        "_fixed",
        "_kind_by",
        "_kinds",
        "_normalise",
        "_parse",
        "_pieces",
        "_prefixes",
        "_selectors",
        "_separators",
        "_simple",
        "_when",
        "kind",
        "path",
        "required",
        "roots",
        "texts",
    )

    def __init__(self, rule: TargetRule, required: frozenset[str]) -> None:
        """``required``: argument names the schema requires. Raises ValueError when the rule cannot compile."""
        if sum(map(bool, (rule.path, rule.template, rule.id))) != 1:
            raise ValueError("exactly one of path and template is wanted, or a fixed id")
        _check_names(rule)
        self.kind = rule.kind
        self.path = rule.path
        self._fixed = rule.id
        self._default = rule.default
        self._prefixes = tuple(rule.prefixes.items())
        self._normalise = NORMALISERS[rule.normalise]
        self._parse = PARSERS[rule.parse] if rule.parse else None
        self._kind_by = Selector(rule.kind_by.path) if rule.kind_by else None
        self._kinds = rule.kind_by.kinds if rule.kind_by else {}
        self._simple = not (rule.when or rule.prefixes or rule.kind_by)
        self._when = tuple(Criterion(condition) for condition in rule.when)
        pieces = _PLACE.split(rule.template) if rule.template else ["", rule.path, ""]
        self._pieces = tuple(pieces[::2])
        self._selectors = () if rule.id else tuple(Selector(text) for text in pieces[1::2])
        if not self._selectors and not rule.id:
            raise ValueError("the template has no {argument}")
        if len([1 for selector in self._selectors if "[]" in selector.text]) > 1:
            raise ValueError("only one place of a template may walk an array")
        if any(not piece for piece in self._pieces[1:-1]):
            raise ValueError("two places of a template need something between them")
        self._separators = frozenset("".join(self._pieces[1:-1]))
        own = tuple(selector.root for selector in self._selectors)
        kind_by = () if self._kind_by is None else (self._kind_by.text,)
        self.roots = own
        self.texts = (*(one.text for one in self._selectors), *kind_by, *(test.text for test in self._when))
        self.required = not required.isdisjoint(own) and not self._when

    def ids(self, arguments: dict[str, Any]) -> tuple[tuple[str, ...], str]:
        """(ids, problem): ``target_missing``, ``bad_target`` or ``too_many_targets``; with one, no id counts."""
        found, problem = self.aims(arguments)
        return tuple(name for _, name in found), problem

    def aims(self, arguments: dict[str, Any]) -> tuple[tuple[tuple[str, str], ...], str]:
        """As ``ids``, each with its kind before it."""
        if self._simple:
            ids, problem = self._ids(arguments)
            kind = self.kind
            return tuple([(kind, name) for name in ids]), problem
        return self._conditional(arguments)

    def _conditional(self, arguments: dict[str, Any]) -> tuple[tuple[tuple[str, str], ...], str]:
        if self._when:
            answers = [test.holds(arguments) for test in self._when]
            if None in answers:
                return (), "bad_target"
            if not all(answers):
                return (), ""
        ids, problem = self._ids(arguments)
        if problem or not ids:
            return (), problem
        found = self._kind_of(arguments)
        if found is None:
            return (), "bad_target"
        return tuple((self._kind_by_prefix(name, found), name) for name in ids), ""

    def _kind_of(self, arguments: dict[str, Any]) -> str | None:
        if self._kind_by is None:
            return self.kind
        found = self._kind_by.find(arguments)
        if found == ():
            return self.kind
        return self._kinds.get(found[0]) if found is not None and len(found) == 1 and _is_text(found[0]) else None

    def _kind_by_prefix(self, name: str, kind: str) -> str:
        return next((other for prefix, other in self._prefixes if name.startswith(prefix)), kind)

    def _ids(self, arguments: dict[str, Any]) -> tuple[tuple[str, ...], str]:
        if self._fixed:
            return (self._fixed,), ""
        if len(self._selectors) > 1:
            return self._from_template(arguments)
        found = self._selectors[0].find(arguments)
        if found is None:
            return (), "bad_target"
        if not found:
            if self._default:
                return (self._default,), ""
            return (), "target_missing" if self.required else ""
        if len(found) > MAX_TARGETS:
            return (), "too_many_targets"
        return self._made(found)

    def _made(self, found: tuple[Any, ...]) -> tuple[tuple[str, ...], str]:
        ids: dict[str, None] = {}
        for value in found:
            text = self._text(value)
            texts = (text,) if self._parse is None or text is None else self._parse(text)
            for one in texts or (None,):
                made = None if one is None else self._finish(f"{self._pieces[0]}{one}{self._pieces[1]}")
                if made is None:
                    return (), "bad_target"
                ids[made] = None
        return (tuple(ids), "") if len(ids) <= MAX_TARGETS else ((), "too_many_targets")

    def _from_template(self, arguments: dict[str, Any]) -> tuple[tuple[str, ...], str]:
        found = [selector.find(arguments) for selector in self._selectors]
        if not any(found) and None not in found:
            return (), "target_missing" if self.required else ""
        rows = [self._pieces[0]]
        for values, piece in zip(found, self._pieces[1:], strict=True):
            if values is None:
                return (), "bad_target"
            if not values:
                return (), "target_missing"
            if len(values) > MAX_TARGETS:
                return (), "too_many_targets"
            texts = [text for value in values if (text := self._part(value)) is not None]
            if len(texts) < len(values):
                return (), "bad_target"
            rows = [f"{row}{text}{piece}" for row in rows for text in texts]
        finished = [self._finish(row) for row in rows]
        ids = tuple(dict.fromkeys(one for one in finished if one is not None))
        return ((), "bad_target") if None in finished else (ids, "")

    def _part(self, value: Any) -> str | None:
        """A separator inside a value would let two resources share one id; so would a step in a path."""
        text = self._text(value)
        return None if text is None or text in _STEPS or not self._separators.isdisjoint(text) else text

    @staticmethod
    def _text(value: Any) -> str | None:
        if isinstance(value, str):
            return value or None
        return str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63 else None

    def _finish(self, text: str) -> str | None:
        # Invisible characters make two ids look like one to the person who approves.
        if len(text) > MAX_ID or not text.isprintable() or text != text.strip():
            return None
        # A letter and its accent have two forms that look alike, and servers of files take one for the other.
        made = self._normalise(text if text.isascii() else unicodedata.normalize("NFC", text))
        return made if made and made == made.strip() else None


def _check_names(rule: TargetRule) -> None:
    if rule.normalise not in NORMALISERS:
        known = ", ".join(sorted(name for name in NORMALISERS if name))
        raise ValueError(f"normalise is one of {known}, or left out.{nearest(rule.normalise, NORMALISERS)}".rstrip("."))
    if rule.parse and rule.parse not in PARSERS:
        raise ValueError(f"parse is one of {', '.join(PARSERS)}.{nearest(rule.parse, PARSERS)}".rstrip("."))
    if (rule.parse or rule.default) and not rule.path:
        raise ValueError("parse and default go with path")
    if rule.prefixes and rule.kind_by:
        raise ValueError("prefixes and kind_by exclude each other")
    if not all(rule.prefixes):
        raise ValueError("an empty prefix says nothing")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)
