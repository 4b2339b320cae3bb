"""Connecting integrations: read what a server offers, pin it by a person's word, compile it."""

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeVar

import msgspec

from callgate.core.classify import classify
from callgate.core.ledger.canonical import canonical, digest
from callgate.core.methods import prompt_forms, with_methods
from callgate.core.toolbox import Toolbox, compile_toolbox
from callgate.core.variants import meant
from callgate.flow.live import Connected
from callgate.flow.ports import Discovered
from callgate.flow.serving import Listing
from callgate.flow.tenancy import Tenancy
from callgate.model.classification import Classification
from callgate.model.errors import InputError
from callgate.model.manifest import WhoAmI
from callgate.model.tool import NO_MANIFEST, Integration, IntegrationPin, Manifest, PromptPin, ToolPin

HANDSHAKE_ERAS = ("2025-11-25", "2025-06-18", "2025-03-26")
ALL_ERAS = ("2026-07-28", *HANDSHAKE_ERAS)
LONGEST_NAME = 8_192
"""Characters of a name or a URI template."""
AT_ONCE = 1 << 16
"""Bytes of definitions that are read in one turn of the loop."""
Found = TypeVar("Found")
_encode = msgspec.json.Encoder(order="sorted").encode


async def pinned(integration: Integration, found: Discovered, *, classified: bool = False) -> IntegrationPin:
    """``make_pin``, beside the loop when there is much to read."""
    return await beside(found, partial(make_pin, integration, found, classified=classified))


async def beside(found: Discovered, act: Callable[[], Found]) -> Found:
    """What takes time by what a server lists, seconds at the very worst: nobody else waits for that."""
    size = sum(map(len, (*found.tools, *found.prompts, *found.templates)))
    return await asyncio.to_thread(act) if size > AT_ONCE else act()


def make_pin(integration: Integration, found: Discovered, *, classified: bool = False) -> IntegrationPin:
    """The pin a person would confirm. Covers each whole object that is listed, the server's words and where it runs.
    ``classified``: and what the rules make of each tool.

    Raises InputError when an object is not one (no JSON object, no name, name twice or far too long).
    """
    tools = _named(found.tools, "tool", "name")
    origin = digest(canonical(list(integration.command))) if integration.command else integration.url
    bare = IntegrationPin(
        integration=integration.name,
        server_name=found.name,
        server_version=found.version,
        instructions=found.instructions,
        eras=found.eras,
        tools=tuple(
            ToolPin(
                integration=integration.name,
                name=name,
                digest=digest(definition),
                definition=definition,
                classification=_classification(definition, integration) if classified else None,
            )
            for name, definition in tools.items()
        ),
        digest="",
        origin=origin,
        offers=found.offers,
        offers_modern=found.offers_modern,
        prompts=_pins(_named(found.prompts, "prompt", "name")),
        templates=_pins(_named(found.templates, "resource template", "uriTemplate")),
        program=found.program,
    )
    return msgspec.structs.replace(bare, digest=pin_digest(bare))


def by_rules(integration: Integration, tenancy: Tenancy) -> bool:
    """No manifest is meant to speak for it: it asks for none, and neither the disk nor the live policy has one of its
    name. A manifest that was changed or removed and not approved still is one, so that nothing gets looser.
    """
    if integration.manifest == NO_MANIFEST:
        return True
    bundle = tenancy.live.bundle
    approved = {name for name, _ in bundle.manifests} if bundle else frozenset()
    return not tenancy.catalogue.name_of(integration) and integration.name not in approved


def _classification(definition: bytes, integration: Integration) -> Classification:
    return classify(msgspec.json.decode(definition), integration=integration.name)


def _named(listed: tuple[bytes, ...], what: str, key: str) -> dict[str, bytes]:
    """Name to canonical definition, in the server's order."""
    found: dict[str, bytes] = {}
    for raw in listed:
        try:
            definition = msgspec.json.decode(raw)
            encoded = _encode(definition)
        except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError) as fault:
            raise InputError(f"The server lists a {what} that is not JSON.", code="bad_definition") from fault
        name = definition.get(key) if isinstance(definition, dict) else None
        if not isinstance(name, str) or not name or len(name) > LONGEST_NAME or name in found:
            said = f"The server lists a {what} without a usable name, or the same name twice."
            raise InputError(said, code="bad_definition")
        found[name] = encoded
    return found


def _pins(named: dict[str, bytes]) -> tuple[PromptPin, ...]:
    return tuple(PromptPin(name=name, digest=digest(raw), definition=raw) for name, raw in named.items())


