"""Proposed rules as a contract file whose comments give the figures. What it holds is the same for the same ledger."""

from collections.abc import Iterable, Iterator, Sequence

from callgate.core.learning.propose import ProposedRules
from callgate.core.ledger.events import utc
from callgate.core.toml_text import array, quoted
from callgate.core.visible import shorten
from callgate.model.contract import Contract, Scope
from callgate.model.learned import LearnedSpan, ReplayedRow, UsedTarget, UsedTool
from callgate.model.terms import Tier

MOST_SAID = 100
"""Lines of one list in the comments."""
_WIDE = 200


def contract_text(rules: ProposedRules, span: LearnedSpan, replayed: Sequence[ReplayedRow], former: str) -> str:
    """TOML. ``former``: what the rules take the place of; empty: nothing."""
    lines = [*_head(rules, span, former), "#", *_replay(replayed), *_left(rules), *_skipped(rules, span), ""]
    lines += _body(rules.contract)
    for scope in rules.contract.scopes:
        lines += ["", *_scope(scope, rules)]
    return "\n".join(lines) + "\n"


def _head(rules: ProposedRules, span: LearnedSpan, former: str) -> Iterator[str]:
    made = f"from {_many(span.calls, 'call')} between {_day(span.first_ms)} and {_day(span.last_ms)}"
    yield f"# Everyday rules for the team {rules.contract.team}, proposed by callgate learn {made} UTC."
    yield "# They are in force when somebody has added them (callgate contract add FILE) and everyone has consented."
    if former:
        yield f"# Then they take the place of {_safe(former)}."
    yield f"# At most {_many(span.busiest, 'call')} of one person fell into one minute."


def _replay(replayed: Sequence[ReplayedRow]) -> Iterator[str]:
    total = dict.fromkeys(("allow", "narrow", "hold", "deny", "unknown"), 0)
    for row in replayed:
        total[row.effect] += row.calls
    yield "# The same calls in production under these rules and the policies of now:"
    narrow = f" ({total['narrow']} of them narrowed)" if total["narrow"] else ""
    yield (
        f"#   {total['allow'] + total['narrow']} would run{narrow}, {total['hold']} would wait for people, "
        f"{total['deny']} would be stopped, {total['unknown']} cannot be judged again."
    )
    words = {"hold": "wait", "deny": "stop", "unknown": "unknown"}
    told = [row for row in replayed if row.effect in words]
    for row in told[:MOST_SAID]:
        code = f" ({row.code})" if row.code else ""
        yield f"#   {words[row.effect]:<7} {row.calls:>6}  {_safe(row.integration)}/{_safe(row.tool)}: {row.reason}{code}"
    yield from _more(told)


def _left(rules: ProposedRules) -> Iterator[str]:
    tools = [one for one in rules.tools if one.left_out]
    targets = [one for one in rules.targets if one.left_out]
    if tools or targets:
        yield "# Left out, so that these rules do not let it through:"
    for tool in tools[:MOST_SAID]:
        yield f"#   {_safe(tool.integration)}/{_safe(tool.tool)}, {_many(tool.calls, 'call')}: {tool.left_out}"
    yield from _more(tools)
    for target in targets[:MOST_SAID]:
        yield f"#   {_safe(target.target)}, {_many(target.calls, 'call')}: {target.left_out}"
    yield from _more(targets)


def _skipped(rules: ProposedRules, span: LearnedSpan) -> Iterator[str]:
    if rules.beyond:
        yield f"# {_many(rules.beyond, 'call')} had targets that could not be told apart or were erased."
    for why, calls in span.skipped:
        yield f"# Not looked at: {_many(calls, 'call')} {why}."
    if rules.kept:
        yield f"# As in the rules in force: {', '.join(rules.kept)}."
    if rules.unused:
        yield f"# In the rules in force and not used, so not here: {', '.join(rules.unused)}."


def _body(contract: Contract) -> Iterator[str]:
    yield f"name = {quoted(contract.name)}"
    yield f"objective = {quoted(contract.objective)}"
    yield f"team = {quoted(contract.team)}"
    yield f"owner = {quoted(contract.owner)}"
    yield "everyday = true"
    yield f"max_tier = {quoted(contract.max_tier.name.lower())}"
    yield f"domains = {array(contract.domains)}"
    if contract.initiators != ("*",):
        yield f"initiators = {array(contract.initiators)}"
    used = "" if "*" in contract.runtimes else "  # from no other assistant did a call come"
    yield f"runtimes = {array(contract.runtimes)}{used}"
    if contract.prohibited:
        yield f"prohibited = {array(contract.prohibited)}"
    yield f"outside = {quoted(contract.outside.name.lower())}"
    yield f"call_timeout_ms = {contract.call_timeout_ms}"
    yield f"retry = {{ attempts = {contract.retry.attempts}, backoff_ms = {contract.retry.backoff_ms} }}"


def _scope_head(scope: Scope) -> Iterator[str]:
    yield "[[scopes]]"
    yield f"integration = {quoted(scope.integration)}"
    if scope.max_tier is not None:
        yield f"max_tier = {quoted(scope.max_tier.name.lower())}"
    if scope.breadth is not None:
        yield f"breadth = {quoted(scope.breadth)}"


def _scope(scope: Scope, rules: ProposedRules) -> Iterator[str]:
    yield from _scope_head(scope)
    used: dict[str, list[UsedTool]] = {}
    for one in rules.tools:
        if one.integration == scope.integration and not one.left_out:
            used.setdefault(one.tool, []).append(one)
    yield "tools = ["
    for tool in scope.tools:
        yield f"  {quoted(tool)},{_remark(_figures(one) for one in used.get(tool, ()))}"
    yield "]"
    touched: dict[str, list[UsedTarget]] = {}
    for target in rules.targets:
        if target.integration == scope.integration and not target.left_out:
            touched.setdefault(target.pattern or target.target, []).append(target)
    if not scope.targets:
        yield "# It names no targets: whatever the domains allow."
        return
    if scope.max_tier is Tier.EXECUTE and touched:
        yield "# Exactly these, because tools that change things are among the above."
    yield "targets = ["
    for pattern in scope.targets:
        yield f"  {quoted(pattern)},{_remark(_touched(touched.get(pattern, ())))}"
    yield "]"


def _figures(one: UsedTool) -> str:
    targets = f", {_many(one.targets, 'target')}" if one.targets else ""
    return f"{one.tier}: {_many(one.calls, 'call')}{targets}, {_day(one.first_ms)} to {_day(one.last_ms)}"


def _touched(found: Sequence[UsedTarget]) -> Iterator[str]:
    if found:
        targets = f" on {_many(len(found), 'target')}" if found[0].pattern else ""
        yield f"{_many(sum(one.calls for one in found), 'call')}{targets}"


def _remark(said: Iterable[str]) -> str:
    text = "; ".join(said)
    return f"  # {text}" if text else ""


def _more(rows: Sequence[object]) -> Iterator[str]:
    if len(rows) > MOST_SAID:
        yield f"#   and {len(rows) - MOST_SAID} more"


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _day(at_ms: int) -> str:
    return utc(at_ms)[:16].replace("T", " ")


def _safe(text: str) -> str:
    """For a comment: one line, whatever it is."""
    return shorten(text, _WIDE)
