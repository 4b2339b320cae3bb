"""Adding integrations: two at once, and a server whose tools cannot be used."""

import asyncio

import msgspec
import pytest

from callgate.adapters.home.place import Home, prepare
from callgate.adapters.identity.keyring import Keyring
from callgate.app.build import build_tenant
from callgate.app.system import SystemEntropy
from callgate.model.config import Config
from callgate.model.errors import InputError, UpstreamError
from callgate.model.tool import Integration
from callgate.policies import starter
from tests.fakes.house import ALL_ROLES, open_house, run
from tests.fakes.upstream import FakeUpstream


def test_of_two_integrations_of_one_name_added_at_once_the_stored_one_is_connected():
    async def check():
        house = await open_house()
        house.rooms.tenancy.upstreams.made["notes"] = FakeUpstream()
        wanted = [Integration(name="notes", actor="x", command=(program,)) for program in ("one", "two")]
        by = house.presence(roles=ALL_ROLES)
        results = await asyncio.gather(
            *(house.admin.add_integration(by, one) for one in wanted), return_exceptions=True
        )
        assert sum(isinstance(one, InputError) for one in results) == 1, results
        stored = house.live.integrations["notes"]
        assert house.live.connected["notes"].integration == stored
        assert not house.rooms.tenancy.upstreams.made["notes"].closed

    run(check())


def test_a_server_whose_tools_cannot_be_used_is_not_kept_running():
    async def check():
        house = await open_house()
        notes = house.rooms.tenancy.upstreams.made["notes"] = FakeUpstream()
        really = notes.discover

        async def nonsense():
            return msgspec.structs.replace(await really(), tools=(b"42",))

        notes.discover = nonsense
        with pytest.raises(InputError) as fault:
            await house.admin.add_integration(
                house.presence(roles=ALL_ROLES), Integration(name="notes", actor="x", command=("one",))
            )
        assert fault.value.code == "bad_definition"
        assert notes.closed
        assert "notes" not in house.live.connected

    run(check())


def test_whoever_adds_a_server_that_fails_reads_its_last_words_and_nothing_that_moves_the_terminal():
    async def check():
        house = await open_house()
        notes = house.rooms.tenancy.upstreams.made["notes"] = FakeUpstream()
        notes.stderr_tail = b"starting\n\nno such module: \x1b[2Jnotes\n" + b"x" * 5_000 + b"\n"

        async def fails():
            raise UpstreamError("The server could not be started.", code="initialize_failed")

        notes.discover = fails
        with pytest.raises(UpstreamError) as fault:
            await house.admin.add_integration(
                house.presence(roles=ALL_ROLES), Integration(name="notes", actor="x", command=("one",))
            )
        assert "no such module: \\u{1b}[2Jnotes" in fault.value.hint
        assert fault.value.hint.isprintable() and len(fault.value.hint) < 700

    run(check())


def test_the_stdio_servers_of_two_tenants_share_no_folder(tmp_path):
    async def check():
        home = Home(tmp_path / "home")
        prepare(home)
        for name, data in starter("ana").items():
            if "/" not in name:
                (home.policies / name).write_bytes(data)
        config = Config(tenants=("acme", "other"))
        keys = Keyring.open(home.keys, config.tenants, SystemEntropy())
        built = [await build_tenant(home, config, keys, tenant) for tenant in config.tenants]
        try:
            folders = {one.pool._folder for one in built}
            assert len(folders) == 2
            assert all(folder.is_relative_to(home.children) for folder in folders)
        finally:
            for one in built:
                await one.pool.close()
                await one.store.close()

    run(check())
