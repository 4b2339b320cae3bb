"""How servers of the catalogue look in the configuration of assistants: ``known_servers.toml``."""

from importlib import resources

import msgspec

from callgate.catalog.loader import known_manifests, load_manifest
from callgate.core.inventory.judge import KnownServer, KnownTool
from callgate.core.strict import read_toml
from callgate.model.errors import ConfigError

_FILE = "known_servers.toml"


def known_servers() -> tuple[KnownServer, ...]:
    """Sorted by integration."""
    text = resources.files("callgate.catalog").joinpath(_FILE).read_bytes()
    rows = read_toml(text, _FILE)
    return tuple(msgspec.convert({"integration": name, **rows[name]}, KnownServer) for name in sorted(rows))


def known_tools() -> dict[str, tuple[KnownTool, ...]]:
    """Integration to its tools, from the package's own manifests.

    One that cannot be used is left out: of its server nothing is known then, which counts as the worst.
    """
    found = {}
    for name in known_manifests():
        try:
            tools = load_manifest(name).tools
        except ConfigError:
            continue
        found[name] = tuple(KnownTool(name=one.name, tier=one.tier, irreversible=one.irreversible) for one in tools)
    return found
