"""Rules that somebody adds for others, or for more than the owners of domains can speak for."""

import asyncio

import pytest

from callgate.flow.admin import ContractText, TaskRequest
from callgate.model.answer import Served
from callgate.model.errors import AuthError, InputError
from callgate.model.terms import Profile
from tests.fakes.house import TASK_RULES, open_house, run

NO_DOMAINS = """
name = "{name}"
objective = "Everything, without the old prohibitions."
team = "home"
owner = "ana"
domains = {domains}
everyday = {everyday}
max_tier = "draft"
{more}
[[scopes]]
integration = "git"
tools = ["*"]
"""


async def team():
    return await open_house(profile=Profile.TEAM, people=("ana", "ben", "cat"))


@pytest.mark.parametrize("more", ["", 'breadth = "global"'])
def test_everyday_rules_of_a_colleague_wait_for_security(more):
    """Without domains nobody would be asked, and the newest everyday rules are everybody's."""

    async def check():
        house = await team()
        former = house.live.everyday("home")
        house.clock.ms += 1000
        text = NO_DOMAINS.format(name="mine", everyday="true", domains="[]", more=more)
        view = await house.admin.add_contract(house.presence("ben"), ContractText(text=text))
        assert view.state == "awaiting_consent"
        assert [one.capacity for one in view.consents] == ["security"]
        assert house.live.everyday("home") == former
        with pytest.raises(AuthError):
            await house.admin.consent_contract(house.presence("ben"), view.id, "")
        assert isinstance(await house.status(), Served)
        await house.admin.consent_contract(house.presence("ana"), view.id, "")
        assert house.live.everyday("home") == view.id

    run(check())


@pytest.mark.parametrize(
    ("domains", "more", "wanted"),
    [
        ((), "", ("security",)),
        (("local-work",), "", ("domain:local-work",)),
        (("local-work",), 'breadth = "global"', ("domain:local-work", "security")),
    ],
)
def test_what_no_owner_speaks_for_needs_security(domains, more, wanted):
    async def check():
        house = await team()
        named = str(list(domains)).replace("'", '"')
        text = NO_DOMAINS.format(name="mine", everyday="false", domains=named, more=more)
        view = await house.admin.add_contract(house.presence("ben"), ContractText(text=text))
        assert tuple(one.capacity for one in view.consents) == wanted
        with pytest.raises(InputError):
            await house.admin.open_task(house.presence("ben"), TaskRequest(contract=view.id))

    run(check())


def test_a_name_means_the_contract_added_last_also_after_a_restart():
    async def check():
        house = await open_house()
        added = []
        for number in range(6):
            house.clock.ms += 1000
            added.append(await house.add_contract(TASK_RULES.format(more=f"max_calls = {number + 1}")))
        assert (await house.admin.contract("ticket")).id == added[-1]
        await house.crash()
        assert (await house.admin.contract("ticket")).id == added[-1]

    run(check())


def test_a_name_never_means_a_contract_that_still_waits_while_another_is_active():
    async def check():
        house = await team()
        active = await house.add_contract(TASK_RULES.format(more=""))
        await house.admin.consent_contract(house.presence("ana"), active, "")
        house.clock.ms += 1000
        shadow = TASK_RULES.format(more='prohibited = ["git.repository:/nowhere"]')
        view = await house.admin.add_contract(house.presence("ben"), ContractText(text=shadow))
        assert view.state == "awaiting_consent"
        task = await house.open_task("ticket")
        assert house.live.tasks[task].contract == active

    run(check())


def test_two_tasks_of_one_template_opened_at_once_both_exist():
    async def check():
        house = await open_house()
        text = TASK_RULES.replace("Work on a ticket.", "Work on {{ticket}}.").format(more='parameters = ["ticket"]')
        template = await house.add_contract(text)
        want = {"parameters": {"ticket": "T-1"}}
        results = await asyncio.gather(*(house.open_task(template, **want) for _ in range(3)), return_exceptions=True)
        assert all(not isinstance(one, BaseException) and one in house.live.tasks for one in results), results

    run(check())
