"""A server that is none of its manifest's variants is connected with a word about it, and at execute."""

import msgspec
import pytest

from callgate.catalog.catalogue import Catalogue
from callgate.flow.connect import reconnect
from callgate.model.call import TOOLS_CALL
from callgate.model.errors import InputError
from callgate.model.terms import Tier
from callgate.model.tool import Integration
from tests.core.test_variants import TEXT
from tests.fakes.house import ALL_ROLES, open_house, run
from tests.fakes.upstream import FakeUpstream

TOOLS = [{"name": name, "inputSchema": {"type": "object"}} for name in ("search", "post")]


async def house_with(folder):
    """A house whose catalogue is the folder, with the manifest of the chat alone, and policy has it."""
    (folder / "chat").mkdir()
    (folder / "chat" / "manifest.toml").write_text(TEXT)
    house = await open_house()
    house.rooms.tenancy.catalogue = Catalogue(folder)
    await house.use_bundle(manifests=tuple(house.rooms.tenancy.catalogue.digests().items()))
    return house, house.rooms.tenancy


def test_who_connects_it_is_told(tmp_path):
    async def check():
        house, tenancy = await house_with(tmp_path)
        found = {}
        for name, command in (("known", ("chat-mcp",)), ("unknown", ("node", "x.js"))):
            tenancy.upstreams.made[name] = FakeUpstream(TOOLS)
            made = Integration(name=name, actor="robot", command=command, manifest="chat")
            found[name] = await house.admin.add_integration(house.presence(roles=ALL_ROLES), made)
        assert not any("none of them" in warning for warning in found["known"].warnings)
        assert any("none of them for certain" in warning for warning in found["unknown"].warnings)
        assert {tool.tier for tool in found["unknown"].tools} == {"execute"}

    run(check())


def test_who_connects_it_says_which_it_is(tmp_path):
    async def check():
        house, tenancy = await house_with(tmp_path)
        found = {}
        for name, manifest in (("own", "chat/hosted"), ("unsaid", "chat")):
            tenancy.upstreams.made[name] = FakeUpstream(TOOLS)
            made = Integration(name=name, actor="robot", url="https://chat.acme.example/mcp", manifest=manifest)
            found[name] = await house.admin.add_integration(house.presence(roles=ALL_ROLES), made)
        assert {tool.tool: tool.tier for tool in found["own"].tools if tool.method == TOOLS_CALL} == {
            "search": "read",
            "post": "execute",
        }
        assert not any("none of them" in warning for warning in found["own"].warnings)
        assert any("--manifest chat/hosted or chat/local" in warning for warning in found["unsaid"].warnings)
        for name, view in found.items():
            await house.admin.confirm_integration(house.presence(roles=ALL_ROLES), name, view.digest)
        assert {name: tenancy.live.connected[name].manifest_problem for name in found} == {
            "own": "",
            "unsaid": "unrecognised",
        }
        await house.use_bundle(manifests=())
        reconnect(tenancy)
        assert tenancy.live.connected["own"].manifest_problem == "unapproved"
        tenancy.upstreams.made["odd"] = FakeUpstream(TOOLS)
        with pytest.raises(InputError) as caught:
            await house.admin.add_integration(
                house.presence(roles=ALL_ROLES),
                Integration(name="odd", actor="robot", url="https://chat.acme.example/mcp", manifest="chat/hostd"),
            )
        assert (caught.value.code, "chat/hosted" in caught.value.message) == ("unknown_manifest", True)

    run(check())


def test_a_manifest_that_cannot_be_used_stops_nothing_but_its_own(tmp_path):
    path = tmp_path / "chat" / "manifest.toml"

    async def check():
        house, tenancy = await house_with(tmp_path)
        tenancy.upstreams.made["chat"] = FakeUpstream(TOOLS)
        made = Integration(name="chat", actor="robot", command=("chat-mcp",), manifest="chat/local")
        me = house.presence(roles=ALL_ROLES)
        found = await house.admin.add_integration(me, made)
        await house.admin.confirm_integration(me, "chat", found.digest)
        path.write_text(TEXT.replace('vendor = "Acme"', "vendor = 7"))
        said = []
        tenancy.log = lambda event, fields: said.append((event, fields))
        reconnect(tenancy)
        chat, git = tenancy.live.connected["chat"], tenancy.live.connected["git"]
        assert {tool.tier for tool in chat.toolbox.tools.values() if tool.method == TOOLS_CALL} == {Tier.EXECUTE}
        assert not any(tool.manifest for tool in chat.toolbox.tools.values())
        assert any(tool.tier is Tier.READ and tool.manifest for tool in git.toolbox.tools.values())
        assert said == [("manifest_unusable", {"integration": "chat", "file": str(path), "key": "vendor"})]
        assert (chat.manifest_problem, git.manifest_problem) == ("broken", "")
        policy = await house.admin.policy()
        assert [file.state for file in policy.files if file.name == "manifests"] == ["live"]
        tenancy.upstreams.made["again"] = FakeUpstream(TOOLS)
        again = await house.admin.add_integration(me, msgspec.structs.replace(made, name="again"))
        reason = f"The manifest cannot be used, so every tool counts as execute: {path}: vendor: "
        assert any(warning.startswith(reason) for warning in again.warnings)

    run(check())
