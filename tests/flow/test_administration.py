"""What people do and see at a gate: accounts, tokens, contracts, tasks, policy, halts, records."""

import asyncio

import msgspec
import pytest

from callgate.flow.admin import (
    Ballot,
    ContractText,
    EventFilter,
    HaltRequest,
    NewAccount,
    NewPassphrase,
    Peer,
    TaskRequest,
    TokenRequest,
)
from callgate.flow.views.ledger import VerifyEnd
from callgate.model.answer import Refused, Served
from callgate.model.bundle import RoleBinding
from callgate.model.errors import AuthError, CallgateError, ConfigError, InputError
from callgate.model.terms import HaltScope, Profile, Role
from callgate.model.tool import Integration
from tests.fakes.house import GATE_UID, OTHER_UID, TASK_RULES, open_house, run

PEER = Peer(uid=OTHER_UID, pid=1)
SECURITY = RoleBinding(role=Role.SECURITY, subjects=("ana", "ben"))
PLATFORM = RoleBinding(role=Role.PLATFORM, subjects=("ana",))


async def fault(awaited, code: str) -> CallgateError:
    with pytest.raises(CallgateError) as raised:
        await awaited
    assert raised.value.code == code, raised.value
    assert len(raised.value.message) > 10
    return raised.value


async def team(**more):
    return await open_house(people=("ana", "ben"), profile=Profile.TEAM, roles=(SECURITY, PLATFORM), **more)


# Presence and accounts.


def test_presence_is_proved_and_says_where_it_comes_from():
    async def check():
        house = await open_house(people=("ana", "ben"))
        by = await house.admin.present("ana", "ana-passphrase", PEER)
        assert (by.subject, by.same_host) == ("ana", False)
        assert Role.SECURITY in by.roles
        assert (await house.admin.present("ana", "ana-passphrase", Peer(uid=GATE_UID, pid=1))).same_host
        for account, passphrase in (("ana", "wrong"), ("nobody", "ana-passphrase"), ("nobody", "")):
            await fault(house.admin.present(account, passphrase, PEER), "bad_passphrase")

    run(check())


def test_guessing_is_slowed_down_for_one_name_from_one_place():
    async def check():
        house = await open_house(people=("ana", "ben"))
        seen = []
        for _ in range(12):
            with pytest.raises(AuthError) as raised:
                await house.admin.present("ana", "guess", PEER)
            seen.append(raised.value.code)
        assert seen[-1] == "too_many_tries"
        assert "bad_passphrase" in seen
        assert (await house.admin.present("ben", "ben-passphrase", PEER)).subject == "ben"
        house.clock.forward(3_600_000)
        assert (await house.admin.present("ana", "ana-passphrase", PEER)).subject == "ana"

    run(check())


def test_accounts_are_added_disabled_and_given_passphrases():
    async def check():
        house = await open_house(people=("ana", "ben"))
        await house.use_bundle(roles=(SECURITY, PLATFORM))
        ana, ben = house.presence("ana"), house.presence("ben", roles=())
        added = await house.admin.add_account(ana, NewAccount(subject="cleo", passphrase="long enough", team="home"))
        assert (added.subject, added.roles) == ("cleo", ())
        again = NewAccount(subject="cleo", passphrase="long enough")
        await fault(house.admin.add_account(ana, again), "account_exists")
        await fault(house.admin.add_account(ana, NewAccount(subject="x", passphrase="short")), "short_passphrase")
        await fault(house.admin.add_account(ana, NewAccount(subject="UP", passphrase="long enough")), "bad_account")
        rolled = NewAccount(subject="y", passphrase="long enough", roles=(Role.AUDIT,))
        await fault(house.admin.add_account(ana, rolled), "roles_in_bundle")
        await fault(house.admin.add_account(ben, again), "missing_role")
        new = NewPassphrase(passphrase="another one")
        await fault(house.admin.change_passphrase(ben, "cleo", new), "missing_role")
        await house.admin.change_passphrase(house.presence("cleo", roles=()), "cleo", new)
        assert await house.admin.present("cleo", "another one", PEER)
        await house.admin.disable_account(ana, "cleo")
        await fault(house.admin.present("cleo", "another one", PEER), "bad_passphrase")
        await fault(house.admin.disable_account(ana, "nobody"), "unknown_account")
        await house.admin.disable_account(ana, "ben")
        await fault(house.admin.disable_account(ana, "ana"), "last_security")
        kinds = [body.change for body in await house.events("account_changed")]
        assert kinds == ["added", "passphrase", "disabled", "disabled"]
        assert "cleo" not in str(await house.events("account_changed"))

    run(check())


# Tokens.


