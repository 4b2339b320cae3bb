"""What a client is told of a governed call: the target's result with our evidence, or why there is none.

Codex shows its model only ``structuredContent`` when there is any, Claude only the text of an error result, so
both hold the same facts. Refused, pending and failed calls are results with ``isError``, not protocol errors:
the model must read them.
"""

import datetime as dt
from typing import Any

import msgspec

from callgate.adapters.mcp.wire import encode
from callgate.model.answer import Answer, Failed, Pending, Refused, Served
from callgate.model.decision import Finding

SERVER_INFO = "io.modelcontextprotocol/serverInfo"
META_CALL = "io.callgate/call"
META_EVENTS = "io.callgate/events"
META_RECEIPT = "io.callgate/receipt"
_PREFIX = "io.callgate/"
_RECEIPT = b',"%b":' % META_RECEIPT.encode()
_SERVER = b',"%b":' % SERVER_INFO.encode()
_COMPLETE = b'"resultType":"complete",'


class _ResultMarks(msgspec.Struct, frozen=True):
    """The members of a result that decide how ours go in."""

    meta: msgspec.Raw = msgspec.field(default=msgspec.Raw(b""), name="_meta")
    resultType: msgspec.Raw = msgspec.Raw(b"")  # noqa: N815 - the wire's names
    ttlMs: msgspec.Raw = msgspec.Raw(b"")  # noqa: N815
    cacheScope: msgspec.Raw = msgspec.Raw(b"")  # noqa: N815


_seen = msgspec.json.Decoder(_ResultMarks)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_meta = msgspec.json.Decoder(dict[str, msgspec.Raw] | None)
_NOT_AROUND = (
    "Trying another way (other arguments, another tool, the shell) is not the way; it is refused and recorded."
)


def answer_json(answer: Answer, server: bytes | None) -> tuple[bytes, bool]:
    """(JSON, whether it is an error member) for one answer. ``server``: JSON of the pinned server's name and
    version in 2026-07-28, None in handshake eras.
    """
    if isinstance(answer, Served):
        if answer.error:
            return answer.error, True
        return _served(answer, server), False
    return in_band(*told(answer), modern=server is not None, is_error=True), False


def _served(answer: Served, server: bytes | None) -> bytes:
    made = evidenced(answer, server)
    if isinstance(made, bytes):
        return made
    did = "asked back instead of answering, which the gate does not relay"
    if made == "bad_result":
        did = "answered with something that is no tool result"
    return _no_result(made, did, modern=server is not None)


def evidenced(answer: Served, server: bytes | None, *, cacheable: bool = False) -> bytes | str:
    """The result as the target sent it, with our keys in its ``_meta``; the rest keeps its bytes. A code, when it
    cannot be delivered: ``bad_result`` or ``not_governed``. ``cacheable``: a result that says how long it may be kept
    (2026-07-28); it is for this caller alone, whatever the target says.
    """
    try:
        return _evidenced(answer, server, cacheable=cacheable)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "bad_result"


def _evidenced(answer: Served, server: bytes | None, *, cacheable: bool) -> bytes | str:
    """Raises like a decoder."""
    modern = server is not None
    result = answer.result
    seen = _seen.decode(result)
    theirs = _meta.decode(seen.meta) or {} if seen.meta else {}
    wanted = modern and answer.asked is not None
    if seen.resultType and bytes(seen.resultType) != b'"complete"' and not wanted:
        return "not_governed"
    ours = encode({META_CALL: answer.call_id, META_EVENTS: answer.events})[1:-1]
    if answer.receipt:
        ours = b"".join((ours, _RECEIPT, encode(dict(answer.receipt))))
    if server is not None and SERVER_INFO not in theirs:
        ours = b"".join((ours, _SERVER, server))
    kind = _COMPLETE if modern and not seen.resultType else b""
    if modern and cacheable and not wanted:
        kind += b'"cacheScope":"private",' + (b"" if seen.ttlMs else b'"ttlMs":0,')
        if seen.cacheScope:
            members = _members.decode(result)
            members.pop("cacheScope")
            result = encode(members)
    if seen.meta:
        kept = encode({key: value for key, value in theirs.items() if not key.startswith(_PREFIX)})[1:-1]
        members = _members.decode(result)
        members.pop("_meta")
        result = encode(members)
        ours = b"".join((kept, b"," if kept else b"", ours))
    rest = result[1:].lstrip()
    return b"".join((b"{", kind, b'"_meta":{', ours, b"}" if rest[:1] == b"}" else b"},", rest))


