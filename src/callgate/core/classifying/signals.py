"""Signals that raise a tier: arguments, hints of the vendor, words of descriptions. None of them lowers one."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from callgate.core.classifying.arguments import Argument, Arguments
from callgate.core.classifying.drafts import softer
from callgate.core.classifying.lexicon import (
    ACTION_KEYS,
    ADDRESS_KEYS,
    ASKS,
    BODY_KEYS,
    CHANGES,
    CODE_KEYS,
    CONFIRM_KEYS,
    EVERYDAY_VERBS,
    LOOKS,
    LOOKS_OR_NAMES,
    NAMES_TOO,
    PIPELINE_KEYS,
    PLAIN_ACTION_KEYS,
    QUERY_KEYS,
    QUERY_LANGUAGES,
    RECIPIENT_KEYS,
    SAVE_KEYS,
    TAKES_KEYS,
)
from callgate.core.classifying.names import UNKNOWN, NameReading, read_name
from callgate.core.classifying.words import MAX_TEXT, Word, sentences, words_of
from callgate.core.visible import shorten
from callgate.model.base import Fact
from callgate.model.terms import Tier

_HTTP = frozenset({"get", "head", "options", "post", "put", "patch", "delete"})
_HTTP_LOOKS = frozenset({"get", "head", "options"})
_CHECKS_CODE = frozenset({"validate", "lint", "format", "explain", "analyze", "analyse", "review", "parse", "check"})
_RUN_TO_CHECK = frozenset({"sql", "statement", "cypher", "ddl", "dml", "query"})
"""To explain or to check one of these, systems may run it."""
_SWITCHES = frozenset(
    {"delete", "create", "update", "overwrite", "replace", "send", "publish", "execute", "apply", "submit", "purge"}
    | {"approve", "deploy", "remove", "commit", "merge", "upsert", "run", "autofix", "fix"}
)
_SAYS_SQL = frozenset({"sql", "ddl", "dml", "cypher", "graphql"})
_CODE_WORDS = frozenset(
    {"javascript", "typescript", "python", "sql", "bash", "shell", "arbitrary", "snippet", "script"}
)
_FINDS = frozenset({"search", "list", "find"})
_AMBIGUOUS_CODE = frozenset({"statement", "statements", "playbook"})
_RUNS = frozenset({"run", "execute", "evaluate", "eval", "exec"})
_CODE_ENDS = frozenset({"command", "script", "sql", "javascript", "cypher"})
_ASKS_RAW = frozenset({"request", "call", "invoke", "execute", "write", "run", "send"})
_RAW = frozenset({"api", "http", "raw", "rest"})
_DISK = frozenset({"disk", "local", "locally", "filesystem"})
_LEADS = frozenset(
    {"this", "tool", "the", "use", "it", "will", "to", "allow", "allows", "can", "you", "a", "function", "lets"}
)
_LEADING = 8
_DENIES = frozenset({"not", "never", "without", "no", "nothing", "don't", "doesn't", "cannot", "can't", "won't"})
_PASSES_ON = frozenset({"mail", "email", "send", "post", "publish", "share", "upload", "push", "notify", "forward"})
_GOES_ON = frozenset({"and", "then", "it", "also", "which", "that"})
_KEEPS = frozenset({"keep", "store", "save", "record", "hold", "leave"})
_SURE_IN_PROSE = CHANGES - NAMES_TOO - EVERYDAY_VERBS


class Signal(Fact, frozen=True):
    """The tier is at least ``tier``. ``code``: arbitrary code, SQL or requests can be run by it."""

    tier: Tier
    reason: str
    code: bool = False


class Actions(Fact, frozen=True):
    """What the fixed values of an argument like ``action`` do. ``known``: of each value it is known."""

    tier: Tier
    known: bool
    shown: str
    values: tuple[tuple[Word, ...], ...]
    reason: str


def actions_of(arguments: Arguments, name: Sequence[Word], context: frozenset[str]) -> Actions | None:
    """The most dangerous of the actions that one argument chooses from; None: there is no such argument."""
    choosing = [one for one in arguments.found if one.key in ACTION_KEYS and one.values]
    if not choosing:
        return None
    worst, known, why, shown, values = Tier.READ, True, "", choosing[0].shown, []
    for one in choosing:
        for value in one.values:
            words = words_of(value)
            values.append(words)
            reading = read_name(words, frozenset(), context)
            known = known and reading is not UNKNOWN
            tier = Tier.DRAFT if softer((*words, *name), frozenset(), context) else reading.tier
            if reading is UNKNOWN or min(tier, reading.tier) <= worst:
                continue
            worst, shown = min(tier, reading.tier), one.shown
            why = f"Its argument {one.shown} can be {shorten(value, 24)}, which counts as {worst.name.lower()}."
    return Actions(tier=worst, known=known, shown=shown, values=tuple(values), reason=why)


def from_arguments(
    arguments: Arguments, words: Sequence[Word], reading: NameReading, context: frozenset[str]
) -> Iterator[Signal]:
    if not arguments.whole:
        yield Signal(tier=Tier.EXECUTE, reason="Its arguments are too many or too deep to look through.")
    own = arguments.own
    keys = frozenset(one.key for one in own)
    yield from _code(own, words, reading, context)
    yield from _raw_request(own, keys)
    if {"query", "variables"} <= keys:
        yield Signal(tier=Tier.EXECUTE, reason="It takes a query with variables, which may change things.", code=True)
    bases = frozenset(one.base for one in words)
    asks = bases & _ASKS_RAW if "api" in bases else bases & _RAW and "request" in bases
    if asks and not bases & LOOKS:
        yield Signal(tier=Tier.EXECUTE, reason="Its name says that it sends requests of any kind.", code=True)
    for one in own:
        yield from _telling(one)
    if keys & RECIPIENT_KEYS and keys & BODY_KEYS and reading.tier is Tier.READ and "from" not in keys:
        yield Signal(tier=Tier.EXECUTE, reason="It takes a recipient and a text.")
    yield from _values(arguments, reading)


def _telling(one: Argument) -> Iterator[Signal]:
    if one.key in CONFIRM_KEYS:
        yield Signal(tier=Tier.EXECUTE, reason=f"Its argument {one.shown} is one of tools that change something.")
    if one.key in SAVE_KEYS:
        yield Signal(tier=Tier.DRAFT, reason=f"Its argument {one.shown} says where it writes on this machine.")
    if one.key in TAKES_KEYS:
        yield Signal(tier=Tier.DRAFT, reason=f"Its argument {one.shown} hides or marks what is read.")
    first = one.key.partition("_")[0]
    if first in _SWITCHES and "boolean" in one.types and not one.key.endswith("ed"):
        yield Signal(tier=Tier.EXECUTE, reason=f"Its argument {one.shown} makes it {first}.")


def _code(
    own: Sequence[Argument], words: Sequence[Word], reading: NameReading, context: frozenset[str]
) -> Iterator[Signal]:
    bases = frozenset(one.base for one in words)
    language = bool((bases | frozenset(one.text for one in words) | context) & QUERY_LANGUAGES)
    checks = reading.tier is Tier.READ and bases & _CHECKS_CODE
    for one in own:
        if one.types and not one.types & {"string", "array"}:
            continue
        if one.key in PIPELINE_KEYS and ("array" in one.types or not one.types):
            yield _runs(one, "stages that may write")
        elif one.values or (checks and not frozenset(one.key.split("_")) & _RUN_TO_CHECK):
            continue
        elif _is_code(one, reading, runs=bool(bases & _RUNS)):
            yield _runs(one, "code")
        elif (
            one.key in QUERY_KEYS and not (reading.pure or bases & _FINDS) and (language or _says(one.told, _SAYS_SQL))
        ):
            yield _runs(one, "a language that can write")


def _is_code(one: Argument, reading: NameReading, *, runs: bool) -> bool:
    front, _, last = one.key.rpartition("_")
    if one.key in CODE_KEYS or last in _CODE_ENDS:
        return not (reading.pure and one.key in _AMBIGUOUS_CODE)
    if last == "code":
        return (runs and reading.tier is Tier.EXECUTE) if front else not reading.pure or _says(one.told, _CODE_WORDS)
    return one.key in ("function", "expression") and not reading.pure and reading.verb not in _FINDS


def _runs(one: Argument, what: str) -> Signal:
    return Signal(tier=Tier.EXECUTE, reason=f"Its argument {one.shown} takes {what}.", code=True)


def _raw_request(own: Sequence[Argument], keys: frozenset[str]) -> Iterator[Signal]:
    for one in own:
        if one.key not in ("method", "http_method", "verb", "request_method"):
            continue
        values = {value.lower() for value in one.values}
        if (values and not values <= _HTTP) or not keys & ADDRESS_KEYS:
            continue
        if values - _HTTP_LOOKS or not values:
            yield Signal(tier=Tier.EXECUTE, reason="It sends requests of any kind: a method and an address.", code=True)


def _values(arguments: Arguments, reading: NameReading) -> Iterator[Signal]:
    if reading.tier is Tier.EXECUTE or reading.verb in ASKS:
        return
    for one in arguments.own:
        if one.key not in PLAIN_ACTION_KEYS:
            continue
        for value in one.values:
            words = words_of(value)
            if any(word.base in CHANGES - NAMES_TOO and word.plain for word in words[:1]) or (
                len(words) == 1 and words[0].plain and words[0].base in CHANGES
            ):
                reason = f"Its argument {one.shown} can be {shorten(value, 24)}."
                yield Signal(tier=Tier.EXECUTE, reason=reason)
                break


def from_hints(annotations: Any, reading: NameReading) -> Iterator[Signal]:
    """Hints of the vendor. That it says it only reads raises nothing; where it counts, see ``vouched``."""
    if not isinstance(annotations, Mapping):
        return
    # Without meaning beside readOnlyHint = true (MCP specification); some libraries write both unasked.
    if annotations.get("destructiveHint") is True and annotations.get("readOnlyHint") is not True:
        yield Signal(tier=Tier.EXECUTE, reason="Its vendor calls it destructive.")
    if annotations.get("readOnlyHint") is False:
        tier = Tier.EXECUTE if reading.tier is Tier.READ else Tier.DRAFT
        yield Signal(tier=tier, reason="Its vendor says that it does not only read.")


def from_prose(text: Any, known: frozenset[str], tier: Tier) -> Iterator[Signal]:
    """Words of a description or title, of its first sentences and lines. ``known``: changing words of a name that was
    judged with them already; ``tier``: as what.
    """
    if not isinstance(text, str):
        return
    for number, said in enumerate(sentences(text, _LEADING)):
        yield from _sentence(said, known, leading=number < 2)
        if tier is Tier.DRAFT:
            yield from _passed_on(said)
        if tier is Tier.READ and _kept_as_draft(said):
            yield Signal(tier=Tier.DRAFT, reason="Its description says that a draft is kept.")


def _passed_on(said: Sequence[Word]) -> Iterator[Signal]:
    """``… and mails the link to the owner``: what was to be for the one who asks goes on to others."""
    if any(one.text in _DENIES for one in said):
        return
    for before, one in pairwise(said):
        if one.base in _PASSES_ON and one.text.endswith("s") and before.text in _GOES_ON:
            yield Signal(tier=Tier.EXECUTE, reason=f"Its description says that it {one.text}.")


def _kept_as_draft(said: Sequence[Word]) -> bool:
    """``… and keeps it as a draft``."""
    texts = [one.text for one in said]
    return any(
        texts[at] == "draft" and "as" in texts[max(0, at - 3) : at] and _KEEPS & {one.base for one in said[:at]}
        for at in range(1, len(texts))
    )


def _sentence(said: Sequence[Word], known: frozenset[str], *, leading: bool) -> Iterator[Signal]:
    bases = frozenset(one.base for one in said)
    start = next((at for at, one in enumerate(said) if one.base not in _LEADS), None)
    if said and said[0].text == "to" and any(one.text in ("use", "call") for one in said[2:]):
        # "To delete one, use …" speaks of another tool.
        start = None
    if start is not None and said[start + 1 : start + 2] and said[start + 1].text == "nothing":
        start = None
    if leading and start is not None:
        verb = said[start]
        if verb.base in _SURE_IN_PROSE - known and _is_finite(verb):
            yield Signal(tier=Tier.EXECUTE, reason=f"Its description begins with {verb.text}.")
        elif verb.base in LOOKS | LOOKS_OR_NAMES:
            joined = _joined(said, start)
            if joined:
                yield Signal(tier=Tier.EXECUTE, reason=f"Its description says {verb.text} and {joined}.")
        if verb.base in _RUNS and _is_finite(verb) and bases & _CODE_WORDS:
            yield Signal(tier=Tier.EXECUTE, reason=f"Its description says {verb.text} and names code.", code=True)
    if leading and bases & _DISK and bases & frozenset({"save", "download", "write"}):
        yield Signal(tier=Tier.DRAFT, reason="Its description says that it writes on this machine.")


def changes_in_prose(text: Any, verbs: frozenset[str]) -> bool:
    """The first sentence of a description holds a verb that changes something and is not denied, or begins with one of
    ``verbs``: words of a name that may be nouns.
    """
    if not isinstance(text, str):
        return False
    said = next(sentences(text, 1), ())
    first = next((one for one in said if one.base not in _LEADS), None)
    if first is not None and first.base in verbs and _is_finite(first):
        return True
    denied = any(one.text in _DENIES for one in said)
    return not denied and any(one.base in _SURE_IN_PROSE and _is_finite(one) for one in said)


def _is_finite(verb: Word) -> bool:
    return verb.plain or verb.text.endswith("s")


def _joined(said: Sequence[Word], start: int) -> str:
    """The changing verb of ``Get or create a …``, right behind the looking one."""
    if start + 2 >= len(said) or said[start + 1].text not in ("and", "or", "then"):
        return ""
    other = said[start + 2]
    return other.text if other.base in _SURE_IN_PROSE and _is_finite(other) else ""


def _says(text: str, words: frozenset[str]) -> bool:
    lowered = text[:MAX_TEXT].lower()
    return any(one in lowered for one in words)
