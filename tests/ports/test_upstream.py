"""One behaviour suite for every upstream: the fake, HTTP answering JSON, HTTP answering streams, and stdio."""

import asyncio
import logging
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from callgate.adapters.upstream.pool import Pool
from callgate.flow.ports import Outbound, Upstream, Upstreams
from callgate.model.errors import ConfigError, OutcomeUnknown, UpstreamError
from callgate.model.tool import Integration
from tests.fakes.upstream import FakeUpstream, FakeUpstreams, arguments_of, tool_of

ROOT = Path(__file__).resolve().parents[2]
SERVERS = ROOT / "tests" / "fakes" / "servers"
LOG = logging.getLogger("test")
KINDS = ("fake", "json", "stream", "stdio")


class MachineClock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_us(self) -> int:
        return time.monotonic_ns() // 1_000


def no_secrets(reference: str) -> str:
    raise ConfigError(f"The secret {reference} is not set.")


def call(
    tool: str, arguments: dict | None = None, *, deadline_ms: int = 20_000, protocol: str = "", token: str = "", **more
):
    params = {"name": tool, "arguments": arguments or {}} | ({"_meta": {"progressToken": token}} if token else {})
    return Outbound(
        "tools/call", msgspec.json.encode(params), protocol=protocol, name=tool, deadline_ms=deadline_ms, **more
    )


async def messages(upstream: Upstream, request: Outbound):
    return [message async for message in await upstream.open(request)]


async def fault_of(upstream: Upstream, request: Outbound) -> UpstreamError:
    try:
        found = await messages(upstream, request)
    except UpstreamError as fault:
        return fault
    raise AssertionError(f"answered: {[message.raw[:200] for message in found]}")


def text_of(message) -> str:
    return msgspec.json.decode(message.result)["content"][0]["text"]


async def scripted(request: Outbound):
    def said(text: str, error: bool = False):
        return {"content": [{"type": "text", "text": text}], "isError": error}

    arguments = arguments_of(request)
    match tool_of(request):
        case "add":
            return said(str(arguments["a"] + arguments["b"]))
        case "steps":
            token = msgspec.json.decode(request.params)["_meta"]["progressToken"]
            step = {"method": "notifications/progress", "params": {"progressToken": token, "progress": 1}}
            return [*([step] * arguments["count"]), {"result": said("done")}]
        case "fail":
            return said("it broke", error=True)
        case _:
            return None


@pytest.fixture(scope="session")
def http_servers():
    running = {}
    for kind in ("json", "stream"):
        running[kind] = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.servers.http_app", kind], stdout=subprocess.PIPE, cwd=ROOT
        )
    try:
        yield {kind: int(process.stdout.readline()) for kind, process in running.items()}
    finally:
        for process in running.values():
            process.kill()
            process.wait()
            process.stdout.close()


def stdio_integration(**more) -> Integration:
    return Integration(
        name="rough",
        actor="local",
        command=(sys.executable, str(SERVERS / "stdio_app.py")),
        readable=(str(SERVERS),),
        **more,
    )


@pytest.fixture
def connect(http_servers, tmp_path):
    @asynccontextmanager
    async def opened(kind: str):
        if kind == "fake":
            tools = [{"name": name, "inputSchema": {"type": "object"}} for name in ("add", "steps", "fail", "forever")]
            integration = Integration(name="fake", actor="local", url="http://127.0.0.1:1/mcp")
            upstreams: Upstreams = FakeUpstreams(fake=FakeUpstream(tools, scripted))
        else:
            integration = (
                stdio_integration()
                if kind == "stdio"
                else Integration(
                    name=kind, actor="x", url=f"http://127.0.0.1:{http_servers[kind]}/mcp", allow_private=True
                )
            )
            upstreams = Pool(no_secrets, MachineClock(), LOG, folder=tmp_path)
        try:
            yield upstreams.of(integration)
        finally:
            await upstreams.close()

    return opened


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def run(work):
    return asyncio.run(work)


@pytest.mark.parametrize("protocol", ["", "2026-07-28"])
def test_the_response_is_the_last_message_and_has_the_result(connect, kind, protocol):
    async def body():
        async with connect(kind) as upstream:
            found = await messages(upstream, call("add", {"a": 2, "b": 3}, protocol=protocol))
            assert [message.is_response for message in found] == [True]
            assert text_of(found[-1]) == "5"
            assert found[-1].error == b""

    run(body())


def test_big_integers_and_bytes_reach_the_server_as_they_were_judged(connect, kind):
    async def body():
        async with connect(kind) as upstream:
            found = await messages(upstream, call("add", {"a": 10**30, "b": 1}))
            assert text_of(found[-1]) == str(10**30 + 1)

    run(body())


def test_progress_comes_before_the_answer(connect, kind):
    async def body():
        async with connect(kind) as upstream:
            found = await messages(upstream, call("steps", {"count": 3}, token="call-1"))
            assert text_of(found[-1]) == "done"
            # A server that answers JSON has no way to report progress.
            expected = [] if kind == "json" else ["notifications/progress"] * 3
            assert [message.method for message in found[:-1]] == expected
            assert all(msgspec.json.decode(m.params)["progressToken"] == "call-1" for m in found[:-1])

    run(body())


