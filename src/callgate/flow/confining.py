"""Searches that reach beyond the rules: a narrower call in their place, or an answer with nothing in it that is outside."""

from collections.abc import Iterable
from typing import Any

import msgspec

from callgate.core.confine import MAX_NARROWED, searched, withheld
from callgate.core.contract import ContractRules
from callgate.core.domains import DomainMap
from callgate.core.gates import contract, retrieval
from callgate.core.message import Message
from callgate.core.toolbox import ToolProfile
from callgate.flow.prepared import Prepared
from callgate.flow.tenancy import Tenancy
from callgate.model.answer import Answer, Refused, ToolResult
from callgate.model.bundle import Domain
from callgate.model.call import Call
from callgate.model.terms import Breadth, Effect, Stage

LONGEST_ERROR = 1000
"""Bytes of an error that passes where answers are looked through; an item may stand in a longer one."""
_TOO_WIDE = frozenset({(retrieval.GATE, retrieval.CODE), (contract.GATE, contract.UNKNOWN)})
_WITHHELD = (
    "The rules allow named targets only. This answer could not be looked through for others, so it is not shown."
)


def narrowed(
    tenancy: Tenancy, prepared: Prepared, tool: ToolProfile | None, rules: ContractRules | None
) -> dict[str, Any] | None:
    """Arguments of a call that reaches only what the rules name. None: it needs none, or there is no such call."""
    return narrower_of(tenancy, prepared.call, tool, rules) if prepared.continued is None else None


def narrower_of(
    tenancy: Tenancy, call: Call, tool: ToolProfile | None, rules: ContractRules | None
) -> dict[str, Any] | None:
    """As ``narrowed``, of a call that is no round of another one."""
    if tool is None or tool.narrower is None or rules is None or tool.keeps_inside(call.targets):
        return None
    if rules.breadth(call.integration) is Breadth.GLOBAL or call.integration not in rules.scopes:
        return None
    bundle = tenancy.live.bundle
    domains = bundle.domains if bundle is not None else ()
    targets = single_targets(call.integration, rules, tool.narrower.kinds, tenancy.live.domains, domains)
    return tool.narrower.narrowed(call.arguments, targets)


def only_too_wide(answer: Answer) -> bool:
    """Nothing else stops it for good; whatever else there is, the narrower call is asked about."""
    if not isinstance(answer, Refused):
        return False
    denies = [finding for finding in answer.findings if finding.effect is Effect.DENY]
    return bool(denies) and all((one.gate, one.code) in _TOO_WIDE for one in denies)


def confined(tenancy: Tenancy, call: Call, tool: ToolProfile, response: Message) -> Message:
    """The answer as it may be shown, with what was searched or taken out said in it."""
    if tool.answer_filter is None:
        note = searched(call.targets) if call.derived_from and call.targets else ""
        return _with(response, _noted(response.result, note)) if note and response.result else response
    inside = _inside
    if tenancy.live.stage(call.integration, tenancy.clock.now_ms()) is Stage.OBSERVE:
        rules = tenancy.live.contracts.get(call.contract)
        if rules is not None and not rules.prohibited:
            return response
        inside = _not_prohibited
    if response.error or _is_error(response.result):
        return response if len(response.error or response.result) <= LONGEST_ERROR else _with(response, _refusal())
    kept = tool.answer_filter.apply(response.result, lambda kind, name: inside(tenancy, call, kind, name))
    return _with(response, _refusal() if kept is None else _noted(kept[0], withheld(kept[1])))


def single_targets(
    integration: str, rules: ContractRules, kinds: frozenset[str], known: DomainMap, domains: tuple[Domain, ...]
) -> tuple[tuple[str, str], ...]:
    """Single targets of these kinds that the rules name; patterns with stars name none. ``known``: ``domains``, compiled."""
    scope = rules.scopes[integration]
    texts: Iterable[str] = scope.targets.texts
    if not scope.targets:
        texts = [text for domain in domains if domain.name in rules.domains for text in domain.targets]
    found: dict[tuple[str, str], None] = {}
    for text in texts:
        kind, _, name = text.partition(":")
        single = "*" not in text and kind in kinds and not rules.prohibited.match(text)
        if single and known.of(kind, name) in rules.domains:
            found[kind, name] = None
    return tuple(found)[: MAX_NARROWED + 1]


def _inside(tenancy: Tenancy, call: Call, kind: str, name: str) -> bool:
    """As the contract gate judges a target; what it would hold is outside."""
    rules = tenancy.live.contracts.get(call.contract)
    scope = rules.scopes.get(call.integration) if rules is not None else None
    text = f"{kind}:{name}"
    if rules is None or scope is None or rules.prohibited.match(text):
        return False
    if scope.targets and not scope.targets.match(text):
        return False
    if scope.breadth is Breadth.GLOBAL and not scope.targets:
        return True
    return tenancy.live.domains.of(kind, name) in rules.domains


def _not_prohibited(tenancy: Tenancy, call: Call, kind: str, name: str) -> bool:
    """All that is kept back at stage observe."""
    rules = tenancy.live.contracts.get(call.contract)
    return rules is not None and not rules.prohibited.match(f"{kind}:{name}")


def _is_error(result: bytes) -> bool:
    try:
        return msgspec.json.decode(result, type=ToolResult).isError
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


def _noted(result: bytes, note: str) -> bytes:
    """The result with one more text block. A result of another shape is left as it is: nothing was taken out of it."""
    try:
        whole = msgspec.json.decode(result)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return result
    if not isinstance(whole, dict) or not isinstance(whole.get("content"), list):
        return result
    whole["content"].append({"type": "text", "text": note})
    return msgspec.json.encode(whole)


def _refusal() -> bytes:
    return msgspec.json.encode({"isError": True, "content": [{"type": "text", "text": _WITHHELD}]})


def _with(response: Message, result: bytes) -> Message:
    return msgspec.structs.replace(response, raw=b"", result=result, error=b"")
