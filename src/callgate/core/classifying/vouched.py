"""Where a vendor's ``readOnlyHint`` counts: beside a name that does not say what the tool does, or says it by a word that
is a thing and a computation as well. A server says of itself what it likes, but it chooses the name, too.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from callgate.core.classifying.drafts import goes_somewhere
from callgate.core.classifying.lexicon import BODY_KEYS, CHANGES, COMPUTES, MOSTLY_NAMES, SAVE_KEYS
from callgate.core.classifying.names import UNKNOWN, NameReading, is_thing
from callgate.core.classifying.signals import changes_in_prose
from callgate.core.classifying.words import Word
from callgate.model.classification import Confidence
from callgate.model.terms import Tier

_MILD = MOSTLY_NAMES | COMPUTES
_VERBAL = ("ate", "ify", "ize", "ise")
"""Ends of verbs: such a word may be one that is not known."""
_MADE_FOR_THE_CALLER = frozenset({"download", "screenshot", "export", "generate"})
_SAYS = BODY_KEYS - {"text"}
"""With one of these something is said to somebody, whatever the tool is called."""
_HERE = frozenset({"disk", "local", "file", "folder", "directory", "env"})
_PLACES = SAVE_KEYS | frozenset(
    {"path", "file", "filename", "file_path", "filepath", "destination", "folder", "directory", "dir", "out", "output"}
)
_RUN = frozenset({"report", "query", "search", "analysis", "select", "lookup", "forecast", "funnel", "explain"})
_REASON = "Its vendor says that it only reads, and no word of the name says otherwise."


def only_reads(annotations: Any) -> bool:
    """Beside this hint ``destructiveHint`` has no meaning (MCP specification), and some libraries write both unasked."""
    return isinstance(annotations, Mapping) and annotations.get("readOnlyHint") is True


def vouched(reading: NameReading, words: Sequence[Word], keys: frozenset[str], description: Any) -> NameReading:
    """The reading of a name whose tool only reads by its vendor's word. ``words``: all of the name, what is taken for
    the vendor's prefix too.
    """
    verbs = frozenset(one.base for one in words if one.base in MOSTLY_NAMES - COMPUTES)
    if reading.tier is Tier.READ or goes_somewhere(words) or changes_in_prose(description, verbs):
        return reading
    if reading.tier is Tier.DRAFT:
        here = keys & _PLACES or any(one.base in _HERE for one in words)
        inline = reading.verb in _MADE_FOR_THE_CALLER and not here
        return _read() if inline else reading
    changing = [one for at, one in enumerate(words) if one.base in CHANGES and not _is_noun(one, first=at == 0)]
    if any(one.base in _RUN for one in words):
        # What is run is something that tells: ``run_report``.
        changing = [one for one in changing if one.base != "run"]
    mild = all(one.base in _MILD for one in changing)
    if reading is UNKNOWN:
        strange = not mild or any(one.text.endswith(_VERBAL) for one in words) or keys & _SAYS
        return reading if strange else _read()
    return _read() if changing and mild else reading


def _is_noun(one: Word, *, first: bool) -> bool:
    return is_thing(one) or (not first and not one.plain and one.text.endswith("s"))


def _read() -> NameReading:
    return NameReading(tier=Tier.READ, verb="", reason=_REASON, confidence=Confidence.LOW)
