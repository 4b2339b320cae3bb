"""A changed policy waits until it is proposed and approved by who may."""

import asyncio

from callgate.model.answer import Refused, Served
from tests.fakes.house import open_house, run
from tests.flow.test_administration import fault


def edited(house) -> None:
    rules = house.files["rules.toml"].replace(b"initiator = 600", b"initiator = 7")
    house.files = {**house.files, "rules.toml": rules}


def test_a_changed_file_is_pending_until_it_is_proposed_and_approved():
    async def check():
        house = await open_house()
        before = house.live.bundle.digest
        edited(house)
        assert (await house.admin.status()).pending_files == ("rules.toml",)
        proposal = await house.admin.propose_policy(house.presence())
        assert house.live.bundle.digest == before
        assert proposal.changes[0] == "rules.toml changes."
        done = await house.admin.approve_policy(house.presence(), proposal.digest)
        assert done.state == "approved"
        assert house.live.bundle.rates.initiator == 7
        assert (await house.events("policy_approved"))[-1].alone
        assert (await house.admin.status()).pending_files == ()
        await fault(house.admin.propose_policy(house.presence()), "no_change")
        answers = [await house.status() for _ in range(8)]
        assert [type(answer) for answer in answers].count(Refused) == 1
        await house.crash()
        assert house.live.bundle.rates.initiator == 7

    run(check())


def test_another_person_approves_policy_in_a_team():
    async def check():
        house = await open_house(people=("ana", "ben"))
        house.files["rules.toml"] = (
            house.files["rules.toml"]
            .replace(b'security = ["ana"]', b'security = ["ana", "ben"]')
            .replace(b'profile = "solo"', b'profile = "team"')
        )
        first = await house.admin.propose_policy(house.presence())
        await house.admin.approve_policy(house.presence(), first.digest)
        edited(house)
        proposal = await house.admin.propose_policy(house.presence())
        assert proposal.who == ("ben",)
        approve = house.admin.approve_policy
        await fault(approve(house.presence("ana"), proposal.digest), "second_person")
        await fault(approve(house.presence("ben", same_host=True), proposal.digest), "same_host")
        await fault(approve(house.presence("ben", roles=()), proposal.digest), "missing_role")
        await fault(approve(house.presence("ben"), "0" * 64), "unknown_proposal")
        results = await asyncio.gather(
            *(approve(house.presence("ben"), proposal.digest) for _ in range(3)), return_exceptions=True
        )
        assert sum(not isinstance(result, Exception) for result in results) == 1
        assert not (await house.events("policy_approved"))[-1].alone

    run(check())


def test_a_proposal_on_an_old_bundle_and_one_with_failing_cases_go_nowhere():
    async def check():
        house = await open_house()
        edited(house)
        proposal = await house.admin.propose_policy(house.presence())
        await house.waiting(max_open=19)
        await fault(house.admin.approve_policy(house.presence(), proposal.digest), "stale_proposal")
        house.files["guards.cedar"] = (
            b'@id("none") @reason("No.") @owner("security") @effect("deny") forbid (principal, action, resource);'
        )
        assert (await house.admin.test_policy()).failed
        await fault(house.admin.propose_policy(house.presence()), "cases_fail")
        house.files["rules.toml"] = b"broken"
        assert (await house.admin.test_policy()).problem
        assert "broken" in str((await house.admin.policy()).files)
        assert isinstance(await house.status(), Served), "what is live goes on"

    run(check())
