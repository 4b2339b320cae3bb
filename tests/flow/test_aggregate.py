"""The endpoint for everything, and the gate's own sessions with HTTP servers."""

import asyncio
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callgate.core.name_table import build_names
from callgate.flow.admin import Peer
from callgate.flow.serving import EVERYTHING
from callgate.flow.sessions import IDLE_MS, MOST
from callgate.model.answer import Failed, Pending, Refused, Served
from callgate.model.bundle import Domain
from callgate.model.call import PROMPTS_GET
from callgate.model.errors import OutcomeUnknown, UpstreamError
from callgate.model.event import Decided, Finished
from callgate.model.inquiry import Continued
from callgate.model.terms import Outcome
from callgate.model.tool import Integration
from tests.fakes.asking import FORM
from tests.fakes.catalog import definitions
from tests.fakes.house import ALL_ROLES, OTHER_UID, House, git_answers, open_house, run
from tests.fakes.upstream import FakeUpstream

VALUES = st.none() | st.integers() | st.text(max_size=8) | st.lists(st.booleans(), max_size=2)
HANDSHAKE = ("2025-11-25", "2025-06-18")
RULES = """
name = "{name}"
objective = "Work everywhere."
team = "home"
owner = "ana"
{kind}
max_tier = "execute"
domains = ["local-work"]
{more}
"""


def rules(*integrations: str, everyday: bool = True, name: str = "wide", more: str = "") -> str:
    scopes = "".join(f'\n[[scopes]]\nintegration = "{one}"\ntools = ["*"]\n' for one in integrations)
    return RULES.format(name=name, kind="everyday = true" if everyday else "", more=more) + scopes


async def connected(
    house: House, name: str, *, eras: tuple[str, ...] = HANDSHAKE, tools: Any = None, manifest: str = "git", **more: Any
) -> FakeUpstream:
    """Another integration over HTTP, with the tools of git and its manifest."""
    upstream = FakeUpstream(definitions("git") if tools is None else tools, git_answers, eras=eras)
    house.rooms.tenancy.upstreams.made[name] = upstream
    wanted = Integration(name=name, actor="local", url="https://web.example/mcp", manifest=manifest, **more)
    found = await house.admin.add_integration(house.presence(roles=ALL_ROLES), wanted)
    await house.admin.confirm_integration(house.presence(roles=ALL_ROLES), name, found.digest)
    upstream.opened.clear()
    upstream.ended.clear()
    upstream.sent.clear()
    return upstream


async def consented(house: House, text: str) -> str:
    house.clock.ms += 1
    contract = await house.add_contract(text)
    view = next(one for one in await house.admin.contracts() if one.id == contract)
    if view.state == "awaiting_consent":
        await house.admin.consent_contract(house.presence(), contract, "")
    return contract


async def wide_house(**more: Any) -> tuple[House, FakeUpstream]:
    house = await open_house(**more)
    web = await connected(house, "web")
    await consented(house, rules("git", "web"))
    await house.use_bundle(stages=(("*", "production"),))
    return house, web


def names(house: House, **more: Any) -> list[str]:
    listing = house.gatehouse.listing(house.credential(**more), EVERYTHING)
    assert listing is not None
    return [tool["name"] for tool in json.loads(listing.tools)]


async def everywhere(house: House, tool: str, **more: Any) -> Any:
    return await house.call(tool, integration=EVERYTHING, protocol="2025-11-25", **more)


def keep_state(house: House, name: str = "web") -> None:
    """As if no verified manifest said that the server keeps none."""
    house.live.connected[name].stateful = True


# Names and lists.


def test_all_integrations_are_listed_under_public_names_in_a_stable_order() -> None:
    async def test() -> None:
        house, _ = await wide_house()
        found = names(house)
        assert found == sorted(found, key=lambda name: name.partition("__")[0])
        assert {name.partition("__")[0] for name in found} == {"git", "web"}
        assert "git__git_status" in found
        listing = house.gatehouse.listing(house.credential(), EVERYTHING)
        assert listing is house.gatehouse.listing(house.credential("ana", "claude-code"), EVERYTHING)
        assert listing.bridged
        one = json.loads(house.gatehouse.listing(house.credential(), "git").tools)
        assert [{**tool, "name": f"git__{tool['name']}"} for tool in one] == json.loads(listing.tools)[: len(one)]

    run(test())


