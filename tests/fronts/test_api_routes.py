"""The local API as an ASGI app: routes, bodies, presence, and how each fault reads."""

import asyncio
import json
import logging
from typing import Any

import pytest

from callgate.adapters.http.api import build_api
from callgate.adapters.http.routes_base import BODY_BYTES, Proof, Sent, status_of
from callgate.flow.admin import Ballot, NewAccount, Peer
from callgate.model import errors
from tests.fakes.admin import PASSPHRASE, FakeAdmin
from tests.fakes.shown import DIGEST

BY = {"account": "ana", "passphrase": PASSPHRASE}


def send(
    admin: FakeAdmin,
    method: str,
    path: str,
    body: Any = None,
    *,
    peer: Peer | None = Peer(uid=0, pid=1),
    query: str = "",
) -> tuple[int, bytes]:
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    half = len(raw) // 2
    inbox = [
        {"type": "http.request", "body": raw[:half], "more_body": True},
        {"type": "http.request", "body": raw[half:], "more_body": False},
    ]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if inbox:
            return inbox.pop(0)
        return await asyncio.Event().wait()  # type: ignore[return-value]

    async def reply(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [],
        "client": None,
        "server": None,
        "state": {} if peer is None else {"peer": peer},
    }
    asyncio.run(asyncio.wait_for(build_api(admin)(scope, receive, reply), 10))
    return sent[0]["status"], b"".join(part.get("body", b"") for part in sent)


def get(path: str, query: str = "", admin: FakeAdmin | None = None) -> Any:
    status, data = send(admin or FakeAdmin(), "GET", path, query=query)
    assert status == 200, data
    return json.loads(data)


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("/v1/status", {"version", "tenant", "open_holds", "doubts", "halts", "warnings", "endpoint", "same_host"}),
        ("/v1/doctor", {"checks"}),
        ("/v1/accounts", {"accounts"}),
        ("/v1/integrations", {"integrations"}),
        ("/v1/tools", {"tools"}),
        ("/v1/contracts", {"contracts"}),
        ("/v1/contracts/everyday", {"id", "name", "text", "consents"}),
        ("/v1/tasks", {"tasks"}),
        ("/v1/tasks/task-1", {"id", "deadline_ms"}),
        ("/v1/holds", {"holds"}),
        ("/v1/holds/hold-1", {"hold", "digest", "undo", "questions", "arguments"}),
        ("/v1/halts", {"halts"}),
        ("/v1/events", {"events", "next"}),
        ("/v1/explain/ev-0", {"decision", "findings", "events"}),
        ("/v1/policy", {"digest", "files", "proposals"}),
        ("/v1/ledger/checkpoint", {"origin", "size", "root", "note"}),
        ("/v1/ledger/proof/ev-1", {"event", "index", "proof"}),
    ],
)
def test_reads_need_no_presence(path: str, keys: set[str]) -> None:
    admin = FakeAdmin()
    assert keys <= set(get(path, admin=admin))
    assert admin.tries == []


ACTS: list[tuple[str, dict[str, Any], str]] = [
    ("/v1/tokens", {"runtime": "codex"}, "issue_token"),
    ("/v1/accounts", {"subject": "ben", "passphrase": "x", "roles": ["security"]}, "add_account"),
    ("/v1/accounts/ben/disable", {}, "disable_account"),
    ("/v1/accounts/ben/passphrase", {"passphrase": "y"}, "change_passphrase"),
    ("/v1/integrations/look", {"integration": {"name": "git", "actor": "local"}}, "look_at_integration"),
    ("/v1/integrations", {"integration": {"name": "git", "actor": "local"}, "digest": DIGEST}, "connect_integration"),
    (
        "/v1/tools/classify",
        {"integration": "git", "tool": "git_add", "tier": "read", "reason": "seen"},
        "classify_tool",
    ),
    ("/v1/integrations/git/confirm", {"digest": DIGEST}, "confirm_integration"),
    ("/v1/integrations/git/remove", {}, "remove_integration"),
    ("/v1/contracts", {"text": "a = 1"}, "add_contract"),
    ("/v1/contracts/breadth", {"integration": "git", "breadth": "global"}, "change_breadth"),
    ("/v1/contracts/everyday/consent", {"capacity": "security"}, "consent_contract"),
    ("/v1/tasks", {"contract": "fix", "parameters": {"ticket": "ENG-1"}}, "open_task"),
    ("/v1/tasks/task-1/close", {}, "close_task"),
    ("/v1/holds/hold-1/approve", {"digest": DIGEST}, "approve_hold"),
    ("/v1/holds/hold-1/deny", {"digest": DIGEST, "reason": "not_meant"}, "deny_hold"),
    ("/v1/halts/halt-1/resume", {}, "resume"),
    ("/v1/policy/propose", {}, "propose_policy"),
    ("/v1/policy/approve", {"digest": "e" * 64}, "approve_policy"),
]


