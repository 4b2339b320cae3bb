"""What calls cost by their manifest: one event beside the outcome of what was sent, and a sum since the start."""

from callgate.flow.narrate import sentence_of
from callgate.model.answer import Failed, Pending, Refused, Served
from callgate.model.errors import OutcomeUnknown, UpstreamError
from callgate.model.event import CallPriced, CallUnknown, Finished
from tests.fakes.house import run, said
from tests.flow.test_confining import answers, ask, notes_house

SELECT = {"sql": "select * from notes"}


async def priced(house):
    return [one for one in await house.envelopes() if isinstance(one.data.body, CallPriced)]


async def spent(house):
    return (await house.admin.status()).spent


async def paid_house(**changes):
    return await notes_house(targets='["tracker.database:main", "tracker.note:*"]', **changes)


def domains(house):
    live = house.live.bundle.domains
    notes = next(one for one in live if one.name == "notes")
    rest = tuple(one for one in live if one.name != "notes")
    more = type(notes)(
        name="notes", title=notes.title, owner=notes.owner, targets=(*notes.targets, "tracker.database:main")
    )
    return (*rest, more)


def test_a_call_that_was_sent_is_priced_beside_its_outcome():
    async def check():
        house = await paid_house()
        await house.use_bundle(domains=domains(house))
        assert await spent(house) == ()
        for _ in range(2):
            answer = await ask(house, "run_sql", **SELECT)
            assert isinstance(answer, Served), answer
        cost = (await priced(house))[-1]
        assert (cost.data.body.micro_usd, cost.data.call) == (1500, answer.call_id)
        assert await house.kinds(answer.call_id) == ["Decided", "Finished", "CallPriced"]
        assert await spent(house) == (("tracker", 3000),)
        assert sentence_of(cost.data.body, "", {}) == "cost $0.0015, as its manifest prices it"
        assert isinstance(await ask(house, "get_note", note="1"), Served)
        assert len(await priced(house)) == 2

    run(check())


def test_what_was_refused_held_or_never_left_costs_nothing():
    async def check():
        def away(request):
            raise UpstreamError("away", code="not_sent")

        house = await paid_house(answer=away)
        await house.use_bundle(domains=domains(house))
        assert isinstance(await ask(house, "run_sql", **SELECT), Failed)
        assert isinstance(await ask(house, "run_sql", sql="drop table notes"), Pending)
        assert isinstance(await ask(house, "run_sql", sql=7), Refused)
        assert await priced(house) == []
        assert await spent(house) == ()

    run(check())


def test_an_error_of_the_target_and_a_lost_call_cost_as_much():
    async def check():
        def lost(request):
            raise OutcomeUnknown("gone", code="lost")

        for answer, outcome in ((lambda _: {**said("no"), "isError": True}, Finished), (lost, CallUnknown)):
            house = await paid_house(answer=answer)
            await house.use_bundle(domains=domains(house))
            await ask(house, "run_sql", **SELECT)
            kinds = [type(body) for body in await house.events()][-2:]
            assert kinds == [outcome, CallPriced]

    run(check())


def test_what_is_approved_costs_once():
    async def check():
        house = await paid_house(answer=answers)
        await house.use_bundle(domains=domains(house))
        waiting = await ask(house, "run_sql", sql="drop table notes")
        await house.approve(waiting.hold)
        assert len(await priced(house)) == 1

    run(check())
