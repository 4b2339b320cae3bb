"""What a client that listens is told, and who it is."""

from collections.abc import Callable

from callgate.model.base import Fact

LISTS = ("tools", "prompts", "resources")


class Heard(Fact, frozen=True):
    """One announcement."""

    kind: str
    """One of LISTS, ``updated`` or ``message``."""
    uri: str = ""
    params: bytes = b""
    """Of a log message: JSON, with the known members only."""


class Listener:
    """One standing stream of a client."""

    def __init__(
        self,
        integration: str,
        lists: frozenset[str],
        uris: set[str],
        send: Callable[[Heard], None],
        level: Callable[[], int | None] = lambda: None,
        tasks: tuple[str, ...] = (),
    ) -> None:
        """``uris`` may change while it stands. ``level``: severity from which on log messages are wanted. ``tasks``: as
        ``Request.named_tasks``.
        """
        self.integration = integration
        self.lists = lists
        self.uris = uris
        self.send = send
        self.level = level
        self.tasks = tasks
        self.may: Callable[[str], bool] = lambda _: True
        """Whether a change of this resource may be told by now."""
