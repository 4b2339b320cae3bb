"""Tools without a manifest: rules propose a tier, a person confirms it, and then it counts."""

import msgspec
import pytest

from callgate.core.policy.bundle import bundle_digest
from callgate.flow.connect import make_pin
from callgate.model.answer import Served
from callgate.model.classification import Classification, Confidence
from callgate.model.terms import Tier
from callgate.model.tool import NO_MANIFEST, Integration
from tests.fakes.house import ALL_ROLES, open_house, run

BARE = Integration(name="git", actor="local", command=("git-server",), manifest=NO_MANIFEST)
FRESH = msgspec.structs.replace(BARE, name="notes", manifest="")


async def house_without(integration=BARE, *, confirm=True):
    """A house whose only integration is ``integration``, served by the fake with git's tools."""
    house = await open_house()
    by = house.presence(roles=ALL_ROLES)
    await house.admin.remove_integration(by, "git")
    house.upstream.closed = False
    house.rooms.tenancy.upstreams.made[integration.name] = house.upstream
    found = await house.admin.add_integration(by, integration)
    if confirm:
        await house.admin.confirm_integration(by, integration.name, found.digest)
    return house, found


def tiers(house, name="git"):
    return {one.name: one.tier for one in house.live.connected[name].toolbox.tools.values()}


def test_what_is_proposed_is_shown_with_its_reasons_and_counts_for_nothing_yet():
    async def check():
        house, found = await house_without(confirm=False)
        shown = {one.tool: one for one in found.tools}
        assert shown["git_log"].tier == "read"
        assert shown["git_log"].confidence == "medium"
        assert shown["git_log"].reasons == ("The name ends in log and holds no verb: it tells.",)
        assert (shown["git_reset"].tier, shown["git_reset"].irreversible) == ("execute", True)
        assert "Its vendor calls it destructive." in shown["git_reset"].reasons
        assert not any(one.pinned for one in found.tools)
        assert house.live.connected["git"].toolbox.tools == {}
        assert any("proposed by rules" in warning for warning in found.warnings)

    run(check())


def test_what_was_confirmed_counts_in_decisions_and_after_a_restart():
    async def check():
        house, _ = await house_without()
        table = house.live.bundle.risk
        await house.call("git_reset")
        reset = (await house.events("decided"))[-1]
        assert reset.tier == "execute"
        assert reset.risk == table.no_manifest + table.irreversible
        for _ in range(2):
            assert tiers(house)["git_status"] is Tier.READ
            assert tiers(house)["git_create_branch"] is Tier.DRAFT
            assert tiers(house)["git_reset"] is Tier.EXECUTE
            await house.status()
            read = (await house.events("decided"))[-1]
            assert read.tier == "read"
            assert read.risk == table.no_manifest
            await house.crash()

    run(check())


def test_a_manifest_goes_before_the_rules():
    async def check():
        house = await open_house()
        assert isinstance(await house.status(), Served)
        assert all(one.classification is None for one in house.live.pins["git"].tools)
        assert all(one.classification is None for one in house.live.connected["git"].toolbox.tools.values())
        assert all(not view.confidence for view in await house.admin.tools("git"))

    run(check())


def test_the_digest_covers_what_was_shown():
    async def check():
        house, found = await house_without(confirm=False)
        discovered = await house.upstream.discover()
        pin = make_pin(BARE, discovered, classified=True)
        assert pin.digest == found.digest
        assert make_pin(BARE, discovered).digest != found.digest

    run(check())


def looser(pin):
    """The pin as if the rules had said something else when it was confirmed."""
    other = Classification(
        tier=Tier.EXECUTE, irreversible=True, admin=False, money=False, confidence=Confidence.LOW, reasons=("x.",)
    )
    tools = tuple(msgspec.structs.replace(one, classification=other) for one in pin.tools)
    return msgspec.structs.replace(pin, tools=tools, digest="0" * 64)


def test_rules_that_change_later_change_nothing_until_somebody_confirms():
    async def check():
        house, _ = await house_without()
        live = house.live
        live.pins["git"] = looser(live.pins["git"])
        live.connected["git"].pin = live.pins["git"]
        found = await house.admin.refresh_integration("git")
        assert not found.confirmed
        assert "git_status would count as read; it counts as execute." in found.changes
        assert "What the rules say of git_reset changed." in found.changes

    run(check())


@pytest.mark.parametrize("approved", [True, False])
def test_a_manifest_that_is_not_there_any_more_leaves_execute(approved):
    async def check():
        house, _ = await house_without(FRESH)
        assert tiers(house, "notes")["git_status"] is Tier.READ
        if approved:
            bundle = house.live.bundle
            bundle = msgspec.structs.replace(bundle, manifests=(*bundle.manifests, ("notes", "0" * 64)))
            house.live.use(msgspec.structs.replace(bundle, digest=bundle_digest(bundle)))
        await house.use_bundle()
        want = Tier.EXECUTE if approved else Tier.READ
        assert tiers(house, "notes")["git_status"] is want

    run(check())


def test_a_definition_that_changes_after_the_confirmation_waits():
    async def check():
        house, _ = await house_without()
        for tool in house.upstream.tools:
            tool["annotations"] = {"destructiveHint": False}
        await house.admin.refresh_integration("git")
        assert "git_status" in house.live.connected["git"].drift.held
        assert not isinstance(await house.status(), Served)

    run(check())