def test_a_login_sees_what_its_token_and_some_rules_for_it_name() -> None:
    async def test() -> None:
        house, _ = await wide_house()
        assert {name.partition("__")[0] for name in names(house, integrations=("web",))} == {"web"}
        await connected(house, "unruled")
        assert {name.partition("__")[0] for name in names(house)} == {"git", "web"}
        await consented(house, rules("unruled", everyday=False, name="side", more='runtimes = ["codex"]'))
        assert {name.partition("__")[0] for name in names(house)} == {"git", "unruled", "web"}
        assert {name.partition("__")[0] for name in names(house, runtime="claude-code")} == {"git", "web"}

    run(test())


def test_a_narrowed_login_finds_no_tool_of_another_integration() -> None:
    async def test() -> None:
        house, _ = await wide_house()
        narrow = house.credential(integrations=("web",))
        answer = await everywhere(house, "git__git_status", credential=narrow)
        assert isinstance(answer, Failed)
        assert answer.code == "unknown_tool"
        assert answer == await everywhere(house, "git__no_such", credential=narrow)
        assert isinstance(await everywhere(house, "web__git_status", credential=narrow), Served)
        assert not house.upstream.sent

    run(test())


def test_names_follow_what_is_confirmed_and_removed() -> None:
    async def test() -> None:
        house, _ = await wide_house()
        before = names(house)
        await house.admin.remove_integration(house.presence(roles=ALL_ROLES), "web")
        assert names(house) == [name for name in before if name.startswith("git__")]
        assert isinstance(await everywhere(house, "web__git_status"), Failed)
        await connected(house, "web")
        assert names(house) == before

    run(test())


def test_tools_that_look_alike_across_integrations_are_kept_away_and_told() -> None:
    async def test() -> None:
        house = await open_house()
        tool = {"name": "b_read", "inputSchema": {"type": "object"}}
        await connected(house, "a", tools=[tool], manifest="none")
        await connected(house, "a-b", tools=[{**tool, "name": "read"}], manifest="none")
        await consented(house, rules("git", "a", "a-b"))
        assert all(name.startswith("git__") for name in names(house))
        assert isinstance(await everywhere(house, "a__b_read"), Failed)
        assert ("names_kept_away", {"names": 2}) in house.logged
        warnings = [one for one in (await house.admin.status()).warnings if one.code == "names_kept_away"]
        assert "a/b_read, a-b/read" in warnings[0].text
        views = await house.admin.tools("a")
        assert [view.shown for view in views] == [""]
        assert {view.shown for view in await house.admin.tools("git")} >= {"git__git_status"}

    run(test())


def test_names_are_made_when_what_is_connected_changes_and_never_per_call(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def counted(tools: Any) -> Any:
        made.append(sorted(tools))
        return build_names(tools)

    async def test() -> None:
        house, _ = await wide_house()
        made.clear()
        for _ in range(3):
            assert isinstance(await everywhere(house, "git__git_status"), Served)
            await house.admin.halts()
            names(house)
        both, three = [["git", "web"]] * 2, [["git", "third", "web"]] * 2  # tools and prompts
        assert made == both
        await connected(house, "third")
        names(house)
        assert made == both + three

    monkeypatch.setattr("callgate.flow.aggregate.build_names", counted)
    run(test())


# One path.


@pytest.mark.parametrize("tool", ["git_status", "git_create_branch", "git_commit", "git_reset", "git_diff"])
def test_a_call_is_decided_as_on_its_own_endpoint(tool: str) -> None:
    async def decided(*, integration: str, name: str) -> Decided:
        house, _ = await wide_house()
        arguments = {"git_create_branch": {"branch_name": "topic"}, "git_commit": {"message": "m"}}.get(tool)
        answer = await house.call(name, arguments, integration=integration, protocol="2025-11-25")
        assert isinstance(answer, Served | Pending | Refused)
        (body,) = [one for one in await house.events() if isinstance(one, Decided)]
        return body

    async def test() -> None:
        direct = await decided(integration="git", name=tool)
        assert await decided(integration=EVERYTHING, name=f"git__{tool}") == direct

    run(test())


@settings(max_examples=4, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(["repo_path", "target", "more"]), VALUES, max_size=3), max_size=20))
def test_whatever_the_arguments_it_is_decided_alike(several: list[dict[str, Any]]) -> None:
    async def test() -> None:
        house, web = await wide_house()
        for arguments in several:
            made = []
            for integration, name in (("web", "git_diff"), (EVERYTHING, "web__git_diff")):
                request = house.request("", integration=integration, protocol="2025-11-25")
                request = msgspec.structs.replace(request, tool=name, arguments=arguments)
                await house.gatehouse.call(request, lambda _: None)
                body = [one for one in await house.events() if isinstance(one, Decided)][-1]
                # The commitment is under a key of its own for each call; the tag beside it is not.
                made.append((msgspec.structs.replace(body, arguments=""), [one.params for one in web.sent]))
                web.sent.clear()
            assert made[0] == made[1]

    run(test())


