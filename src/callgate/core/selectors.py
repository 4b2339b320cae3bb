"""Selectors: where in the arguments a value stands, and how it becomes the one id of a resource.

A selector is a dotted path; ``[]`` after a name walks an array: ``edits[].path``. What cannot be read as the
manifest says is a problem, never skipped: a call whose aim is not understood is not executed.
"""

import re
from collections.abc import Callable
from typing import Any

from callgate.model.tool import TargetRule

MAX_TARGETS = 1000
MAX_ID = 4096
_NAME = re.compile(r"[^.\[\]{}]+")
_PLACE = re.compile(r"\{([^{}]*)\}")


class Selector:
    """A compiled path. Names hold no dots, brackets or braces."""

    __slots__ = ("_first", "_steps", "root", "text")

    def __init__(self, text: str) -> None:
        """Raises ValueError when it cannot compile."""
        steps: list[str | None] = []
        for part in text.split("."):
            name = part
            walks = 0
            while name.endswith("[]"):
                name, walks = name[:-2], walks + 1
            if not _NAME.fullmatch(name):
                raise ValueError(f"{text!r} is not a path of names with dots between, and [] after a name for an array")
            steps += [name, *([None] * walks)]
        self.text = text
        self._steps = tuple(steps)
        self.root = steps[0] or ""
        self._first = self.root if len(steps) == 1 else ""

    def find(self, value: Any) -> tuple[Any, ...] | None:
        """Every value found, without absent and null ones; None when something on the way has another shape."""
        if self._first and isinstance(value, dict):
            found = value.get(self._first)
            return () if found is None else (found,)
        level = [value]
        for step in self._steps:
            following: list[Any] = []
            for item in level:
                if step is None:
                    if not isinstance(item, list):
                        return None
                    following += item
                elif isinstance(item, dict):
                    following.append(item.get(step))
                else:
                    return None
            level = [item for item in following if item is not None]
        return tuple(level)

    def one(self, value: Any) -> Any:
        """The only value found, else None."""
        found = self.find(value)
        return found[0] if found is not None and len(found) == 1 else None


def plain(text: str) -> str | None:
    return text


def lower(text: str) -> str | None:
    return text.lower()


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


NORMALISERS: dict[str, Callable[[str], str | None]] = {
    "": plain,
    "lower": lower,
    "posix_path": posix_path,
    "repository_path": repository_path,
}


class TargetSelector:
    """A compiled TargetRule: from arguments to ids of one kind."""

    __slots__ = ("_normalise", "_pieces", "_selectors", "_separators", "kind", "path", "required", "roots")

    def __init__(self, rule: TargetRule, required: frozenset[str]) -> None:
        """``required``: argument names the schema requires. Raises ValueError when the rule cannot compile."""
        if bool(rule.path) == bool(rule.template):
            raise ValueError("exactly one of path and template is wanted")
        if rule.normalise not in NORMALISERS:
            raise ValueError(
                f"normalise is one of {', '.join(sorted(name for name in NORMALISERS if name))}, or left out"
            )
        self.kind = rule.kind
        self.path = rule.path
        self._normalise = NORMALISERS[rule.normalise]
        pieces = _PLACE.split(rule.template) if rule.template else ["", rule.path, ""]
        self._pieces = tuple(pieces[::2])
        self._selectors = tuple(Selector(text) for text in pieces[1::2])
        if not self._selectors:
            raise ValueError("the template has no {argument}")
        if rule.template and any("[]" in selector.text for selector in self._selectors):
            raise ValueError("a template takes single values; [] is for paths")
        if any(not piece for piece in self._pieces[1:-1]):
            raise ValueError("two places of a template need something between them")
        self._separators = frozenset("".join(self._pieces[1:-1]))
        self.roots = tuple(selector.root for selector in self._selectors)
        self.required = not required.isdisjoint(self.roots)

    def ids(self, arguments: dict[str, Any]) -> tuple[tuple[str, ...], str]:
        """(ids, problem): ``target_missing``, ``bad_target`` or ``too_many_targets``; with one, no id counts."""
        if len(self._selectors) > 1:
            return self._from_template(arguments)
        found = self._selectors[0].find(arguments)
        if found is None:
            return (), "bad_target"
        if not found:
            return (), "target_missing" if self.required else ""
        if len(found) > MAX_TARGETS:
            return (), "too_many_targets"
        ids: dict[str, None] = {}
        for value in found:
            text = self._text(value)
            if text is None:
                return (), "bad_target"
            made = self._finish(f"{self._pieces[0]}{text}{self._pieces[1]}")
            if made is None:
                return (), "bad_target"
            ids[made] = None
        return tuple(ids), ""

    def _from_template(self, arguments: dict[str, Any]) -> tuple[tuple[str, ...], str]:
        found = [selector.find(arguments) for selector in self._selectors]
        if not any(found) and None not in found:
            return (), "target_missing" if self.required else ""
        texts: list[str] = []
        for values in found:
            if values is None:
                return (), "bad_target"
            if not values:
                return (), "target_missing"
            text = self._text(values[0])
            # A separator inside a value would let two resources share one id.
            if text is None or not self._separators.isdisjoint(text):
                return (), "bad_target"
            texts.append(text)
        made = self._pieces[0] + "".join(text + piece for text, piece in zip(texts, self._pieces[1:], strict=True))
        finished = self._finish(made)
        return ((finished,), "") if finished is not None else ((), "bad_target")

    @staticmethod
    def _text(value: Any) -> str | None:
        if isinstance(value, str):
            return value or None
        return str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63 else None

    def _finish(self, text: str) -> str | None:
        # Invisible characters make two ids look like one to the person who approves.
        if len(text) > MAX_ID or not text.isprintable() or text != text.strip():
            return None
        return self._normalise(text) or None
