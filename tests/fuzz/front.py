"""The front as a whole: a request of either era, bent, against the ASGI application with a fake behind it."""

import asyncio
import base64
import contextlib
import functools
import json
from typing import Any

from callgate.adapters.identity.jwks import FixedKeys, parse_jwks
from callgate.adapters.identity.tokens import TokenVerifier, TrustedIssuer
from callgate.adapters.mcp.app import McpFront
from callgate.adapters.mcp.parse import BESIDE
from callgate.core.identity import IssuerRules, Runtimes
from callgate.core.rounds import RoundSealer
from callgate.core.sessions import SessionSealer
from callgate.model.call import GOVERNED, TOOLS_CALL
from callgate.model.errors import AuthError, UpstreamError
from callgate.model.identity import Runtime
from callgate.model.inquiry import InputAsked, RoundState
from tests.fakes.asgi import HOST, Exchanged
from tests.fakes.identity import BASE, COMPANY, NOW_MS, Company, SetClock
from tests.fakes.serving import FakeServing, listing
from tests.fronts.mcp import MODERN, config
from tests.fuzz.looping import run
from tests.fuzz.taking import Taking, pieces

OFFERS = ("tools", "prompts", "resources", "completions", "logging")
LISTINGS = (
    listing("git", headers=(("git_status", (("Mcp-Param-Path", "path"),)),), offers=OFFERS),
    listing("http", bridged=False, eras=("2025-06-18",), offers=OFFERS),
    listing("new", bridged=False, eras=(MODERN,), offers=(*OFFERS, "resources.subscribe")),
    listing("none", bridged=False, eras=()),
)
PATHS = (b"/mcp/git", b"/mcp/new", b"/mcp/http", b"/mcp/none", b"/mcp", b"/mcp/git/t/task-1", b"/x")
TOKENS = (b"good", b"ben", b"other", b"bad", b"")
BASIS = (
    (b"host", HOST.encode()),
    (b"content-type", b"application/json"),
    (b"accept", b"application/json, text/event-stream"),
)
ENDS = 8


async def exchanged(scope: dict[str, Any], parts: list[bytes], serving: FakeServing) -> Exchanged:
    seen = Exchanged()
    queue = [{"type": "http.request", "body": part, "more_body": at + 1 < len(parts)} for at, part in enumerate(parts)]

    async def receive() -> Any:
        if queue:
            return queue.pop(0)
        await seen._gone.wait()
        return {"type": "http.disconnect"}

    async def sent(event: Any) -> None:
        if event["type"] == "http.response.start":
            assert not seen.status, "the response began twice"
            seen.status = event["status"]
            seen.headers = {name.decode(): value.decode() for name, value in event["headers"]}
        else:
            assert not seen.complete, "something came after the end"
            seen.body += event.get("body", b"")
            seen.complete = not event.get("more_body", False)

    front = McpFront(serving, config())
    task = asyncio.ensure_future(front(scope, receive, sent))
    async with asyncio.timeout(10):
        while not task.done():
            await asyncio.sleep(0)
            if seen.status == 200 and "event-stream" in seen.headers.get("content-type", ""):
                # A standing stream would go on until the patrol sees that the client left.
                for _ in range(ENDS):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
    if not task.cancelled():
        task.result()
    assert len(asyncio.all_tasks()) == 1
    return seen


