"""Random lives of a house: calls, votes, expiry, halts, closing tasks, other bundles, lost answers, failing stores, crashes.

After every step, and whatever came before, the rules of tests/flow/ledger_rules.py hold.
"""

import asyncio
from contextlib import suppress

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from callgate.flow.admin import Peer
from callgate.model.answer import Failed, Pending, Served
from callgate.model.bundle import Observing, Rates
from callgate.model.errors import CallgateError, OutcomeUnknown, UpstreamError
from callgate.model.event import Finished
from callgate.model.terms import HaltScope, HoldState
from tests.fakes.house import TASK_RULES, git_answers, open_house
from tests.fakes.upstream import tool_of
from tests.flow.ledger_rules import check_rules

BRANCHES = st.sampled_from(["a", "b"])
MESSAGES = st.sampled_from(["one", "two"])
RUNTIMES = st.sampled_from(["codex", "claude-code"])
REPLIES = st.sampled_from(["good", "good", "good", "lost", "unsent", "garbage"])
LIMIT = 12


class House(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.halts: list[str] = []
        self.tasks: list[str] = []
        self.final: dict[str, HoldState] = {}
        self.executed: dict[str, int] = {}

    def teardown(self) -> None:
        self.loop.run_until_complete(self._end())
        self.loop.close()

    async def _end(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def do(self, coroutine):
        async def bounded():
            async with asyncio.timeout(20):
                result = await coroutine
                await self.house.rooms.runner.drain()
                await self.house.rooms.redeemer.drain()
                return result

        return self.loop.run_until_complete(bounded())

    @initialize()
    def begin(self) -> None:
        async def make():
            house = await open_house(rates=Rates(initiator=LIMIT))
            self.contract = await house.add_contract(TASK_RULES.format(more="max_calls = 4"))
            self.other = house.live.bundle
            return house

        self.house = self.loop.run_until_complete(make())
        self.reply("good")

    # Calls.

    @rule(names=st.lists(BRANCHES, min_size=1, max_size=4), runtime=RUNTIMES, in_task=st.booleans())
    def branches_at_once(self, names, runtime, in_task) -> None:
        self._together([self._call("git_create_branch", {"branch_name": name}, runtime, in_task) for name in names])

    @rule(messages=st.lists(MESSAGES, min_size=1, max_size=3), runtime=RUNTIMES, in_task=st.booleans())
    def commits_at_once(self, messages, runtime, in_task) -> None:
        self._together([self._call("git_commit", {"message": message}, runtime, in_task) for message in messages])

    @rule()
    def look(self) -> None:
        self._together([self._call("git_status", {}, "codex", False) for _ in range(2)])

    @rule(steps=st.integers(0, 8), commits=st.booleans())
    def a_client_leaves(self, steps, commits) -> None:
        async def leave():
            task = asyncio.ensure_future(
                self._call("git_commit", {"message": "gone"}, "codex", False)
                if commits
                else self._call("git_create_branch", {"branch_name": "gone"}, "codex", False)
            )
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self.do(leave())

    def _call(self, tool, arguments, runtime, in_task):
        named = (self.tasks[-1],) if in_task and self.tasks else ()
        return self.house.call(tool, arguments, credential=self.house.credential(runtime=runtime), named_tasks=named)

    def _together(self, calls) -> None:
        async def all_of_them():
            return await asyncio.gather(*calls)

        for answer in self.do(all_of_them()):
            self._told_truly(answer)

    def _told_truly(self, answer) -> None:
        async def look():
            if isinstance(answer, Served):
                assert isinstance((await self.house.events(call=answer.call_id))[-1], Finished)
            if isinstance(answer, Failed) and answer.unknown:
                assert answer.call_id in self.house.doubts()
            if isinstance(answer, Pending):
                assert (await self.house.hold(answer.hold)).call_id == answer.call_id

        self.do(look())

    # People.

    @precondition(lambda self: self._waiting())
    @rule(pick=st.integers(0, 20), votes=st.lists(st.booleans(), min_size=1, max_size=3))
    def vote(self, pick, votes) -> None:
        waiting = self._waiting()
        hold = waiting[pick % len(waiting)]

        async def at_once():
            await asyncio.gather(*(self.house.vote(hold, yes=yes) for yes in votes), return_exceptions=True)
            self.house.rooms.redeemer.start(hold)

        self.do(at_once())

    def _waiting(self) -> list[str]:
        return sorted(hold.id for hold in self.house.live.holds.values() if hold.state is HoldState.OPEN)

    @rule()
    def collect(self) -> None:
        for hold in tuple(self.house.live.holds.values()):
            credential = self.house.credential(runtime=hold.runtime)
            self._told_truly(self.do(self.house.gatehouse.await_approval(credential, hold.id, 0, lambda _: None)))

    @rule(scope=st.sampled_from([(HaltScope.INTEGRATION, "git"), (HaltScope.TOOL, "git/git_commit")]))
    def halt(self, scope) -> None:
        self.halts.append(self.do(self.house.halt(*scope)))

    @precondition(lambda self: self.halts)
    @rule()
    def resume(self) -> None:
        with suppress(CallgateError):
            self.do(self.house.admin.resume(self.house.presence(), self.halts[-1]))
            self.halts.pop()

    @rule()
    def open_task(self) -> None:
        self.tasks.append(self.do(self.house.open_task(self.contract)))

    @precondition(lambda self: self.tasks)
    @rule()
    def close_task(self) -> None:
        self.do(self.house.admin.close_task(self.house.presence(), self.tasks[-1]))

    @rule()
    def revoke(self) -> None:
        self.do(self.house.admin.revoke_token("cred-ana-claude-code", Peer(uid=1, pid=1)))

    @rule(stage=st.sampled_from(["read", "production", "observe"]))
    def other_bundle(self, stage) -> None:
        stages = {"read": (), "production": self.other.stages, "observe": (("git", "observe"),)}[stage]
        observing = (Observing(name="git", until="2027-01-15", owner="ana"),) if stage == "observe" else ()
        self.do(self.house.use_bundle(stages=stages, observing=observing))

    # Time, targets, faults.

    @rule(ms=st.sampled_from([1, 60_000, 8 * 3_600_000]))
    def time_passes(self, ms) -> None:
        self.house.clock.forward(ms)
        self.do(self.house.rooms.holds.expire())
        self.do(self.house.admin.close_overdue())

    @rule(kind=REPLIES)
    def reply(self, kind) -> None:
        def answer(request):
            if kind == "good" or not tool_of(request).startswith(("git_commit", "git_create")):
                return git_answers(request)
            if kind == "lost":
                return OutcomeUnknown("lost")
            return UpstreamError("no", code="not_sent") if kind == "unsent" else b"[1]"

        self.house.upstream.answer = answer

    @rule(offset=st.integers(0, 4), lose=st.booleans(), tool=st.sampled_from(["git_commit", "git_create_branch"]))
    def the_store_fails_once(self, offset, lose, tool) -> None:
        number = len(self.house.store.units) + offset
        (self.house.store.lose if lose else self.house.store.fail).add(number)
        arguments = {"message": "three"} if tool == "git_commit" else {"branch_name": "c"}
        answer = self.do(self._call(tool, arguments, "codex", False))
        self._told_truly(answer)
        if isinstance(answer, Pending):
            with suppress(CallgateError):
                self.do(self.house.vote(answer.hold))
        self.house.store.fail, self.house.store.lose = set(), set()
        # What the disk did not confirm is known after the next start.
        self.crash(0)

    @rule(steps=st.integers(0, 12))
    def crash(self, steps) -> None:
        async def die():
            acting = [
                asyncio.ensure_future(self._call("git_create_branch", {"branch_name": f"d{steps}"}, "codex", False)),
                asyncio.ensure_future(self._call("git_commit", {"message": "last"}, "codex", False)),
            ]
            for hold in self._waiting()[:1]:
                acting.append(asyncio.ensure_future(self.house.vote(hold)))
            for _ in range(steps):
                await asyncio.sleep(0)
            await self.house.crash()
            await asyncio.gather(*acting, return_exceptions=True)

        self.do(die())

    @rule()
    def sweep(self) -> None:
        async def again():
            self.house.rooms.redeemer.sweep()

        self.do(again())

    # What must hold.

    @invariant()
    def rules_hold(self) -> None:
        if hasattr(self, "house"):
            self.do(check_rules(self.house))

    @invariant()
    def what_is_over_stays_over(self) -> None:
        if not hasattr(self, "house"):
            return
        for hold in self.do(self.house.holds_in()):
            before = self.final.get(hold.id)
            assert before in (None, hold.state), (hold.id, before, hold.state)
            if hold.state not in (HoldState.OPEN, HoldState.APPROVED, HoldState.EXECUTING):
                self.final[hold.id] = hold.state

    @invariant()
    def no_minute_has_more_than_its_calls(self) -> None:
        if not hasattr(self, "house"):
            return
        minutes: dict[str, int] = {}
        for envelope in self.do(self.house.envelopes("decided")):
            if envelope.data.body.effect == "allow":
                minutes[envelope.time[:16]] = minutes.get(envelope.time[:16], 0) + 1
        assert all(number <= LIMIT for number in minutes.values()), minutes


TestHouse = House.TestCase
TestHouse.settings = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
