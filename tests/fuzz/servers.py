"""What a server says, after its message is cut out: answers, lists, questions, notifications, definitions."""

import asyncio
import contextlib
import json
from typing import Any

import msgspec

from callgate.adapters.mcp.answers import META_CALL, META_EVENTS, evidenced
from callgate.adapters.mcp.stream import ClientStream
from callgate.adapters.upstream import discovery, stdio, wire
from callgate.core.asks import ASKS, answer_of, definition_of, inquiry, kind_of_answer, may_lead_away, read_inquiry
from callgate.core.domains import DomainMap
from callgate.core.headers import mirrored_headers
from callgate.core.ledger.canonical import body_bytes
from callgate.core.message import Message
from callgate.core.methods import prompt_forms
from callgate.core.rounds import input_required, read_asked
from callgate.core.schemas import PinnedSchema, SchemaError
from callgate.core.toolbox import ToolProfile, compile_toolbox, quarantined
from callgate.flow.asking import Asking
from callgate.flow.connect import make_pin
from callgate.flow.methods import outcome_of
from callgate.flow.ports import Discovered, Opened
from callgate.model.answer import Served
from callgate.model.call import GOVERNED
from callgate.model.errors import InputError, MalformedCall, UpstreamError
from callgate.model.inquiry import Inquiry
from callgate.model.terms import Outcome, Tier
from callgate.model.tool import Integration, ToolManifest, ToolPin
from tests.fuzz.looping import run
from tests.fuzz.taking import Taking

WORDS = ("roots", "sampling", "sampling.tools", "elicitation.form", "elicitation.url")


class Answers:
    """The exchange of one request."""

    def __init__(self, raw: list[bytes]) -> None:
        self._raw = raw

    def __aiter__(self) -> "Answers":
        return self

    async def __anext__(self) -> Message:
        while self._raw:
            found = wire.parsed(self._raw.pop(0))
            if found is not None:
                return found
        raise UpstreamError("gone", code="not_sent")


def listed(data: bytes) -> None:
    """Discovery ends in what the server offers or in an UpstreamError; a pin of it in bytes or an InputError."""
    taking = Taking(data)
    bridged = taking.yes()
    said = [part for part in taking.rest().split(b"\n") if part]

    async def opened(_: Any) -> Answers:
        return Answers([said.pop(0)] if said else [])

    async def initialize(_: bytes, version: str) -> Opened:
        if not said:
            raise UpstreamError("gone", code="initialize_failed")
        result = said.pop(0)
        return Opened("s", wire.agreed_version(result), result)

    async def end(_: str) -> None:
        return

    probe = discovery.Probe(opened, initialize, end)
    own = Opened("s", "2025-06-18", said.pop(0)) if bridged and said else None
    how = discovery.discover_bridged(probe, own) if own is not None else discovery.discover(probe)
    try:
        found = run(how)
    except UpstreamError:
        return
    assert len(found.tools) <= discovery.MAX_TOOLS
    assert len(found.name) <= 256
    pinned(found)


def pinned(found: Discovered) -> None:
    integration = Integration(name="git", actor="service", url="https://a.example/mcp")
    try:
        pin = make_pin(integration, found)
    except InputError as fault:
        assert fault.code == "bad_definition"
        return
    assert msgspec.json.decode(msgspec.json.encode(pin), type=type(pin)) == pin
    toolbox = compile_toolbox(integration, pin, None, DomainMap(()))
    for tool in toolbox.listing:
        said = json.loads(tool)
        assert said["annotations"]["readOnlyHint"] is False
    for tool in toolbox.tools.values():
        assert tool.tier is Tier.EXECUTE
        tool.schema_findings({"path": "."})
        tool.sentence({})
    for form in prompt_forms(pin):
        form.findings({"a": "b"})


def answer(data: bytes) -> None:
    """A result is delivered whole with our evidence, which no server can write, or not at all."""
    taking = Taking(data)
    method = taking.pick(sorted(GOVERNED) + ["tools/call"])
    modern, cacheable = taking.yes(), taking.yes()
    raw = taking.rest()
    message = wire.parsed(raw)
    if message is None or not message.is_response:
        return
    outcome, why = outcome_of(method, message)
    may_lead_away(message.error, WORDS, private=False) if message.error else None
    if message.error or outcome not in (Outcome.OK, Outcome.TOOL_ERROR):
        return
    assert not why
    served = Served(call_id="call-1", result=message.result, error=b"", events=("ev-1",), receipt=(("id", "7"),))
    made = evidenced(served, b'{"name":"git"}' if modern else None, cacheable=cacheable)
    if isinstance(made, str):
        assert made in ("bad_result", "not_governed")
        return
    try:
        theirs = json.loads(message.result)
    except (ValueError, RecursionError):
        return
    doubles: list[str] = []

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        doubles.extend(name for name in set(names) if names.count(name) > 1)
        return dict(pairs)

    said = json.loads(made, object_pairs_hook=once)
    assert "_meta" not in doubles or "_meta" in json.dumps(theirs.get("_meta")), made
    assert said["_meta"][META_CALL] == "call-1"
    assert said["_meta"][META_EVENTS] == ["ev-1"]
    if not modern:
        rest = {key: value for key, value in said.items() if key != "_meta"}
        assert rest == {key: value for key, value in theirs.items() if key != "_meta"}


