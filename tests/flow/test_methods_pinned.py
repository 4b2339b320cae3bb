"""Prompts, templates and lists as they were confirmed, and what a change of them does."""

import msgspec
import pytest

from callgate.flow.connect import make_pin
from callgate.flow.drift import look_for_drift
from callgate.flow.rows import noun, put
from callgate.model.answer import Pending, Served
from callgate.model.call import COMPLETE, GOVERNED, PROMPTS_GET, RESOURCES_READ
from callgate.model.errors import InputError
from callgate.model.event import DriftSeen
from callgate.model.store import Kind, Unit
from callgate.model.tool import Integration, IntegrationPin
from tests.fakes.house import codes, run
from tests.flow.test_methods import ALL, PROMPTS, TEMPLATES, confirm, library, sent, use


def test_a_changed_prompt_holds_what_rests_on_it_and_nothing_else():
    async def check():
        house = await library()
        house.upstream.prompts = [{**PROMPTS[0], "x-mode": "other"}, PROMPTS[1]]
        await look_for_drift(house.rooms.tenancy, "git")
        assert codes(await use(house, PROMPTS_GET)) == {"definition_changed"}
        assert codes(await use(house, COMPLETE)) == {"definition_changed"}
        assert isinstance(await use(house, PROMPTS_GET, {"name": "plain"}), Served)
        assert isinstance(await use(house, RESOURCES_READ), Served)
        assert isinstance(await house.status(), Served)
        *_, seen = [one for one in await house.events() if isinstance(one, DriftSeen)]
        assert seen.tools == ("prompts/get",)
        assert [view.drifted for view in await house.admin.tools("git") if view.tool == PROMPTS_GET] == [True]
        found = await house.admin.refresh_integration("git")
        assert found.changes == ("prompts/get review is defined otherwise.",)
        await confirm(house)
        assert isinstance(await use(house, PROMPTS_GET), Served)

    run(check())


def test_an_approval_does_not_outlive_the_prompt_it_was_given_for():
    async def check():
        house = await library(mapped=False)
        await house.use_bundle(domains=())
        held = await use(house, PROMPTS_GET)
        assert isinstance(held, Pending), held
        house.upstream.prompts = [{**PROMPTS[0], "description": "Another"}, PROMPTS[1]]
        await confirm(house)
        with pytest.raises(InputError):
            await house.approve(held.hold)
        assert sent(house, PROMPTS_GET) == []
        assert (await house.hold(held.hold)).ended == "definition_changed"

    run(check())


def test_a_pin_from_before_still_serves_tools_and_says_that_a_confirm_is_due():
    async def check():
        house = await library()
        stored = await house.store.get(Kind.PIN, "git")
        plain = msgspec.json.decode(stored.body)
        for key in ("offers", "offers_modern", "prompts", "templates"):
            del plain[key]
        plain["digest"] = "0" * 64
        old = msgspec.json.decode(msgspec.json.encode(plain), type=IntegrationPin)
        await house.store.commit(Unit(changes=(put("git", old, expect=stored.version),)))
        await house.crash()
        assert noun(await house.store.get(Kind.PIN, "git")).offers is None
        assert isinstance(await house.status(), Served)
        assert codes(await use(house, RESOURCES_READ)) == {"unknown_tool"}
        listing = house.gatehouse.listing(house.credential(), "git")
        assert (listing.offers, listing.prompts, listing.templates) == ((), b"[]", b"[]")
        (view,) = await house.admin.integrations()
        assert (view.due, view.drifted) == (True, False)
        await look_for_drift(house.rooms.tenancy, "git")
        assert isinstance(await house.status(), Served)
        found = await house.admin.refresh_integration("git")
        assert not found.confirmed
        assert "Prompts and resources are read now; they were not when it was confirmed." in found.changes
        await confirm(house)
        assert isinstance(await use(house, RESOURCES_READ), Served)
        (view,) = await house.admin.integrations()
        assert (view.due, view.prompts, view.templates) == (False, 2, 1)

    run(check())


def test_the_pin_covers_prompts_templates_and_capabilities():
    async def check():
        house = await library()
        integration = Integration(name="git", actor="local", command=("x",))
        found = await house.upstream.discover()
        seen = {
            make_pin(integration, one).digest
            for one in (
                found,
                msgspec.structs.replace(found, offers=("tools",)),
                msgspec.structs.replace(found, offers_modern=("tools",)),
                msgspec.structs.replace(found, prompts=found.prompts[:1]),
                msgspec.structs.replace(found, templates=()),
            )
        }
        assert len(seen) == 5

    run(check())


def test_what_is_listed_is_what_was_confirmed():
    async def check():
        house = await library()
        house.upstream.prompts = []
        listing = house.gatehouse.listing(house.credential(), "git")
        assert msgspec.json.decode(listing.prompts) == PROMPTS
        assert msgspec.json.decode(listing.templates) == TEMPLATES
        assert set(listing.offers) == set(ALL)
        tools = {tool["name"] for tool in msgspec.json.decode(listing.tools)}
        assert not tools & set(GOVERNED)
        views = {view.tool: view for view in await house.admin.tools("git")}
        assert views[RESOURCES_READ].say == "Read the resource {uri}"
        assert (views[RESOURCES_READ].tier, views[RESOURCES_READ].method) == ("read", RESOURCES_READ)

    run(check())
