"""What both stand-ins need of HTTP: one request, its messages as they come, a stream that is held."""

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

Message = dict[str, Any]
BOTH = "application/json, text/event-stream"


class TimedOut(Exception):
    """The assistant waited as long as it waits."""


class NotConnected(Exception):
    """The server cannot be used; the text is what the assistant shows for it."""


class Reply:
    """One response; ``messages`` reads it, at most once."""

    def __init__(self, link: http.client.HTTPConnection, raw: http.client.HTTPResponse) -> None:
        self._link = link
        self._raw = raw
        self.status = raw.status
        self.headers = {name.lower(): value for name, value in raw.getheaders()}
        self.streams = self.headers.get("content-type", "").startswith("text/event-stream")

    def body(self) -> bytes:
        return self._raw.read()

    def messages(self) -> Iterator[Message]:
        """The one JSON message, or those of the event stream until it ends. TimedOut after the silence allowed."""
        try:
            if not self.streams:
                body = self._raw.read()
                if body.startswith(b"{"):
                    yield json.loads(body)
                return
            while line := self._raw.readline():
                if line.startswith(b"data:") and line[5:].strip():
                    yield json.loads(line[5:])
        except TimeoutError as fault:
            raise TimedOut from fault

    def close(self) -> None:
        """Leave, whatever is still to come; another thread may be reading."""
        with contextlib.suppress(OSError):
            if self._link.sock is not None:
                self._link.sock.shutdown(socket.SHUT_RDWR)
        self._link.close()


def request(
    method: str, url: str, headers: dict[str, str], message: Message | None = None, *, silence_s: float = 60
) -> Reply:
    """One request on a connection of its own. TimedOut when nothing comes for ``silence_s``."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    link = http.client.HTTPConnection(parts.hostname, parts.port, timeout=silence_s)
    body = None if message is None else json.dumps(message).encode()
    try:
        link.request(method, parts.path, body, headers)
        return Reply(link, link.getresponse())
    except TimeoutError as fault:
        link.close()
        raise TimedOut from fault


class Held:
    """A stream that stays open while the assistant works; what comes on it is kept."""

    def __init__(self, open_it: Callable[[], Reply]) -> None:
        self.reply = open_it()
        self.messages: list[Message] = []
        self._came = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            for message in self.reply.messages():
                with self._came:
                    self.messages.append(message)
                    self._came.notify_all()
        except (OSError, ValueError, AttributeError, http.client.HTTPException, TimedOut):
            return  # it was closed, by one side or the other

    def wait_for(self, fits: Callable[[Message], bool], within_s: float = 20) -> Message:
        with self._came:
            assert self._came.wait_for(lambda: any(map(fits, self.messages)), within_s), self.messages
            return next(message for message in self.messages if fits(message))

    def close(self) -> None:
        self.reply.close()
        self._reader.join(20)
        assert not self._reader.is_alive()


def text_of(result: Message) -> str:
    """The text blocks of a result."""
    return "\n".join(block["text"] for block in result.get("content", ()) if block.get("type") == "text")