def test_a_tool_error_is_an_answer(connect, kind):
    async def body():
        async with connect(kind) as upstream:
            found = await messages(upstream, call("fail"))
            assert msgspec.json.decode(found[-1].result)["isError"] is True

    run(body())


def test_each_of_many_calls_at_once_gets_its_own_answer(connect, kind):
    async def body():
        async with connect(kind) as upstream:

            async def one(number: int):
                found = await messages(upstream, call("add", {"a": number, "b": 0}))
                return text_of(found[-1])

            assert await asyncio.gather(*(one(n) for n in range(40))) == [str(n) for n in range(40)]

    run(body())


def test_no_answer_in_time_is_unknown_never_a_failure(connect, kind):
    async def body():
        async with connect(kind) as upstream:
            await messages(upstream, call("add", {"a": 1, "b": 1}))
            fault = await fault_of(upstream, call("forever", deadline_ms=300))
            assert isinstance(fault, OutcomeUnknown)
            # The upstream goes on working.
            assert text_of((await messages(upstream, call("add", {"a": 1, "b": 1})))[-1]) == "2"

    run(body())


@pytest.mark.parametrize("protocol", ["", "2026-07-28"])
def test_a_cancelled_call_ends_within_two_seconds_as_unknown(connect, kind, protocol):
    async def body():
        async with connect(kind) as upstream:
            await messages(upstream, call("add", {"a": 1, "b": 1}))
            exchange = await upstream.open(call("forever", protocol=protocol, deadline_ms=60_000))

            async def iterate():
                return [message async for message in exchange]

            task = asyncio.create_task(iterate())
            await asyncio.sleep(0.1)
            began = time.monotonic()
            await exchange.cancel()
            with pytest.raises(UpstreamError) as caught:
                found = await task
                # The SDK's server answers a cancelled request with an error: that is an answer, too.
                assert found[-1].error
                raise OutcomeUnknown("answered")
            assert isinstance(caught.value, OutcomeUnknown)
            assert time.monotonic() - began < 2.6
            await exchange.cancel()

    run(body())


def test_discovery_reads_name_instructions_and_all_tools(connect, kind):
    async def body():
        async with connect(kind) as upstream:
            found = await upstream.discover()
            assert found.name
            assert found.eras
            assert tuple(sorted(found.eras, reverse=True)) == found.eras
            names = [msgspec.json.decode(tool)["name"] for tool in found.tools]
            assert names[:4] == ["add", "steps", "fail", "forever"] or {"add", "steps", "fail", "forever"} <= set(names)
            if kind in ("json", "stream"):
                assert found.eras == ("2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
                assert (found.name, found.version, found.instructions) == ("practice", "7", "Only for tests.")
            if kind == "stdio":
                assert found.eras == ("2025-11-25",)
                assert len(set(names)) == len(found.tools) >= 24

    run(body())


def test_a_session_is_opened_used_and_ended(connect, kind):
    async def body():
        async with connect(kind) as upstream:
            offer = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
            opened = await upstream.initialize(msgspec.json.encode(offer), "2025-06-18")
            assert opened.protocol == ("2025-11-25" if kind == "stdio" else "2025-06-18")
            assert msgspec.json.decode(opened.result)["serverInfo"]["name"]
            request = call("add", {"a": 4, "b": 4}, protocol=opened.protocol, session=opened.session)
            assert text_of((await messages(upstream, request))[-1]) == "8"
            await upstream.end(opened.session)
            if kind in ("json", "stream"):
                assert opened.session
                fault = await fault_of(upstream, request)
                assert (type(fault), fault.code) == (UpstreamError, "session_gone")

    run(body())


def test_a_closed_upstream_sends_nothing(connect, kind):
    async def body():
        async with connect(kind) as upstream:
            await messages(upstream, call("add", {"a": 1, "b": 1}))
            await upstream.close()
            with pytest.raises(UpstreamError) as caught:
                await messages(upstream, call("add", {"a": 1, "b": 1}))
            assert not isinstance(caught.value, OutcomeUnknown)

    run(body())


def test_the_pool_keeps_one_handle_until_the_integration_changes(tmp_path):
    async def body():
        pool = Pool(no_secrets, MachineClock(), LOG, folder=tmp_path)
        first = Integration(name="a", actor="x", url="https://one.example/mcp")
        handle = pool.of(first)
        assert pool.of(Integration(name="a", actor="x", url="https://one.example/mcp")) is handle
        other = pool.of(Integration(name="a", actor="y", url="https://one.example/mcp"))
        assert other is not handle
        await pool.drop("a")
        assert pool.of(first) is not other
        for wrong in (
            Integration(name="b", actor="x"),
            Integration(name="b", actor="x", url="https://a", command=("b",)),
        ):
            with pytest.raises(ConfigError):
                pool.of(wrong)
        await pool.close()

    run(body())


def test_what_was_only_looked_at_leaves_no_folder_and_what_was_there_stays(tmp_path):
    async def body():
        pool = Pool(no_secrets, MachineClock(), LOG, folder=tmp_path)
        server = Integration(name="a", actor="x", command=("python3", "-c", "pass"))
        for keep in (False, True):
            pool.of(server)
            (tmp_path / "a").mkdir()
            if keep:
                await pool.drop("a")
                pool.of(server)
            await pool.forget("a")
            assert (tmp_path / "a").exists() is keep
        await pool.close()

    run(body())
