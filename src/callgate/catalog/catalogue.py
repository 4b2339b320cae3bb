"""The manifests a gate knows: those of the package, and those of a folder of its own, which come first."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import msgspec

from callgate.catalog.loader import known_manifests, load_manifest, manifest_digest
from callgate.catalog.recognise import known_servers
from callgate.core.variants import package_of, recognised
from callgate.model.bundle import Bundle
from callgate.model.errors import ConfigError
from callgate.model.tool import NO_MANIFEST, Integration, Manifest


class Catalogue:
    """Reads files when asked: at a start, and when an integration or the policy changes."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def names(self) -> tuple[str, ...]:
        return known_manifests(self._folder)

    def digests(self, approved: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
        """Name to digest of every manifest, for the policy bundle.

        INVARIANT: one that cannot be used changes nothing of others. It keeps the digest that was ``approved``, which it
        does not have, so it gives nothing. Raises ConfigError for a folder that cannot be read.
        """
        found = {}
        for name in self.names():
            try:
                found[name] = manifest_digest(name, self._folder)
            except ConfigError:
                if name in approved:
                    found[name] = approved[name]
        return found

    def knows(self, asked: str) -> bool:
        """Whether there is such a manifest, and such a variant of it: ``gmail`` or ``gmail/workspace``.

        Of one that cannot be used the variants are not known, and nothing will come of them.
        """
        name, said, variant = asked.partition("/")
        found = self._loaded(name)
        if not said or not isinstance(found, Manifest):
            return found is not None
        return variant in {one.name for one in found.variants}

    def offers(self, asked: str) -> tuple[str, ...]:
        """What could be asked for in its place: variants of the manifest, or all manifests."""
        found = self._loaded(asked.partition("/")[0])
        if not isinstance(found, Manifest):
            return self.names()
        return tuple(f"{found.integration}/{one.name}" for one in found.variants) or (found.integration,)

    def name_of(self, integration: Integration) -> str:
        """The manifest an integration asks for: the one it names, else the one of its own name; empty: none.

        It may name a variant too: ``gmail/workspace``.
        """
        if integration.manifest == NO_MANIFEST:
            return ""
        named = integration.manifest.partition("/")[0]
        return named or (integration.name if integration.name in self.names() else "")

    def likely(self, integration: Integration) -> tuple[str, ...]:
        """Manifests of whose servers the address or the program is one; several: a server of several products.

        Loads every manifest once, which takes up to a second.
        """
        host = (urlsplit(integration.url).hostname or "") if integration.url else ""
        packages = {package_of(word) for word in integration.command}
        names = self.names()
        found = {
            one.integration for one in known_servers() if host in one.hosts or not packages.isdisjoint(one.packages)
        }
        asked = msgspec.structs.replace(integration, manifest="")
        for name in names:
            manifest = self._loaded(name)
            if isinstance(manifest, Manifest) and recognised(manifest, asked, ""):
                found.add(name)
        return tuple(sorted(found & set(names)))

    def of(self, integration: Integration, bundle: Bundle | None) -> Manifest | None:
        """The manifest of an integration, if the live bundle holds exactly it.

        None: there is none, it cannot be used, or its file changed and the change is not approved; then every tool
        counts as execute.
        """
        name = self.name_of(integration)
        approved = dict(bundle.manifests).get(name) if name and bundle is not None else None
        found = self._loaded(name) if approved is not None else None
        return found if isinstance(found, Manifest) and found.digest == approved else None

    def fault_of(self, integration: Integration) -> ConfigError | None:
        """Why the manifest that an integration asks for cannot be used; None: it can, or there is none."""
        found = self._loaded(self.name_of(integration))
        return found if isinstance(found, ConfigError) else None

    def _loaded(self, name: str) -> Manifest | ConfigError | None:
        if name not in self.names():
            return None
        try:
            return load_manifest(name, self._folder)
        except ConfigError as fault:
            return fault
