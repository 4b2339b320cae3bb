"""The last question before the first byte, and what a stream says that cannot be taken up again."""

import asyncio

import pytest

from callgate.model.errors import OutcomeUnknown, UpstreamError
from tests.fakes.servers.raw_http import reply, result
from tests.ports.against_http import VERSION, against, call
from tests.ports.test_upstream import call as tool_call
from tests.ports.test_upstream import messages
from tests.ports.test_upstream_events import END, chunk, stream
from tests.ports.test_upstream_stdio import running


async def code_of(exchange) -> tuple[str, str]:
    try:
        async for _ in exchange:
            pass
    except UpstreamError as fault:
        return type(fault).__name__, fault.code
    return "answered", ""


async def says(heard, writer):
    writer.write(reply("200 OK", result(heard.id)))


@pytest.mark.parametrize("protocol", [VERSION, "2026-07-28"])
def test_over_http_nothing_goes_out_that_is_not_permitted_any_more(protocol):
    async def body():
        async with against(says) as (server, upstream):
            assert await code_of(await upstream.open(call(protocol=protocol))) == ("answered", "")
            for _ in range(3):
                stopped = await upstream.open(call(protocol=protocol), lambda: False)
                assert await code_of(stopped) == ("UpstreamError", "stopped")
            assert len(server.heard) == 1
            assert upstream.state == "ready"
            assert await code_of(await upstream.open(call(protocol=protocol))) == ("answered", "")
            assert len(server.heard) == 2
            assert upstream.active == 0

    asyncio.run(body())


def test_over_http_it_is_asked_when_the_connection_stands():
    async def body():
        async with against(says) as (server, upstream):
            asked = []

            def permitted():
                asked.append(len(upstream._client._all))
                return True

            assert await code_of(await upstream.open(call(), permitted)) == ("answered", "")
            assert asked == [1]

    asyncio.run(body())


def test_over_stdio_it_is_asked_after_the_wait_for_the_child(tmp_path):
    async def body():
        async with running(tmp_path) as upstream:
            states = []

            def permitted():
                states.append(upstream.state)
                return False

            stopped = await upstream.open(tool_call("add", {"a": 1, "b": 1}), permitted)
            assert await code_of(stopped) == ("UpstreamError", "stopped")
            assert states == ["ready"]
            assert upstream.active == 0
            assert (await messages(upstream, tool_call("add", {"a": 1, "b": 1})))[-1].result

    asyncio.run(body())


def test_a_stream_that_ends_while_the_integration_goes_is_unknown_never_unsent():
    """``closed`` says that nothing was sent, and the request was."""

    async def script(heard, writer):
        writer.write(stream() + chunk(b"retry: 300\nid: e-1\ndata:\n\n") + END)

    async def body():
        async with against(script) as (server, upstream):

            async def leave():
                while not server.heard:
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0.1)
                await upstream.close()

            leaving = asyncio.create_task(leave())
            assert await code_of(await upstream.open(call())) == (OutcomeUnknown.__name__, OutcomeUnknown.code)
            await leaving

    asyncio.run(body())
