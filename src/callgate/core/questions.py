"""What must be asked, of whom: held findings grouped into questions (DESIGN section 9)."""

from collections.abc import Iterable, Mapping

import msgspec

from callgate.model.decision import Finding, Question
from callgate.model.terms import Ask, Effect, Role
from callgate.model.tool import Target

_ORDER = {ask: place for place, ask in enumerate(Ask)}


def addressed(finding: Finding, targets: tuple[Target, ...]) -> tuple[Finding, ...]:
    """A finding that asks the owner of "the domain" as one finding per domain the call touches.

    Where no domain is known nobody owns the data: then Security is asked whether it is acceptable.
    """
    if finding.ask is not Ask.DOMAIN or finding.ask_of:
        return (finding,)
    domains = sorted({target.domain for target in targets})
    if not domains:
        domains = [""]
    return tuple(_addressed_to(finding, domain) for domain in domains)


def _addressed_to(finding: Finding, domain: str) -> Finding:
    path = f"{finding.path}:{domain}" if finding.path else domain
    if domain:
        return msgspec.structs.replace(finding, ask_of=domain, path=path)
    return msgspec.structs.replace(finding, ask=Ask.ACCEPTABLE, ask_of=Role.SECURITY.value, path=path)


def questions(findings: Iterable[Finding], titles: Mapping[str, str], quorum: int) -> tuple[Question, ...]:
    """One question per (ask, ask_of) of the held findings that count. ``titles``: domain name to title."""
    groups: dict[tuple[Ask, str], list[Finding]] = {}
    for finding in findings:
        if finding.effect is Effect.HOLD and finding.ask is not None and not (finding.discharged or finding.shadow):
            groups.setdefault((finding.ask, finding.ask_of), []).append(finding)
    return tuple(
        Question(
            id=f"{ask.value}:{ask_of}" if ask_of else ask.value,
            ask=ask,
            ask_of=ask_of,
            text=_text(ask, ask_of, group, titles),
            findings=tuple(sorted({finding.key for finding in group})),
            quorum=quorum if ask is Ask.ACCEPTABLE else 1,
        )
        for (ask, ask_of), group in sorted(groups.items(), key=lambda item: (_ORDER[item[0][0]], item[0][1]))
    )


def _text(ask: Ask, ask_of: str, group: list[Finding], titles: Mapping[str, str]) -> str:
    reasons = " ".join(dict.fromkeys(finding.reason for finding in group if finding.reason))
    match ask:
        case Ask.MEANT:
            asked = "Did you mean this?"
        case Ask.DOMAIN:
            asked = f"May this be done in {titles.get(ask_of, ask_of)}?"
        case Ask.ACCEPTABLE:
            asked = "Is this acceptable?"
    return f"{asked} {reasons}".rstrip()
