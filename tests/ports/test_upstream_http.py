"""What goes out over HTTP, where it may go, and how the eras of a server are found."""

import asyncio
import base64
import json
import socket

import pytest

from callgate.adapters.upstream import discovery
from callgate.adapters.upstream.address import AddressRefused, checked_addresses
from callgate.model.errors import UpstreamError
from tests.fakes.servers.raw_http import reply, result
from tests.ports.against_http import (
    VERSION,
    against,
    call,
    check,
    outcome,
    refused,
    says,
    upstream_at,
)


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
            traced = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
            for version in ("2025-11-25", "2026-07-28"):
                assert "ok" in await outcome(upstream, call(protocol=version, traceparent=traced))
            assert [one.headers.get("traceparent") for one in server.heard] == [None, None, traced, traced]
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

        answers = [["93.184.216.34", "127.0.0.1", "93.184.216.34"], ["127.0.0.1"]]

        async def rebinding(host, port, **_):
            """Public at first, loopback ever after."""
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answers.pop(0)]

        asyncio.get_running_loop().getaddrinfo = rebinding
        assert await checked_addresses("a.example", 443, allow_private=False) == ["93.184.216.34"]
        with pytest.raises(AddressRefused):
            await checked_addresses("a.example", 443, allow_private=False)

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


def listing(pages):
    """``pages``: the result of ``tools/list`` for the number of its request."""

    async def script(heard, writer):
        request = json.loads(heard.body)
        good = {"protocolVersion": VERSION, "capabilities": {}, "serverInfo": {"name": "a", "version": "1"}}
        if request["method"] in ("initialize", "tools/list"):
            said = good if request["method"] == "initialize" else await pages(request["id"])
            writer.write(reply("200 OK", json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": said}).encode()))
        else:
            writer.write(reply("400 Bad" if "id" in request else "202 Accepted"))

    return script


def test_cursors_of_a_list_are_bounded_too():
    """All of them are kept, to see whether one comes again."""

    async def page(number):
        return {"tools": [], "nextCursor": f"{number:x>1000000}"}

    async def body():
        async with against(listing(page)) as (server, upstream):
            with pytest.raises(UpstreamError) as caught:
                await upstream.discover()
            assert caught.value.code == "bad_listing"
            assert sum(b"tools/list" in heard.body for heard in server.heard) <= 10

    asyncio.run(body())


def test_a_list_whose_pages_drip_ends(monkeypatch):
    monkeypatch.setattr(discovery, "LISTING_S", 0.3)

    async def page(number):
        await asyncio.sleep(0.02)
        return {"tools": [], "nextCursor": str(number)}

    async def body():
        async with against(listing(page)) as (server, upstream):
            with pytest.raises(UpstreamError) as caught:
                await upstream.discover()
            assert caught.value.code == "bad_listing"
            assert sum(b"tools/list" in heard.body for heard in server.heard) < discovery.MAX_PAGES // 2
            assert upstream.active == 0

    asyncio.run(body())


def test_a_tool_list_without_end_is_refused():
    def make(number, heard):

        return json.dumps({"jsonrpc": "2.0", "id": number, "result": heard}).encode()

    async def script(heard, writer):

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


@pytest.mark.parametrize("only", ["stateless", "handshake"])
def test_a_server_of_one_era_is_discovered_and_called_without_naming_one(only):

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
