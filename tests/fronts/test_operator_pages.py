"""Health pages and metrics, over a house whose store can be made to fail."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from callgate.adapters.telemetry.metrics import FAMILIES, MetricsText, Sources
from callgate.adapters.telemetry.pages import OperatorPages
from callgate.core.tally import MOST_KEYS, Counts, Spread
from callgate.flow.readiness import Readiness
from callgate.model.answer import Failed, Pending, Refused, Served
from callgate.model.terms import HaltScope
from tests.fakes.house import open_house, run
from tests.figures import figures, total

HOST = "127.0.0.1:9464"
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "operate.md"


class Pages:
    def __init__(self, house):
        self.house = house
        self.keys, self.free, self.refused = True, 1 << 40, Counts()
        readiness = Readiness(
            [house.rooms.tenancy],
            house.clock,
            closing=lambda: house.gatehouse.closing,
            keys=lambda: self.keys,
            free=lambda: self.free,
        )
        sources = Sources(
            "0",
            [house.rooms],
            house.gatehouse,
            lambda: self.refused,
            lambda: {"http_requests_in_flight": 3, "http_streams_open": 2, "http_connections_open": 5},
        )
        self.app = OperatorPages(readiness, {HOST}, MetricsText(sources))
        self.without = OperatorPages(readiness, {HOST})

    async def ask(self, path, method="GET", host=HOST, app=None):
        sent = []

        async def send(message):
            sent.append(message)

        headers = [] if host is None else [(b"host", host.encode())]
        scope = {"type": "http", "path": path, "method": method, "headers": headers}
        await (app or self.app)(scope, None, send)
        return sent[0]["status"], sent[1]["body"], dict(sent[0]["headers"])

    async def checks(self):
        self.house.clock.forward(1001)
        status, body, _ = await self.ask("/readyz")
        told = json(body)
        assert (status == 200) == (told["status"] == "ready")
        return {one["name"]: one for one in told["checks"]}

    async def samples(self):
        status, body, headers = await self.ask("/metrics")
        assert status == 200
        assert headers[b"content-type"].startswith(b"text/plain; version=0.0.4")
        return figures(body.decode())


def json(body):
    import json as library

    return library.loads(body)


def test_alive_and_ready():
    async def steps():
        pages = Pages(await open_house())
        assert (await pages.ask("/livez"))[:2] == (200, b'{"status":"alive"}')
        found = await pages.checks()
        assert {name: one["state"] for name, one in found.items()} == dict.fromkeys(
            ("draining", "store", "ledger", "disk", "policy", "keys"), "ok"
        )
        status, body, headers = await pages.ask("/readyz", "HEAD")
        assert (status, body) == (200, b"")
        assert int(headers[b"content-length"]) > 100

    run(steps())


def test_only_known_hosts_get_only_these_pages():
    async def steps():
        pages = Pages(await open_house())
        for host in ("evil.example", "127.0.0.1:1", None):
            assert (await pages.ask("/readyz", host=host))[0] == 421
        assert (await pages.ask("/livez", "POST"))[0] == 405
        assert (await pages.ask("/metrics", "DELETE"))[0] == 405
        assert (await pages.ask("/other"))[0] == 404
        assert (await pages.ask("/metrics", app=pages.without))[0] == 404

    run(steps())


def test_not_ready_while_the_store_fails_and_ready_again_without_a_call():
    async def steps():
        house = await open_house()
        pages = Pages(house)
        house.store.fail_from_now(0, 1)
        answer = await house.status()
        assert isinstance(answer, Failed)
        found = await pages.checks()
        assert found["store"]["state"] == "fail"
        assert "callgate doctor" in found["store"]["todo"]
        assert (await pages.checks())["store"]["state"] == "ok", "a write of its own found it well again"
        assert total(await pages.samples(), "callgate_store_errors_total", tenant="acme", code="store_failed") == 1
        assert isinstance(await house.status(), Served)

    run(steps())


def test_what_is_found_is_kept_for_a_second():
    async def steps():
        house = await open_house()
        pages = Pages(house)
        assert (await pages.checks())["keys"]["state"] == "ok"
        pages.keys = False
        assert (await pages.ask("/readyz"))[0] == 200
        assert (await pages.checks())["keys"]["state"] == "fail"
        pages.keys, pages.free = True, 1000
        assert (await pages.checks())["disk"]["state"] == "fail"

    run(steps())


def test_draining_shows_at_once():
    async def steps():
        house = await open_house()
        pages = Pages(house)
        assert (await pages.ask("/readyz"))[0] == 200
        house.gatehouse.closing = True
        assert (await pages.ask("/readyz"))[0] == 503
        assert (await pages.ask("/livez"))[0] == 200
        assert isinstance(await house.status(), Failed)
        assert total(await pages.samples(), "callgate_calls_total", answer="closing", integration="git") == 1

    run(steps())


def test_a_broken_ledger_is_not_ready():
    async def steps():
        house = await open_house()
        pages = Pages(house)
        import msgspec

        whole = house.store.figures()
        house.store.figures = lambda: msgspec.structs.replace(whole, broken="rows beyond the head")
        assert (await pages.checks())["ledger"]["state"] == "fail"
        assert total(await pages.samples(), "callgate_ledger_writable") == 0

    run(steps())


def test_metrics_move_with_calls():
    async def steps():
        house = await open_house()
        pages = Pages(house)
        before = await pages.samples()
        assert isinstance(await house.status(), Served)
        assert isinstance(await house.status(), Served)
        held = await house.commit()
        assert isinstance(held, Pending)
        assert isinstance(await house.call("git_status", {"nonsense": 1}), Refused)
        after = await pages.samples()
        call = {"tenant": "acme", "integration": "git"}
        assert total(after, "callgate_calls_total", **call, effect="allow", tier="read", answer="served", gate="") == 2
        assert total(after, "callgate_calls_total", **call, effect="hold", answer="pending", tier="execute") == 1
        assert total(after, "callgate_calls_total", **call, effect="deny", gate="schema", answer="refused") == 1
        assert total(after, "callgate_executions_total", **call, outcome="ok", tier="read") == 2
        for step, times in (("whole", 4), ("judge", 4), ("upstream", 2), ("commit_outcome", 2), ("commit_decided", 3)):
            assert total(after, "callgate_call_step_seconds_count", tenant="acme", step=step) == times, step
        assert total(after, "callgate_upstream_seconds_count", **call) == 2
        assert total(after, "callgate_holds_waiting", tenant="acme") >= 1
        grown = total(after, "callgate_ledger_events") - total(before, "callgate_ledger_events")
        assert grown == (await house.store.head()).size - total(before, "callgate_ledger_events")
        assert total(after, "callgate_http_streams_open") == 2
        house.clock.forward(7000)
        assert total(await pages.samples(), "callgate_holds_oldest_age_seconds", ask="meant") == 7
        await house.deny(held.hold)
        gone = await pages.samples()
        assert total(gone, "callgate_holds_waiting") == 0
        assert total(gone, "callgate_holds_ended_total", state="denied") == 1

    run(steps())


def test_a_redeemed_call_is_an_execution_and_no_second_call():
    async def steps():
        house = await open_house()
        pages = Pages(house)
        held = await house.commit()
        await house.approve(held.hold)
        found = await pages.samples()
        assert total(found, "callgate_calls_total") == 1
        assert total(found, "callgate_executions_total", tier="execute", outcome="ok") == 1

    run(steps())


def test_refused_tokens_and_requests_are_counted_by_what_was_wrong():
    async def steps():
        house = await open_house()
        pages = Pages(house)
        with pytest.raises(Exception, match="no token"):
            house.gatehouse.authenticate("x")
        pages.refused.add("429")
        found = await pages.samples()
        assert total(found, "callgate_tokens_refused_total", code="malformed") == 1
        assert total(found, "callgate_http_requests_refused_total", status="429") == 1

    run(steps())


def test_no_label_names_a_person_a_tool_or_a_target():
    async def steps():
        house = await open_house()
        pages = Pages(house)
        await house.status()
        await house.branch("secret-name")
        await house.halt(HaltScope.INITIATOR, "ana")
        await house.status()
        await house.call("no_such_tool_here", integration="git")
        await house.call("git_status", integration="guessed-name")
        _, body, _ = await pages.ask("/metrics")
        for word in (b"ana", b"git_status", b"secret-name", b"/srv/app", b"codex", b"no_such_tool", b"guessed"):
            assert word not in body, word

    run(steps())


def test_every_family_is_exposed_under_a_conventional_name():
    async def steps():
        pages = Pages(await open_house())
        _, body, _ = await pages.ask("/metrics")
        text = body.decode()
        for family in FAMILIES:
            name = f"callgate_{family.name}" + ("_total" if family.kind == "counter" else "")
            kind = {"seconds": "histogram", "sizes": "histogram"}.get(family.kind, family.kind)
            assert f"# TYPE {name} {kind}\n" in text
            assert family.kind != "seconds" or name.endswith("_seconds")
            assert re.fullmatch(r"callgate_[a-z_]+", name)
        assert "process_resident_memory_bytes" in text
        assert "python_gc" not in text, "the library's global registry stays out"

    run(steps())


def test_a_gate_that_nobody_scrapes_loads_none_of_it():
    code = "import callgate.app.serving, sys; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "callgate" in loaded
    assert not {"prometheus_client", "opentelemetry", "requests"} & set(loaded)


def test_buckets_are_cumulative_and_inclusive():
    spread = Spread((10, 20))
    for value in (10, 11, 20, 21):
        spread.add(value)
    assert spread.counts == [1, 2, 1]
    assert spread.total == 62


def test_a_family_cannot_grow_without_end():
    counts = Counts()
    for number in range(MOST_KEYS + 50):
        counts.add(str(number))
    assert len(counts.by) == MOST_KEYS + 1
    assert counts.by["other",] == 50


def test_the_page_lists_every_family_with_its_labels():
    rows = re.findall(r"^\| `(callgate_[a-z_]+)` \| ([a-z]+) \| ([^|]*) \|", PAGE.read_text(), flags=re.MULTILINE)
    listed = {name: (kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    kinds = {"seconds": "histogram", "sizes": "histogram"}
    assert listed == {
        f"callgate_{family.name}" + ("_total" if family.kind == "counter" else ""): (
            kinds.get(family.kind, family.kind),
            family.labels,
        )
        for family in FAMILIES
    }