def test_tokens_are_issued_to_registered_runtimes_and_revoked():
    async def check():
        house = await open_house(people=("ana", "ben"))
        by = house.presence()
        view = await house.admin.issue_token(by, TokenRequest(runtime="codex", integrations=("git",), hours=1))
        assert view.expires_ms == house.clock.ms + 3_600_000
        (issued,) = await house.events("token_issued")
        assert issued.credential == view.credential
        assert view.token not in str(issued)
        ask = house.admin.issue_token
        await fault(ask(by, TokenRequest(runtime="stranger")), "unknown_runtime")
        await fault(ask(by, TokenRequest(runtime="codex", hours=25)), "bad_expiry")
        await fault(ask(by, TokenRequest(runtime="codex", hours=0)), "bad_expiry")
        await fault(ask(by, TokenRequest(runtime="codex", integrations=("mail",))), "unknown_integration")
        await fault(ask(by, TokenRequest(runtime="codex", task="task-none")), "unknown_task")
        bens = tuple(msgspec.structs.replace(one, users=("ben",)) for one in house.live.bundle.runtimes)
        await house.use_bundle(runtimes=bens)
        await fault(ask(by, TokenRequest(runtime="codex")), "runtime_not_yours")
        for _ in range(2):
            await house.admin.revoke_token(view.credential, PEER)
        assert len(await house.events("token_revoked")) == 1
        assert isinstance(await house.status(credential=house.credential(id=view.credential)), Refused)

    run(check())


# Contracts and tasks.


def test_a_contract_waits_for_the_owners_it_names():
    async def check():
        domains = tuple(msgspec.structs.replace(one, owner="ben") for one in (await open_house()).live.bundle.domains)
        house = await team(domains=domains)
        text = ContractText(text=TASK_RULES.format(more=""))
        view = await house.admin.add_contract(house.presence("ana"), text)
        assert view.state == "awaiting_consent"
        assert {one.capacity: one.who for one in view.consents} == {
            "domain:local-work": ("ben",),
            "security": ("ana", "ben"),
        }
        await fault(house.admin.open_task(house.presence(), TaskRequest(contract=view.id)), "awaiting_consent")
        half = await house.admin.consent_contract(house.presence("ana"), view.id, "")
        assert half.state == "awaiting_consent"
        await fault(house.admin.consent_contract(house.presence("ana"), view.id, ""), "not_yours")
        await fault(house.admin.consent_contract(house.presence("ana"), view.id, "domain:local-work"), "not_yours")
        await fault(house.admin.consent_contract(house.presence("ana"), view.id, "other"), "unknown_capacity")
        assert (await house.admin.consent_contract(house.presence("ben"), view.id, "")).state == "active"
        assert await house.open_task(view.id)
        assert (await house.admin.add_contract(house.presence("ana"), text)).id == view.id
        assert len(await house.events("contract_added")) == 2

    run(check())


def test_contracts_say_what_is_wrong_with_them():
    async def check():
        house = await open_house()
        for text, key in (
            (TASK_RULES.format(more="maxcalls = 3"), "maxcalls"),
            (TASK_RULES.format(more="").replace("local-work", "nowhere"), "domains"),
            (TASK_RULES.format(more="").replace('"ana"', '"nobody"'), "owner"),
            (TASK_RULES.format(more='runtimes = ["stranger"]'), "runtimes"),
        ):
            checked = await house.admin.check_contract(ContractText(text=text, file="my.toml"))
            assert checked.contract is None
            assert checked.problems[0].key == key
            with pytest.raises(ConfigError) as raised:
                await house.admin.add_contract(house.presence(), ContractText(text=text, file="my.toml"))
            assert (raised.value.file, raised.value.key) == ("my.toml", key)
        good = await house.admin.check_contract(ContractText(text=TASK_RULES.format(more="")))
        assert good.contract is not None
        assert good.contract.preview
        assert good.contract.notes == ()

    run(check())


def test_what_a_contract_names_that_nothing_here_has_is_said_and_not_refused():
    async def check():
        house = await open_house()
        good = TASK_RULES.format(more="")
        for text, said in (
            (good.replace('"git"', '"gti"'), "No integration gti is connected. Did you mean git?"),
            (
                good.replace('["*"]', '["git_statu"]'),
                "git has no tool git_statu that was confirmed. Did you mean git_status?",
            ),
            (
                good + 'targets = ["git.repositry:/srv/*"]',
                "git.repositry:/srv/*: no tool of git aims at the kind git.repositry. Did you mean git.repository?",
            ),
            (
                TASK_RULES.format(more='prohibited = ["git.repositry:/srv/secret", "git.repository:/x", "*"]'),
                "git.repositry:/srv/secret: no tool here aims at the kind git.repositry. Did you mean git.repository?",
            ),
            (
                TASK_RULES.format(more="everyday = true").replace('"home"', '"hom"'),
                "Nobody here is in the team hom. Did you mean home?",
            ),
        ):
            checked = await house.admin.check_contract(ContractText(text=text))
            assert checked.contract is not None, checked.problems
            assert checked.contract.notes == (said,)

    run(check())


