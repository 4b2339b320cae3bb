"""HTTP servers that do wrong: what was not sent, what is unknown, what is refused, and nothing sent twice."""

import asyncio
import gzip
import socket
import time

import pytest

from callgate.model.errors import OutcomeUnknown, UpstreamError
from tests.fakes.servers.raw_http import chunk, raw_server, reply, result, stream
from tests.ports.against_http import (
    BIG,
    UNKNOWN,
    against,
    answered,
    call,
    check,
    outcome,
    refused,
    says,
    says_and_closes,
    upstream_at,
)


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
