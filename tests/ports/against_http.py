"""An HTTP upstream against a server that says exactly what a test wants."""

import asyncio
import logging
from contextlib import asynccontextmanager

from callgate.adapters.secrets.refs import resolve
from callgate.adapters.upstream.budget import Budget
from callgate.adapters.upstream.http import HttpUpstream
from callgate.flow.ports import Outbound
from callgate.model.errors import UpstreamError
from callgate.model.tool import Integration
from tests.fakes.servers.raw_http import raw_server

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