def request(data: bytes) -> None:
    """Whatever comes: an answer below 500, and Serving is asked only what stands in the body."""
    taking = Taking(data)
    path, token = taking.pick(PATHS), taking.pick(TOKENS)
    method = taking.pick(("POST", "POST", "POST", "GET", "DELETE", "PUT"))
    cuts = taking.take(taking.number(3))
    head = taking.until(b"\n\n")
    body = taking.rest()
    lines = [line.partition(b": ") for line in head.split(b"\n") if line]
    own = [(name.lower(), value) for name, colon, value in lines if colon]
    named = {name for name, _ in own}
    fields = [pair for pair in BASIS if pair[0] not in named] + own
    if token:
        fields.append((b"authorization", b"Bearer " + token))
    query = next((name for name, colon, _ in lines if not colon), b"")
    scope = {
        "type": "http", "method": method, "path": path.decode(), "raw_path": path, "query_string": query,
        "headers": fields,
    }  # fmt: skip
    serving = FakeServing(*LISTINGS)
    seen = run(exchanged(scope, pieces(body, cuts), serving))
    assert 200 <= seen.status < 500, seen.body
    if seen.body and seen.headers.get("content-type") == "application/json":
        json.loads(seen.body)
    if seen.status >= 400 or seen.status == 202:
        assert not serving.requests
    known = [value for name, value in fields if name == b"authorization"]
    if known not in ([b"Bearer good"], [b"Bearer ben"]) and not any(
        value.lower().startswith(b"bearer") for value in known
    ):
        assert not (serving.requests or serving.asked or serving.opened or serving.ended)
    for asked in serving.requests:
        said = json.loads(body)
        if said["method"] == "subscriptions/listen":
            continue
        assert said["method"] == asked.method
        params = said.get("params", {})
        if asked.method == TOOLS_CALL:
            assert asked.tool == params["name"]
            assert asked.arguments == (params.get("arguments") or {})
            assert not asked.tool.startswith("callgate_")
        else:
            assert asked.method in GOVERNED
            assert asked.arguments == {key: value for key, value in params.items() if key not in BESIDE}
        if asked.protocol == MODERN or "io.modelcontextprotocol/protocolVersion" in params.get("_meta", {}):
            assert dict(fields)[b"mcp-method"].strip(b" \t").decode() == said["method"]


SESSIONS = SessionSealer(b"k" * 32)
ROUNDS = RoundSealer(b"r" * 32)
OWNER = ("main", "ana", "codex", "git")
STATE = RoundState(number=2, first="call-1", before="call-1", wanted=InputAsked(asked={}, state="s"), expires_ms=10**12)
SEALED = SESSIONS.seal(OWNER, "up-1", "2025-06-18", b"n" * 12, ("roots",))
ROUND = ROUNDS.seal(OWNER, STATE, b"n" * 12)


def sealed(data: bytes) -> None:
    """A sealed session or round opens as it was given out, for its own principal, or not at all."""
    taking = Taking(data)
    kind, how, place, size = taking.number(3), taking.number(2), taking.number(400), taking.number(4)
    text = (SEALED, ROUND)[kind & 1]
    patch = taking.until(b"\n").decode("utf-8", "replace")
    owner = tuple(part.decode("utf-8", "replace") for part in taking.rest().split(b"\n")) if kind & 2 else OWNER
    if how:
        text = text[:place] + patch + text[place + (size if how == 1 else len(patch)) :]
    else:
        text = patch or text
    session, state = SESSIONS.open(owner, text), ROUNDS.open(owner, text)
    if state is not None:
        assert (owner, text, state) == (OWNER, ROUND, STATE)
    if session is not None:
        assert (owner, text, session) == (OWNER, SEALED, ("up-1", "2025-06-18", ("roots",)))
    assert SESSIONS.open(OWNER, SEALED) is not None
    assert ROUNDS.open(OWNER, ROUND) == STATE


ALGORITHMS = ("ES256", "EdDSA", "Ed25519")
COMPANY_KEYS = Company("EC")
TOKEN = COMPANY_KEYS.token()
RUNTIMES = Runtimes((Runtime(id="codex"),))


@functools.cache
def verifier() -> TokenVerifier:
    rules = IssuerRules(issuer=COMPANY, tenant="main", resource=BASE)
    keys = FixedKeys(parse_jwks(COMPANY_KEYS.jwks(), ALGORITHMS))
    return TokenVerifier([TrustedIssuer(rules, ALGORITHMS, keys)], lambda _: RUNTIMES, SetClock())


def token(data: bytes) -> None:
    """No token but the one that was signed verifies; a key set is read or refused."""
    taking = Taking(data)
    how, place, size = taking.number(2), taking.number(65_535) % (len(TOKEN) + 1), taking.number(60)
    patch = taking.rest().decode("utf-8", "replace")
    text = TOKEN[:place] + patch + TOKEN[place + size :]
    if how == 1:
        parts = [base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in patch.split("\n")[:2]]
        text = ".".join([*parts, TOKEN.rpartition(".")[2]])
    try:
        found = verifier().verify(text, NOW_MS)
    except AuthError as fault:
        assert text != TOKEN
        assert fault.code
    else:
        assert text == TOKEN
        assert found.runtime.id == "codex"
    with contextlib.suppress(UpstreamError):
        assert parse_jwks(data, ALGORITHMS)
