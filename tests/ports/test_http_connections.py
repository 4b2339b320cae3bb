"""Which connection a request goes over: waiting, idling, standing streams, several addresses, TLS."""

import asyncio
import datetime as dt
import ipaddress
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from callgate.adapters.upstream import http_client
from callgate.adapters.upstream.http_client import HttpClient, Origin
from callgate.adapters.upstream.http_connection import Stopped
from tests.fakes.servers.raw_http import chunk, reply, stream
from tests.ports.test_http_client import LOOPS, against, asked, post, script_of


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
