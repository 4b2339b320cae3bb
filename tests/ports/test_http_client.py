"""The HTTP client for upstreams, on both event loops: its pool, its limits, and every odd thing a server may say."""

import asyncio

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from callgate.adapters.upstream import http_connection
from callgate.adapters.upstream.http_client import HttpClient, Origin
from callgate.adapters.upstream.http_connection import HttpFault, HttpRequest
from tests.fakes.servers.raw_http import END, chunk, raw_server, reply, stream

HEAD = b"POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
LOOPS = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])


def post(body: bytes = b"{}", **more) -> HttpRequest:
    return HttpRequest(HEAD % len(body), body, **more)


def client_of(server, limit: int = 4) -> HttpClient:
    return HttpClient(Origin("127.0.0.1", server.port, tls=False), allow_private=True, limit=limit)


async def asked(client: HttpClient, request: HttpRequest | None = None) -> tuple[int, bytes]:
    response = await client.send(request or post())
    response.until(asyncio.get_running_loop().time() + 5)
    try:
        return response.status, await response.body()
    finally:
        response.release()


def script_of(*answers: bytes):
    """Each request gets the next of these."""

    async def script(heard, writer):
        writer.write(answers[min(heard.number, len(answers)) - 1])
        await writer.drain()

    return script


def against(run, script, body, **more):
    async def main():
        async with raw_server(script) as server:
            client = client_of(server, **more)
            try:
                async with asyncio.timeout(20):
                    await body(server, client)
            finally:
                await client.close()

    run(main())


@LOOPS
def test_a_connection_is_kept_and_used_again(run):
    async def body(server, client):
        for number in range(5):
            assert await asked(client, post(b"%d" % number)) == (200, b"yes")
        assert server.connections == 1
        assert [heard.body for heard in server.heard] == [b"0", b"1", b"2", b"3", b"4"]

    against(run, script_of(reply("200 OK", b"yes")), body)


@LOOPS
@pytest.mark.parametrize(
    "answer",
    [
        reply("200 OK", b"yes", "text/plain", "Connection: close"),
        b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nyes",
        reply("200 OK", b"yes") + b"and more",
        reply("200 OK", b"yes") + reply("200 OK", b"forged"),
    ],
    ids=["close", "http-1.0", "bytes-after-it", "a-second-answer"],
)
def test_a_connection_that_cannot_be_trusted_is_not_used_again(run, answer):
    async def body(server, client):
        assert await asked(client) == (200, b"yes")
        assert await asked(client) == (200, b"yes")
        assert server.connections == 2

    against(run, script_of(answer), body)


@LOOPS
def test_what_comes_unasked_is_never_an_answer(run):
    came = asyncio.Event()

    async def script(heard, writer):
        writer.write(reply("200 OK", b"yes"))
        await writer.drain()
        if heard.number == 1:
            writer.write(reply("200 OK", b"forged"))
            await writer.drain()
            came.set()

    async def body(server, client):
        assert await asked(client) == (200, b"yes")
        await came.wait()
        for _ in range(50):
            if not client._all:
                break
            await asyncio.sleep(0.01)
        assert not client._all
        assert await asked(client) == (200, b"yes")

    against(run, script, body)


@LOOPS
def test_interim_responses_are_passed_over_until_there_are_too_many(run):
    early = b"HTTP/1.1 103 Early Hints\r\nContent-Type: text/html\r\n\r\n"

    async def body(server, client):
        assert await asked(client) == (200, b"yes")
        with pytest.raises(HttpFault):
            await asked(client)

    few, many = early * 3 + reply("200 OK", b"yes"), early * 20 + reply("200 OK", b"yes")
    against(run, script_of(few, many), body)


@LOOPS
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nraw",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100 + b"".join(b"X-%d: y\r\n" % n for n in range(300)) + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 10 * http_connection.HEAD_BYTES + b"\r\nContent-Length: 2\r\n\r\nhi",
    ],
    ids=["upgrade", "length-and-chunks", "two-lengths", "coding", "space", "bare-lf", "many-fields", "long-field"],
)
def test_an_ambiguous_or_oversized_head_is_a_fault(run, answer):
    async def body(_, client):
        with pytest.raises(HttpFault):
            await asked(client)
        assert not client._idle

    against(run, script_of(answer), body)


@LOOPS
def test_trailers_are_dropped_and_bounded(run):
    whole = stream() + chunk(b"yes") + b"0\r\nX-Content-Length: 9\r\nX-T: a\r\n\r\n"
    endless = stream() + chunk(b"yes") + b"0\r\nX-T: " + b"y" * 10 * http_connection.HEAD_BYTES

    async def body(_, client):
        response = await client.send(post())
        assert await response.body() == b"yes"
        assert b"x-t" not in response.fields and response.length is None
        response.release()
        with pytest.raises(HttpFault):
            await asked(client)

    against(run, script_of(whole, endless), body)


@LOOPS
def test_a_body_without_a_length_ends_with_the_connection(run):
    async def script(_, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nyes")
        await writer.drain()
        writer.close()

    async def body(_, client):
        assert await asked(client) == (200, b"yes")

    against(run, script, body)


@LOOPS
def test_a_large_body_is_read_no_faster_than_it_is_taken(run):
    size = 6 * http_connection.HELD_BYTES
    sent = 0

    async def script(_, writer):
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        writer.transport.set_write_buffer_limits(high=0)
        while sent < size:
            writer.write(b"z" * 65_536)
            sent += 65_536
            await writer.drain()

    async def body(_, client):
        response = await client.send(post())
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.1)
        assert response._held < 2 * http_connection.HELD_BYTES
        assert len(await response.body()) == size
        response.release()
        assert len(client._idle) == 1

    against(run, script, body)


@settings(max_examples=60, deadline=None)
@given(cuts=st.lists(st.integers(0, 400), max_size=8), answer=st.sampled_from([0, 1]))
def test_an_answer_is_the_same_however_it_is_cut(cuts, answer):
    text = b"data: {}\n\n" * 9
    whole = (reply("200 OK", text), stream("X: y") + b"".join(chunk(text[i : i + 13]) for i in range(0, 90, 13)) + END)[
        answer
    ]
    places = sorted({min(cut, len(whole)) for cut in cuts})

    class Silent:
        def is_closing(self):
            return False

        def write(self, _):
            pass

    class Kept:
        def left(self, connection):
            self.free = connection

        def lost(self, _):
            raise AssertionError

    async def body():
        keeper = Kept()
        connection = http_connection.HttpConnection(keeper, standing=False)
        connection.connection_made(Silent())
        response = connection.ask(post())
        for start, end in zip([0, *places], [*places, len(whole)], strict=True):
            if end > start:
                connection.data_received(whole[start:end])
        assert response.complete and await response.body() == text
        response.release()
        assert keeper.free is connection

    asyncio.run(body())
