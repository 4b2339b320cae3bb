"""The gate as it runs, as people are shown it."""

from callgate.flow.views.integrations import IntegrationView
from callgate.model.base import Fact


class HaltView(Fact, frozen=True):
    id: str
    scope: str
    what: str
    reason: str
    by: str
    at_ms: int


class DoubtView(Fact, frozen=True):
    """A call whose effect may have happened."""

    call: str
    integration: str
    tool: str
    at_ms: int
    task: str = ""
    look: str = ""
    """Tool that shows whether it happened; empty: the catalogue knows none."""


class WarningView(Fact, frozen=True):
    code: str
    text: str
    todo: str = ""


class ConfigView(Fact, frozen=True):
    """The configuration that is live, and how the file on disk compares."""

    digest: str = ""
    """SHA-256 of the file that is live, hex."""
    state: str = "live"
    """Of the file on disk: ``live``, ``differs`` or ``unusable``."""
    keys: tuple[str, ...] = ()
    """Settings that differ; empty with ``differs``: comments only."""
    problem: str = ""
    """Why it is unusable, or cannot be reloaded."""


class ReloadView(Fact, frozen=True):
    digest: str
    keys: tuple[str, ...]
    """Settings that changed; empty: none."""
    listening: str
    """``host:port``."""


class StatusView(Fact, frozen=True):
    version: str
    tenant: str
    profile: str
    started_ms: int
    home: str
    endpoint: str
    """URL of the gate up to the integration's name."""
    bundle: str
    pending_files: tuple[str, ...]
    """Policy files that differ from the live bundle."""
    integrations: tuple[IntegrationView, ...]
    open_holds: int
    doubts: tuple[DoubtView, ...]
    halts: tuple[HaltView, ...]
    events: int
    checkpoint_size: int
    checkpoint_ms: int
    warnings: tuple[WarningView, ...]
    same_host: bool
    """Assistants may run as the gate's own operating-system user: acts over the socket are marked."""
    config: ConfigView = ConfigView()
    spent: tuple[tuple[str, int], ...] = ()
    """(integration, millionths of a US dollar) since the start, as manifests price calls."""


class CheckView(Fact, frozen=True):
    code: str
    state: str
    """``ok``, ``warn`` or ``fail``."""
    text: str
    todo: str = ""