@pytest.mark.parametrize(("path", "act", "name"), ACTS, ids=[path for path, _, _ in ACTS])
def test_an_act_needs_presence(path: str, act: dict[str, Any], name: str) -> None:
    admin = FakeAdmin()
    for wrong in (act, {"act": act}, {"by": {"account": "ana"}, "act": act}):
        assert send(admin, "POST", path, wrong)[0] == 400
    status, data = send(admin, "POST", path, {"by": {**BY, "passphrase": "wrong"}, "act": act})
    assert (status, json.loads(data)["code"]) == (401, "bad_passphrase")
    assert admin.acts == []
    status, data = send(admin, "POST", path, {"by": BY, "act": act})
    assert status == 200, data
    assert [done[0] for done in admin.acts] == [name]
    assert admin.acts[0][1] == "ana"
    assert admin.tries[-1] == ("ana", Peer(uid=0, pid=1))


def test_every_route_is_tried_above() -> None:
    served = {(route.path, method) for route in build_api(FakeAdmin()).routes for method in route.methods - {"HEAD"}}
    import re

    def shape(path: str) -> str:
        return re.sub(r"\{\w+\}", "*", path)

    def tried(path: str) -> bool:
        return any(re.fullmatch(shape(path).replace("*", "[^/]+"), done) for done, _, _ in ACTS)

    rest = {path for path, method in served if method == "POST" and not tried(path)}
    assert rest == {
        "/v1/tokens/revoke",
        "/v1/integrations/{name}/refresh",
        "/v1/integrations/{name}/diff",
        "/v1/contracts/check",
        "/v1/contracts/learn",
        "/v1/halts",
        "/v1/policy/test",
        "/v1/ledger/verify",
        "/v1/ledger/export",
        "/v1/reload",
    }


def test_stopping_needs_no_presence() -> None:
    admin = FakeAdmin()
    assert send(admin, "POST", "/v1/halts", {"scope": "integration", "what": "git"})[0] == 200
    assert send(admin, "POST", "/v1/tokens/revoke", {"credential": "c"})[0] == 200
    assert [done[0] for done in admin.acts] == ["halt", "revoke_token"]
    assert admin.tries == []


def test_without_a_checked_peer_nothing_is_served() -> None:
    admin = FakeAdmin()
    for method, path, body in (("GET", "/v1/status", None), ("POST", "/v1/halts", {"scope": "tenant"})):
        status, data = send(admin, method, path, body, peer=None)
        assert (status, json.loads(data)["code"]) == (403, "not_local")
    assert admin.acts == []


def test_the_ballot_arrives_whole() -> None:
    admin = FakeAdmin()
    act = {"digest": DIGEST, "questions": ["q-1"]}
    send(admin, "POST", "/v1/holds/hold-1/approve", {"by": BY, "act": act})
    assert admin.acts == [("approve_hold", "ana", "hold-1", Ballot(digest=DIGEST, questions=("q-1",)))]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"\xff", b'{"scope":"moon"}', b'{"scope":"tenant","more":1}', b'{"scope":1}'],
)
def test_bad_bodies(body: bytes) -> None:
    status, data = send(FakeAdmin(), "POST", "/v1/halts", body)
    assert (status, json.loads(data)["code"]) == (400, "bad_input")


