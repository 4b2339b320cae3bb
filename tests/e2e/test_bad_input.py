"""Bad input of every kind against a real gate, in both eras: a clear answer of its own each, and the gate serves on."""

import json
import time

import pytest

from callgate.adapters.identity.issuer import TokenIssuer
from callgate.adapters.identity.keyring import Keyring
from callgate.app.system import SystemEntropy
from callgate.model.identity import Account
from tests.e2e.eras import STATUS, Era, judged, refused
from tests.e2e.harness import MODERN, Gate, effects_in, gate_in
from tests.fakes.identity import encode

pytestmark = pytest.mark.e2e
TICKET = """
name = "ticket"
objective = "Work on a ticket."
team = "home"
owner = "ana"
max_tier = "execute"
domains = ["local-work"]
[[scopes]]
integration = "git"
"""


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    with effects_in(folder) as effects, gate_in(folder) as gate:
        gate.add("git", url=effects.url, allow_private=True)
        gate.effects = effects
        gate.good = gate.token()
        yield gate
        assert gate.call("git_status", STATUS["arguments"], token=gate.good).text
        assert gate.verify()["ok"]
        assert effects.seen() == [], "nothing bad was executed"
        assert gate.stop() == 0
        assert "Traceback" not in gate.stderr.read_text()
        assert "internal error" not in gate.stderr.read_text()


@pytest.fixture(scope="module", params=["handshake", "stateless"])
def era(request, gate):
    return Era(gate, request.param == "stateless")


def codes_of(facts: dict) -> set[str]:
    return set(facts["codes"])


def test_good_requests_are_good(era):
    assert era.send().text.startswith("git_status")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b"\xff\xfe{}", -32700),
        (b'{"jsonrpc":"2.0"', -32700),
        (b"[]", -32600),
        (b"7", -32600),
        (b"null", -32600),
        (b'"text"', -32600),
        (b'{"jsonrpc":"1.0","id":1,"method":"tools/call","params":{}}', -32600),
        (b'{"id":1,"method":"tools/call","params":{}}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":7,"params":{}}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"params":{}}', -32600),
        (b'{"jsonrpc":"2.0","id":{},"method":"tools/call","params":{}}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[]}', -32602),
    ],
)
def test_malformed_json_rpc(era, body, code):
    refused(era.send(body), code)


def test_a_batch_is_no_message(era):
    refused(era.send(json.dumps([era.message(), era.message(id=8)]).encode()), -32600)


@pytest.mark.parametrize(
    "text",
    [
        b'{"repo_path":"/srv/app","repo_path":"/srv/other"}',
        b'{"repo_path":"/srv/app","Repo_Path":"/srv/other"}',
        b'{"repo_path":"/srv/\\ud800"}',
        b'{"repo_path":"/srv/\xff"}',
        b'{"repo_path":"/srv/\xed\xa0\x80"}',
        b'{"repo_path":' + b"[" * 65 + b"]" * 65 + b"}",
        b'{"repo_path":' + b'{"a":' * 65 + b"1" + b"}" * 65 + b"}",
        b'{"repo_path":1e999}',
        b'{"repo_path":NaN}',
        b'{"repo_path":0.1000000000000000055511151231257827}',
        b'{"repo_path":' + b"9" * 5000 + b"}",
    ],
)
def test_json_that_two_readers_could_read_differently(era, text):
    refused(era.raw(text), -32700, -32600, -32602)


def test_deep_json_of_every_size_is_answered(era):
    for depth in (1_000, 100_000):
        refused(era.raw(b'{"repo_path":' + b"[" * depth + b"]" * depth + b"}"), -32700, -32600, -32602)


def test_a_body_that_is_too_large(era):
    """Said before the body is read; the rest of it is not waited for."""
    answer = era.send(headers=era.headers(Content_Length=str(5 << 20)))
    assert answer.status == 413
    assert answer.message["error"]["message"]


# Headers.


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": None}, 415),
        ({"Accept": "text/html"}, 406),
        ({"Host": "evil.example"}, 421),
        ({"Origin": "https://evil.example"}, 403),
        ({"Content_Encoding": "gzip"}, 415),
    ],
)
def test_headers_that_are_wrong_for_any_request(era, changed, status):
    answer = era.send(headers=era.headers(**changed))
    assert answer.status == status, answer.body
    assert len(answer.message["error"]["message"]) > 10


@pytest.mark.parametrize(
    "changed",
    [
        {"Mcp_Name": "git_log"},
        {"Mcp_Name": None},
        {"Mcp_Method": "tools/list"},
        {"Mcp_Method": None},
        {"Mcp_Name": "=?base64?bm9uZQ==?="},
    ],
)
def test_headers_that_contradict_the_body(gate, changed):
    era = Era(gate, modern=True)
    refused(era.send(headers=era.headers(**changed)), -32020)


