"""Which of a product's servers one is, and what the manifest says of that one."""

import re
from urllib.parse import urlsplit

import msgspec

from callgate.model.terms import Tier
from callgate.model.tool import Integration, Manifest, ToolManifest

_VERSION = re.compile(r"(?:==|@(?!$)|~=|>=|<=|\[)")


def recognised(manifest: Manifest, integration: Integration, server_name: str) -> str | None:
    """Name of the variant; None: it is none of them for certain. Without variants: empty.

    Host, command and ``manifest = "name/variant"`` are the operator's words, and have to agree. What a server calls itself
    counts only for a local one of which they say nothing: whoever answers at a URL can call itself anything.
    """
    if not manifest.variants:
        return ""
    host = (urlsplit(integration.url).hostname or "") if integration.url else ""
    packages = {package_of(word) for word in integration.command}
    found = {one.name for one in manifest.variants if host in one.hosts or not packages.isdisjoint(one.packages)}
    _, said, chosen = integration.manifest.partition("/")
    if said:
        found |= {one.name for one in manifest.variants if one.name == chosen} or {"", chosen}
    elif not found and integration.command and server_name:
        found = {one.name for one in manifest.variants if server_name in one.server_names}
    return found.pop() if len(found) == 1 else None


def meant(manifest: Manifest | None, integration: Integration, server_name: str) -> Manifest | None:
    """What the manifest says of this very server."""
    return manifest and of_variant(manifest, recognised(manifest, integration, server_name))


def package_of(word: str) -> str:
    """A word of a command without its version and, as a path, without its folders: ``@acme/x@1.2`` is ``@acme/x``."""
    name = word[:1] + _VERSION.split(word[1:], maxsplit=1)[0]
    return name if name.startswith("@") and name.count("/") == 1 else name.rpartition("/")[2]


def of_variant(manifest: Manifest, name: str | None) -> Manifest:
    """The manifest of one variant: its tools, and who verified it. None: the strictest of all variants together, and
    not verified.
    """
    if not manifest.variants:
        return manifest
    if name is None:
        return msgspec.structs.replace(manifest, verified=False, tools=_strictest(manifest.tools), whoami=None)
    variant = next(one for one in manifest.variants if one.name == name)
    tools = tuple(tool for tool in manifest.tools if not tool.variants or name in tool.variants)
    return msgspec.structs.replace(
        manifest,
        tools=tools,
        verified=variant.verified,
        verified_against=variant.verified_against,
        verified_on=variant.verified_on,
        definitions=variant.definitions,
        partial=variant.partial,
        whoami=variant.whoami,
        variant=name,
    )


def variants_of(manifest: Manifest) -> tuple[Manifest, ...]:
    """The manifest as each of its variants; one without variants as it is."""
    return tuple(of_variant(manifest, one.name) for one in manifest.variants) or (manifest,)


def shown_name(manifest: Manifest) -> str:
    return f"{manifest.integration}/{manifest.variant}" if manifest.variant else manifest.integration


def _strictest(tools: tuple[ToolManifest, ...]) -> tuple[ToolManifest, ...]:
    """One of each name. What several variants say differently of one name is not believed: it counts as execute."""
    found: dict[str, ToolManifest] = {}
    for tool in tools:
        other = found.get(tool.name)
        if other is None:
            found[tool.name] = tool
        else:
            found[tool.name] = ToolManifest(
                name=tool.name,
                tier=Tier.EXECUTE,
                say=f"Use {tool.name}, a tool that means different things on different servers",
                irreversible=tool.irreversible or other.irreversible,
                admin=tool.admin or other.admin,
                money=tool.money or other.money,
                retrieval=tool.retrieval or other.retrieval,
                sets_session_target=tool.sets_session_target or other.sets_session_target,
                scopes=tuple(dict.fromkeys((*other.scopes, *tool.scopes))),
            )
    return tuple(found.values())
