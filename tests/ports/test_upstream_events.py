"""Streams of events: which message is the answer, what is dropped, and how a broken stream is taken up."""

import asyncio

import pytest

from callgate.core.message import STREAM_ENDED
from callgate.model.errors import UpstreamError
from tests.fakes.servers.raw_http import END, chunk, reply, result, stream
from tests.ports.against_http import (
    UNKNOWN,
    VERSION,
    against,
    answered,
    call,
    check,
    outcome,
    says,
)


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
            # Each time it is said, so that the client can be let go too.
            assert [message is STREAM_ENDED for message in seen] == [False, True, True, False]
            assert seen[0].method == "notifications/progress"
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


def test_a_list_that_changes_inside_of_an_answer_is_told_before_the_answer():
    changed = b'{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'

    async def body():
        async with against(answered(lambda n: stream() + event(changed) + event(result(n, "done")) + END)) as (
            _,
            upstream,
        ):
            told = []
            upstream.on_changed = lambda: told.append(True)
            assert "done" in await outcome(upstream)
            assert told == [True]

    asyncio.run(body())
