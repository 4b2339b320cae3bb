"""The HTTP client for upstreams, on both event loops: its pool, its limits, and every odd thing a server may say."""

import asyncio
import datetime as dt
import ipaddress
import ssl

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from callgate.adapters.upstream import http_client, http_connection
from callgate.adapters.upstream.http_client import HttpClient, Origin
from callgate.adapters.upstream.http_connection import HttpFault, HttpRequest, Stopped
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


@LOOPS
@pytest.mark.parametrize("limit", [1, 2])
def test_more_requests_than_the_limit_wait_in_order_and_share_the_connections(run, limit):
    async def body(server, client):
        found = await asyncio.gather(*(asked(client, post(b"%d" % number)) for number in range(12)))
        assert found == [(200, b"yes")] * 12
        assert server.connections <= limit
        if limit == 1:
            assert [int(heard.body) for heard in server.heard] == list(range(12))
        assert client._counted == len(client._all) <= limit

    against(run, script_of(reply("200 OK", b"yes")), body, limit=limit)


@LOOPS
def test_a_cancelled_wait_gives_back_its_place_and_its_connection(run):
    gate = asyncio.Event()

    async def script(heard, writer):
        if heard.body == b"slow":
            await gate.wait()
        writer.write(reply("200 OK", b"yes"))
        await writer.drain()

    async def body(server, client):
        loop = asyncio.get_running_loop()
        for _ in range(4):
            gate.clear()
            first = loop.create_task(asked(client, post(b"slow")))
            while not server.heard or server.heard[-1].body != b"slow":
                await asyncio.sleep(0.01)
            waiting = [loop.create_task(asked(client)) for _ in range(3)]
            await asyncio.sleep(0)
            waiting[0].cancel()
            first.cancel()
            await asyncio.gather(first, waiting[0], return_exceptions=True)
            gate.set()
            assert [await task for task in waiting[1:]] == [(200, b"yes")] * 2
            assert client._counted == len(client._all) == 1
            assert not client._waiting

    against(run, script, body, limit=1)


@LOOPS
def test_what_is_handed_to_a_wait_that_is_cancelled_goes_to_the_next(run):
    async def body(_, client):
        loop = asyncio.get_running_loop()
        held = await client.connection()
        waits = [loop.create_task(client.connection()) for _ in range(2)]
        await asyncio.sleep(0)
        client.left(held)
        waits[0].cancel()
        assert await waits[1] is held
        assert waits[0].cancelled() or await asyncio.gather(waits[0], return_exceptions=True)
        # The same when the place of a lost connection is handed on.
        more = [loop.create_task(client.connection()) for _ in range(2)]
        await asyncio.sleep(0)
        held.abort()
        while len(client._waiting) == 2:
            await asyncio.sleep(0)
        more[0].cancel()
        assert (await more[1]).usable
        await asyncio.gather(*more, return_exceptions=True)
        assert client._counted == 1

    against(run, script_of(b""), body, limit=1)


@LOOPS
def test_idle_connections_are_closed_and_old_ones_not_used(run, monkeypatch):
    monkeypatch.setattr(http_client, "KEEP_ALIVE_SECONDS", 0.05)

    async def body(server, client):
        assert await asked(client) == (200, b"yes")
        for _ in range(200):
            if not client._all:
                break
            await asyncio.sleep(0.02)
        assert not client._all and client._counted == 0
        assert await asked(client) == (200, b"yes")
        assert server.connections == 2

    against(run, script_of(reply("200 OK", b"yes")), body)


@LOOPS
def test_nothing_is_written_when_it_is_no_longer_permitted_and_the_connection_stays(run):
    async def body(server, client):
        assert await asked(client) == (200, b"yes")
        refused = post(permitted=lambda: False)
        with pytest.raises(Stopped):
            await client.send(refused)
        assert refused.stopped and not refused.started
        assert await asked(client) == (200, b"yes")
        assert server.connections == 1 and len(server.heard) == 2

    against(run, script_of(reply("200 OK", b"yes")), body)


@LOOPS
def test_the_deadline_ends_the_wait_and_the_connection(run):
    async def body(_, client):
        response = (await client.connection()).ask(post())
        response.until(asyncio.get_running_loop().time() + 0.05)
        with pytest.raises(TimeoutError):
            await response.head()
        assert response.closed
        while client._all:
            await asyncio.sleep(0.01)
        assert client._counted == 0

    against(run, script_of(b""), body)


@LOOPS
def test_standing_streams_do_not_use_up_the_limit(run):
    async def script(heard, writer):
        writer.write(stream() + chunk(b": hi\n\n") if heard.body == b"listen" else reply("200 OK", b"yes"))
        await writer.drain()

    async def body(_, client):
        streams = [await client.send(post(b"listen"), standing=True) for _ in range(5)]
        assert [await one.chunk() for one in streams] == [b": hi\n\n"] * 5
        assert await asked(client) == (200, b"yes")
        assert client._counted == 1
        for one in streams:
            one.close()
        while len(client._all) > 1:
            await asyncio.sleep(0.01)
        assert client._counted == 1

    against(run, script, body, limit=1)


@LOOPS
def test_the_next_address_is_tried_when_one_refuses(run, monkeypatch):
    async def addresses(*_, **__):
        return ["127.0.0.2", "127.0.0.1"]

    monkeypatch.setattr(http_client, "checked_addresses", addresses)

    async def body(_, client):
        assert await asked(client) == (200, b"yes")

    against(run, script_of(reply("200 OK", b"yes")), body)


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


def certificate(folder) -> ssl.SSLContext:
    """A server's context for 127.0.0.1 and localhost; its certificate lies in ``folder/ca.pem``."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context


@LOOPS
def test_tls_is_checked_against_the_systems_authorities(run, tmp_path, monkeypatch):
    context = certificate(tmp_path)

    async def serve(reader, writer):
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                await reader.readexactly(2)
                writer.write(reply("200 OK", b"yes"))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def main():
        listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        port = listener.sockets[0].getsockname()[1]
        for host in ("127.0.0.1", "localhost"):
            stranger = HttpClient(Origin(host, port, tls=True), allow_private=True, limit=1)
            request = post()
            with pytest.raises(ssl.SSLCertVerificationError):
                await stranger.send(request)
            assert not request.started and stranger._counted == 0
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        known = HttpClient(Origin("127.0.0.1", port, tls=True), allow_private=True, limit=1)
        for _ in range(3):
            assert await asked(known) == (200, b"yes")
        assert len(known._all) == 1
        await known.close()
        listener.close()

    run(main())
