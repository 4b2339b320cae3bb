"""The endpoint for everything: its names and lists, and one path for every call."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callgate.core.name_table import build_names
from callgate.flow.serving import EVERYTHING
from callgate.model.answer import Failed, Pending, Refused, Served
from callgate.model.bundle import Domain
from callgate.model.call import PROMPTS_GET
from callgate.model.event import Decided
from callgate.model.inquiry import Continued
from callgate.model.tool import Integration
from tests.fakes.asking import FORM
from tests.fakes.catalog import definitions
from tests.fakes.house import ALL_ROLES, House, git_answers, open_house, run
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
