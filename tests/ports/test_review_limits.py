"""The limits of the configuration are the ones that hold."""

import asyncio
import logging
import sys

import pytest

from callgate.adapters.secrets.refs import resolve
from callgate.adapters.upstream.pool import Pool
from callgate.app.build import ChangedNames
from callgate.app.web import KEPT_DESCRIPTORS, shares
from callgate.model.answer import Failed, Served
from callgate.model.errors import UpstreamError
from callgate.model.tool import Integration
from tests.fakes.house import open_house
from tests.fakes.servers.raw_http import raw_server, reply, result
from tests.ports.against_http import call
from tests.ports.test_upstream import SERVERS, MachineClock
from tests.ports.test_upstream import call as tool_call


async def code_of(exchange) -> str:
    try:
        async for _ in exchange:
            pass
    except UpstreamError as fault:
        return fault.code
    return ""


def test_one_answer_over_http_is_as_large_as_configured():
    async def script(heard, writer):
        writer.write(reply("200 OK", result(heard.id, "x" * 5_000)))

    async def body():
        async with raw_server(script) as server:
            for most, code in ((4_000, "too_large"), (50_000, "")):
                pool = Pool(resolve, MachineClock(), logging.getLogger("test"), answer=most)
                raw = Integration(name="raw", actor="x", url=server.url, allow_private=True)
                assert await code_of(await pool.of(raw).open(call())) == code
                await pool.close()

    asyncio.run(body())


def test_one_answer_over_stdio_is_as_large_as_configured(tmp_path):
    async def body():
        pool = Pool(resolve, MachineClock(), logging.getLogger("test"), folder=tmp_path, answer=20_000)
        command = (sys.executable, str(SERVERS / "stdio_app.py"))
        rough = Integration(name="rough", actor="local", command=command, readable=(str(SERVERS),))
        try:
            small = tool_call("add", {"a": 1, "b": 1})
            assert await code_of(await pool.of(rough).open(small)) == ""
            assert pool.of(rough)._supervisor._child._lines.limit == 20_000
        finally:
            await pool.close()

    asyncio.run(body())


def test_no_more_calls_are_under_way_than_configured():
    async def body():
        house = await open_house()
        house.gatehouse._most = 2
        house.upstream.starting = asyncio.Event()
        waiting = [asyncio.create_task(house.status()) for _ in range(2)]
        while len(house.upstream.sent) < 2:
            await asyncio.sleep(0)
        refused = await house.status()
        assert isinstance(refused, Failed)
        assert (refused.code, refused.unknown) == ("busy", False)
        house.upstream.starting.set()
        assert all(isinstance(one, Served) for one in await asyncio.gather(*waiting))
        assert isinstance(await house.status(), Served)

    asyncio.run(body())


def test_a_server_that_says_all_the_time_that_it_changed_keeps_no_other_from_being_looked_at():
    async def check():
        names = ChangedNames()
        for _ in range(10_000):
            names.put("noisy")
        names.put("quiet")
        assert await names.get() == "noisy"
        names.put("noisy")
        assert [await names.get() for _ in range(2)] == ["quiet", "noisy"]
        waiting = asyncio.create_task(names.get())
        await asyncio.sleep(0)
        names.put("late")
        assert await waiting == "late"

    asyncio.run(check())


@pytest.mark.parametrize("descriptors", [64, 256, 1024, 4096, 20_000, 65_536, 1 << 20])
def test_streams_to_targets_leave_descriptors_for_the_store(descriptors):
    connections, standing = shares(descriptors)
    assert connections > standing > 0
    assert connections + standing <= descriptors - min(KEPT_DESCRIPTORS, descriptors // 2)
