"""HTTP servers that do wrong: what was not sent, what is unknown, what is refused, and nothing sent twice."""

import asyncio
import base64
import gzip
import logging
import socket
import time
from contextlib import asynccontextmanager

import pytest

from callgate.adapters.secrets.refs import resolve
from callgate.adapters.upstream.address import AddressRefused, CheckedResolver
from callgate.adapters.upstream.budget import Budget
from callgate.adapters.upstream.http import HttpUpstream
from callgate.flow.ports import Outbound
from callgate.model.errors import OutcomeUnknown, UpstreamError
from callgate.model.tool import Integration
from tests.fakes.servers.raw_http import END, chunk, raw_server, reply, result, stream

LOG = logging.getLogger("test")
BIG = 11 * 1024 * 1024
VERSION = "2025-11-25"


def call(deadline_ms: int = 5_000, protocol: str = VERSION, session: str = "", **more) -> Outbound:
    return Outbound(
        "tools/call", b'{"name":"t","arguments":{}}', protocol, session, name="t", deadline_ms=deadline_ms, **more
    )


def upstream_at(url: str, *, budget: int = 1 << 28, private: bool = True, **more) -> HttpUpstream:
    integration = Integration(name="raw", actor="x", url=url, allow_private=private, **more)
    return HttpUpstream(integration, resolve, LOG, Budget(budget))


@asynccontextmanager
async def against(script, **more):
    async with raw_server(script) as server:
        upstream = upstream_at(server.url, **more)
        try:
            yield server, upstream
        finally:
            await upstream.close()


async def outcome(upstream: HttpUpstream, request: Outbound | None = None):
    """(type name, code) of the fault, or the text of the last message."""
    try:
        last = None
        async for message in await upstream.open(request or call()):
            last = message
        return (last.result or last.error).decode()
    except UpstreamError as fault:
        return type(fault).__name__, fault.code


def check(script, expected, request: Outbound | None = None, sent: int = 1, **more) -> None:
    async def body():
        async with against(script, **more) as (server, upstream):
            found = await outcome(upstream, request)
            if callable(expected):
                assert expected(found), found
            else:
                assert found == expected
            assert len(server.heard) == sent
            assert upstream.active == 0

    asyncio.run(body())


UNKNOWN = ("OutcomeUnknown", "outcome_unknown")


def refused(code: str):
    return ("UpstreamError", code)


def says(data: bytes):
    async def script(heard, writer):
        writer.write(data.replace(b"@ID", str(heard.id).encode()) if b"@ID" in data else data)
        await writer.drain()

    return script


def says_and_closes(data: bytes):
    async def script(heard, writer):
        writer.write(data)
        await writer.drain()
        writer.close()

    return script


def answered(make):
    """A script whose bytes are made from the request's id."""

    async def script(heard, writer):
        writer.write(make(heard.id))
        await writer.drain()

    return script


def test_a_closed_port_means_nothing_was_sent():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    async def body():
        upstream = upstream_at(f"http://127.0.0.1:{port}/mcp")
        assert await outcome(upstream) == refused("not_sent")
        assert upstream.state == "backoff"
        await upstream.close()

    asyncio.run(body())


def test_a_name_that_is_not_there_means_nothing_was_sent():
    async def body():
        upstream = upstream_at("http://nowhere.invalid/mcp")
        assert await outcome(upstream) == refused("not_sent")
        await upstream.close()

    asyncio.run(body())


def test_a_failed_tls_handshake_means_nothing_was_sent():
    async def body():
        async with raw_server(says(b"")) as server:
            upstream = upstream_at(server.url.replace("http:", "https:"))
            assert await outcome(upstream, call(deadline_ms=1500)) == refused("not_sent")
            await upstream.close()

    asyncio.run(body())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 2",
        b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"jsonrpc":',
        stream() + chunk(b"data: {"),
        b"\x16\x03\x01\x02 this is no HTTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\nzz\r\n",
    ],
    ids=["before-first-byte", "in-status", "in-body", "in-stream", "garbage", "long-header", "bad-chunk"],
)
def test_a_lost_reply_is_unknown_and_never_sent_again(data):
    check(says_and_closes(data), UNKNOWN)


