"""A server that lies or talks nonsense when its tools are read again."""

import asyncio
import copy

import msgspec
import pytest

from callgate.flow.connect import LONGEST_NAME, make_pin
from callgate.flow.drift import look_for_drift
from callgate.flow.ports import Discovered
from callgate.model.answer import Pending, Served
from callgate.model.errors import InputError, UpstreamError
from callgate.model.tool import Integration
from tests.fakes.house import open_house, run

UNUSABLE = {
    "a number": b"42",
    "an array": b"[1]",
    "null": b"null",
    "no name": b"{}",
    "a name that is none": b'{"name":7}',
    "not JSON": b'{"name":"a"',
    "half a surrogate": b'{"name":"\\ud800"}',
    "a number beyond doubles": b'{"name":"a","x":1e400}',
    "nests too deep": b'{"name":"a","x":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    "a name without end": b'{"name":"' + b"a" * (LONGEST_NAME + 1) + b'"}',
    "twice": b'{"name":"git_status"}',
}


@pytest.mark.parametrize("raw", UNUSABLE.values(), ids=UNUSABLE)
def test_a_tool_that_is_none_is_an_input_error(raw):
    found = Discovered(
        name="s", version="1", instructions="", eras=("2025-06-18",), tools=(b'{"name":"git_status"}', raw)
    )
    with pytest.raises(InputError) as fault:
        make_pin(Integration(name="git", actor="local", command=("x",)), found)
    assert fault.value.code == "bad_definition"


@pytest.mark.parametrize("raw", UNUSABLE.values(), ids=UNUSABLE)
def test_a_listing_that_cannot_be_read_confirms_no_tool_any_more(raw):
    async def check():
        house = await open_house()
        really = house.upstream.discover

        async def nonsense():
            found = await really()
            return msgspec.structs.replace(found, tools=(*found.tools, raw))

        house.upstream.discover = nonsense
        await look_for_drift(house.rooms.tenancy, "git")
        assert isinstance(await house.status(), Pending)
        assert house.sent("git_status") == []
        house.upstream.discover = really
        await look_for_drift(house.rooms.tenancy, "git")
        assert isinstance(await house.call("git_log"), Served)

    run(check())


def test_a_bad_listing_of_the_transport_confirms_no_tool_either():
    async def check():
        house = await open_house()

        async def bad():
            raise UpstreamError("The server's tool list cannot be used.", code="bad_listing")

        house.upstream.discover = bad
        await look_for_drift(house.rooms.tenancy, "git")
        assert isinstance(await house.status(), Pending)
        (seen,) = await house.events("drift_seen")
        assert len(seen.tools) == len(house.live.pins["git"].tools)

    run(check())


def test_a_server_that_is_away_is_no_drift():
    async def check():
        house = await open_house()
        before = copy.copy(house.live.connected["git"].drift.held)

        async def away():
            raise UpstreamError("away", code="not_sent")

        house.upstream.discover = away
        await look_for_drift(house.rooms.tenancy, "git")
        assert house.live.connected["git"].drift.held == before == frozenset()
        assert isinstance(await house.status(), Served)

    run(check())


def test_a_server_that_lists_much_leaves_the_loop_to_others():
    """Reading 2,000 definitions of many arguments takes seconds."""

    async def check():
        house = await open_house()
        turns = []

        async def others():
            while True:
                turns.append(1)
                await asyncio.sleep(0)

        properties = {f"delete_{number}_thing": {"type": "string", "description": "send it"} for number in range(40)}
        schema = {"type": "object", "properties": properties}
        house.upstream.tools += [{"name": f"get_{number}", "inputSchema": schema} for number in range(1_000)]
        waiting = asyncio.create_task(others())
        await look_for_drift(house.rooms.tenancy, "git")
        waiting.cancel()
        assert len(turns) > 20
        assert len(house.live.connected["git"].drift.changes) == 1_000

    run(check())
