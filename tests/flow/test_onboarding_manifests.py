"""Connecting what a manifest knows: its domain, its variants, and when it does not count."""

import tomllib

import msgspec
import pytest

from callgate.core.policy.bundle import bundle_digest
from callgate.model.answer import Served
from callgate.model.bundle import Domain
from callgate.model.errors import InputError
from callgate.model.terms import Role
from callgate.model.tool import Integration
from tests.fakes.house import ALL_ROLES, run
from tests.fakes.onboarding import connected, house_with, want

GITHUB = Integration(name="github", actor="local", url="https://api.githubcopilot.com/mcp/")


def test_what_a_manifest_aims_at_gets_a_domain_under_solo():
    async def check():
        tools = [{"name": "get_file_contents", "inputSchema": {"type": "object"}}]
        house, _ = await house_with(*tools, integration=GITHUB)
        before = house.live.bundle
        by = house.presence(roles=ALL_ROLES)
        found = await house.admin.look_at_integration(by, want(GITHUB))
        assert found.rules.domain == "github"
        assert "github.repository:*" in found.rules.targets
        assert house.live.bundle is before
        added = await connected(house, GITHUB)
        assert added.rules == ("The rules everyday name it now.",)
        made = house.live.bundle
        assert made.digest != before.digest
        (domain,) = [one for one in made.domains if one.name == "github"]
        assert (domain.owner, domain.targets) == ("ana", found.rules.targets)
        assert tomllib.loads(house.home.texts["policies/domains.toml"].decode())["github"]["owner"] == "ana"
        assert house.admin.pending() == ()
        assert (await house.events("policy_approved"))[-1].alone
        rules = house.live.contracts[house.live.everyday("")].contract
        assert "github" in rules.domains

    run(check())


def test_without_the_role_a_domain_is_not_made_and_that_is_said():
    async def check():
        tools = [{"name": "get_file_contents", "inputSchema": {"type": "object"}}]
        house, _ = await house_with(*tools, integration=GITHUB)
        found = await house.admin.look_at_integration(house.presence(roles=(Role.PLATFORM,)), want(GITHUB))
        assert found.rules.domain == ""
        assert any("put" in said and "github.repository" in said for said in found.rules.says)

    run(check())


def test_a_policy_that_waits_on_disk_is_not_made_live_by_the_way():
    async def check():
        tools = [{"name": "get_file_contents", "inputSchema": {"type": "object"}}]
        house, _ = await house_with(*tools, integration=GITHUB)
        house.home.texts["policies/rules.toml"] += b"\n# more\n[stages.github]\n"
        found = await house.admin.look_at_integration(house.presence(roles=ALL_ROLES), want(GITHUB))
        assert found.rules.domain == ""

    run(check())


def test_the_manifest_of_an_address_counts_whatever_the_integration_is_called():
    async def check():
        tools = [{"name": "get_file_contents", "inputSchema": {"type": "object"}}]
        ours = msgspec.structs.replace(GITHUB, name="code")
        house, _ = await house_with(*tools, integration=ours)
        found = await house.admin.look_at_integration(house.presence(roles=ALL_ROLES), want(ours))
        assert (found.manifest.partition("/")[0], found.tools[0].decided_by) == ("github", "manifest")
        await connected(house, ours)
        assert house.live.integrations["code"].manifest == "github"
        assert (await connected(house, ours)).integration.manifest == "github"
        without = msgspec.structs.replace(ours, manifest="none")
        with pytest.raises(InputError):
            await house.admin.look_at_integration(house.presence(roles=ALL_ROLES), want(without))

    run(check())


@pytest.mark.parametrize("manifest", ["", "gmail/workspace"])
def test_what_a_manifest_of_one_product_does_not_name_counts_as_the_worst(manifest):
    async def check():
        tools = [{"name": "search_gmail_messages"}, {"name": "list_calendars"}]
        suite = Integration(name="suite", actor="local", command=("uvx", "workspace-mcp@1.2"), manifest=manifest)
        house, _ = await house_with(*tools, integration=suite)
        found = await house.admin.look_at_integration(house.presence(roles=ALL_ROLES), want(suite))
        assert found.manifest == "gmail/workspace"
        assert [(one.decided_by, one.tier) for one in found.tools] == [("manifest", "read"), ("nobody", "execute")]

    run(check())