def pin_digest(pin: IntegrationPin) -> str:
    """What a person confirms: all of it but who did, and when."""
    classes = {
        digest(tool.name.encode()): msgspec.to_builtins(tool.classification)
        for tool in pin.tools
        if tool.classification is not None
    }
    return digest(
        canonical(
            {
                **({"classes": classes} if classes else {}),
                **({"program": [[part.name, part.text] for part in pin.program]} if pin.program else {}),
                "integration": pin.integration,
                "server": [pin.server_name, pin.server_version],
                "instructions": digest(pin.instructions.encode()),
                "eras": list(pin.eras),
                "origin": digest(pin.origin.encode()),
                "tools": [[digest(tool.name.encode()), tool.digest] for tool in pin.tools],
                "offers": [list(pin.offers or ()), list(pin.offers_modern)],
                "prompts": [[digest(prompt.name.encode()), prompt.digest] for prompt in pin.prompts],
                "templates": [[digest(template.name.encode()), template.digest] for template in pin.templates],
            }
        )
    )


def connect(integration: Integration, pin: IntegrationPin | None, tenancy: Tenancy) -> Connected:
    """Compile an integration for serving. Everything that does not depend on a call happens here."""
    named = tenancy.catalogue.of(integration, tenancy.live.bundle)
    manifest = meant(named, integration, pin.server_name if pin else "")
    domains = tenancy.live.domains
    tools = compile_toolbox(
        integration,
        pin,
        manifest,
        domains,
        classified=by_rules(integration, tenancy),
        rulings=tenancy.live.rulings.get(integration.name, {}),
    )
    toolbox = with_methods(tools, domains)
    return Connected(
        integration=integration,
        pin=pin,
        toolbox=toolbox,
        listing=_listing(integration, pin, toolbox),
        stateful=manifest is None or manifest.stateful or not manifest.verified,
        whoami=_whoami(manifest, pin),
        account=pin.account if pin else "",
        manifest_problem=_unapplied(integration, tenancy) if named is None else _unrecognised(manifest, pin),
    )


def _unapplied(integration: Integration, tenancy: Tenancy) -> str:
    """Of one whose manifest gives nothing; empty: it asks for none."""
    if not tenancy.catalogue.name_of(integration):
        return ""
    fault = tenancy.catalogue.fault_of(integration)
    if fault is None:
        return "unapproved"
    tenancy.log("manifest_unusable", {"integration": integration.name, "file": fault.file, "key": fault.key})
    return "broken"


def _unrecognised(manifest: Manifest | None, pin: IntegrationPin | None) -> str:
    variants = manifest is not None and pin is not None and manifest.variants and not manifest.variant
    return "unrecognised" if variants else ""


def _whoami(manifest: Manifest | None, pin: IntegrationPin | None) -> WhoAmI | None:
    """Only what was verified, and only by a tool that was confirmed."""
    if manifest is None or pin is None or not manifest.verified or manifest.whoami is None:
        return None
    return manifest.whoami if any(tool.name == manifest.whoami.tool for tool in pin.tools) else None


def reconnect(tenancy: Tenancy) -> None:
    """Compile every integration again (after a start, or when the bundle changed)."""
    live = tenancy.live
    for name in tuple(live.connected):
        if name not in live.integrations:
            del live.connected[name]
    for name in live.integrations:
        recompile(tenancy, name)


def recompile(tenancy: Tenancy, name: str) -> None:
    """What was seen of its server counts on."""
    live = tenancy.live
    former = live.connected.get(name)
    made = live.connected[name] = connect(live.integrations[name], live.pins.get(name), tenancy)
    if former is None:
        return
    if former.pin == made.pin:
        made.drift, made.findings = former.drift, former.findings
        made.drift_untold, made.drift_told = former.drift_untold, former.drift_told
        made.account, made.account_problem, made.misses = former.account, former.account_problem, former.misses
    if former.listing != made.listing:
        shown_otherwise(tenancy, name)


def shown_otherwise(tenancy: Tenancy, name: str) -> None:
    """Whoever listens is told to look again."""
    for told in tenancy.changed:
        told(name)


def _listing(integration: Integration, pin: IntegrationPin | None, toolbox: Toolbox) -> Listing:
    server = (
        {"name": pin.server_name, "version": pin.server_version} if pin else {"name": integration.name, "version": ""}
    )
    bridged = bool(integration.command)
    return Listing(
        integration=integration.name,
        tools=_array(toolbox.listing),
        server=_encode(server),
        instructions=pin.instructions if pin else "",
        eras=ALL_ERAS if bridged else (pin.eras if pin else ()),
        bridged=bridged,
        asks=() if bridged else integration.asks,
        headers=tuple((tool.name, tool.headers) for tool in toolbox.tools.values() if tool.headers),
        offers=(pin.offers or ()) if pin else (),
        offers_modern=(pin.offers if bridged else pin.offers_modern) or () if pin else (),
        prompts=_array(form.definition for form in prompt_forms(pin) if not form.quarantine) if pin else b"[]",
        templates=_array(template.definition for template in pin.templates) if pin else b"[]",
    )


def _array(objects: Iterable[bytes]) -> bytes:
    return b"[%b]" % b",".join(objects)