def _no_result(code: str, did: str, *, modern: bool) -> bytes:
    text = f"The tool {did}; the call itself is recorded as finished."
    return in_band(text, {"status": "failed", "codes": [code], "reason": text}, modern=modern)


def in_band(text: str, facts: dict[str, Any], *, modern: bool, is_error: bool = True) -> bytes:
    """A tool result of the gate itself: the same facts as text and as structured content."""
    result: dict[str, Any] = {
        "content": [{"type": "text", "text": text}],
        "structuredContent": facts,
        "isError": is_error,
    }
    return encode({"resultType": "complete", **result} if modern else result)


def told(answer: Refused | Pending | Failed) -> tuple[str, dict[str, Any]]:
    if isinstance(answer, Refused):
        return _refused(answer)
    if isinstance(answer, Pending):
        return _pending(answer)
    status = "unknown" if answer.unknown else "failed"
    head = "It is not known whether this call took effect." if answer.unknown else "The call failed."
    facts = {
        "status": status,
        "call_id": answer.call_id,
        "codes": [answer.code],
        "reason": answer.reason,
        "next": answer.next,
    }
    ask = "Do not repeat the call before it is known." if answer.unknown else ""
    call = f"Call: {answer.call_id}" if answer.call_id else ""
    return _text(head, answer.reason, f"Code: {answer.code}", call, ask, _next(answer.next)), facts


def _refused(answer: Refused) -> tuple[str, dict[str, Any]]:
    reason = _reason(answer.findings)
    facts: dict[str, Any] = {
        "status": "refused",
        "decision_id": answer.decision_id,
        "call_id": answer.call_id,
        "codes": _codes(answer.findings),
        "reason": reason,
        "next": answer.next,
    }
    wait = ""
    if answer.retry_after_ms > 0:
        facts["retry_after_seconds"] = -(-answer.retry_after_ms // 1000)
        wait = f"Try again in {facts['retry_after_seconds']} s."
    lines = ("Callgate stopped this call; nothing was executed.", reason, _marks(facts), wait, _next(answer.next))
    return _text(*lines, "" if answer.correctable else _NOT_AROUND), facts


def _pending(answer: Pending) -> tuple[str, dict[str, Any]]:
    asked = " ".join(question.text for question in answer.questions)
    reason = _reason(answer.findings) or asked
    facts: dict[str, Any] = {
        "status": "pending_approval",
        "decision_id": answer.decision_id,
        "call_id": answer.call_id,
        "codes": _codes(answer.findings),
        "reason": reason,
        "questions": [question.text for question in answer.questions],
        "approval_id": answer.hold,
        "expires_at": _utc(answer.expires_ms),
        "next": answer.next,
    }
    lines = (
        "This call waits for people; nothing was executed yet.",
        reason,
        asked if asked != reason else "",
        f"Approval: {answer.hold}, until {facts['expires_at']}.",
        _marks(facts),
        _next(answer.next),
    )
    return _text(*lines, _NOT_AROUND), facts


def _codes(findings: tuple[Finding, ...]) -> list[str]:
    return list(dict.fromkeys(finding.code for finding in findings))


def _reason(findings: tuple[Finding, ...]) -> str:
    return " ".join(dict.fromkeys(map(_sentence, filter(lambda finding: finding.reason, findings))))


def _sentence(finding: Finding) -> str:
    """A finding of the schema says where: the argument's path, unless the sentence names it."""
    if finding.gate == "schema" and finding.path and finding.path not in finding.reason:
        return f"{finding.path}: {finding.reason}"
    return finding.reason


def _marks(facts: dict[str, Any]) -> str:
    return f"Codes: {', '.join(facts['codes'])}. Decision: {facts['decision_id']}. Call: {facts['call_id']}."


def _next(text: str) -> str:
    return f"Next: {text}" if text else ""


def _text(*lines: str) -> str:
    return "\n".join(line for line in lines if line)


def _utc(at_ms: int) -> str:
    """RFC 3339, whole seconds."""
    return dt.datetime.fromtimestamp(at_ms // 1000, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
