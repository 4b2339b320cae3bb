"""Notifications that a server sends while a call runs: the fields that a client gets."""

import msgspec


class ClientProgress(msgspec.Struct, frozen=True):
    progress: int | float
    total: int | float | None = None
    message: str | None = None


class LogMessage(msgspec.Struct, frozen=True):
    level: str
    data: msgspec.Raw
    logger: str | None = None


class Notification(msgspec.Struct, frozen=True):
    """A notification, or the params of progress alone."""

    method: str = "notifications/progress"
    params: msgspec.Raw = msgspec.Raw(b"")
