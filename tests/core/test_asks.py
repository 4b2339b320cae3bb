"""What a server may ask, and what an answer may hold."""

import json
from typing import Any

import pytest

from callgate.core.asks import (
    MAX_FIELDS,
    MAX_INQUIRY,
    answer_of,
    capabilities_of,
    declared,
    kind_of_answer,
    leads_to,
    may_lead_away,
    read_inquiry,
    unasked,
    web_address,
)
from callgate.core.schemas import PinnedSchema
from callgate.model.inquiry import ASKS, ELICIT, ROOTS, SAMPLE, Inquiry

ALL = ("elicitation.form", "elicitation.url", "sampling", "roots")
FORM = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
MESSAGE = {"role": "user", "content": {"type": "text", "text": "hi"}}


def read(method: str, params: Any, words: tuple[str, ...] = ALL, *, private: bool = False) -> Inquiry | str:
    return read_inquiry(method, json.dumps(params).encode(), words, private=private)


@pytest.mark.parametrize(
    ("capabilities", "allowed", "words"),
    [
        ({"elicitation": {}}, tuple(ASKS), ("elicitation.form",)),
        ({"elicitation": {"url": {}}}, tuple(ASKS), ("elicitation.url",)),
        ({"elicitation": {"form": {}, "url": {}}, "roots": {}}, ("roots",), ("roots",)),
        ({"sampling": {"tools": {}, "context": {}}}, tuple(ASKS), ("sampling", "sampling.tools")),
        ({"sampling": {}}, ("elicitation",), ()),
        ({"sampling": True}, tuple(ASKS), ()),
        ({"roots": {"listChanged": True}}, tuple(ASKS), ("roots",)),
        ("all", tuple(ASKS), ()),
        ({}, tuple(ASKS), ()),
    ],
)
def test_only_what_is_declared_and_configured_is_passed_on(
    capabilities: Any, allowed: tuple[str, ...], words: tuple[str, ...]
) -> None:
    assert declared(capabilities, allowed) == words
    assert declared(capabilities_of(words), allowed) == words


def test_a_client_is_shown_the_known_members_only() -> None:
    found = read(ELICIT, {"message": "Who?", "requestedSchema": FORM, "_meta": {"x": 1}, "task": {}, "approve": True})
    assert isinstance(found, Inquiry)
    assert found.params == {"message": "Who?", "requestedSchema": FORM}
    found = read(SAMPLE, {"messages": [MESSAGE], "maxTokens": 5, "includeContext": "allServers"})
    assert isinstance(found, Inquiry)
    assert found.params == {"messages": [MESSAGE], "maxTokens": 5}
    found = read(ROOTS, {"_meta": {}})
    assert isinstance(found, Inquiry)
    assert found.params == {}


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("tools/call", {}, "unknown_method"),
        (ELICIT, [], "bad_inquiry"),
        (ELICIT, {"requestedSchema": FORM}, "bad_inquiry"),
        (ELICIT, {"message": "x"}, "bad_inquiry"),
        (ELICIT, {"message": "x" * 20_000, "requestedSchema": FORM}, "bad_inquiry"),
        (ELICIT, {"message": "x", "mode": "voice", "requestedSchema": FORM}, "bad_inquiry"),
        (ELICIT, {"message": "x", "requestedSchema": {"type": "object", "properties": {"a": FORM}}}, "bad_inquiry"),
        (
            ELICIT,
            {
                "message": "x",
                "requestedSchema": {"type": "object", "properties": {"a": {"type": "string", "$ref": "http://x/"}}},
            },
            "bad_inquiry",
        ),
        (
            ELICIT,
            {
                "message": "x",
                "requestedSchema": {
                    "type": "object",
                    "properties": {f"a{n}": {"type": "string"} for n in range(MAX_FIELDS + 1)},
                },
            },
            "bad_inquiry",
        ),
        (ELICIT, {"message": "x", "mode": "url", "url": "http://shop.example/"}, "bad_url"),
        (ELICIT, {"message": "x", "mode": "url"}, "bad_url"),
        (SAMPLE, {"messages": "hi", "maxTokens": 1}, "bad_inquiry"),
        (SAMPLE, {"messages": [MESSAGE], "maxTokens": True}, "bad_inquiry"),
        (SAMPLE, {"messages": [MESSAGE], "maxTokens": 1, "tools": []}, "not_declared"),
        (ELICIT, {"message": "x" * MAX_INQUIRY, "requestedSchema": FORM}, "inquiry_too_large"),
    ],
)
def test_what_is_not_shown_to_a_client(method: str, params: Any, code: str) -> None:
    assert read(method, params) == code


def test_a_request_with_two_readings_is_refused() -> None:
    assert read_inquiry(ROOTS, b'{"a":1,"a":2}', ALL, private=False) == "bad_inquiry"
    assert isinstance(read_inquiry(ROOTS, b"", ALL, private=False), Inquiry)


@pytest.mark.parametrize("word", ALL)
def test_a_kind_that_was_not_declared_is_refused(word: str) -> None:
    url = {"message": "x", "mode": "url", "url": "https://shop.example/pay"}
    asked = {
        "elicitation.form": (ELICIT, {"message": "x", "requestedSchema": FORM}),
        "elicitation.url": (ELICIT, url),
        "sampling": (SAMPLE, {"messages": [MESSAGE], "maxTokens": 5}),
        "roots": (ROOTS, {}),
    }[word]
    assert isinstance(read(*asked, (word,)), Inquiry)
    assert read(*asked, tuple(other for other in ALL if other != word)) == "not_declared"


