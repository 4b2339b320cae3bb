"""Who may answer what, alone and with others (DESIGN section 9)."""

import msgspec
import pytest

from callgate.flow.rows import put
from callgate.flow.vote import said_yes
from callgate.model.answer import Pending, Served
from callgate.model.bundle import Domain, RoleBinding
from callgate.model.errors import InputError
from callgate.model.store import Unit
from callgate.model.terms import Ask, HoldState, Profile, Role
from tests.fakes.house import open_house, run

PEOPLE = ("ana", "ben", "cleo", "dan")
ROLES = (
    RoleBinding(role=Role.SECURITY, subjects=("ana", "ben", "dan")),
    RoleBinding(role=Role.PLATFORM, subjects=("ana",)),
)
DOMAINS = (Domain(name="local-work", title="Local work", owner="cleo", targets=("git.repository:*",)),)


async def team(ask: Ask | None = Ask.ACCEPTABLE, *, quorum: int = 1, domains=DOMAINS, profile=Profile.TEAM):
    """``ask``: what an execute call asks."""
    house = await open_house(people=PEOPLE)
    bundle = house.live.bundle
    duties = tuple(msgspec.structs.replace(one, approval=ask if one.approval else None) for one in bundle.duties)
    waiting = msgspec.structs.replace(bundle.waiting, quorum=quorum)
    await house.use_bundle(profile=profile, roles=ROLES, domains=domains, duties=duties, waiting=waiting)
    return house


async def held(house, **more) -> Pending:
    answer = await house.commit(**more)
    assert isinstance(answer, Pending), answer
    return answer


async def refused_vote(house, pending, subject, **more) -> str:
    with pytest.raises(InputError) as fault:
        await house.vote(pending.hold, subject, **more)
    return fault.value.code


def executed(house) -> int:
    return len(house.sent("git_commit"))


def test_only_the_author_says_what_was_meant():
    async def check():
        house = await team(Ask.MEANT)
        pending = await held(house)
        for other in ("ben", "cleo"):
            assert await refused_vote(house, pending, other) == "not_yours"
        await house.approve(pending.hold)
        assert executed(house) == 1
        assert [body.alone for body in await house.events("voted")] == [False]

    run(check())


def test_a_second_person_answers_what_must_be_acceptable():
    async def check():
        house = await team()
        pending = await held(house)
        assert await refused_vote(house, pending, "ana") == "not_yours"
        await house.approve(pending.hold, "ben")
        assert executed(house) == 1

    run(check())


def test_the_gates_own_user_is_never_a_second_person():
    async def check():
        house = await team()
        pending = await held(house)
        assert await refused_vote(house, pending, "ben", same_host=True) == "not_yours"
        await house.approve(pending.hold, "ben", same_host=False)
        assert executed(house) == 1
        by_owner = await team(Ask.DOMAIN)
        pending = await held(by_owner)
        assert await refused_vote(by_owner, pending, "cleo", same_host=True) == "not_yours"

    run(check())


def test_nobody_becomes_a_second_person_by_another_address_of_the_gate():
    async def check():
        house = await team()
        pending = await held(house)
        hold = await house.hold(pending.hold)
        moved = msgspec.structs.replace(house.presence("ana"), issuer="https://moved.example")
        with pytest.raises(InputError) as fault:
            await house.rooms.voting.vote(hold.id, (), yes=True, digest=hold.digest, presence=moved)
        assert fault.value.code == "not_yours"
        assert executed(house) == 0

    run(check())


def test_the_owner_of_the_domain_answers_for_it():
    async def check():
        house = await team(Ask.DOMAIN)
        pending = await held(house)
        assert [(question.ask, question.ask_of) for question in pending.questions] == [(Ask.DOMAIN, "local-work")]
        for other in ("ana", "ben"):
            assert await refused_vote(house, pending, other) == "not_yours"
        await house.approve(pending.hold, "cleo")
        assert executed(house) == 1

    run(check())


def test_where_no_domain_is_known_security_answers():
    async def check():
        house = await team(Ask.DOMAIN, domains=())
        pending = await held(house)
        asked = {(question.ask, question.ask_of) for question in pending.questions}
        assert (Ask.ACCEPTABLE, "security") in asked
        assert await refused_vote(house, pending, "cleo") == "not_yours"
        assert await refused_vote(house, pending, "ana", questions=("acceptable:security",)) == "not_yours"
        assert executed(house) == 0

    run(check())


def test_a_quorum_needs_that_many_different_people():
    async def check():
        house = await team(quorum=2)
        pending = await held(house)
        await house.approve(pending.hold, "ben")
        assert executed(house) == 0
        assert await refused_vote(house, pending, "ben") == "not_yours"
        assert await refused_vote(house, pending, "ana") == "not_yours"
        await house.approve(pending.hold, "dan")
        assert executed(house) == 1

    run(check())


def test_a_question_named_twice_is_answered_once():
    async def check():
        house = await team(quorum=2)
        pending = await held(house)
        named = ("acceptable", "acceptable")
        hold = await house.approve(pending.hold, "ben", questions=named)
        assert [(vote.question, vote.subject) for vote in hold.votes] == [("acceptable", "ben")]
        assert executed(house) == 0
        assert len(await house.events("voted")) == 1
        await house.approve(pending.hold, "dan", questions=named)
        assert executed(house) == 1

    run(check())