def test_a_kept_connection_that_the_server_drops_is_unknown_and_never_sent_again():
    async def script(heard, writer):
        if heard.number == 1:
            writer.write(reply("200 OK", result(heard.id)))
            await writer.drain()
        else:
            writer.close()

    async def body():
        async with against(script) as (server, upstream):
            assert "ok" in await outcome(upstream)
            assert await outcome(upstream) == UNKNOWN
            assert (len(server.heard), server.connections) == (2, 1)

    asyncio.run(body())


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b"",
        b"[]",
        b'[{"jsonrpc":"2.0","id":1,"result":{}}]',
        b'{"jsonrpc":"2.0","id":99,"result":{}}',
        b'{"jsonrpc":"2.0","id":"1","result":{}}',
        b'{"jsonrpc":"2.0","result":{}}',
        b'{"jsonrpc":"2.0","id":1}',
        b'{"jsonrpc":"1.0","id":1,"result":{}}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping"}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_an_answer_that_is_not_ours_is_unknown(body):
    check(says(reply("200 OK", body)), UNKNOWN)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("301 Moved", refused("redirect")),
        ("307 Temporary", refused("redirect")),
        ("308 Permanent", refused("redirect")),
        ("400 Bad", refused("rejected")),
        ("401 Unauthorized", refused("unauthorized")),
        ("403 Forbidden", refused("forbidden")),
        ("404 Not Found", refused("not_found")),
        ("429 Too Many", refused("rate_limited")),
        ("202 Accepted", UNKNOWN),
        ("204 No Content", UNKNOWN),
        ("500 Oops", UNKNOWN),
        ("502 Bad Gateway", UNKNOWN),
        ("504 Timeout", UNKNOWN),
    ],
)
def test_status_without_a_message(status, expected):
    check(says(reply(status, b"", "text/plain", "Location: /other")), expected)


def test_a_404_with_a_session_says_that_the_session_is_gone():
    check(says(reply("404 Not Found", b"{}")), refused("session_gone"), call(session="abc"))


@pytest.mark.parametrize("status", ["400 Bad", "404 Not Found", "403 No", "500 Oops", "200 OK"])
def test_an_error_message_is_an_answer_whatever_the_status(status):
    body = b'{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}'
    check(says(reply(status, body)), lambda found: "-32601" in found)


def test_an_error_without_id_is_an_answer_only_when_the_request_was_refused():
    body = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32020,"message":"no"}}'
    check(says(reply("400 Bad", body)), lambda found: "-32020" in found)
    check(says(reply("200 OK", body)), UNKNOWN)
    check(says(reply("500 Oops", body)), UNKNOWN)


@pytest.mark.parametrize("kind", ["text/html", "application/jsonx", "", "multipart/mixed"])
def test_another_content_type_is_unknown(kind):
    check(answered(lambda number: reply("200 OK", result(number), kind)), UNKNOWN)


def test_a_compressed_answer_is_not_unpacked():
    packed = gzip.compress(b" " * 50_000_000)
    check(says(reply("200 OK", packed, "application/json", "Content-Encoding: gzip")), UNKNOWN)


def test_too_large_by_length():
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % BIG
    check(says(head), refused("too_large"))


def test_too_large_in_chunks():
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    check(says(head + chunk(b" " * BIG)), refused("too_large"))


