"""stdio: what a rough server can do, and what the supervisor does about it."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import time
from contextlib import asynccontextmanager

import msgspec
import pytest

from callgate.adapters.secrets.refs import resolve
from callgate.adapters.upstream.stdio import StdioUpstream
from callgate.adapters.upstream.supervise import STDERR_BYTES
from callgate.model.errors import OutcomeUnknown, UpstreamError
from callgate.model.tool import Integration
from tests.ports.test_upstream import LOG, MachineClock, call, fault_of, messages, stdio_integration, text_of


@asynccontextmanager
async def running(folder, integration=None, log=LOG):
    upstream = StdioUpstream(integration or stdio_integration(), resolve, MachineClock(), log, folder=folder)
    try:
        yield upstream
    finally:
        async with asyncio.timeout(20):
            await upstream.close()


async def say(upstream, tool, arguments=None, **more):
    return text_of((await messages(upstream, call(tool, arguments, **more)))[-1])


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def gone(pid: int) -> None:
    async with asyncio.timeout(10):
        while alive(pid):
            await asyncio.sleep(0.02)


def test_what_is_under_way_when_the_server_dies_is_unknown_and_it_comes_back(tmp_path):
    async def body():
        async with running(tmp_path) as upstream:
            first = await say(upstream, "pid")
            waiting = [asyncio.create_task(fault_of(upstream, call("forever"))) for _ in range(5)]
            await asyncio.sleep(0.05)
            faults = [await fault_of(upstream, call("die")), *await asyncio.gather(*waiting)]
            assert {type(fault) for fault in faults} == {OutcomeUnknown}
            # Waits through the restart.
            assert await say(upstream, "pid") != first
            assert upstream._supervisor.starts == 2

    asyncio.run(body())


def test_a_request_that_cannot_wait_for_the_restart_was_not_sent(tmp_path):
    async def body():
        async with running(tmp_path) as upstream:
            await fault_of(upstream, call("die"))
            fault = await fault_of(upstream, call("pid", deadline_ms=1))
            assert (type(fault), fault.code) == (UpstreamError, "not_sent")

    asyncio.run(body())


@pytest.mark.parametrize("command", [("/nonexistent/server",), (sys.executable, "-c", "raise SystemExit(4)")])
def test_a_server_that_does_not_start_says_so_before_the_deadline(tmp_path, command):
    async def body():
        integration = Integration(name="gone", actor="local", command=command)
        async with running(tmp_path, integration) as upstream:
            began = time.monotonic()
            fault = await fault_of(upstream, call("pid", deadline_ms=60_000))
            assert (type(fault), fault.code) == (UpstreamError, "not_sent")
            assert time.monotonic() - began < 10
            assert upstream.state in ("down", "starting", "backoff")

    asyncio.run(body())


def test_restarts_wait_longer_each_time(tmp_path):
    async def body():
        command = (sys.executable, "-c", "raise SystemExit(4)")
        async with running(tmp_path, Integration(name="gone", actor="local", command=command)) as upstream:
            await fault_of(upstream, call("pid"))
            began, before = time.monotonic(), upstream._supervisor.starts
            while upstream._supervisor.starts < before + 2:
                await asyncio.sleep(0.01)
            assert time.monotonic() - began > 0.4

    asyncio.run(body())


def test_a_server_that_answers_initialize_with_an_unknown_version_is_not_used(tmp_path):
    async def body():
        integration = stdio_integration(environment={"FAKE_VERSION": "1999-01-01"})
        async with running(tmp_path, integration) as upstream:
            assert (await fault_of(upstream, call("pid"))).code == "not_sent"

    asyncio.run(body())


def test_an_older_server_is_used_with_its_version(tmp_path):
    async def body():
        async with running(tmp_path, stdio_integration(environment={"FAKE_VERSION": "2024-11-05"})) as upstream:
            assert (await upstream.initialize(b"{}", "2025-06-18")).protocol == "2024-11-05"

    asyncio.run(body())


def test_wrong_second_and_garbage_lines_are_dropped(tmp_path):
    async def body():
        async with running(tmp_path) as upstream:
            assert await say(upstream, "wrong_id") == "yours"
            assert await say(upstream, "garbage") == "after the garbage"
            assert await say(upstream, "twice") == "first"
            assert await say(upstream, "add", {"a": 1, "b": 1}) == "2"
            assert (await messages(upstream, call("split")))[-1].result
            assert upstream.dropped == 2 + 5 + 1

    asyncio.run(body())


def test_progress_that_cannot_be_read_breaks_nothing(tmp_path):
    async def body():
        async with running(tmp_path) as upstream:
            assert await say(upstream, "unread", deadline_ms=5_000) == "still here"

    asyncio.run(body())


@pytest.mark.parametrize("tool", ["too_large", "too_large_tail"])
def test_a_line_over_ten_mebibytes_fails_its_own_call_only(tmp_path, tool):
    async def body():
        async with running(tmp_path) as upstream:
            other = asyncio.create_task(fault_of(upstream, call("forever", deadline_ms=4_000)))
            fault = await fault_of(upstream, call(tool))
            assert (type(fault), fault.code) == (UpstreamError, "too_large")
            assert not other.done()
            assert await say(upstream, "add", {"a": 1, "b": 1}) == "2"
            other.cancel()

    asyncio.run(body())


def test_requests_of_the_server_are_answered_by_rule(tmp_path):
    async def body():
        async with running(tmp_path) as upstream:
            for method in ("sampling/createMessage", "elicitation/create", "roots/list"):
                answer = json.loads(await say(upstream, "ask", {"method": method}))
                assert answer["error"]["code"] == -32601
            assert json.loads(await say(upstream, "ping"))["result"] == {}

    asyncio.run(body())


def test_a_changed_tool_list_is_told(tmp_path):
    async def body():
        async with running(tmp_path) as upstream:
            told = []
            upstream.on_changed = lambda: told.append(1)
            await say(upstream, "changed")
            assert told == [1]

    asyncio.run(body())


def test_a_flood_of_progress_is_bounded_and_the_answer_survives_it(tmp_path):
    async def body():
        async with running(tmp_path) as upstream:
            exchange = await upstream.open(call("flood", token="t"))
            seen = 0
            async for message in exchange:
                seen += 1
                await asyncio.sleep(0.001)
                assert len(exchange._queue) <= 256
            assert text_of(message) == "done"
            assert seen > 1

    asyncio.run(body())


def test_stderr_is_kept_as_a_tail_and_never_logged(tmp_path, caplog):
    async def body():
        async with running(tmp_path, log=logging.getLogger("callgate.test")) as upstream:
            await say(upstream, "stderr")
            async with asyncio.timeout(5):
                while not upstream.stderr_tail.endswith(b"the end\n"):
                    await asyncio.sleep(0.01)
            assert len(upstream.stderr_tail) == STDERR_BYTES

    caplog.set_level(logging.DEBUG)
    asyncio.run(body())
    assert "yyy" not in caplog.text


def test_the_child_gets_its_own_home_and_only_the_configured_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("GATE_SECRET", "planted")
    monkeypatch.setenv("SERVER_TOKEN", "for-the-server")
    monkeypatch.setenv("LC_TIME", "C")

    async def body():
        integration = stdio_integration(environment={"TOKEN": "env:SERVER_TOKEN", "MODE": "plain"})
        async with running(tmp_path, integration) as upstream:
            found = json.loads(await say(upstream, "env"))
            own = str(tmp_path / "rough")
            assert found["env"]["TOKEN"] == "for-the-server"
            assert found["env"]["MODE"] == "plain"
            assert (found["env"]["HOME"], found["cwd"], found["umask"]) == (own, own, 0o77)
            assert set(found["env"]) <= {"PATH", "LANG", "LANGUAGE", "TZ", "HOME", "TMPDIR", "TOKEN", "MODE"} | {
                name for name in found["env"] if name.startswith("LC_")
            }
            assert "planted" not in json.dumps(found)
            assert (tmp_path / "rough").stat().st_mode & 0o777 == 0o700

    asyncio.run(body())


@pytest.mark.parametrize("tool", ["forever", "deaf"])
def test_closing_ends_the_child_even_when_it_does_not_listen(tmp_path, tool):
    async def body():
        async with running(tmp_path) as upstream:
            pid = int(await say(upstream, "pid"))
            task = asyncio.create_task(fault_of(upstream, call(tool)))
            await asyncio.sleep(0.05)
            await upstream.close()
            assert isinstance(await task, OutcomeUnknown)
            assert not alive(pid)

    asyncio.run(body())


def test_nothing_of_the_process_group_is_left(tmp_path):
    async def body():
        async with running(tmp_path) as upstream:
            orphan = int(await say(upstream, "orphan"))
            assert alive(orphan)
            await upstream.close()
            await gone(orphan)

    asyncio.run(body())


def test_children_of_a_server_that_died_are_ended_too(tmp_path):
    async def body():
        async with running(tmp_path) as upstream:
            orphan = int(await say(upstream, "orphan"))
            await fault_of(upstream, call("die"))
            await gone(orphan)

    asyncio.run(body())


def test_a_server_that_closes_its_output_is_restarted(tmp_path):
    async def body():
        async with running(tmp_path) as upstream:
            assert isinstance(await fault_of(upstream, call("silent")), OutcomeUnknown)
            assert await say(upstream, "add", {"a": 1, "b": 1}) == "2"

    asyncio.run(body())


def test_the_child_dies_with_the_gate(tmp_path):
    """kill -9 of the gate: the kernel ends the child (PR_SET_PDEATHSIG)."""
    script = f"""
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {os.getcwd()!r})
from tests.ports.test_upstream_stdio import running, say
async def body():
    async with running(Path({str(tmp_path)!r})) as upstream:
        print(await say(upstream, "pid"), flush=True)
        await asyncio.sleep(600)