def test_an_unknown_protocol_version(gate):
    modern = Era(gate, modern=True)
    params = {**STATUS, "_meta": {"io.modelcontextprotocol/protocolVersion": "2099-01-01"}}
    answer = modern.send(modern.message(params), modern.headers(MCP_Protocol_Version="2099-01-01"))
    error = refused(answer, -32022)
    assert MODERN in error["data"]["supported"]
    refused(modern.send(modern.message(params)), -32020)
    old = Era(gate, modern=False)
    answer = old.send(headers=old.headers(MCP_Protocol_Version="1999-01-01"))
    assert answer.status == 400
    assert answer.message["error"]["code"] in (-32022, -32600, -32020), answer.message


def test_sessions_that_are_none(gate):
    era = Era(gate, modern=False)
    assert era.send(headers=era.headers(Mcp_Session_Id=None)).status == 400
    assert era.send(headers=era.headers(Mcp_Session_Id="nonsense")).status == 404
    other = gate.token("claude-code")
    assert era.send(token=other).status == 404, "a session is its owner's"


@pytest.mark.parametrize("method", ["resources/list", "prompts/get", "completion/complete", "no/such"])
def test_methods_that_are_not_governed(era, method):
    answer = era.send(era.message({}, method=method), era.headers(method=method, name=None))
    error = refused(answer, -32601) if era.modern else answer.message["error"]
    assert error["code"] == -32601
    assert len(error["message"]) > 10


def test_an_integration_that_is_not_there(era):
    assert era.send(path="/mcp/nothing").status == 404
    assert era.send(path="/mcp/git/more").status == 404
    assert era.send(path="/elsewhere").status == 404


# Arguments.


def test_an_unknown_tool(era):
    assert "unknown_tool" in codes_of(judged(era.arguments({}, "git_nothing")))


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({}, ""),
        ({"repo_path": 7}, "repo_path"),
        ({"repo_path": None}, "repo_path"),
        ({"repo_path": ["a"]}, "repo_path"),
    ],
)
def test_arguments_against_the_schema(era, arguments, path):
    facts = judged(era.arguments(arguments))
    assert path in facts["reason"], facts
    assert len(facts["reason"]) > 10


def test_undeclared_arguments(era):
    facts = judged(era.arguments({"repo_path": "/srv/app", "force": True}))
    assert codes_of(facts) == {"undeclared"}
    assert "does not declare" in facts["reason"]
    assert "force" not in json.dumps(facts), "a name that nobody declared may be a value"


@pytest.mark.parametrize("arguments", [[], "text", 7, None])
def test_arguments_that_are_no_object(era, arguments):
    answer = era.arguments(arguments)
    if "error" in answer.message:
        refused(answer, -32602)
    else:
        judged(answer)


def test_large_numbers_keep_every_digit(era):
    answer = era.arguments({"repo_path": "/srv/app", "max_count": 2**70}, "git_log")
    assert answer.text.startswith("git_log")


@pytest.mark.parametrize("params", [{}, {"name": 7}, {"name": "", "arguments": {}}, {"arguments": {}}])
def test_calls_without_a_name(era, params):
    answer = era.send(era.message(params), era.headers(name=None))
    assert answer.status in (200, 400)
    assert "error" in answer.message or answer.facts["status"] == "refused"


# Tokens.


def issued(gate: Gate, seed: bytes | None = None, *, lasts_s: int = 600, name: str = "ana") -> str:
    keys = Keyring.open(gate.home / "keys", ("main",), SystemEntropy(), create=False)
    base = f"http://{gate.host}"
    issuer = TokenIssuer(base, base, seed or keys.issuer, SystemEntropy())
    now = int(time.time() * 1000) + min(0, lasts_s) * 1000 - (1000 if lasts_s < 0 else 0)
    account = Account(subject=name, name=name, team="", verifier="", created_ms=0)
    return issuer.issue(account, "codex", task="", integrations=(), now_ms=now, expires_ms=now + abs(lasts_s) * 500)[0]


def spoiled(gate: Gate) -> dict[str, str]:
    good = issued(gate)
    head, payload, signature = good.split(".")
    public = json.loads(gate.send(b"", token=None, method="GET", path="/.well-known/jwks.json").body)["keys"][0]
    confused = encode({"alg": "HS256", "kid": public["kid"], "typ": "at+jwt"})
    return {
        "none": f"{encode({'alg': 'none', 'typ': 'at+jwt'})}.{payload}.",
        "confusion": f"{confused}.{payload}.{signature}",
        "embedded key": f"{encode({'alg': 'Ed25519', 'typ': 'at+jwt', 'jwk': public})}.{payload}.{signature}",
        "foreign": issued(gate, bytes(range(32))),
        "expired": issued(gate, lasts_s=-3600),
        "cut": good[:-2],
        "two parts": f"{head}.{payload}",
        "nothing": "",
        "text": "nonsense",
        "long": "a." * 20_000,
    }