@pytest.mark.parametrize("event", [b"data: " + b"x" * BIG, b"data: xxxx\n" * (BIG // 5), b"x" * BIG])
def test_too_large_in_one_event(event):
    check(says(stream() + chunk(event)), refused("too_large"))


def test_many_large_answers_at_once_are_bounded_together():
    half = b'{"jsonrpc":"2.0","id":@,"result":"' + b"x" * 3_000_000 + b'"}'

    async def body():
        async with against(
            answered(lambda number: reply("200 OK", half.replace(b"@", b"%d" % number))), budget=7_000_000
        ) as (_, upstream):
            found = await asyncio.gather(*(outcome(upstream) for _ in range(6)))
            assert 2 <= sum("xxx" in str(each) for each in found) <= 6
            # All of it was given back.
            assert upstream.budget.take(7_000_000)

    asyncio.run(body())


def test_no_room_left_is_too_large():
    check(answered(lambda number: reply("200 OK", result(number, "x" * 200_000))), refused("too_large"), budget=100_000)


def test_a_server_that_never_answers_is_unknown_when_the_time_is_over():
    check(says(b""), UNKNOWN, call(deadline_ms=200, protocol="2026-07-28"))


def test_a_server_that_drips_cannot_outlive_the_deadline():
    async def script(heard, writer):
        for byte in b"HTTP/1.1 200 OK\r\n" + b"X-Slow: y\r\n" * 100:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.02)

    began = time.monotonic()
    check(script, UNKNOWN, call(deadline_ms=300, protocol="2026-07-28"))
    assert time.monotonic() - began < 2


def test_after_its_time_the_server_is_told_in_handshake_eras():
    async def script(heard, writer):
        if b"notifications/cancelled" in heard.body:
            told.set()
            writer.write(reply("202 Accepted"))

    async def body():
        nonlocal told
        told = asyncio.Event()
        async with against(script) as (server, upstream):
            assert await outcome(upstream, call(deadline_ms=100, session="s-1")) == UNKNOWN
            async with asyncio.timeout(5):
                await told.wait()
            assert b'"requestId":1' in server.heard[-1].body
            assert server.heard[-1].headers["mcp-session-id"] == "s-1"

    told = None
    asyncio.run(body())


def test_cancelling_in_the_stateless_era_closes_the_stream_at_once():
    async def body():
        async with against(says(stream())) as (server, upstream):
            exchange = await upstream.open(call(protocol="2026-07-28"))

            async def iterate():
                return [message async for message in exchange]

            task = asyncio.create_task(iterate())
            while not server.heard:
                await asyncio.sleep(0.01)
            await exchange.cancel()
            with pytest.raises(OutcomeUnknown):
                async with asyncio.timeout(1):
                    await task
            assert len(server.heard) == 1

    asyncio.run(body())


def test_cancelled_before_anything_was_sent():
    async def body():
        async with against(says(b"")) as (server, upstream):
            exchange = await upstream.open(call())
            await exchange.cancel()
            with pytest.raises(UpstreamError) as caught:
                [message async for message in exchange]
            assert caught.value.code == "not_sent"
            assert server.heard == []

    asyncio.run(body())


def test_the_answer_that_comes_after_a_cancel_counts():
    async def script(heard, writer):
        if b"notifications/cancelled" in heard.body:
            writer.write(reply("202 Accepted"))
            first.write(reply("200 OK", result(1, "just in time")))
        else:
            nonlocal_first(writer)

    def nonlocal_first(writer):
        nonlocal first
        first = writer

    first = None

    async def body():
        async with against(script) as (server, upstream):
            exchange = await upstream.open(call())

            async def iterate():
                return [message async for message in exchange]

            task = asyncio.create_task(iterate())
            while not server.heard:
                await asyncio.sleep(0.01)
            await exchange.cancel()
            assert b"just in time" in (await task)[-1].result

    asyncio.run(body())


def event(data: bytes, more: bytes = b"") -> bytes:
    return chunk(more + b"data: " + data + b"\n\n")


def test_in_a_stream_only_the_answer_with_our_id_counts():
    def make(number):
        wrong = event(result(number + 5, "wrong")) + event(b"garbage") + event(result(str(number), "text id"))
        return stream() + chunk(b": comment\n\n") + wrong + event(result(number, "right")) + END

    async def body():
        async with against(answered(make)) as (_, upstream):
            assert "right" in await outcome(upstream)
            assert upstream.dropped == 3

    asyncio.run(body())


def test_a_second_answer_in_the_stream_is_never_seen_and_the_next_call_is_clean():
    async def body():
        async with against(
            answered(lambda n: stream() + event(result(n, "first")) + event(result(n, "second")) + END)
        ) as (server, upstream):
            for _ in range(3):
                seen = [message async for message in await upstream.open(call())]
                assert [b"first" in message.result for message in seen] == [True]
            assert len(server.heard) == 3

    asyncio.run(body())


def test_a_second_response_on_the_wire_never_becomes_the_answer_to_the_next_call():
    async def body():
        def make(number):
            return reply("200 OK", result(number, "mine")) + reply("200 OK", result(number + 1, "smuggled"))

        async with against(answered(make)) as (server, upstream):
            for _ in range(4):
                found = await outcome(upstream)
                assert found == UNKNOWN or "mine" in found, found
            assert server.connections > 1

    asyncio.run(body())


def test_a_stream_that_goes_on_after_its_answer_keeps_nothing_open():
    async def script(heard, writer):
        writer.write(stream() + event(result(heard.id, "done")))
        for _ in range(1000):
            writer.write(chunk(b": still here\n\n"))
            await writer.drain()
            await asyncio.sleep(0.01)

    async def body():
        async with against(script) as (server, upstream):
            assert "done" in await outcome(upstream)
            async with asyncio.timeout(3):
                while upstream._tasks:
                    await asyncio.sleep(0.02)
            assert "done" in await outcome(upstream)
            assert server.connections == 2

    asyncio.run(body())


def test_a_connection_is_kept_after_a_stream_that_ended():
    async def body():
        async with against(answered(lambda n: stream() + event(result(n)) + END)) as (server, upstream):
            for _ in range(3):
                assert "ok" in await outcome(upstream)
                while upstream._tasks:
                    await asyncio.sleep(0.005)
            assert server.connections == 1

    asyncio.run(body())


def test_a_broken_stream_is_taken_up_again_from_the_last_event():
    async def script(heard, writer):
        if heard.line.startswith("POST"):
            note = b'{"jsonrpc":"2.0","method":"notifications/progress","params":{}}'
            writer.write(stream() + chunk(b"retry: 1\nid: e-1\ndata:\n\n") + event(note, b"id: e-2\n") + END)
        elif heard.number == 2:
            writer.write(stream() + END)
        else:
            writer.write(stream() + event(result(1, "resumed"), b"id: e-3\n") + END)

    async def body():
        async with against(script) as (server, upstream):
            seen = [message async for message in await upstream.open(call(session="s-9"))]
            assert [message.method for message in seen] == ["notifications/progress", ""]
            assert b"resumed" in seen[-1].result
            assert [heard.line.split()[0] for heard in server.heard] == ["POST", "GET", "GET"]
            for heard in server.heard[1:]:
                assert heard.headers["last-event-id"] == "e-2"
                assert heard.headers["mcp-session-id"] == "s-9"

    asyncio.run(body())


@pytest.mark.parametrize(
    ("first", "protocol"),
    [
        (stream() + chunk(b": nothing\n\n") + END, VERSION),
        (stream() + chunk(b"id: e-1\ndata:\n\n") + END, "2026-07-28"),
        (stream() + chunk("id: ä\r\nX\ndata:\n\n".encode()) + END, VERSION),
    ],
    ids=["no id", "stateless", "bad id"],
)
def test_a_stream_that_cannot_be_taken_up_is_unknown(first, protocol):
    check(says(first), UNKNOWN, call(protocol=protocol))


def test_taking_up_a_stream_is_bounded():
    async def script(heard, writer):
        writer.write(stream() + chunk(b"retry: 1\nid: e-1\ndata:\n\n") + END)

    check(script, UNKNOWN, sent=9)


def test_only_our_headers_go_out_and_the_credential_by_reference(monkeypatch, tmp_path):
    token = tmp_path / "token"
    token.write_text("s3cret-file\n")
    token.chmod(0o600)
    monkeypatch.setenv("RAW_KEY", "s3cret-env")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    async def script(heard, writer):
        writer.write(reply("200 OK", result(heard.id), "application/json", "Set-Cookie: a=b; Path=/"))

    async def body():
        headers = {"Authorization": f"Bearer file:{token}", "X-Api-Key": "env:RAW_KEY"}
        async with against(script, headers=headers) as (server, upstream):
            for request in (
                call(session="s-1"),
                call(protocol="2026-07-28", parameters=(("Mcp-Param-Region", "eu"), ("Mcp-Param-Name", " ü"))),
            ):
                assert "ok" in await outcome(upstream, request)
            base = {"host", "accept", "accept-encoding", "user-agent", "content-type", "content-length"}
            base |= {"authorization", "x-api-key", "mcp-protocol-version"}
            assert set(server.heard[0].headers) == base | {"mcp-session-id"}
            modern = server.heard[1].headers
            assert set(modern) == base | {"mcp-method", "mcp-name", "mcp-param-region", "mcp-param-name"}
            assert (modern["authorization"], modern["x-api-key"]) == ("Bearer s3cret-file", "s3cret-env")
            assert modern["mcp-param-name"] == f"=?base64?{base64.b64encode(' ü'.encode()).decode()}?="
            assert "s3cret" not in repr(upstream.integration)

    asyncio.run(body())


def test_a_renewed_credential_is_read_after_a_401(tmp_path):
    token = tmp_path / "token"
    token.write_text("old")
    token.chmod(0o600)

    async def script(heard, writer):
        good = heard.headers["authorization"] == "Bearer new"
        writer.write(reply("200 OK", result(heard.id)) if good else reply("401 Unauthorized"))

    async def body():
        async with against(script, headers={"Authorization": f"Bearer file:{token}"}) as (_, upstream):
            assert await outcome(upstream) == refused("unauthorized")
            token.write_text("new")
            assert "ok" in await outcome(upstream)

    asyncio.run(body())


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "env:NOT_SET_ANYWHERE"},
        {"Authorization": "Bearer literal-secret"},
        {"Host": "env:HOME"},
        {"Mcp-Session-Id": "env:HOME"},
        {"X\r\nY": "env:HOME"},
    ],
)
def test_a_credential_that_cannot_be_used_stops_before_sending(headers):
    async def body():
        async with against(says(b""), headers=headers) as (server, upstream):
            with pytest.raises(UpstreamError) as caught:
                [message async for message in await upstream.open(call())]
            assert caught.value.code == "credential"
            assert "literal-secret" not in str(caught.value)
            assert server.heard == []

    asyncio.run(body())


