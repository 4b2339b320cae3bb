"""An approval is bound to what was shown: the state at the target, the place, the account, the questions."""

import msgspec
import pytest

from callgate.flow.connect import reconnect
from callgate.flow.rows import put
from callgate.model.answer import Failed
from callgate.model.bundle import PolicyFile, Rates
from callgate.model.errors import OutcomeUnknown, UpstreamError
from callgate.model.store import Unit
from callgate.model.terms import Ask, HoldState
from tests.fakes.house import open_house, run, said
from tests.flow.test_holds import commits, held


def test_a_changed_state_voids():
    async def check():
        house = await open_house()
        pending = await held(house)
        house.upstream.answer = lambda request: said("something else")
        await house.approve(pending.hold)
        assert commits(house) == []
        hold = await house.hold(pending.hold)
        assert (hold.state, hold.ended) == (HoldState.VOID, "state_changed")

    run(check())


@pytest.mark.parametrize(
    "reply",
    [UpstreamError("no", code="not_sent"), OutcomeUnknown("lost"), b"7", said("no", isError=True), [{"error": {}}]],
)
def test_a_state_that_cannot_be_read_voids_an_approval_and_refuses_a_call(reply):
    async def check():
        house = await open_house()
        pending = await held(house)
        house.upstream.answer = lambda request: reply
        await house.approve(pending.hold)
        assert commits(house) == []
        hold = await house.hold(pending.hold)
        assert (hold.state, hold.ended) == (HoldState.VOID, "state_unreadable")
        answer = await house.commit("Another")
        assert isinstance(answer, Failed), answer
        assert not answer.unknown
        assert isinstance(reply, UpstreamError) or "git_log answers for the same target" in answer.next
        assert await house.kinds(answer.call_id) == ["Decided"]
        assert (await house.events(call=answer.call_id))[0].effect == "deny"
        assert commits(house) == []

    run(check())


def test_another_endpoint_under_the_same_name_voids():
    async def check():
        house = await open_house()
        pending = await held(house)
        live = house.live
        moved = msgspec.structs.replace(live.integrations["git"], command=("other-server",))
        pin = msgspec.structs.replace(live.pins["git"], origin="elsewhere")
        changes = (put("git", moved, expect=None), put("git", pin, expect=None))
        await house.rooms.tenancy.write(Unit(changes=changes))
        reconnect(house.rooms.tenancy)
        await house.approve(pending.hold)
        assert commits(house) == []
        hold = await house.hold(pending.hold)
        assert (hold.state, hold.ended) == (HoldState.VOID, "call_changed")

    run(check())


def test_another_account_at_the_target_voids():
    async def check():
        house = await open_house()
        pending = await held(house)
        other = msgspec.structs.replace(house.live.integrations["git"], actor="somebody")
        await house.rooms.tenancy.write(Unit(changes=(put("git", other, expect=None),)))
        reconnect(house.rooms.tenancy)
        await house.approve(pending.hold)
        assert (await house.hold(pending.hold)).ended == "call_changed"
        assert commits(house) == []

    run(check())


def test_a_changed_bundle_does_not_void_by_itself():
    async def check():
        house = await open_house()
        pending = await held(house)
        await house.use_bundle(rates=Rates(initiator=599))
        await house.approve(pending.hold)
        assert commits(house) == ["Fix it"]

    run(check())


async def _other_ask(house):
    duties = tuple(
        msgspec.structs.replace(duty, approval=Ask.ACCEPTABLE) if duty.approval else duty
        for duty in house.live.bundle.duties
    )
    await house.use_bundle(duties=duties)


async def _no_ask(house):
    duties = tuple(msgspec.structs.replace(duty, approval=None) for duty in house.live.bundle.duties)
    await house.use_bundle(duties=duties)


async def _further_finding(house):
    forbid = (
        '@id("wait") @reason("Wait.") @owner("security") @effect("hold") @ask("meant") '
        "forbid (principal, action, resource);"
    )
    await house.use_bundle(policies=(*house.live.bundle.policies, PolicyFile(name="w.cedar", text=forbid)))


@pytest.mark.parametrize("change", [_no_ask, _further_finding])
def test_a_bundle_with_other_findings_voids(change):
    async def check():
        house = await open_house()
        pending = await held(house)
        await change(house)
        await house.approve(pending.hold)
        assert commits(house) == []
        assert (await house.hold(pending.hold)).state is HoldState.VOID

    run(check())


def test_a_bundle_that_asks_another_person_voids():
    async def check():
        house = await open_house()
        pending = await held(house)
        await _other_ask(house)
        await house.approve(pending.hold)
        assert commits(house) == []
        assert (await house.hold(pending.hold)).state is HoldState.VOID

    run(check())
