"""An approval is bound to the part of an answer that says what was there, where answers change by themselves."""

import itertools
import json

import msgspec
import pytest

from callgate.catalog.catalogue import Catalogue
from callgate.flow.admin import ContractText
from callgate.model.answer import Failed, Pending
from callgate.model.bundle import Domain
from callgate.model.terms import HoldState
from callgate.model.tool import Integration
from tests.fakes.house import ALL_ROLES, open_house, run, said
from tests.fakes.upstream import FakeUpstream, tool_of

MANIFEST = """
integration = "pages"
title = "Pages"
vendor = "Acme"
verified = true
verified_against = "pages 1"
verified_on = "2026-11-22"
stateful = false
per_person = false

[[tools]]
name = "get"
tier = "read"
say = "Read the page {id}"
targets = [{ kind = "page", path = "id" }]

[[tools]]
name = "change"
tier = "execute"
say = "Change the page {id}"
irreversible = true
targets = [{ kind = "page", path = "id" }]
tier_by = [{ path = "draft", given = "true", tier = "draft" }]
state_pin = [{ tool = "get", arguments = { id = "{id}" }, fields = ["edited"], when = [{ path = "force", given = "off" }] }]
"""
RULES = """
name = "pages"
objective = "Work on pages."
team = "home"
owner = "ana"
everyday = true
max_tier = "execute"
domains = ["pages"]
[[scopes]]
integration = "pages"
"""


async def pages_house(folder, page):
    (folder / "pages").mkdir()
    (folder / "pages" / "manifest.toml").write_text(MANIFEST)
    house = await open_house()
    tenancy = house.rooms.tenancy
    tenancy.catalogue = Catalogue(folder)
    await house.use_bundle(
        domains=(Domain(name="pages", title="Pages", owner="ana", targets=("page:*",)),),
        stages=(("*", "production"),),
        manifests=tuple(tenancy.catalogue.digests().items()),
    )
    numbers = itertools.count()

    def answers(request):
        return said(json.dumps({**page, "request": next(numbers)}) if tool_of(request) == "get" else "{}")

    properties = {"id": {"type": "string"}, "draft": {"type": "boolean"}, "force": {"type": "boolean"}}
    tools = [{"name": name, "inputSchema": {"properties": properties}} for name in ("get", "change")]
    house.upstream = tenancy.upstreams.made["pages"] = FakeUpstream(tools, answers)
    me = house.presence(roles=ALL_ROLES)
    found = await house.admin.add_integration(me, Integration(name="pages", actor="robot", command=("pages",)))
    await house.admin.confirm_integration(me, "pages", found.digest)
    house.clock.ms += 1
    view = await house.admin.add_contract(me, ContractText(text=RULES))
    if view.state == "awaiting_consent":
        await house.admin.consent_contract(me, view.id, "")
    house.upstream.sent.clear()
    return house


async def change(house, **arguments):
    request = house.request("change", integration="pages")
    arguments = {"id": "7", **arguments}
    return await house.gatehouse.call(msgspec.structs.replace(request, arguments=arguments), lambda _: None)


def changes(house):
    return [request for request in house.upstream.sent if tool_of(request) == "change"]


def test_another_request_id_is_no_other_state(tmp_path):
    async def check():
        house = await pages_house(tmp_path, {"edited": "monday"})
        pending = await change(house)
        assert isinstance(pending, Pending), pending
        await house.approve(pending.hold)
        assert (await house.hold(pending.hold)).state is HoldState.EXECUTED
        assert len(changes(house)) == 1

    run(check())


def test_another_edit_is(tmp_path):
    async def check():
        page = {"edited": "monday"}
        house = await pages_house(tmp_path, page)
        pending = await change(house)
        page["edited"] = "tuesday"
        await house.approve(pending.hold)
        hold = await house.hold(pending.hold)
        assert (hold.state, hold.ended) == (HoldState.VOID, "state_changed")
        assert changes(house) == []

    run(check())


@pytest.mark.parametrize("page", [{"error": "not found"}, {"edited": None}])
def test_what_does_not_say_it_binds_nothing_and_nothing_runs(tmp_path, page):
    async def check():
        house = await pages_house(tmp_path, page)
        assert isinstance(await change(house), Failed)
        assert changes(house) == []

    run(check())


def test_a_call_that_wants_no_read_makes_none(tmp_path):
    async def check():
        house = await pages_house(tmp_path, {"error": "not found"})
        pending = await change(house, force=True)
        assert isinstance(pending, Pending), pending
        await house.approve(pending.hold)
        assert [tool_of(request) for request in house.upstream.sent] == ["change"]

    run(check())


def test_what_is_only_prepared_is_not_held_as_if_it_could_not_be_undone(tmp_path):
    async def check():
        house = await pages_house(tmp_path, {"edited": "monday"})
        pending = await change(house)
        assert {"irreversible"} <= {finding.code for finding in pending.findings}
        drafted = await change(house, draft=True)
        assert not isinstance(drafted, Pending), drafted
        assert len(changes(house)) == 1

    run(check())
