"""Public names of all tools on the endpoint for everything: ``<integration>__<tool>``, made once per load.

Clients take names of at most 64 characters of ``[A-Za-z0-9_-]``, and put ``mcp__<server>__`` in front themselves, so
48 are left when the server is called ``callgate``. A name follows from its integration and tool alone: nothing that
is added elsewhere changes it. It is never taken apart again; what it means stands in the table.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping

from callgate.model.base import Fact

LONGEST = 48
RESERVED = "callgate_"
_JOINT = "__"
_LONGEST_PREFIX = 24
"""An integration's part of a name; a longer one is shortened itself, so that tools of it stay apart."""
_MARK = 10
"""Hexadecimal digits of a digest: 40 bits."""
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
_ODD = re.compile(r"[^A-Za-z0-9_-]")
_SEPARATORS = re.compile(r"[\W_]+")
_DRAWN_ALIKE = str.maketrans({"0": "o", "1": "l", "i": "l", "|": "l"})


class KeptAway(Fact, frozen=True):
    """A tool that has no public name, and why: ``look_alike`` or ``reserved``."""

    integration: str
    tool: str
    reason: str


class NameTable:
    """``names``: public name by (integration, tool). ``tools``: the other way. ``kept_away``: sorted."""

    __slots__ = ("kept_away", "names", "tools")

    def __init__(self, names: Mapping[tuple[str, str], str], kept_away: Iterable[KeptAway]) -> None:
        self.names = dict(names)
        self.tools = {name: tool for tool, name in self.names.items()}
        self.kept_away = tuple(sorted(kept_away, key=lambda one: (one.integration, one.tool)))


def public_name(integration: str, tool: str) -> str:
    """The one name of this tool, 1 to 48 characters of ``[A-Za-z0-9_-]``.

    What cannot stand as it is gets a digest at its end: a long or odd integration its own, a long or odd tool that of
    both parts.
    """
    prefix = integration
    if len(prefix) > _LONGEST_PREFIX or not _PLAIN.fullmatch(prefix):
        prefix = _marked(integration, _LONGEST_PREFIX, integration)
    whole = f"{prefix}{_JOINT}{tool}"
    if len(whole) <= LONGEST and _PLAIN.fullmatch(tool):
        return whole
    return _marked(whole, LONGEST, f"{integration}\0{tool}")


def build_names(tools: Mapping[str, Iterable[str]]) -> NameTable:
    """``tools``: names of the callable tools by integration.

    Tools whose names a reader could take for one another are all kept away: whichever stayed would be called in the
    place of the other.
    """
    found = {
        (integration, tool): public_name(integration, tool) for integration in tools for tool in tools[integration]
    }
    shapes = {key: _shapes(*key, name) for key, name in found.items()}
    seen = Counter(shape for some in shapes.values() for shape in some)
    names, kept_away = {}, []
    for (integration, tool), name in found.items():
        reason = ""
        if look(name).startswith(RESERVED):
            reason = "reserved"
        elif any(seen[shape] > 1 for shape in shapes[integration, tool]):
            reason = "look_alike"
        if reason:
            kept_away.append(KeptAway(integration=integration, tool=tool, reason=reason))
        else:
            names[integration, tool] = name
    return NameTable(names, kept_away)


def look(name: str) -> str:
    """Names that are drawn nearly alike have the same look: width, case, kind and number of separators, ``0`` and
    ``o``, ``1``, ``i`` and ``l``, ``rn`` and ``m``, ``vv`` and ``w``, marks above and below letters.
    """
    bare = name.casefold()
    if not bare.isascii():
        folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
        bare = "".join(char for char in folded if not unicodedata.combining(char) and char.isprintable())
    return _SEPARATORS.sub("_", bare.translate(_DRAWN_ALIKE).replace("rn", "m").replace("vv", "w"))


def _shapes(integration: str, tool: str, name: str) -> set[str]:
    """What must be its alone: the look of the public name, and of the one it would have without any limit."""
    return {look(name), look(f"{integration}{_JOINT}{tool}")}


def _marked(text: str, longest: int, of: str) -> str:
    mark = hashlib.sha256(of.encode("utf-8", "surrogatepass")).hexdigest()[:_MARK]
    return f"{_ODD.sub('_', text)[: longest - _MARK - 1]}-{mark}"
