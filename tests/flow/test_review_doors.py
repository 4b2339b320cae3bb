"""The side doors: presence, sessions, what a listing shows, what a ledger's holder can guess."""

import asyncio
import hashlib
import threading

import msgspec
import pytest

from callgate.core.ledger.canonical import canonical
from callgate.flow.admin import Peer
from callgate.flow.rows import put
from callgate.model.answer import Pending
from callgate.model.errors import AuthError, InputError, UpstreamError
from callgate.model.store import Unit
from callgate.model.terms import HaltScope
from callgate.model.tool import Integration
from tests.fakes.house import ALL_ROLES, OTHER_UID, REPOSITORY, open_house, run
from tests.fakes.upstream import FakeUpstream

PEER = Peer(uid=OTHER_UID, pid=1)


class SlowPassphrases:
    """Says how many checks ran at one time; ``during`` runs inside each."""

    def __init__(self, during=lambda: None) -> None:
        self.during = during
        self.now = self.most = 0
        self._lock = threading.Lock()

    def make(self, passphrase):
        return passphrase

    def check(self, verifier, passphrase):
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.during()
        threading.Event().wait(0.01)
        with self._lock:
            self.now -= 1
        return bool(verifier) and verifier == passphrase


def with_passphrases(house, passphrases):
    house.admin._tools.passphrases = passphrases
    return passphrases


def test_guesses_are_checked_one_at_a_time():
    async def check():
        house = await open_house(people=("ana", "ben", "cat"))
        slow = with_passphrases(house, SlowPassphrases())
        tries = (house.admin.present(name, "wrong", PEER) for name in ("ana", "ben", "cat", "nobody") for _ in "123")
        results = await asyncio.gather(*tries, return_exceptions=True)
        assert {type(one) for one in results} == {AuthError}
        assert slow.most == 1

    run(check())


def test_names_that_are_no_accounts_share_one_budget_and_take_no_memory():
    async def check():
        house = await open_house()
        codes = []
        for number in range(40):
            with pytest.raises(AuthError) as fault:
                await house.admin.present(f"x{number}" * 1000, "wrong", PEER)
            codes.append(fault.value.code)
        assert codes[:5] == ["bad_passphrase"] * 5
        assert set(codes[5:]) == {"too_many_tries"}
        assert sum(map(len, house.admin._tools.attempts._spent)) < 100
        assert (await house.admin.present("ana", "ana-passphrase", PEER)).subject == "ana"

    run(check())


@pytest.mark.parametrize("change", [{"disabled": True}, {"verifier": "another"}])
def test_an_account_changed_while_its_passphrase_is_checked_is_not_present(change):
    async def check():
        house = await open_house()
        loop, entered, go = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

        def during():
            loop.call_soon_threadsafe(entered.set)
            go.wait(5)

        with_passphrases(house, SlowPassphrases(during))
        trying = asyncio.create_task(house.admin.present("ana", "ana-passphrase", PEER))
        await entered.wait()
        changed = msgspec.structs.replace(house.live.accounts["ana"], **change)
        await house.rooms.tenancy.write(Unit(changes=(put("ana", changed, expect=None),)))
        go.set()
        with pytest.raises(AuthError):
            await trying

    run(check())


def test_looking_at_holds_under_made_up_names_takes_no_memory():
    async def check():
        house = await open_house()
        pending = await house.commit()
        assert isinstance(pending, Pending)
        voting = house.rooms.voting
        for number in range(50):
            await house.admin.hold(pending.hold, f"nobody-{number}")
        assert not voting._shown
        await house.admin.hold(pending.hold, "ana")
        assert len(voting._shown) == 1
        await house.approve(pending.hold)
        await house.rooms.holds.collect(pending.hold)
        await house.admin.hold(pending.hold, "ana")
        again = await house.commit("Another")
        assert isinstance(again, Pending)
        await house.admin.hold(again.hold, "ana")
        assert list(voting._shown) == [(again.hold, "ana")]

    run(check())


def test_review_time_is_kept_with_the_vote():
    async def check():
        house = await open_house()
        pending = await house.commit()
        await house.admin.hold(pending.hold, "ana")
        house.clock.ms += 7_000
        await house.approve(pending.hold)
        (voted,) = await house.events("voted")
        assert voted.review_ms == 7_000

    run(check())


@pytest.mark.parametrize(
    ("scope", "what"),
    [
        (HaltScope.TENANT, ""),
        (HaltScope.INTEGRATION, "git"),
        (HaltScope.INITIATOR, "ana"),
        (HaltScope.RUNTIME, "codex"),
    ],
)
def test_no_session_is_opened_for_what_is_halted(scope, what):
    async def check():
        house = await open_house()
        await house.gatehouse.open_session(house.credential(), "git", b"{}", "2025-06-18")
        await house.halt(scope, what)
        with pytest.raises(UpstreamError) as fault:
            await house.gatehouse.open_session(house.credential(), "git", b"{}", "2025-06-18")
        assert fault.value.code == "halted"
        assert len(house.upstream.opened) == 1

    run(check())


def test_a_listing_shows_the_origin_of_a_url_and_no_secret_in_it():
    async def check():
        house = await open_house()
        house.rooms.tenancy.upstreams.made["notes"] = FakeUpstream()
        notes = Integration(name="notes", actor="x", url="https://mcp.example:8443/s/S3CRET/mcp?key=S3CRET")
        await house.admin.add_integration(house.presence(roles=ALL_ROLES), notes)
        views = await house.admin.integrations()
        assert [view.where for view in views if view.name == "notes"] == ["https://mcp.example:8443"]
        assert b"S3CRET" not in msgspec.json.encode(await house.admin.status())
        assert b"S3CRET" not in msgspec.json.encode(await house.admin.doctor())

    run(check())


def test_arguments_and_people_cannot_be_guessed_from_the_digest_of_a_hold():
    """All parts but the body are public or few: without a key, a guess of the body could be confirmed."""

    async def check():
        house = await open_house()
        pending = await house.commit("Raise her salary to 91000")
        hold = await house.hold(pending.hold)
        frozen, origin = await house.admin._frozen(hold), house.live.pins["git"].origin
        who = frozen.principal
        guess = canonical(
            {
                "tenant": frozen.tenant,
                "initiator": [who.initiator.issuer, who.initiator.subject],
                "runtime": who.runtime.id,
                "actor": [who.actor.integration, who.actor.name],
                "task": frozen.task,
                "contract": frozen.contract,
                "endpoint": origin,
                "tool": frozen.tool,
                "definition": frozen.pin,
                "targets": [target.text for target in frozen.targets],
                "body": hashlib.sha256(frozen.body).hexdigest(),
                "effect": "HOLD",
                "questions": [[one.id, one.ask.value, one.ask_of] for one in hold.questions],
                "state_pin": hold.state_pin,
            }
        )
        assert hashlib.sha256(guess).hexdigest() != hold.digest
        assert REPOSITORY in str(frozen.arguments)

    run(check())


@pytest.mark.parametrize("text", ["", "x" * 65, "ana@example.org", "subject:ana", "two words"])
def test_only_ids_of_credentials_are_revoked(text):
    async def check():
        house = await open_house()
        with pytest.raises(InputError):
            await house.admin.revoke_token(text, PEER)
        assert not house.live.revocations
        assert await house.events("token_revoked") == []

    run(check())