asyncio.run(body())
"""

    async def body():
        gate = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE)
        try:
            child = int(await gate.stdout.readline())
            assert alive(child)
            gate.kill()
            await gone(child)
        finally:
            with contextlib.suppress(ProcessLookupError):
                gate.kill()
            await gate.wait()

    asyncio.run(body())


def test_stopped_children_do_not_swallow_requests_without_bound(tmp_path):
    async def body():
        async with running(tmp_path) as upstream:
            pid = int(await say(upstream, "pid"))
            os.kill(pid, signal.SIGSTOP)
            codes = []
            for _ in range(6):
                request = call("add", {"a": "x" * 8_000_000, "b": ""}, deadline_ms=50)
                codes.append((await fault_of(upstream, request)).code)
            assert codes[0] == "outcome_unknown"
            assert codes[-1] == "busy"
            os.kill(pid, signal.SIGKILL)

    asyncio.run(body())


def test_params_with_line_breaks_become_one_line(tmp_path):
    async def body():
        async with running(tmp_path) as upstream:
            request = call("add")
            pretty = msgspec.json.format(b'{"name":"add","arguments":{"a":1,"b":2}}', indent=2)
            request = msgspec.structs.replace(request, params=pretty)
            assert text_of((await messages(upstream, request))[-1]) == "3"

    asyncio.run(body())
