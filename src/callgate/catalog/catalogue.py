"""The manifests a gate knows: those of the package, and those of a folder of its own, which come first."""

from pathlib import Path

from callgate.catalog.loader import known_manifests, load_manifest, manifest_digest
from callgate.model.bundle import Bundle
from callgate.model.tool import NO_MANIFEST, Integration, Manifest


class Catalogue:
    """Reads files when asked: at a start, and when an integration or the policy changes."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def names(self) -> tuple[str, ...]:
        return known_manifests(self._folder)

    def digests(self) -> dict[str, str]:
        """Name to digest of every manifest, for the policy bundle. Raises ConfigError."""
        return {name: manifest_digest(name, self._folder) for name in self.names()}

    def name_of(self, integration: Integration) -> str:
        """The manifest an integration asks for: the one it names, else the one of its own name; empty: none."""
        if integration.manifest == NO_MANIFEST:
            return ""
        return integration.manifest or (integration.name if integration.name in self.names() else "")

    def of(self, integration: Integration, bundle: Bundle | None) -> Manifest | None:
        """The manifest of an integration, if the live bundle holds exactly it.

        None: there is none, or its file changed and the change is not approved; then every tool counts as execute.
        """
        name = self.name_of(integration)
        if not name or bundle is None:
            return None
        approved = dict(bundle.manifests).get(name)
        if approved is None or name not in self.names():
            return None
        found = load_manifest(name, self._folder)
        return found if found.digest == approved else None
