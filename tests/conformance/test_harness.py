"""The conformance run can fail: what it compares, what it forgives, and what its shim changes."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from tests.conformance.__main__ import differences, judge
from tests.conformance.shim import Shim
from tests.conformance.suites import outcome

LOCK = json.loads((Path(__file__).parent / "node" / "package-lock.json").read_text())
WANTED = json.loads((Path(__file__).parent / "node" / "package.json").read_text())["dependencies"]


def check(name: str, status: str = "SUCCESS", said: str = ""):
    return {"id": name, "status": status, "errorMessage": said}


def row(suite: str, scenario: str, *, equal: bool):
    return {"suite": suite, "scenario": scenario, "equal": equal}


def test_the_lock_names_versions_and_hashes_and_no_place():
    packages = {name: entry for name, entry in LOCK["packages"].items() if name}
    assert [name for name, entry in packages.items() if "resolved" in entry or "integrity" not in entry] == []
    assert all(version.rpartition("@")[2][0].isdigit() for version in WANTED.values()), "exact versions alone"


@pytest.mark.parametrize(
    "gate",
    [
        [check("a")],
        [check("a"), check("b", "WARNING")],
        [check("a"), check("b"), check("b")],
        [check("a"), check("b", "SKIPPED")],
        [check("a"), check("b"), check("c", "FAILURE")],
        [],
    ],
)
def test_any_other_result_of_any_check_is_a_difference(gate):
    bare = [check("a"), check("b"), check("note", "INFO")]
    assert outcome(bare) != outcome(gate)
    assert differences(outcome(bare).checks, gate)


def test_order_and_notes_are_no_difference():
    bare = [check("a"), check("b"), check("note", "INFO")]
    assert outcome(bare) == outcome([check("b"), check("other", "INFO"), check("a")])
    assert (outcome(bare).passed, outcome(bare).total) == (2, 2)


def test_what_the_run_fails_for():
    rows = [row("s", "same", equal=True), row("s", "other", equal=False)]
    assert judge(rows, {}) == ["s, other: the gate is not like the bare server"]
    assert judge(rows, {("s", "other"): "because"}) == []
    assert "take it out" in judge(rows, {("s", "other"): "because", ("s", "same"): "once"})[0]
    assert "no such scenario" in judge(rows, {("s", "other"): "because", ("s", "gone"): "once"})[0]


def test_the_shim_adds_one_header_and_nothing_else():
    """Two requests on one connection, one with a sized and one with a chunked body; the answer passes as bytes."""
    first = (
        b"POST /mcp HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\nContent-Length: 4\r\n\r\n\r\n\r\n"
    )
    second = b"POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    added = b"\r\nAuthorization: Bearer t0ken\r\n"
    wanted = first.replace(b"\r\n", added, 1) + second.replace(b"\r\n", added, 1)
    seen = bytearray()

    async def gate(reader, writer):
        while len(seen) < len(wanted):
            part = await reader.read(65_536)
            assert part
            seen.extend(part)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nraw \xff bytes")
        writer.close()
        await writer.wait_closed()

    async def check_it():
        left = asyncio.Event()

        async def shim(reader, writer):
            await Shim(behind.sockets[0].getsockname()[1], "t0ken").serve(reader, writer)
            left.set()

        async with asyncio.timeout(10), await asyncio.start_server(gate, "127.0.0.1", 0) as behind:
            async with await asyncio.start_server(shim, "127.0.0.1", 0) as before:
                reader, writer = await asyncio.open_connection("127.0.0.1", before.sockets[0].getsockname()[1])
                writer.write(first + second)
                answer = await reader.read()
                writer.close()
                await writer.wait_closed()
                await left.wait()
        return answer

    assert asyncio.run(check_it()) == b"HTTP/1.1 200 OK\r\n\r\nraw \xff bytes"
    assert bytes(seen) == wanted


def test_the_gate_is_like_the_bare_server():
    """Judges the run that CI kept, so that the tests' own summary tells of it; without one: make conformance."""
    kept = os.environ.get("CALLGATE_CONFORMANCE")
    if not kept:
        pytest.skip("CALLGATE_CONFORMANCE names no kept run; make conformance makes one")
    run = json.loads(Path(kept).read_text())
    assert len(run["rows"]) > 100
    assert run["wrong"] == []