KINDS = ("none", "confusion", "embedded key", "foreign", "expired", "cut", "two parts", "nothing", "text")


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_that_are_none(era, kind):
    answer = era.send(token=spoiled(era.gate)[kind])
    assert answer.status == 401, (kind, answer.body)
    assert "resource_metadata" in answer.headers["www-authenticate"]
    assert issued(era.gate)[:40] not in answer.body.decode()


def test_a_token_that_fills_the_headers(era):
    assert era.send(token=spoiled(era.gate)["long"]).status == 431


def test_a_good_token_of_the_same_key_is_good(era):
    assert era.gate.call("git_status", STATUS["arguments"], token=issued(era.gate)).text


def test_a_token_for_an_account_that_is_not_there(era):
    """Signed by the gate's own key, so somebody has the key; there is still no account of that name."""
    answer = era.gate.call("git_status", STATUS["arguments"], token=issued(era.gate, name="nobody"))
    assert answer.status in (200, 401, 403)


def test_no_token_at_all(era):
    answer = era.gate.send(era.message(), era.headers())
    assert answer.status == 401
    metadata = answer.headers["www-authenticate"].split('resource_metadata="')[1].split('"')[0]
    path = metadata.removeprefix(f"http://{era.gate.host}")
    found = era.gate.send(b"", method="GET", path=path)
    assert found.status == 200
    assert json.loads(found.body)["resource"] in (era.gate.url(), f"http://{era.gate.host}")
    server = era.gate.send(b"", method="GET", path="/.well-known/oauth-authorization-server")
    keys = json.loads(server.body)["jwks_uri"].removeprefix(f"http://{era.gate.host}")
    assert json.loads(era.gate.send(b"", method="GET", path=keys).body)["keys"]


# Tasks and contracts.


@pytest.fixture(scope="module")
def tasks(gate):
    contract = gate.act("contracts", act={"text": TICKET})["id"]
    narrow = gate.act("contracts", act={"text": TICKET.replace("execute", "read").replace("ticket", "look")})["id"]
    made = {name: gate.act("tasks", act={"contract": contract})["id"] for name in ("open", "closed")}
    made["narrow"] = gate.act("tasks", act={"contract": narrow})["id"]
    made["foreign"] = gate.act("tasks", act={"contract": contract, "runtime": "claude-code"})["id"]
    gate.act("tasks", made["closed"], "close", act={})
    return made


@pytest.mark.parametrize(
    ("name", "code"),
    [("closed", "closed_task"), ("foreign", "foreign_task"), ("nothing", "unknown_task")],
)
def test_tasks_that_cannot_be_used(era, tasks, name, code):
    task = tasks.get(name, "task-none")
    facts = judged(era.send(headers=era.headers(Callgate_Task=task)))
    assert code in codes_of(facts), facts


def test_a_task_wider_than_the_tokens(era, tasks):
    token = era.gate.token(task=tasks["narrow"])
    sent = Era(era.gate, era.modern)
    answer = sent.gate.call("git_status", STATUS["arguments"], token=token, headers={"Callgate-Task": tasks["open"]})
    assert "wider_task" in codes_of(judged(answer))


def test_a_task_by_header_and_another_by_url(era, tasks):
    answer = era.send(headers=era.headers(Callgate_Task=tasks["open"]), path=f"/mcp/git/t/{tasks['narrow']}")
    assert answer.status in (200, 404)
    if answer.status == 200:
        assert "task_conflict" in codes_of(judged(answer))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TICKET.replace("objective", "objectve"), "objective"),
        (TICKET.replace('"execute"', '"exceute"'), "execute"),
        (TICKET.replace("local-work", "locl-work"), "local-work"),
        (TICKET.replace('"ana"', '"nobody"'), "nobody"),
        (TICKET + "tols = []\n", "tools"),
        ("not = [toml", "TOML"),
        ("", "name"),
    ],
)
def test_contracts_with_typos(gate, text, said):
    found = json.loads(gate.api.post("contracts", "check", body={"text": text, "file": "ticket.toml"}))
    (problem,) = found["problems"][:1]
    assert said in json.dumps(problem), problem
    path = gate.folder / "ticket.toml"
    path.write_text(text)
    done = gate.command("contract", "check", str(path))
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
