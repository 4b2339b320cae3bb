"""A house beside which a server stands that nobody has connected yet."""

import msgspec

from callgate.flow.admin import NewIntegration
from callgate.model.errors import ConfigError
from callgate.model.store import Kind
from callgate.model.terms import Profile
from callgate.model.tool import Integration
from tests.fakes.house import ALL_ROLES, files_of_contracts, open_house
from tests.fakes.upstream import FakeUpstream

RULES = files_of_contracts()["everyday.toml"].encode()
NOTES = Integration(name="notes", actor="local", url="https://notes.example/mcp")
TOOLS = [
    {"name": "page_get", "description": "Get a page.", "inputSchema": {"type": "object"}},
    {"name": "page_delete", "description": "Delete a page.", "inputSchema": {"type": "object"}},
    {"name": "page_frobnicate", "inputSchema": {"type": "object"}},
]


class Files:
    """A home's files in memory."""

    def __init__(self):
        self.texts = {}
        self.fault = False

    def folder(self, name):
        start = f"{name}/"
        return {path[len(start) :]: text for path, text in self.texts.items() if path.startswith(start)}

    def write(self, path, data):
        if self.fault:
            raise ConfigError("It cannot be written: full.", file=path)
        self.texts[path] = data

    def remove(self, path):
        self.texts.pop(path, None)


async def house_with(*tools, files=None, integration=NOTES, profile=Profile.SOLO):
    house = await open_house(profile=profile)
    server = FakeUpstream(integration=integration)
    server.tools = [dict(tool) for tool in (tools or TOOLS)]
    upstreams = house.rooms.tenancy.upstreams
    upstreams.made[integration.name] = server
    kept = upstreams.forget

    async def forget(name):
        """The fake server is there again for the next look."""
        await kept(name)
        server.closed = False
        upstreams.made[name] = server
        house.forgotten.append(name)

    house.forgotten = []
    upstreams.forget = forget
    house.home = files or Files()
    for name, text in house.files.items():
        if "/" not in name:
            house.home.texts[f"policies/{name}"] = text
    house.home.texts["contracts/everyday.toml"] = RULES
    house.admin._tools.files = house.home
    house.clock.ms += 1
    house.admin._tools.bundle_files = lambda: house.home.folder("policies")
    return house, server


async def use(house, tool, integration="notes"):
    request = msgspec.structs.replace(house.request(tool, integration=integration), arguments={})
    return await house.gatehouse.call(request, lambda _: None)


async def state(house):
    rows = [row for kind in Kind for row in await house.store.list(kind)]
    return rows, len(await house.events()), dict(house.home.texts)


def want(integration=NOTES, **more):
    return NewIntegration(integration=integration, **more)


async def connected(house, integration=NOTES, **more):
    by = house.presence(roles=ALL_ROLES)
    found = await house.admin.look_at_integration(by, want(integration, **more))
    token = found.rules.token if found.rules else ""
    return await house.admin.connect_integration(by, want(integration, digest=found.digest, rules=token, **more))
