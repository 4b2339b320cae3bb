"""JSON-RPC: what clients and servers send, as bytes."""

import json

import msgspec

from callgate.adapters.mcp.headers import decode_value, parameter_mismatch, routing_mismatch
from callgate.adapters.mcp.http import HeaderFields, HttpReply
from callgate.adapters.mcp.parse import (
    BESIDE,
    ClaimReader,
    ClientAnswer,
    ClientMessage,
    parse_message,
    parse_method_call,
    parse_tool_call,
)
from callgate.adapters.mcp.rounds import parse_round
from callgate.adapters.upstream import wire
from callgate.core.jsonrpc import parse_strict, parse_upstream, read_every_way
from callgate.model.errors import MalformedCall, UpstreamError
from tests.fuzz.taking import Taking

CODES = {"not_utf8", "not_json", "not_object", "duplicate_key", "too_deep", "surrogate", "number"}


def outcome(read, raw: bytes) -> object:
    try:
        return read(raw)
    except MalformedCall as fault:
        assert fault.code in CODES
        return fault.code


def strict(data: bytes) -> None:
    """Short way, long way and two libraries read the same, or nothing is read."""
    found = outcome(parse_strict, data)
    slow = outcome(read_every_way, data)
    assert repr(found) == repr(slow), (found, slow)
    if isinstance(found, dict):
        assert repr(json.loads(data)) == repr(found)
        try:
            other = msgspec.json.decode(data)
        except msgspec.MsgspecError:
            # It takes no integer of many digits; everything else it must take.
            other = found
            assert any(len(run) > 18 for run in "".join(c if c.isdigit() else " " for c in data.decode()).split())
        assert json.dumps(other, sort_keys=True) == json.dumps(found, sort_keys=True)
        again = json.dumps(found).encode()
        assert repr(parse_strict(again)) == repr(found)


def message(data: bytes) -> None:
    """A client's message is understood as any reader understands it, or answered with HTTP 400."""
    found = parse_message(data)
    if isinstance(found, HttpReply):
        assert found.status == 400
        assert json.loads(found.body)["error"]["code"] in (-32700, -32600, -32602)
        return
    said = json.loads(data)
    assert said["jsonrpc"] == "2.0"
    if isinstance(found, ClientAnswer):
        assert found.result is None or found.result == said["result"]
        assert "method" not in said or said["method"] is None
        return
    assert said["method"] == found.method
    assert json.loads(found.id_json) == said.get("id")
    for parse in (parse_tool_call, parse_method_call):
        called = parse(found)
        if isinstance(called, HttpReply):
            assert called.status == 400
        elif parse is parse_tool_call:
            assert called.name == said["params"]["name"]
            assert called.arguments == (said["params"].get("arguments") or {})
        else:
            assert called.arguments == {k: v for k, v in said.get("params", {}).items() if k not in BESIDE}
    continued = parse_round(found)
    assert continued is None or isinstance(continued, HttpReply) or isinstance(continued.answers, dict)
    claims = ClaimReader().read(found, HeaderFields([]), "2025-06-18")
    claimed(claims)


def claimed(claims) -> None:
    for text in (claims.client, claims.client_version, claims.tool_use, claims.traceparent, claims.tracestate):
        assert text.isascii()
        assert text.isprintable() or "\t" in text
        assert len(text) <= 512
    if claims.traceparent:
        version, trace, span, flags = claims.traceparent.split("-")
        assert (len(version), len(trace), len(span), len(flags)) == (2, 32, 16, 2)
        assert version != "ff"
        assert int(trace, 16)
        assert int(span, 16)
        int(flags, 16)
    else:
        assert not claims.tracestate
    members = claims.tracestate.split(",") if claims.tracestate else []
    assert len(members) <= 32
    assert all("=" in member for member in members)


def trace(data: bytes) -> None:
    """Whatever stands in trace headers and members, a claim is well-formed or left out."""
    taking = Taking(data)
    parent, state = taking.until(b"\n"), taking.until(b"\n")
    agent, rest = taking.until(b"\n"), taking.rest()
    fields = HeaderFields([(b"traceparent", parent), (b"tracestate", state), (b"user-agent", agent)])
    texts = [part.decode("utf-8", "replace") for part in (parent, state, agent, rest)]
    bare = ClientMessage(1, "ping", {}, {})
    said = ClientMessage(
        1,
        "ping",
        {},
        {
            "traceparent": texts[0],
            "tracestate": texts[1],
            "callId": texts[3],
            "io.modelcontextprotocol/clientInfo": {"name": texts[2], "version": texts[3]},
        },
    )
    reader = ClaimReader()
    for each in (bare, said, bare):
        claimed(reader.read(each, fields, "2025-11-25"))


DECLARED = ((b"mcp-param-path", ("path",)), (b"mcp-param-deep", ("a", "b")))


def headers(data: bytes) -> None:
    """Headers pass only when they say what the body says; what the gate writes reads back."""
    taking = Taking(data)
    name, value, deep = (taking.until(b"\n") for _ in range(3))
    number = taking.number(3)
    body = taking.rest()
    text = body.decode("utf-8", "replace")
    meant = [text, taking.number(65_535), int(body[:15]) if body[:15].isdigit() else 1.5, True][number]
    asked = ClientMessage(1, "tools/call", {"name": text}, {})
    fields = HeaderFields(
        [
            (b"mcp-protocol-version", b"2026-07-28"),
            (b"mcp-method", b"tools/call"),
            (b"mcp-name", name),
            (b"mcp-param-path", value),
            *([(b"mcp-param-deep", deep)] if deep else []),
        ]
    )
    if not routing_mismatch(fields, asked, "2026-07-28"):
        shown = name.strip(b" \t").decode("ascii")
        assert shown == text or decode_value(shown) == text
    if not parameter_mismatch(fields, DECLARED, {"path": meant}):
        assert not deep
        shown = value.strip(b" \t").decode("ascii")
        if isinstance(meant, str):
            assert decode_value(shown) == meant
        elif isinstance(meant, bool):
            assert shown == "true" or decode_value(shown) == "true"
        else:
            assert float(decode_value(shown)) == meant
    parameter_mismatch(fields, DECLARED, {"path": meant, "a": {"b": text}})
    coded = wire.header_value(text)
    assert coded.isascii()
    assert coded.isprintable()
    assert decode_value(coded) == text
    assert not parameter_mismatch(HeaderFields([(b"mcp-param-path", coded.encode())]), DECLARED[:1], {"path": text})


def upstream(data: bytes) -> None:
    """A server's message is one JSON-RPC object or nothing; what is passed on is what stood there."""
    try:
        found = parse_upstream(data)
    except UpstreamError as fault:
        assert fault.code == "bad_message"
        assert wire.parsed(data) is None
        return
    assert found.raw == data
    assert found.method or found.result or found.error
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        # Strings that are passed on unread are not looked into.
        return
    assert said["jsonrpc"] == "2.0"
    assert said.get("id") == found.id
    for member in ("params", "result", "error"):
        part = getattr(found, member)
        assert bool(part) == (member in said)
        if part:
            assert json.loads(part) == said[member]
