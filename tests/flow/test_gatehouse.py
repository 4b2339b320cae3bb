"""The governed way in over tenants: nothing crosses, and what administration races does not tear."""

import asyncio

import msgspec
import pytest

from callgate.core.rounds import RoundSealer
from callgate.core.sessions import SessionSealer
from callgate.flow.gatehouse import Gatehouse
from callgate.flow.rows import put
from callgate.model.answer import Failed, Pending, Refused, Served
from callgate.model.errors import AuthError, InputError
from callgate.model.store import Unit
from callgate.model.terms import HaltScope
from tests.fakes.house import TASK_RULES, CredentialTokens, open_house, run
from tests.flow.test_run import peer


async def two_tenants():
    houses = {name: await open_house(tenant=name) for name in ("acme", "other")}
    gatehouse = Gatehouse(
        {name: house.rooms for name, house in houses.items()},
        CredentialTokens(),
        SessionSealer(b"s" * 32),
        houses["acme"].clock,
        houses["acme"].entropy,
        same_host=False,
        rounds=RoundSealer(b"r" * 32),
    )
    for house in houses.values():
        house.gatehouse = gatehouse
    return houses["acme"], houses["other"]


def test_nothing_of_another_tenant_is_reachable():
    async def check():
        acme, other = await two_tenants()
        pending = await acme.commit()
        assert isinstance(pending, Pending)
        with pytest.raises(InputError):
            await acme.gatehouse.await_approval(other.credential(), pending.hold, 0, lambda _: None)
        assert await acme.gatehouse.explain(other.credential(), pending.decision_id) is None
        assert await acme.gatehouse.explain(acme.credential(), pending.decision_id) is not None
        task = await acme.open_task(await acme.add_contract(TASK_RULES.format(more="")))
        with pytest.raises(InputError):
            await acme.gatehouse.bind_task(other.credential(), task)
        refused = await other.status(named_tasks=(task,))
        assert isinstance(refused, Refused)
        assert isinstance(await other.commit(), Pending)
        assert len(await other.holds_in()) == 1
        await acme.halt(HaltScope.TENANT)
        assert isinstance(await other.status(), Served)
        assert isinstance(await acme.status(), Refused)
        sealed = acme.gatehouse.seal_session(acme.credential(), "git", "s-1", "2025-06-18")
        opened = acme.gatehouse.open_sealed_session
        assert opened(acme.credential(), "git", sealed) == ("s-1", "2025-06-18", ())
        for credential, integration in (
            (other.credential(), "git"),
            (acme.credential("ben"), "git"),
            (acme.credential(runtime="claude-code"), "git"),
            (acme.credential(), "mail"),
        ):
            assert opened(credential, integration, sealed) is None

    run(check())


def test_the_same_person_and_arguments_have_other_pseudonyms_and_tags_elsewhere():
    async def check():
        acme, other = await two_tenants()
        other.rooms.tenancy.sealer = type(other.rooms.tenancy.sealer)(b"K" * 32, b"C" * 32, b"P" * 32)
        first, second = await acme.status(), await other.status()
        (mine,) = list(await acme.envelopes("decided", first.call_id))
        (theirs,) = list(await other.envelopes("decided", second.call_id))
        assert mine.source != theirs.source
        assert mine.data.principal.initiator != theirs.data.principal.initiator
        assert mine.data.body.arguments_tag != theirs.data.body.arguments_tag

    run(check())


def token(credential) -> str:
    return msgspec.json.encode(credential).decode()


def test_every_request_is_authenticated_anew():
    async def check():
        house = await open_house()
        credential = house.credential()
        enter = house.gatehouse.authenticate
        assert enter(token(credential)) == credential
        await house.admin.revoke_token(credential.id, peer())
        with pytest.raises(AuthError) as fault:
            enter(token(credential))
        assert fault.value.code == "revoked"
        with pytest.raises(AuthError) as fault:
            enter(token(house.credential(id="other", expires_ms=house.clock.ms)))
        assert fault.value.code == "expired"
        with pytest.raises(AuthError) as fault:
            enter(
                token(msgspec.structs.replace(credential, initiator=credential.initiator.__class__("nobody", "i", "s")))
            )
        assert fault.value.code == "bad_issuer"
        ana = msgspec.structs.replace(house.live.accounts["ana"], disabled=True)
        await house.rooms.tenancy.write(Unit(changes=(put("ana", ana, expect=None),)))
        with pytest.raises(AuthError) as fault:
            enter(token(house.credential(id="third")))
        assert fault.value.code == "account_disabled"

    run(check())


