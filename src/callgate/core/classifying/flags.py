"""Whether what a tool does can be taken back, and whether it touches rights or money."""

from collections.abc import Iterable, Sequence

from callgate.core.classifying.lexicon import (
    ADMIN_KEYS,
    ADMIN_THINGS,
    ADMIN_VERBS,
    CHANGES,
    FINAL_THINGS,
    FINAL_VERBS,
    FORMER_STATE,
    MONEY_KEYS,
    MONEY_THINGS,
    MONEY_VERBS,
    MOSTLY_NAMES,
)
from callgate.core.classifying.words import Word, any_base
from callgate.model.base import Fact
from callgate.model.terms import Tier

_GIVES = frozenset({"add", "create"})
_OF_PROJECTS = frozenset({"create", "update", "delete", "transfer"})


class Flags(Fact, frozen=True):
    """As in Classification."""

    irreversible: bool = False
    admin: bool = False
    money: bool = False
    reasons: tuple[str, ...] = ()


def flags_of(
    tier: Tier,
    words: Sequence[Word],
    values: Iterable[Sequence[Word]],
    keys: frozenset[str],
    *,
    code: bool,
    unknown: bool,
) -> Flags:
    """``words``: of the name. ``values``: of each action. ``code``: it runs what it is given."""
    if tier is Tier.READ:
        return Flags()
    said = list(words)
    for value in values:
        said += value
    reasons: list[str] = []
    final = _final(said)
    if unknown:
        reasons.append("What it does is not known, so nothing says that it can be undone.")
    if code:
        reasons.append("It runs what it is given, so nothing says that it can be undone.")
    elif final:
        reasons.append(f"{final} may have no way back.")
    admin = code or _admin(tier, said, keys, reasons)
    money = _money(said, keys, reasons)
    return Flags(irreversible=code or unknown or bool(final), admin=admin, money=money, reasons=tuple(reasons))


def _final(said: Sequence[Word]) -> str:
    """The first word for an effect without a way back. One that is mostly a noun counts where it is the verb."""
    bases = frozenset(one.base for one in said)
    verbs = [one for one in said if one.base in CHANGES and one.plain]
    for one in verbs:
        if one.base not in FINAL_VERBS or (one.base in MOSTLY_NAMES and one is not verbs[0]):
            continue
        if one.base == "write" and one is not said[0]:
            continue
        if one.base == "remove" and bases & FORMER_STATE:
            continue
        return one.text
    if bases & _GIVES and "message" in bases and said[-1].base == "message":
        return said[-1].text
    return any_base(said, FINAL_THINGS) or (verbs[0].text if "manage" in bases and bases & ADMIN_THINGS else "")


def _admin(tier: Tier, said: Sequence[Word], keys: frozenset[str], reasons: list[str]) -> bool:
    verb = any_base((one for one in said if one.plain), ADMIN_VERBS)
    thing = any_base(said, ADMIN_THINGS) if tier is Tier.EXECUTE else ""
    if tier is Tier.EXECUTE and said and said[-1].base == "project" and any_base(said, _OF_PROJECTS):
        thing = said[-1].text
    key = next((one for one in sorted(keys) if one in ADMIN_KEYS), "")
    if verb or thing or key:
        reasons.append(f"{verb or thing or key} is about rights, accounts or settings.")
    return bool(verb or thing or key)


def _money(said: Sequence[Word], keys: frozenset[str], reasons: list[str]) -> bool:
    verb, thing = any_base(said, MONEY_VERBS), any_base(said, MONEY_THINGS)
    key = next((one for one in sorted(keys) if one in MONEY_KEYS), "")
    if verb or thing or key:
        reasons.append(f"{verb or thing or key} is about money.")
    return bool(verb or thing or key)