def test_tasks_open_from_contracts_and_templates_and_only_narrow():
    async def check():
        house = await open_house(people=("ana", "ben"))
        wide = await house.add_contract(TASK_RULES.format(more="max_seconds = 3600"))
        narrow = await house.add_contract(TASK_RULES.format(more="max_seconds = 1800").replace("execute", "read"))
        template = await house.add_contract(
            TASK_RULES.format(more='parameters = ["repository:path"]').replace(
                'tools = ["*"]', 'targets = ["git.repository:/{repository}"]'
            )
        )
        by = house.presence()
        opens = house.admin.open_task
        parent = await opens(by, TaskRequest(contract=wide, minutes=30))
        child = await opens(by, TaskRequest(contract=narrow, parent=parent.id))
        assert child.deadline_ms <= parent.deadline_ms
        await fault(opens(by, TaskRequest(contract=wide, parent=child.id)), "wider_task")
        await fault(opens(house.presence("ben"), TaskRequest(contract=narrow, parent=parent.id)), "unknown_task")
        await fault(opens(by, TaskRequest(contract=wide, minutes=61)), "too_long")
        await fault(opens(by, TaskRequest(contract="everyday")), "everyday")
        await fault(opens(by, TaskRequest(contract="nothing")), "unknown_contract")
        await fault(opens(by, TaskRequest(contract=wide, runtime="stranger")), "unknown_runtime")
        await fault(opens(by, TaskRequest(contract=wide, parameters={"a": "b"})), "unknown_parameter")
        await fault(opens(by, TaskRequest(contract=template)), "bad_parameter")
        made = await opens(by, TaskRequest(contract=template, parameters={"repository": "srv/app"}))
        assert isinstance(await house.status(named_tasks=(made.id,)), Served)
        outside = await house.call("git_status", {"repo_path": "/srv/other"}, named_tasks=(made.id,))
        assert not isinstance(outside, Served)
        assert [view.id for view in await house.admin.tasks("open")] == [parent.id, child.id, made.id]
        await fault(house.admin.close_task(house.presence("ben", roles=()), made.id), "unknown_task")
        assert (await house.admin.close_task(by, made.id)).state == "closed"
        assert (await house.admin.close_task(by, made.id)).state == "closed"
        house.clock.forward(3_600_000)
        await house.admin.close_overdue()
        assert [view.state for view in await house.admin.tasks("")] == ["closed"] * 3
        assert [body.reason for body in await house.events("task_closed")] == ["closed", "deadline", "deadline"]

    run(check())


# Policy.


# Halts and records.


def test_halts_stop_and_are_lifted_by_somebody_who_may():
    async def check():
        house = await open_house()
        halt = house.admin.halt
        await fault(halt(HaltRequest(scope=HaltScope.TOOL, what="git"), PEER), "unknown_halt_target")
        await fault(halt(HaltRequest(scope=HaltScope.INTEGRATION, what="mail"), PEER), "unknown_halt_target")
        await fault(halt(HaltRequest(scope=HaltScope.TENANT, what="git"), PEER), "bad_halt")
        await fault(halt(HaltRequest(scope=HaltScope.TASK), PEER), "bad_halt")
        made = await halt(HaltRequest(scope=HaltScope.INITIATOR, what="ana", reason="Look first"), PEER)
        assert isinstance(await house.status(), Refused)
        assert "ana" not in str(await house.events("halted"))
        assert [view.id for view in await house.admin.halts()] == [made.id]
        await fault(house.admin.resume(house.presence(roles=()), made.id), "missing_role")
        await house.admin.resume(house.presence(), made.id)
        await fault(house.admin.resume(house.presence(), made.id), "unknown_halt")
        assert isinstance(await house.status(), Served)
        for scope, what in ((HaltScope.RUNTIME, "codex"), (HaltScope.INTEGRATION, "git"), (HaltScope.TENANT, "")):
            view = await halt(HaltRequest(scope=scope, what=what), PEER)
            assert isinstance(await house.status(), Refused), scope
            await house.admin.resume(house.presence(), view.id)

    run(check())