def test_two_logins_with_one_credential_id_are_not_taken_for_each_other():
    async def check():
        house = await open_house(people=("ana", "ben"))
        for subject in ("ana", "ben", "ana"):
            answer = await house.status(credential=house.credential(subject, id="shared"))
            (decided,) = await house.envelopes("decided", answer.call_id)
            person = house.rooms.tenancy.sealer.pseudonym("person", f"http://127.0.0.1:8700|{subject}")
            assert decided.data.principal.initiator == person

    run(check())


def test_a_login_is_narrowed_once():
    async def check():
        house = await open_house()
        contract = await house.add_contract(TASK_RULES.format(more=""))
        one, two = await house.open_task(contract), await house.open_task(contract, title="Other")
        results = await asyncio.gather(
            *(house.gatehouse.bind_task(house.credential(), task) for task in (one, two)), return_exceptions=True
        )
        assert sum(isinstance(result, str) for result in results) == 1, results
        assert sum(isinstance(result, InputError) for result in results) == 1
        bound = house.live.bindings["cred-ana-codex"].task
        assert await house.gatehouse.bind_task(house.credential(), bound)
        with pytest.raises(InputError) as fault:
            await house.gatehouse.bind_task(house.credential(), two if bound == one else one)
        assert fault.value.code == "wider_task"
        answer = await house.branch()
        assert (await house.events("decided", answer.call_id))[0].task == bound

    run(check())


def test_explain_tells_the_initiator_without_values():
    async def check():
        house = await open_house(people=("ana", "ben"))
        pending = await house.commit("A secret message")
        told = await house.gatehouse.explain(house.credential(), pending.decision_id)
        assert told["effect"] == "hold"
        assert "A secret message" not in str(told)
        assert await house.gatehouse.explain(house.credential("ben"), pending.decision_id) is None
        assert await house.gatehouse.explain(house.credential(), "ev-none") is None
        # What a narrowed login cannot do it is not told of either, as with approvals.
        narrowed = ({"runtime": "claude-code"}, {"integrations": ("mail",)}, {"task": "task-1"})
        for more in narrowed:
            assert await house.gatehouse.explain(house.credential(**more), pending.decision_id) is None
        assert await house.gatehouse.explain(house.credential(integrations=("git",)), pending.decision_id) is not None

    run(check())


def test_an_integration_removed_while_it_is_confirmed_is_not_served():
    async def check():
        house = await open_house()
        found = await house.admin.refresh_integration("git")
        really = house.upstream.discover

        async def slow():
            house.upstream.discover = really
            await house.admin.remove_integration(house.presence(), "git")
            return await really()

        house.upstream.discover = slow
        with pytest.raises(InputError):
            await house.admin.confirm_integration(house.presence(), "git", found.digest)
        assert "git" not in house.live.connected
        assert "git" not in house.live.pins
        answer = await house.status()
        assert isinstance(answer, Failed)
        assert answer.code == "unknown_integration"

    run(check())


def test_a_pin_confirmed_twice_at_once_is_served_as_stored():
    async def check():
        house = await open_house()
        house.upstream.tools[0]["description"] = "Now otherwise"
        found = await house.admin.refresh_integration("git")
        results = await asyncio.gather(
            *(house.admin.confirm_integration(house.presence(), "git", found.digest) for _ in range(3)),
            return_exceptions=True,
        )
        assert any(not isinstance(result, Exception) for result in results)
        assert house.live.connected["git"].pin == house.live.pins["git"]
        assert isinstance(await house.status(), Served)

    run(check())


def test_drift_holds_and_is_recorded_once():
    async def check():
        from callgate.flow.drift import look_for_drift

        house = await open_house()
        for tool in house.upstream.tools:
            if tool["name"] == "git_create_branch":
                tool["inputSchema"]["required"].append("base_branch")
        for _ in range(2):
            await look_for_drift(house.rooms.tenancy, "git")
        (seen,) = await house.events("drift_seen")
        assert seen.tools == ("git_create_branch",)
        assert isinstance(await house.branch(), Pending)
        assert isinstance(await house.status(), Served)
        assert house.sent("git_create_branch") == []

    run(check())