def test_one_person_counts_once_whatever_address_the_gate_had():
    async def check():
        house = await team(quorum=2)
        pending = await held(house)
        hold = await house.approve(pending.hold, "ben")
        (vote,) = hold.votes
        (question,) = hold.questions
        assert said_yes((vote, msgspec.structs.replace(vote, issuer="https://moved.example")), question) == 1
        assert said_yes((vote, msgspec.structs.replace(vote, subject="dan")), question) == 2

    run(check())


def test_one_no_ends_it():
    async def check():
        house = await team(quorum=2)
        pending = await held(house)
        await house.approve(pending.hold, "ben")
        await house.deny(pending.hold, "dan")
        assert (await house.hold(pending.hold)).state is HoldState.DENIED
        assert await refused_vote(house, pending, "cleo") == "hold_over"
        assert executed(house) == 0

    run(check())


def test_a_yes_to_one_question_never_counts_for_another():
    async def check():
        house = await team(Ask.MEANT)
        risk = msgspec.structs.replace(house.live.bundle.risk, hold_from=0)
        await house.use_bundle(risk=risk)
        pending = await held(house)
        assert {question.ask for question in pending.questions} == {Ask.MEANT, Ask.ACCEPTABLE}
        await house.approve(pending.hold, "ana")
        assert executed(house) == 0
        await house.approve(pending.hold, "ben")
        assert executed(house) == 1
        assert [(body.question, body.alone) for body in await house.events("voted")] == [
            ("meant", False),
            ("acceptable", False),
        ]

    run(check())


def test_alone_under_solo_is_allowed_and_marked():
    async def check():
        house = await team(profile=Profile.SOLO)
        pending = await held(house)
        await house.approve(pending.hold, "ana", same_host=True)
        assert executed(house) == 1
        (vote,) = await house.envelopes("voted")
        assert vote.data.body.alone
        assert vote.data.same_host
        assert isinstance(await house.rooms.holds.answer(pending.hold), Served)

    run(check())


def test_an_approval_given_alone_is_void_once_the_team_profile_is_live():
    async def check():
        house = await team(profile=Profile.SOLO)
        pending = await held(house)

        async def meanwhile(unit):
            house.store.after = None
            await house.use_bundle(profile=Profile.TEAM)

        house.store.after = meanwhile
        await house.approve(pending.hold, "ana")
        assert executed(house) == 0
        hold = await house.hold(pending.hold)
        assert (hold.state, hold.ended) == (HoldState.VOID, "approvers_changed")

    run(check())


@pytest.mark.parametrize("change", ["role", "owner", "quorum", "disabled"])
def test_who_may_no_longer_answer_has_not_answered(change):
    async def check():
        house = await team(Ask.DOMAIN if change == "owner" else Ask.ACCEPTABLE)
        if change == "role":
            await house.use_bundle(domains=())
            duties = tuple(
                msgspec.structs.replace(one, approval=Ask.DOMAIN if one.approval else None)
                for one in house.live.bundle.duties
            )
            await house.use_bundle(duties=duties)
        pending = await held(house)
        voter = "cleo" if change == "owner" else "ben"

        async def meanwhile(unit):
            house.store.after = None
            match change:
                case "role":
                    await house.use_bundle(roles=(RoleBinding(role=Role.SECURITY, subjects=("ana", "dan")),))
                case "owner":
                    await house.use_bundle(
                        domains=tuple(msgspec.structs.replace(one, owner="dan") for one in house.live.bundle.domains)
                    )
                case "quorum":
                    await house.waiting(quorum=2)
                case "disabled":
                    ben = msgspec.structs.replace(house.live.accounts["ben"], disabled=True)
                    await house.rooms.tenancy.write(Unit(changes=(put("ben", ben, expect=None),)))

        for question in pending.questions:
            if question.ask is Ask.MEANT:
                await house.vote(pending.hold, "ana", questions=(question.id,))
        house.store.after = meanwhile
        await house.approve(pending.hold, voter)
        assert executed(house) == 0
        assert (await house.hold(pending.hold)).state is HoldState.VOID

    run(check())


def test_a_vote_carries_what_was_shown():
    async def check():
        house = await team(Ask.MEANT)
        pending = await held(house)
        assert await refused_vote(house, pending, "ana", digest="0" * 64) == "stale_digest"
        assert await refused_vote(house, pending, "ana", questions=("nothing",)) == "unknown_question"
        with pytest.raises(InputError) as fault:
            await house.rooms.voting.vote("hold-none", (), yes=True, digest="", presence=house.presence())
        assert fault.value.code == "unknown_hold"

    run(check())


def test_the_time_somebody_looked_is_recorded():
    async def check():
        house = await team(Ask.MEANT)
        pending = await held(house)
        await house.admin.hold(pending.hold, "ana")
        house.clock.forward(4_000)
        await house.admin.hold(pending.hold, "ana")
        house.clock.forward(3_000)
        await house.approve(pending.hold)
        assert [body.review_ms for body in await house.events("voted")] == [7_000]

    run(check())


def test_a_vote_that_could_not_be_stored_is_no_vote():
    async def check():
        house = await team(Ask.MEANT)
        pending = await held(house)
        house.store.fail_from_now(0)
        with pytest.raises(Exception, match="full"):
            await house.vote(pending.hold)
        await house.settle()
        assert executed(house) == 0
        assert (await house.hold(pending.hold)).state is HoldState.OPEN
        await house.approve(pending.hold)
        assert executed(house) == 1

    run(check())