def test_a_server_that_several_manifests_know_is_left_to_the_person(monkeypatch):
    async def check():
        house, _ = await house_with()
        monkeypatch.setattr(house.rooms.tenancy.catalogue, "likely", lambda _: ("gmail", "slack"))
        found = await house.admin.look_at_integration(house.presence(roles=ALL_ROLES), want())
        assert found.manifest == ""
        assert any("gmail, slack" in said and "--manifest" in said for said in found.warnings)

    run(check())


def test_a_server_that_is_none_of_the_manifest_s_for_certain_is_said_to_count_as_the_worst():
    async def check():
        tools = [{"name": "get_file_contents", "inputSchema": {"type": "object"}}, {"name": "own_thing"}]
        elsewhere = msgspec.structs.replace(GITHUB, url="https://git.example/mcp")
        house, _ = await house_with(*tools, integration=elsewhere)
        found = await house.admin.look_at_integration(house.presence(roles=ALL_ROLES), want(elsewhere))
        assert [(one.tool, one.tier, one.decided_by) for one in found.tools] == [
            ("get_file_contents", "execute", "unverified"),
            ("own_thing", "execute", "nobody"),
        ]
        assert any("--manifest" in said for said in found.warnings)

    run(check())


def test_a_catalogue_that_is_newer_than_the_policy_is_no_reason_against_a_domain_and_its_manifest_is_said_not_to_count():
    async def check():
        tools = [{"name": "get_file_contents", "inputSchema": {"type": "object"}}]
        house, _ = await house_with(*tools, integration=GITHUB)
        others = tuple((name, value) for name, value in house.live.bundle.manifests if name != "git")
        newer = msgspec.structs.replace(house.live.bundle, manifests=others)
        house.live.use(msgspec.structs.replace(newer, digest=bundle_digest(newer)))
        by = house.presence(roles=ALL_ROLES)
        assert (await house.admin.look_at_integration(by, want(GITHUB))).rules.domain == "github"
        without = tuple((name, value) for name, value in others if name != "github")
        newer = msgspec.structs.replace(house.live.bundle, manifests=without)
        house.live.use(msgspec.structs.replace(newer, digest=bundle_digest(newer)))
        found = await house.admin.look_at_integration(by, want(GITHUB))
        assert (found.manifest, {tool.tier for tool in found.tools}) == ("", {"execute"})
        assert any("is not what the live policy holds" in said for said in found.warnings)

    run(check())


HANDBOOK = Integration(name="handbook", actor="local", url="https://handbook.example/mcp")


def test_resources_and_prompts_of_an_added_server_are_in_its_domain():
    async def check():
        house, server = await house_with({"name": "get_page", "inputSchema": {"type": "object"}}, integration=HANDBOOK)
        server.offers = ("tools", "resources", "resources.subscribe", "prompts")
        found = await house.admin.look_at_integration(house.presence(roles=ALL_ROLES), want(HANDBOOK))
        assert found.rules.targets == ("mcp.resource:handbook/*",)
        assert any("holds what calls aim at: mcp.resource:handbook/*." in said for said in found.rules.says)
        await connected(house, HANDBOOK)
        request = msgspec.structs.replace(
            house.request("resources/read"),
            integration="handbook",
            method="resources/read",
            arguments={"uri": "wiki://home"},
        )
        server.answer = lambda _: {"contents": [{"uri": "wiki://home", "text": "Hello"}]}
        answer = await house.gatehouse.call(request, lambda _: None)
        assert isinstance(answer, Served), answer
        decided = (await house.events(call=answer.call_id))[0]
        assert (decided.tool, decided.domains) == ("resources/read", ("handbook",))
        assert "local-work" in house.live.contracts[house.live.everyday("")].contract.domains

    run(check())


def test_a_domain_that_names_its_resources_is_taken():
    async def check():
        house, server = await house_with({"name": "get_page", "inputSchema": {"type": "object"}}, integration=HANDBOOK)
        server.offers = ("tools", "resources")
        notes = Domain(name="notes", title="Notes", owner="ana", targets=("mcp.resource:handbook/wiki://notes/*",))
        await house.use_bundle(domains=(notes,))
        found = await house.admin.look_at_integration(house.presence(roles=ALL_ROLES), want(HANDBOOK))
        assert found.rules.domain == ""
        assert not any("No domain names" in said for said in found.rules.says)

    run(check())