def test_events_are_listed_followed_and_explained():
    async def check():
        house = await open_house()
        answer = await house.status()
        head = (await house.store.head()).size
        newest = await house.admin.events(EventFilter(limit=2))
        assert [event.kind for event in newest.events] == ["decided", "finished"]
        assert newest.events[0].who == "ana"
        assert newest.next == head - 1
        assert (await house.admin.events(EventFilter(after=head - 1))).events == ()
        waiting = asyncio.create_task(house.admin.events(EventFilter(after=head - 1, wait_ms=20_000)))
        await asyncio.sleep(0)
        await house.call("git_nothing")
        assert [event.kind for event in (await waiting).events] == ["decided"]
        one = await house.admin.events(EventFilter(call=answer.call_id, kind="finished"))
        with pytest.raises(InputError, match="no such kind") as unknown:
            await house.admin.events(EventFilter(kind="decide"))
        assert "decided" in unknown.value.hint
        assert [event.kind for event in one.events] == ["finished"]
        for id_ in (answer.call_id, answer.events[0]):
            view = await house.admin.explain(id_)
            assert (view.effect, view.outcome, view.asked_by) == ("allow", "finished: ok", "ana")
        await fault(house.admin.explain("call-none"), "unknown_decision")
        pending = await house.commit("Secret words")
        assert "Secret words" not in str(await house.admin.explain(pending.hold))
        detail = await house.admin.hold(pending.hold, "ana")
        assert any("Secret words" in argument.value for argument in detail.arguments)
        voted = await house.admin.approve_hold(house.presence(), pending.hold, Ballot(digest=detail.digest))
        assert voted.answered == ("meant",)
        await house.settle()
        assert (await house.admin.explain(pending.hold)).outcome == "finished: ok"
        assert [view.state for view in await house.admin.holds("")] == ["executed"]

    run(check())


def test_the_ledger_is_verified_proved_and_exported():
    async def check():
        house = await open_house()
        exported = {}
        object.__setattr__(house.admin._tools, "write_export", lambda folder, files: exported.update(files))
        answer = await house.status()
        house.clock.forward(2_000)
        ends = [line async for line in house.admin.verify_ledger("") if isinstance(line, VerifyEnd)]
        assert ends[0].ok
        assert ends[0].events == (await house.store.head()).size
        note = (await house.admin.checkpoint()).note
        ends = [line async for line in house.admin.verify_ledger(note) if isinstance(line, VerifyEnd)]
        assert ends[0].ok
        with pytest.raises(InputError):
            _ = [line async for line in house.admin.verify_ledger("no note")]
        assert (await house.admin.proof(answer.events[0])).event == answer.events[0]
        await fault(house.admin.proof("ev-none"), "unknown_event")
        await fault(house.admin.export_ledger("/anywhere", PEER), "not_gate_user")
        assert not exported
        view = await house.admin.export_ledger("/anywhere", Peer(uid=GATE_UID, pid=1))
        assert view.events == (await house.store.head()).size
        assert "events.jsonl" in exported

    run(check())


# Integrations.


def test_an_integration_is_offered_only_after_its_confirmation():
    async def check():
        house = await open_house()
        by = house.presence()
        await house.admin.remove_integration(by, "git")
        assert "git" not in house.live.connected
        house.upstream.closed = False
        house.rooms.tenancy.upstreams.made["git"] = house.upstream
        git = Integration(name="git", actor="local", command=("git-server",))
        found = await house.admin.add_integration(by, git)
        assert isinstance(await house.status(), Refused)
        assert house.gatehouse.listing(house.credential(), "git") is None
        await fault(house.admin.confirm_integration(by, "git", "0" * 64), "stale_digest")
        await fault(house.admin.confirm_integration(house.presence(roles=()), "git", found.digest), "missing_role")
        await house.admin.confirm_integration(by, "git", found.digest)
        assert isinstance(await house.status(), Served)
        assert house.gatehouse.listing(house.credential(), "git") is not None
        other = msgspec.structs.replace(git, command=("other",))
        await fault(house.admin.add_integration(by, other), "integration_exists")
        await fault(house.admin.add_integration(by, Integration(name="x", actor="y")), "bad_integration")
        await fault(house.admin.add_integration(by, Integration(name="A B", actor="y", url="http://h")), "bad_name")
        unknown = Integration(name="x", actor="y", url="http://h", manifest="none-such")
        await fault(house.admin.add_integration(by, unknown), "unknown_manifest")
        await fault(house.admin.refresh_integration("nothing"), "unknown_integration")
        assert {view.tool for view in await house.admin.tools("git")} >= {"git_status", "git_commit"}
        status = await house.admin.status()
        assert [one.name for one in status.integrations] == ["git"]
        assert await house.admin.doctor()

    run(check())
