"""A tier, flags and reasons for a tool that no manifest describes, by rules over its definition.

The strictest signal wins and what is not known is execute. Text that a model would read only ever raises a tier; words
of the name and fixed values of an action can make it a lower one, and so can a vendor's hint that the tool only reads
where no word of the name says otherwise.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from callgate.core.classifying.arguments import Arguments, arguments_of
from callgate.core.classifying.flags import flags_of
from callgate.core.classifying.names import UNKNOWN, NameReading, read_name
from callgate.core.classifying.signals import Actions, Signal, actions_of, from_arguments, from_hints, from_prose
from callgate.core.classifying.vouched import only_reads, vouched
from callgate.core.classifying.words import Word, without_prefix, words_of
from callgate.model.classification import Classification, Confidence
from callgate.model.terms import Tier

MAX_NAME = 128
MAX_REASONS = 6
_AKIN = frozenset(
    {"create", "add", "write", "record", "save", "store", "compose", "make", "copy", "adjust", "switch", "put", "hide"}
)
"""In the description of what only prepares they say nothing new."""


def classify(definition: Mapping[str, Any], *, integration: str = "") -> Classification:
    """``definition``: a tool object as its server lists it; it may be anything. ``integration``: its name here.

    Pure and bounded: time grows with the sizes that are looked at, which are limited. Raises nothing.
    """
    name = definition.get("name")
    name = name if isinstance(name, str) and name.isascii() and len(name) <= MAX_NAME else ""
    every = words_of(name)
    words = without_prefix(every, integration)
    context = frozenset(word.text for word in words_of(integration))
    arguments = arguments_of(definition.get("inputSchema"))
    keys = frozenset(one.key for one in arguments.own)
    reading = read_name(words, keys, context, prefixed=len(words) < len(every))
    actions = actions_of(arguments, words, context)
    base = _with_actions(reading, actions)
    if actions is None and only_reads(definition.get("annotations")):
        base = vouched(base, every, keys, definition.get("description"))
    signals = _signals(definition, arguments, words, reading, context)
    return _composed(base, actions, signals, words, keys)


def from_schema(definition: Mapping[str, Any], *, integration: str = "") -> tuple[Tier, tuple[str, ...]]:
    """What arguments and hints alone say: the highest tier, and why; READ without a reason when they say nothing."""
    name = definition.get("name")
    words = words_of(name if isinstance(name, str) and name.isascii() and len(name) <= MAX_NAME else "")
    context = frozenset(word.text for word in words_of(integration))
    arguments = arguments_of(definition.get("inputSchema"))
    reading = read_name(words, frozenset(one.key for one in arguments.own), context)
    signals = [
        *from_arguments(arguments, words, reading, context),
        *from_hints(definition.get("annotations"), reading),
    ]
    actions = actions_of(arguments, words, context)
    if actions is not None and actions.reason:
        signals.append(Signal(tier=actions.tier, reason=actions.reason))
    signals = sorted((one for one in signals if one.tier > Tier.READ), key=lambda one: -one.tier)
    reasons = tuple(dict.fromkeys(one.reason for one in signals))[:MAX_REASONS]
    return (signals[0].tier if signals else Tier.READ), reasons


def _signals(
    definition: Mapping[str, Any],
    arguments: Arguments,
    words: tuple[Word, ...],
    reading: NameReading,
    context: frozenset[str],
) -> list[Signal]:
    annotations = definition.get("annotations")
    title = annotations.get("title") if isinstance(annotations, Mapping) else None
    signals = [*from_arguments(arguments, words, reading, context), *from_hints(annotations, reading)]
    known = frozenset(word.base for word in words) | _AKIN if reading.tier is Tier.DRAFT else frozenset()
    for text in (definition.get("title"), title, definition.get("description")):
        signals += from_prose(text, known, reading.tier)
    return signals


def _with_actions(reading: NameReading, actions: Actions | None) -> NameReading:
    """A name that says nothing takes the most dangerous of its actions, if each of them is known."""
    if actions is None:
        return reading
    if reading is UNKNOWN and actions.known:
        reason = actions.reason or f"Each value of its argument {actions.shown} looks."
        return NameReading(tier=actions.tier, verb="", reason=reason, confidence=Confidence.MEDIUM)
    if reading.tier is Tier.DRAFT and actions.tier is Tier.EXECUTE:
        return msgspec.structs.replace(reading, tier=Tier.EXECUTE, reason=actions.reason)
    return reading


def _composed(
    base: NameReading, actions: Actions | None, signals: list[Signal], words: tuple[Word, ...], keys: frozenset[str]
) -> Classification:
    tier = max([base.tier, *(signal.tier for signal in signals)])
    raising = [signal for signal in signals if signal.tier > base.tier]
    deciding = sorted(raising, key=lambda signal: -signal.tier)
    reasons = [signal.reason for signal in deciding] + [base.reason]
    flags = flags_of(
        tier,
        words,
        actions.values if actions else (),
        keys,
        code=any(signal.code for signal in signals),
        unknown=tier is Tier.EXECUTE and base is UNKNOWN,
    )
    confidence = Confidence.MEDIUM if raising else base.confidence
    return Classification(
        tier=tier,
        irreversible=flags.irreversible,
        admin=flags.admin,
        money=flags.money,
        confidence=confidence,
        reasons=tuple(dict.fromkeys([*reasons, *flags.reasons]))[:MAX_REASONS],
    )
