"""A server that is none of its manifest's variants is connected with a word about it, and at execute."""

from callgate.catalog.catalogue import Catalogue
from callgate.model.tool import Integration
from tests.core.test_variants import TEXT
from tests.fakes.house import ALL_ROLES, open_house, run
from tests.fakes.upstream import FakeUpstream

TOOLS = [{"name": name, "inputSchema": {"type": "object"}} for name in ("search", "post")]


def test_who_connects_it_is_told(tmp_path):
    (tmp_path / "chat").mkdir()
    (tmp_path / "chat" / "manifest.toml").write_text(TEXT)

    async def check():
        house = await open_house()
        tenancy = house.rooms.tenancy
        tenancy.catalogue = Catalogue(tmp_path)
        await house.use_bundle(manifests=tuple(tenancy.catalogue.digests().items()))
        found = {}
        for name, command in (("known", ("chat-mcp",)), ("unknown", ("node", "x.js"))):
            tenancy.upstreams.made[name] = FakeUpstream(TOOLS)
            made = Integration(name=name, actor="robot", command=command, manifest="chat")
            found[name] = await house.admin.add_integration(house.presence(roles=ALL_ROLES), made)
        assert not any("none of them" in warning for warning in found["known"].warnings)
        assert any("none of them for certain" in warning for warning in found["unknown"].warnings)
        assert {tool.tier for tool in found["unknown"].tools} == {"execute"}

    run(check())
