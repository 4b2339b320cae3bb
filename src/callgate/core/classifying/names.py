"""What a name says: which verb governs it, and what that verb does."""

from collections.abc import Sequence

from callgate.core.classifying.drafts import softer
from callgate.core.classifying.lexicon import (
    CHANGES,
    FORETELLS,
    GETS,
    JOINS,
    LOOKS,
    LOOKS_OR_NAMES,
    MOSTLY_NAMES,
    NAMES_TOO,
    NOT_BEFORE_LIST,
    NOUNS_BESIDE_TELLS,
    OTHERWISE,
    SELECTING,
    STRONG_TELLS,
    TELLS,
    THINGS,
    WORKS_OUT,
)
from callgate.core.classifying.words import Word
from callgate.model.base import Fact
from callgate.model.classification import Confidence
from callgate.model.terms import Tier

_STARTS = frozenset({"run", "test", "start", "trigger", "load", "process", "capture", "print", "copy", "sign", "use"})
_TAKES_NAMES = frozenset({"list", "search", "find", "show", "describe"})
_ASKED = frozenset({"question", "doc", "documentation", "knowledge", "base", "wiki", "manual", "handbook", "faq"})
_ASKS_TEXTS = "The name says ask, and texts that are asked: it looks."
_STRICT_ENDS = frozenset({"view", "query", "check", "show", "browse"})


class NameReading(Fact, frozen=True):
    """``verb``: the word that decided, as it stood; empty: none is known. ``pure``: it looks and cannot be a noun."""

    tier: Tier
    verb: str
    reason: str
    confidence: Confidence
    pure: bool = False


UNKNOWN = NameReading(
    tier=Tier.EXECUTE,
    verb="",
    reason="No word of the name says what it does, so it counts as execute.",
    confidence=Confidence.LOW,
)


def read_name(
    words: Sequence[Word], keys: frozenset[str], context: frozenset[str], *, prefixed: bool = False
) -> NameReading:
    """``words``: without the vendor's prefix. ``keys``: folded names of arguments. ``context``: words of the
    integration's name. ``prefixed``: there was one.
    """
    if not words:
        return UNKNOWN
    if words[0].base == "ask" and words[0].plain and len(words) > 1 and all(one.base in _ASKED for one in words[1:]):
        return NameReading(tier=Tier.READ, verb="ask", reason=_ASKS_TEXTS, confidence=Confidence.MEDIUM)
    soft = softer(words, keys, context)
    if soft:
        return NameReading(tier=Tier.DRAFT, verb=soft.verb, reason=soft.reason, confidence=Confidence.MEDIUM)
    looks = next((at for at, one in enumerate(words) if _looks(words, at)), -1)
    if looks < 0:
        read = _without_look(words, context, prefixed=prefixed)
        return _listing(words) if read is UNKNOWN and _is_listing(words, keys, context) else read
    change = _governing_change(words, looks)
    if change is not None:
        return _changing(change)
    one = words[looks]
    elsewhere = OTHERWISE.get(one.base, frozenset())
    if any(other.base in elsewhere or other.text in elsewhere for other in words[looks + 1 :]):
        return UNKNOWN
    pure = one.base in LOOKS
    if one.base in _STRICT_ENDS and looks == len(words) - 1 and looks and not _known(words[:looks], context):
        return UNKNOWN
    confidence = Confidence.HIGH if looks == 0 or pure else Confidence.MEDIUM
    return NameReading(
        tier=Tier.READ, verb=one.text, reason=f"The name says {one.text}: it looks.", confidence=confidence, pure=pure
    )


def _looks(words: Sequence[Word], at: int) -> bool:
    one = words[at]
    if one.base in LOOKS:
        return one.plain or at == 0
    return one.base in LOOKS_OR_NAMES and (one.plain or at == 0) and not (one.base == "read" and _marks(words))


def _marks(words: Sequence[Word]) -> bool:
    return any(one.base in ("mark", "as", "unread") for one in words)


def _governing_change(words: Sequence[Word], looks: int) -> Word | None:
    """The verb that makes a name with a looking verb a changing one: ``update_view``, ``get_or_create``."""
    for at, one in enumerate(words):
        if one.base not in CHANGES or at == looks:
            continue
        joined = at > 0 and any(other.base in JOINS for other in words[looks:at])
        if at > looks and joined and (one.plain or one.base not in NAMES_TOO):
            return one
        if one.plain and (_before(words, at, looks) if at < looks else _after(words, at, looks)):
            return one
    return None