@pytest.mark.parametrize(
    "request_",
    [
        call(session="a\r\nX-Injected: 1"),
        call(session="ü"),
        call(protocol="2026-07-28", parameters=(("Authorization", "Bearer x"),)),
        call(protocol="2026-07-28", parameters=(("Mcp-Param-A: b\r\nX", "y"),)),
        call(protocol="nonsense"),
    ],
)
def test_what_could_break_out_of_a_header_is_never_sent(request_):
    check(says(b""), refused("not_sent"), request_, sent=0)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "169.254.169.254", "10.0.0.1", "[::ffff:127.0.0.1]"])
def test_private_addresses_are_refused_unless_configured(host):
    async def body():
        upstream = upstream_at(f"https://{host}:1/mcp", private=False)
        assert await outcome(upstream) == refused("address_refused")
        await upstream.close()

    asyncio.run(body())


def test_a_name_is_checked_by_what_it_resolves_to_when_connecting():
    async def body():
        upstream = upstream_at("https://localhost:1/mcp", private=False)
        assert await outcome(upstream) == refused("address_refused")
        await upstream.close()

        class Rebinding:
            """Public at first, loopback ever after."""

            def __init__(self):
                self.answers = [["93.184.216.34", "127.0.0.1"], ["127.0.0.1"]]

            async def resolve(self, host, port, family):
                return [{"host": address} for address in self.answers.pop(0)]

        resolver = CheckedResolver(allow_private=False)
        resolver._inner = Rebinding()
        assert [entry["host"] for entry in await resolver.resolve("a.example", 443)] == ["93.184.216.34"]
        with pytest.raises(AddressRefused):
            await resolver.resolve("a.example", 443)

    asyncio.run(body())