@pytest.mark.parametrize(
    ("url", "private", "good"),
    [
        ("https://shop.example/pay?x=1", False, True),
        ("http://127.0.0.1:9000/x", True, True),
        ("http://127.0.0.1:9000/x", False, False),
        ("http://shop.example/", True, False),
        ("https://ana@shop.example/", False, False),
        ("https://shop.example\\@evil.example/", False, False),
        ("javascript:alert(1)", True, False),
        ("https://sh op.example/", False, False),
        ("https://[::1", False, False),
        ("https:///x", False, False),
        ("https://shop.example:port/", False, False),
        (7, False, False),
    ],
)
def test_addresses_a_server_may_send_a_person_to(url: object, private: bool, good: bool) -> None:
    assert web_address(url, private=private) is good


AWAY = {"mode": "url", "message": "Pay", "url": "https://shop.example/pay", "elicitationId": "e"}


@pytest.mark.parametrize(
    ("error", "words", "passes"),
    [
        ({"code": -32602, "message": "no -32042"}, (), True),
        ({"code": -32042, "data": {"elicitations": [AWAY]}}, (), False),
        ({"code": -32042, "data": {"elicitations": [AWAY]}}, ("elicitation.form",), False),
        ({"code": -32042, "data": {"elicitations": [AWAY]}}, ("elicitation.url",), True),
        ({"code": -32042, "data": {"elicitations": [AWAY, {**AWAY, "url": "http://x/"}]}}, ("elicitation.url",), False),
        ({"code": -32042, "data": {"elicitations": "x"}}, ("elicitation.url",), False),
        ({"code": -32042, "data": {"elicitations": []}}, (), True),
        ({"code": -32042, "message": "nothing said"}, (), True),
    ],
)
def test_an_error_sends_a_person_where_a_request_might(error: Any, words: tuple[str, ...], passes: bool) -> None:
    assert may_lead_away(json.dumps(error).encode(), words, private=False) is passes


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("https://gate.example/holds", True),
        ("https://GATE.example:443/", True),
        ("http://127.0.0.1:8700/x", True),
        ("http://127.0.0.1:8701/x", False),
        ("https://gate.example.evil.example/", False),
        ("https://[::1", True),
        (None, False),
    ],
)
def test_addresses_of_the_gate_itself(url: object, here: bool) -> None:
    assert leads_to(frozenset({"gate.example", "127.0.0.1:8700"}), url) is here


def findings(asked: Inquiry, answer: dict[str, Any]) -> set[str]:
    schema = PinnedSchema(asked.schema, with_manifest=True)
    return {finding.code for finding in schema.findings(answer_of(asked, answer))}


def test_an_answer_holds_what_was_asked_for() -> None:
    asked = read(ELICIT, {"message": "x", "requestedSchema": FORM})
    assert isinstance(asked, Inquiry)
    assert not findings(asked, {"action": "accept", "content": {"name": "Ana"}, "_meta": {"secret": 1}})
    assert not findings(asked, {"action": "decline", "content": {"other": "dropped with the decline"}})
    assert not findings(asked, {"action": "cancel"})
    assert findings(asked, {"action": "accept", "content": {"name": "Ana", "more": "x"}})
    assert findings(asked, {"action": "accept", "content": {"name": 7}})
    assert findings(asked, {"action": "approve"})
    assert findings(asked, {})
    assert answer_of(asked, {"action": "decline", "content": {"a": 1}}) == {"action": "decline"}


def test_an_answer_by_address_carries_no_content() -> None:
    asked = read(ELICIT, {"message": "x", "mode": "url", "url": "https://shop.example/", "elicitationId": "e-1"})
    assert isinstance(asked, Inquiry)
    assert not findings(asked, {"action": "accept"})
    assert findings(asked, {"action": "accept", "content": {"card": "4111"}})


def test_roots_and_samples() -> None:
    roots = unasked(ROOTS)
    assert not findings(roots, {"roots": [{"uri": "file:///srv/app", "name": "app", "_meta": {}}]})
    assert findings(roots, {"roots": [{"uri": "https://example.org/"}]})
    sample = unasked(SAMPLE)
    good = {"role": "assistant", "content": {"type": "text", "text": "x"}, "model": "m", "stopReason": "endTurn"}
    assert not findings(sample, {**good, "resultType": "complete"})
    assert findings(sample, {"role": "system", "content": {}, "model": "m"})


def test_the_kind_of_an_answer_shows_in_its_shape() -> None:
    assert kind_of_answer({"action": "accept"}) == ELICIT
    assert kind_of_answer({"role": "assistant"}) == SAMPLE
    assert kind_of_answer({"roots": []}) == ROOTS
    assert kind_of_answer({"x": 1}) == ""
    assert kind_of_answer(12345) == ""
    assert not findings(unasked(ELICIT), {"action": "accept", "content": {"a": "x", "b": 1, "c": ["y"]}})
    assert findings(unasked(ELICIT), {"action": "accept", "content": {"a": {"deep": 1}}})