def test_what_is_sent_is_named_as_the_server_knows_it() -> None:
    async def test() -> None:
        house, web = await wide_house()
        assert isinstance(await everywhere(house, "web__git_status"), Served)
        (sent,) = web.sent
        assert msgspec.json.decode(sent.params)["name"] == sent.name == "git_status"
        assert (sent.session, sent.protocol) == ("session-1", "2025-11-25")
        assert not house.upstream.sent

    run(test())


def test_other_methods_reach_nothing_there() -> None:
    async def test() -> None:
        house, web = await wide_house()
        for name in ("git__git_status", "resources/read"):
            assert isinstance(await everywhere(house, name, method="resources/read"), Failed)
        assert not web.sent

    run(test())


def test_prompts_are_there_under_public_names_too() -> None:
    prompts = [{"name": "review", "description": "Review"}, {"name": "Review"}, {"name": "plain"}]
    domain = Domain(name="local-work", title="Work", owner="ana", targets=("mcp.prompt:*", "git.repository:*"))

    def answer(request: Any) -> Any:
        return {"messages": []} if request.method == PROMPTS_GET else git_answers(request)

    async def test() -> None:
        house, web = await wide_house()
        await house.use_bundle(domains=(domain,))
        web.offers = web.offers_modern = ("tools", "prompts")
        web.prompts, web.answer = prompts, answer
        found = await house.admin.refresh_integration("web")
        await house.admin.confirm_integration(house.presence(roles=ALL_ROLES), "web", found.digest)
        listing = house.gatehouse.listing(house.credential(), EVERYTHING)
        assert listing is not None
        assert listing.offers == listing.offers_modern == ("prompts",)
        assert [prompt["name"] for prompt in json.loads(listing.prompts)] == ["web__plain"]
        decided = []
        for integration, name in (("web", "plain"), (EVERYTHING, "web__plain")):
            request = house.request(PROMPTS_GET, integration=integration, protocol="2025-11-25", method=PROMPTS_GET)
            request = msgspec.structs.replace(request, arguments={"name": name})
            assert isinstance(await house.gatehouse.call(request, lambda _: None), Served)
            body = [one for one in await house.events() if isinstance(one, Decided)][-1]
            decided.append(msgspec.structs.replace(body, arguments=""))
            assert msgspec.json.decode(web.sent[-1].params) == {"name": "plain"}
        assert decided[0] == decided[1]
        for name in ("plain", "web__review", 3, None):
            request = msgspec.structs.replace(request, arguments={"name": name})
            assert isinstance(await house.gatehouse.call(request, lambda _: None), Failed)

    run(test())


def test_a_call_may_go_on_in_rounds() -> None:
    asks = {"method": "elicitation/create", "params": {"message": "Who?", "requestedSchema": FORM}}

    def answer(request: Any) -> Any:
        if "inputResponses" in msgspec.json.decode(request.params):
            return git_answers(request)
        return {"resultType": "input_required", "inputRequests": {"who": asks}, "requestState": "s"}

    async def test() -> None:
        house = await open_house()
        new = await connected(house, "new", eras=("2026-07-28",), asks=("elicitation",))
        await consented(house, rules("git", "new"))
        listing = house.gatehouse.listing(house.credential(), EVERYTHING)
        assert listing is not None
        assert listing.asks == ("elicitation",)
        new.answer = answer
        words = ("elicitation.form",)
        first = await everywhere(house, "new__git_status", asks=words)
        assert isinstance(first, Served)
        state = json.loads(first.result)["requestState"]
        told = Continued(answers={"who": {"action": "accept", "content": {"name": "Ana"}}}, sealed=state)
        last = await everywhere(house, "new__git_status", asks=words, continued=told)
        assert isinstance(last, Served)
        assert [sent.protocol for sent in new.sent] == ["2026-07-28", "2026-07-28"]
        assert json.loads(new.sent[0].capabilities) == {"elicitation": {"form": {}}}
        assert isinstance(await everywhere(house, "git__git_status", asks=words), Served)
        assert not house.upstream.sent[-1].capabilities

    run(test())


