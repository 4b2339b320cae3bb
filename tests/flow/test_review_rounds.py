"""Rounds of one call, as a client and a server that mean ill would use them."""

from typing import Any

import msgspec
import pytest

from callgate.core.rounds import MOST_INPUTS
from callgate.flow.connect import reconnect
from callgate.flow.rows import put
from callgate.model.answer import Pending, Refused, Served
from callgate.model.store import Kind, Unit
from callgate.model.terms import Ask, Profile
from tests.fakes.house import ALL_ROLES, TASK_RULES, House, run
from tests.flow.test_rounds import NAME, asked, codes, first, params, rounds_house, then
from tests.flow.test_votes import DOMAINS, PEOPLE, ROLES


async def approved_round(house: House, **more: Any) -> str:
    """The state of a call that was approved, sent, and whose server asks."""
    held = await house.commit(**first(), **more)
    assert isinstance(held, Pending), held
    await house.approve(held.hold)
    return str(asked(await house.commit(**first(), **more))["requestState"])


def commits(house: House) -> int:
    return len(house.sent("git_commit"))


@pytest.mark.parametrize("from_task", [False, True])
def test_an_approval_is_not_carried_to_another_task(from_task: bool) -> None:
    async def check() -> None:
        house = await rounds_house()
        task = await house.open_task(await house.add_contract(TASK_RULES.format(more="")))
        under: dict[str, Any] = {"named_tasks": (task,)}
        here, there = (under, {}) if from_task else ({}, under)
        state = await approved_round(house, **here)
        assert "round_unknown" in codes(await house.commit(**then(state, {"who": NAME}), **there))
        assert commits(house) == 1
        assert isinstance(await house.commit(**then(state, {"who": NAME}), **here), Served)

    run(check())


def test_an_approval_is_not_carried_to_another_definition() -> None:
    async def check() -> None:
        house = await rounds_house()
        state = await approved_round(house)
        for tool in house.upstream.tools:
            tool["description"] = "Something else entirely."
        found = await house.admin.refresh_integration("git")
        await house.admin.confirm_integration(house.presence(roles=ALL_ROLES), "git", found.digest)
        answer = await house.commit(**then(state, {"who": NAME}))
        assert "round_unknown" in codes(answer)
        assert commits(house) == 1

    run(check())


def test_what_was_asked_before_it_was_switched_off_is_not_answered_after() -> None:
    async def check() -> None:
        house = await rounds_house()
        state = asked(await house.status(**first()))["requestState"]
        git = msgspec.structs.replace(house.live.integrations["git"], asks=("roots",))
        change = put("git", git, expect=house.live.version(Kind.INTEGRATION, "git"))
        await house.rooms.tenancy.write(Unit(changes=(change,)))
        reconnect(house.rooms.tenancy)
        await house.status(**then(state, {"who": NAME}))
        assert len(house.upstream.sent) == 2
        sent = params(house.upstream.sent[-1])
        assert sent.get("inputResponses", {}).get("who") in (None, {"action": "decline"})
        assert [one for one in await house.events("decided") if one.tool == "elicitation/create"] == []

    run(check())


def test_answers_that_nobody_asked_for_are_as_few_as_asked_ones() -> None:
    """Each is judged and recorded: one request must not fill the ledger."""

    async def check() -> None:
        house = await rounds_house()
        before = (await house.store.head()).size
        answer = await house.status(**then(None, {f"k{number}": NAME for number in range(2_000)}))
        assert isinstance(answer, (Served, Refused))
        assert (await house.store.head()).size - before <= 2 * MOST_INPUTS + 4

    run(check())


async def by_ben(house: House) -> str:
    """As ``approved_round``, where somebody else says yes."""
    bundle = house.live.bundle
    assert bundle is not None
    duties = tuple(msgspec.structs.replace(one, approval=one.approval and Ask.ACCEPTABLE) for one in bundle.duties)
    await house.use_bundle(profile=Profile.TEAM, roles=ROLES, domains=DOMAINS, duties=duties)
    held = await house.commit(**first())
    assert isinstance(held, Pending), held
    await house.approve(held.hold, "ben")
    return str(asked(await house.commit(**first()))["requestState"])


@pytest.mark.parametrize("disabled", [True, False])
def test_an_approval_ends_with_who_gave_it(disabled: bool) -> None:
    async def check() -> None:
        house = await rounds_house(people=PEOPLE)
        state = await by_ben(house)
        ben = msgspec.structs.replace(house.live.accounts["ben"], disabled=disabled)
        await house.rooms.tenancy.write(Unit(changes=(put("ben", ben, expect=None),)))
        answer = await house.commit(**then(state, {"who": NAME}))
        assert isinstance(answer, Refused if disabled else Served)
        assert commits(house) == (1 if disabled else 2)

    run(check())