def test_the_metadata_service_is_refused_even_when_private_is_allowed():
    async def body():
        upstream = upstream_at("http://169.254.169.254/latest", private=True)
        assert await outcome(upstream) == refused("address_refused")
        await upstream.close()

    asyncio.run(body())


def test_an_initialize_answer_with_a_bad_session_or_version_is_refused():
    good = {"protocolVersion": VERSION, "capabilities": {}, "serverInfo": {"name": "a", "version": "1"}}

    async def attempt(body_, *headers):
        import json

        text = json.dumps({"jsonrpc": "2.0", "id": 1, "result": body_}).encode()
        async with against(says(reply("200 OK", text, "application/json", *headers))) as (_, upstream):
            try:
                return (await upstream.initialize(b"{}", VERSION)).session
            except UpstreamError as fault:
                return fault.code

    async def body():
        # The notification that follows is answered by the same script, with 200.
        assert await attempt(good, "Mcp-Session-Id: abc") == "abc"
        assert await attempt(good, "Mcp-Session-Id: a b") == "initialize_failed"
        assert await attempt(good | {"protocolVersion": "1999-01-01"}) == "initialize_failed"
        assert await attempt({}) == "initialize_failed"

    asyncio.run(body())


def test_a_tool_list_without_end_is_refused():
    def make(number, heard):
        import json

        return json.dumps({"jsonrpc": "2.0", "id": number, "result": heard}).encode()

    async def script(heard, writer):
        import json

        request = json.loads(heard.body)
        good = {"protocolVersion": VERSION, "capabilities": {}, "serverInfo": {"name": "a", "version": "1"}}
        if request["method"] == "initialize":
            writer.write(reply("200 OK", make(request["id"], good)))
        elif request["method"] == "tools/list":
            cursor = int(request["params"].get("cursor", 0)) + 1
            writer.write(reply("200 OK", make(request["id"], {"tools": [{"name": "a"}], "nextCursor": str(cursor)})))
        elif "id" in request:
            writer.write(reply("400 Bad"))
        else:
            writer.write(reply("202 Accepted"))

    async def body():
        async with against(script) as (server, upstream):
            with pytest.raises(UpstreamError) as caught:
                await upstream.discover()
            assert caught.value.code == "bad_listing"
            assert len(server.heard) < 300

    asyncio.run(body())