def _before(words: Sequence[Word], at: int, looks: int) -> bool:
    one, look = words[at], words[looks]
    if one.base not in NAMES_TOO:
        return True
    last = looks == len(words) - 1
    if look.base in LOOKS:
        return one.base in _STARTS and not last
    if look.base == "list":
        return one.base in NOT_BEFORE_LIST
    if look.base in TELLS or look.base in ("search", "read", "find"):
        return one.base not in MOSTLY_NAMES and not (one.base == "post" and last)
    return True


def _after(words: Sequence[Word], at: int, looks: int) -> bool:
    one, look = words[at], words[looks]
    if look.base in GETS or look.base == "wait":
        return False
    if looks == 0 and one.base in NAMES_TOO and (look.base in FORETELLS or (look.base in WORKS_OUT and at == 1)):
        return False
    if one.base not in NAMES_TOO or (not look.plain and one.base not in MOSTLY_NAMES):
        return True
    if at < len(words) - 1 or one.base in MOSTLY_NAMES:
        return False
    return looks > 0 or look.base not in _TAKES_NAMES or one.base in _STARTS or one.base in NOT_BEFORE_LIST


def _without_look(words: Sequence[Word], context: frozenset[str], *, prefixed: bool) -> NameReading:
    last = words[-1]
    if len(words) == 1 and prefixed and last.base in TELLS:
        return _telling(last)
    for at, one in enumerate(words):
        named = at > 0 and one.base in NAMES_TOO and last.base in TELLS and _known(words[:at], context)
        named = named or (at == 0 and one.base in NOUNS_BESIDE_TELLS and _is_told(words, context))
        if one.base in CHANGES and (one.plain or at == 0) and not named and not is_thing(one):
            return _changing(one)
    if last.base in TELLS and (_known(words[:-1], context) or _is_told(words, context)):
        return _telling(last)
    by = next((at for at, one in enumerate(words) if one.text == "by"), 0)
    if by and _known(words[:by], context):
        reason = "The name says what is looked up by what."
        return NameReading(tier=Tier.READ, verb="by", reason=reason, confidence=Confidence.MEDIUM)
    if last.base in LOOKS and last.text.endswith(("er", "or")):
        return NameReading(
            tier=Tier.READ, verb=last.text, reason=f"The name says {last.text}: it looks.", confidence=Confidence.MEDIUM
        )
    late = next((one for one in words if one.base in CHANGES and not is_thing(one)), None)
    return UNKNOWN if late is None else _changing(late)


def is_thing(one: Word) -> bool:
    """A changing word that stands as a noun: ``orders``, ``billing``; names hardly say ``deletes`` or ``deleting``."""
    if one.plain or one.base not in CHANGES:
        return False
    return one.text.endswith("ing") or (one.base in NAMES_TOO and one.text.endswith("s"))


def _is_told(words: Sequence[Word], context: frozenset[str]) -> bool:
    """``refund_status``, ``run_logs``: what stands before is what it is about."""
    before = words[:-1]
    rest = tuple(one for one in before if one.base not in NOUNS_BESIDE_TELLS)
    return bool(before) and words[-1].base in STRONG_TELLS and _known(rest, context)


def _is_listing(words: Sequence[Word], keys: frozenset[str], context: frozenset[str]) -> bool:
    """Nothing but known nouns, the last one of several things, and arguments that choose among them."""
    last = words[-1]
    several = not last.plain and last.text.endswith("s")
    if len(words) == 1 and (not keys or any(key.rpartition("_")[2] in ("id", "ids") for key in keys)):
        return False
    return several and _known(words, context) and all(_selects(key) for key in keys)


def _selects(key: str) -> bool:
    last = key.rpartition("_")[2]
    return last in SELECTING or last in THINGS


def _listing(words: Sequence[Word]) -> NameReading:
    reason = f"The name holds nouns alone and ends in {words[-1].text}, and its arguments choose among them: it lists."
    return NameReading(tier=Tier.READ, verb="", reason=reason, confidence=Confidence.LOW)


def _telling(last: Word) -> NameReading:
    reason = f"The name ends in {last.text} and holds no verb: it tells."
    return NameReading(tier=Tier.READ, verb=last.text, reason=reason, confidence=Confidence.MEDIUM)


def _known(words: Sequence[Word], context: frozenset[str]) -> bool:
    return all(
        one.base in THINGS or one.text in THINGS or one.base in TELLS or one.text in context or is_thing(one)
        for one in words
    )


def _changing(one: Word) -> NameReading:
    sure = one.base not in NAMES_TOO
    return NameReading(
        tier=Tier.EXECUTE,
        verb=one.text,
        reason=f"The name says {one.text}: it changes something.",
        confidence=Confidence.HIGH if sure else Confidence.MEDIUM,
    )