def asked(data: bytes) -> None:
    """What a server asks is shown by its known members or refused by a code; an answer leaves only in its schema."""
    taking = Taking(data)
    method = taking.pick((*ASKS.values(), "x"))
    private = taking.yes()
    words = tuple(word for word in WORDS if taking.yes())
    params, reply = taking.until(b"\n"), taking.rest()
    found = read_inquiry(method, params, words, private=private)
    if isinstance(found, Inquiry):
        assert found.method == method
        assert words
        schema = json.loads(definition_of(found))["inputSchema"]
        try:
            pinned_schema = PinnedSchema(schema, with_manifest=True)
        except SchemaError:
            pinned_schema = None
        with contextlib.suppress(ValueError, MalformedCall, RecursionError):
            said = json.loads(reply)
            if isinstance(said, dict):
                kept = answer_of(found, said)
                body_bytes(kept)
                assert kind_of_answer(said) in (*ASKS.values(), "")
                if pinned_schema is not None and not pinned_schema.findings(kept):
                    assert kept.keys() <= schema["properties"].keys()
    else:
        assert found in ("unknown_method", "inquiry_too_large", "bad_inquiry", "not_declared", "bad_url")
    wanted = read_asked(reply, words, private=private)
    if isinstance(wanted, str):
        return
    shown = json.loads(input_required(wanted, "sealed"))
    assert shown["requestState"] == "sealed"
    for key, one in wanted.asked.items():
        assert inquiry(one.method, one.params, words, private=private) == one
        assert shown["inputRequests"][key]["method"] == one.method


def told(data: bytes) -> None:
    """A notification of a server is taken or dropped."""
    message = wire.parsed(data)
    if message is None:
        return
    token = stdio._token(message.params)
    assert token is None or isinstance(token, str | int)
    Asking(None, None, None, lambda: True).withdrawn(message.params)  # type: ignore[arg-type]
    with contextlib.suppress(UpstreamError):
        wire.agreed_version(message.result or b"{}")

    async def relayed() -> list[bytes]:
        sent: list[bytes] = []

        async def send(event: Any) -> None:
            sent.append(event.get("body", b""))

        async def receive() -> Any:
            await asyncio.Event().wait()

        task = asyncio.current_task()
        assert task is not None
        stream = ClientStream(receive, send, task)
        stream.call("t", watched=False)
        stream.logs = 0
        stream.relay(data)
        await stream.end()
        await stream.close()
        return sent

    for frame in run(relayed()):
        if frame:
            assert frame.startswith(b"event: message\ndata: {")
            assert frame.count(b"\n") == 3
            assert b"\r" not in frame


def definition(data: bytes) -> None:
    """A tool as a server defines it is pinned, shown and judged, or kept away."""
    taking = Taking(data)
    raw, arguments = taking.until(b"\n"), taking.rest()
    pin = ToolPin(integration="git", name="t", digest="d", definition=raw)
    manifest = ToolManifest(name="t", tier=Tier.READ, say="Read.") if len(raw) & 1 else None
    try:
        msgspec.json.decode(raw, type=dict)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return
    tool = ToolProfile(pin, manifest, DomainMap(()), "", verified=True)
    said = json.loads(tool.listed)
    assert said["annotations"]["readOnlyHint"] is (manifest is not None)
    with contextlib.suppress(ValueError, RecursionError):
        given = json.loads(arguments)
        if isinstance(given, dict):
            for finding in tool.schema_findings(given):
                assert finding.code
            tool.header_values(given)
            tool.sentence(given)
            tool.receipt_of(given, arguments)
    with contextlib.suppress(ValueError):
        for _, path in mirrored_headers(json.loads(raw).get("inputSchema")):
            assert path
    names = [str(name) for name in json.loads(raw)]
    kept = quarantined(names)
    assert all(reason in ("reserved", "unreadable", "look_alike") for reason in kept.values())