def test_deep_json_is_an_answer_too() -> None:
    status, _ = send(FakeAdmin(), "POST", "/v1/tasks", b'{"by":' + b"[" * 100_000)
    assert status == 400


def test_the_body_is_limited() -> None:
    status, data = send(FakeAdmin(), "POST", "/v1/contracts/check", {"text": "a" * BODY_BYTES})
    assert (status, json.loads(data)["code"]) == (413, "too_large")
    assert send(FakeAdmin(), "POST", "/v1/contracts/check", {"text": "a" * (BODY_BYTES - 100)})[0] == 200


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "after=-2", "wait_ms=20001", "since_ms=1.5"])
def test_bad_numbers(query: str) -> None:
    status, data = send(FakeAdmin(), "GET", "/v1/events", query=query)
    assert status == 400
    assert json.loads(data)["message"].startswith(query.split("=", maxsplit=1)[0])


def test_events_go_on_from_a_cursor() -> None:
    assert [event["index"] for event in get("/v1/events", "after=0")["events"]] == [1]
    assert get("/v1/events", "after=1") == {"events": [], "next": 1}


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/v2/status", 404), ("DELETE", "/v1/status", 405)])
def test_no_route(method: str, path: str, status: int) -> None:
    got, data = send(FakeAdmin(), method, path)
    assert got == status
    assert set(json.loads(data)) == {"code", "message", "hint"}


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (errors.InputError("x"), 400),
        (errors.UnknownTool("x"), 400),
        (errors.InputError("x", code="not_found"), 404),
        (errors.AuthError("x"), 401),
        (errors.AuthError("x", code="bad_passphrase"), 401),
        (errors.AuthError("x", code="not_yours"), 403),
        (errors.AuthError("x", code="too_many_tries"), 429),
        (errors.ConfigError("x"), 409),
        (errors.UpstreamError("x"), 502),
        (errors.OutcomeUnknown("x"), 502),
        (errors.StoreError("x"), 503),
        (errors.IntegrityError("x"), 500),
        (errors.CallgateError("x"), 500),
    ],
)
def test_the_error_tree(fault: errors.CallgateError, status: int) -> None:
    assert status_of(fault) == status


def test_a_config_fault_says_where() -> None:
    body = {"by": BY, "act": {"digest": "stale"}}
    status, data = send(FakeAdmin(), "POST", "/v1/policy/approve", body)
    assert status == 409
    assert json.loads(data) == {
        "code": "bad_config",
        "message": "git.cedar: @id: The files changed since.",
        "hint": "Propose again.",
    }


def test_an_unknown_fault_keeps_its_values(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        status, data = send(FakeAdmin(), "GET", "/v1/explain/leak")
    assert (status, json.loads(data)["code"]) == (500, "fault")
    assert "12345" not in data.decode()
    assert "12345" not in caplog.text
    assert "ValueError" in caplog.text


def lines(admin: FakeAdmin, note: str = "") -> list[dict[str, Any]]:
    status, data = send(admin, "POST", "/v1/ledger/verify", {"note": note})
    assert status == 200
    return [json.loads(line) for line in data.splitlines()]


def test_verifying_is_streamed() -> None:
    step, end = lines(FakeAdmin(), "a note")
    assert step == {"kind": "step", "checked": 1, "of": 2}
    assert (end["kind"], end["ok"], end["consistency"]) == ("end", True, "a checkpoint of size 2")


@pytest.mark.parametrize(
    ("fault", "code"), [(errors.StoreError("The store is away."), "store_failed"), (ValueError("secret"), "fault")]
)
def test_a_fault_inside_the_stream_is_its_last_line(fault: Exception, code: str) -> None:
    admin = FakeAdmin()
    admin.verify_fault = fault
    step, last = lines(admin)
    assert step["kind"] == "step"
    assert (last["kind"], last["problem"]["code"]) == ("fault", code)
    assert "secret" not in json.dumps(last)


def test_no_secret_is_printed() -> None:
    texts = (
        repr(Sent(by=Proof("ana", "hunter2"), act=NewAccount(subject="ben", passphrase="hunter2"))),
        str(NewAccount(subject="ben", passphrase="hunter2")),
    )
    assert all("hunter2" not in text for text in texts)