# Sessions.


def test_one_session_for_all_of_a_server_that_keeps_no_state() -> None:
    async def test() -> None:
        house, web = await wide_house(people=("ana", "ben"))
        for subject in ("ana", "ben"):
            await everywhere(house, "web__git_status", credential=house.credential(subject), session=f"s-{subject}")
        assert [sent.session for sent in web.sent] == ["session-1", "session-1"]

    run(test())


def test_a_server_that_may_keep_state_never_sees_two_callers_in_one_session() -> None:
    async def test() -> None:
        house, web = await wide_house(people=("ana", "ben"))
        keep_state(house)
        task = await house.open_task(await consented(house, rules("web", everyday=False, name="work")))
        other = await house.open_task(await consented(house, rules("web", everyday=False, name="more")))
        callers: list[dict[str, Any]] = [
            {"session": "one"},
            {"session": "two"},
            {"credential": house.credential("ben"), "session": "one"},
            {"credential": house.credential(runtime="claude-code"), "session": "one"},
            {"named_tasks": (task,), "session": "one"},
            {"named_tasks": (other,), "session": "one"},
        ]
        for caller in (*callers, *callers):
            assert isinstance(await everywhere(house, "web__git_status", **caller), Served)
        used = [sent.session for sent in web.sent]
        assert len(set(used[: len(callers)])) == len(callers)
        assert used[len(callers) :] == used[: len(callers)]
        assert len(web.opened) == len(callers)

    run(test())


def test_who_opens_many_sessions_takes_none_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callgate.flow.sessions.MOST", 6)
    monkeypatch.setattr("callgate.flow.sessions.MOST_OF_ONE", 3)

    async def test() -> None:
        house, web = await wide_house(people=("ana", "ben"))
        keep_state(house)
        ben = {"credential": house.credential("ben"), "session": "mine"}
        await everywhere(house, "web__git_status", **ben)
        for number in range(12):
            house.clock.ms += 1
            assert isinstance(await everywhere(house, "web__git_status", session=f"s-{number}"), Served)
            assert len(house.rooms.sessions) <= 4
        await everywhere(house, "web__git_status", **ben)
        assert web.sent[0].session == web.sent[-1].session

    run(test())


def test_the_task_and_not_the_clients_session_tells_sessions_apart() -> None:
    async def test() -> None:
        house, web = await wide_house()
        keep_state(house)
        task = await house.open_task(await consented(house, rules("web", everyday=False, name="work")))
        for session in ("one", "two"):
            await everywhere(house, "web__git_status", named_tasks=(task,), session=session)
        assert len(web.opened) == 1
        await house.admin.close_task(house.presence(), task)
        house.rooms.sessions.sweep()
        await house.rooms.sessions.close()
        assert web.ended == ["session-1"]

    run(test())


def test_calls_at_once_open_one_session() -> None:
    async def test() -> None:
        house, web = await wide_house()
        await asyncio.gather(*(everywhere(house, "web__git_status") for _ in range(8)))
        assert len(web.opened) == 1
        assert len(web.sent) == 8

    run(test())


def test_an_approved_call_runs_in_the_gates_own_session() -> None:
    async def test() -> None:
        house, web = await wide_house()
        keep_state(house)
        answer = await everywhere(house, "web__git_commit", arguments={"repo_path": "/srv/app", "message": "m"})
        assert isinstance(answer, Pending)
        await house.approve(answer.hold)
        commit = [sent for sent in web.sent if sent.name == "git_commit"]
        assert [sent.protocol for sent in commit] == ["2025-11-25"]
        assert all(sent.session for sent in web.sent)

    run(test())