def test_a_request_of_the_server_inside_a_stream_is_relayed_and_answered():
    async def script(heard, writer):
        if heard.number == 1:
            ask = b'{"jsonrpc":"2.0","id":"s1","method":"elicitation/create","params":{}}'
            writer.write(stream() + event(ask))
            script.writer = writer
        else:
            writer.write(reply("202 Accepted"))
            script.writer.write(event(result(1, "thanks")) + END)

    async def body():
        async with against(script) as (server, upstream):
            exchange = await upstream.open(call(session="s-1"))
            seen = []
            async for message in exchange:
                seen.append(message)
                if message.method == "elicitation/create":
                    await exchange.answer(b'{"jsonrpc":"2.0","id":"s1","result":{"action":"decline"}}')
            assert [message.method for message in seen] == ["elicitation/create", ""]
            assert b"decline" in server.heard[1].body
            assert server.heard[1].headers["mcp-session-id"] == "s-1"
            with pytest.raises(UpstreamError):
                await exchange.answer(b"{}")

    asyncio.run(body())


@pytest.mark.parametrize("only", ["stateless", "handshake"])
def test_a_server_of_one_era_is_discovered_and_called_without_naming_one(only):
    import json

    async def script(heard, writer):
        request = json.loads(heard.body) if heard.body else {}
        method = request.get("method")
        stateless = heard.headers.get("mcp-protocol-version") == "2026-07-28"
        server = {"name": "one", "version": "1"}
        found = None
        if only == "stateless" and stateless and method == "server/discover":
            meta = {"io.modelcontextprotocol/serverInfo": server}
            found = {"supportedVersions": ["2026-07-28"], "capabilities": {}, "instructions": "i", "_meta": meta}
        elif only == "handshake" and method == "initialize" and request["params"]["protocolVersion"] == "2025-06-18":
            found = {"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": server}
        elif only == "handshake" and method == "initialize":
            # As the specification says: answer with the newest version it speaks.
            found = {"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": server}
        elif method == "tools/list" and stateless == (only == "stateless"):
            found = {"tools": [{"name": "a"}]}
        elif method == "tools/call" and stateless == (only == "stateless"):
            found = {"content": [{"type": "text", "text": "called"}]}
        elif "id" not in request:
            writer.write(reply("202 Accepted"))
            return
        if found is None:
            error = {"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32601, "message": "no"}}
            writer.write(reply("400 Bad", json.dumps(error).encode()))
        else:
            answer = {"jsonrpc": "2.0", "id": request["id"], "result": found}
            writer.write(reply("200 OK", json.dumps(answer).encode()))

    async def body():
        async with against(script) as (_, upstream):
            found = await upstream.discover()
            assert found.eras == (("2026-07-28",) if only == "stateless" else ("2025-06-18",))
            assert (found.name, found.version, len(found.tools)) == ("one", "1", 1)
            assert "called" in await outcome(upstream, call(protocol=""))

    asyncio.run(body())