def test_a_stateless_server_gets_no_session() -> None:
    async def test() -> None:
        house = await open_house()
        new = await connected(house, "new", eras=("2026-07-28",))
        await consented(house, rules("git", "new"))
        assert isinstance(await everywhere(house, "new__git_status"), Served)
        assert [(sent.protocol, sent.session) for sent in new.sent] == [("2026-07-28", "")]
        assert not new.opened

    run(test())


def test_a_session_that_is_gone_is_opened_again_for_the_next_call_and_nothing_is_sent_twice() -> None:
    async def test() -> None:
        house, web = await wide_house()
        web.answer = lambda _: UpstreamError("The server does not know this session any more.", code="session_gone")
        answer = await everywhere(house, "web__git_status")
        assert isinstance(answer, Failed)
        assert answer.code == "session_gone"
        assert "Call again" in answer.next
        assert len(web.sent) == 1
        web.answer = git_answers
        assert isinstance(await everywhere(house, "web__git_status"), Served)
        assert [sent.session for sent in web.sent] == ["session-1", "session-2"]

    run(test())


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (OutcomeUnknown("The request was sent and no usable answer was seen."), "not_sent"),
        (UpstreamError("The server refused the gate's credential.", code="unauthorized"), "no_session"),
        (UpstreamError("The server could not be reached; nothing was sent.", code="not_sent"), "not_sent"),
    ],
)
def test_a_session_that_cannot_be_opened_means_that_nothing_was_sent(fault: UpstreamError, code: str) -> None:
    async def test() -> None:
        house, web = await wide_house()

        async def refused(params: bytes, protocol: str) -> Any:
            raise fault

        web.initialize = refused  # type: ignore[method-assign]
        answer = await everywhere(house, "web__git_status")
        assert isinstance(answer, Failed)
        assert (answer.code, answer.unknown) == (code, False)
        assert not web.sent
        (finished,) = [one for one in await house.events() if isinstance(one, Finished)]
        assert finished.outcome == Outcome.NOT_SENT
        assert not house.doubts()

    run(test())


def test_a_session_that_does_not_open_in_time_takes_no_more_than_the_calls_own() -> None:
    async def test() -> None:
        house, web = await wide_house()

        async def never(params: bytes, protocol: str) -> Any:
            await asyncio.Event().wait()

        web.initialize = never  # type: ignore[method-assign]
        await consented(house, rules("git", "web", name="hasty", more="call_timeout_ms = 1000"))
        answer = await everywhere(house, "web__git_status")
        assert isinstance(answer, Failed)
        assert (answer.code, answer.unknown) == ("not_sent", False)
        assert not web.sent

    run(test())


def test_sessions_end_when_nobody_uses_them() -> None:
    async def test() -> None:
        house, web = await wide_house(people=("ana", "ben"))
        keep_state(house)
        sessions = house.rooms.sessions
        await everywhere(house, "web__git_status", session="one")
        await everywhere(house, "web__git_status", credential=house.credential("ben"), session="two")
        await house.gatehouse.end_session(house.credential(), EVERYTHING, "two")
        assert len(sessions) == 2
        await house.gatehouse.end_session(house.credential(), EVERYTHING, "one")
        assert len(sessions) == 1
        sessions.sweep()
        assert len(sessions) == 1
        house.clock.ms += IDLE_MS
        sessions.sweep()
        await sessions.close()
        assert sorted(web.ended) == ["session-1", "session-2"]

    run(test())


def test_a_revoked_login_keeps_no_session() -> None:
    async def test() -> None:
        house, web = await wide_house()
        keep_state(house)
        await everywhere(house, "web__git_status")
        house.rooms.sessions.sweep()
        assert len(house.rooms.sessions) == 1
        await house.admin.revoke_token("cred-ana-codex", Peer(uid=OTHER_UID, pid=1))
        house.rooms.sessions.sweep()
        await house.rooms.sessions.close()
        assert web.ended == ["session-1"]

    run(test())


def test_the_number_of_sessions_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        house, web = await wide_house()
        keep_state(house)
        for number in range(4):
            house.clock.ms += 1
            assert isinstance(await everywhere(house, "web__git_status", session=f"s{number}"), Served)
        assert len(house.rooms.sessions) == 2
        await house.rooms.sessions.close()
        assert web.ended[:2] == ["session-1", "session-2"]

    assert MOST > 2
    monkeypatch.setattr("callgate.flow.sessions.MOST", 2)
    run(test())
