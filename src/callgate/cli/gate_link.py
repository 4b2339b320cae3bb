"""HTTP to the gate's MCP endpoint over kept connections, for the stdio front. Standard library only."""

import contextlib
import http.client
import select
import socket
import threading
import time
from collections.abc import Mapping
from typing import Self
from urllib.parse import quote, urlsplit

from callgate.cli.outcome import CommandError, Exit

CONNECT_S = 10.0
SILENT_S = 120.0
"""The gate says something at least every 15 s while a request is under way."""
_IDLE_S = 30.0
"""Below the gate's own keep-alive."""
_KEPT = 8
_BACK_S = 5.0
"""How long a gate that has been there may be away: it restarts."""
_AGAIN_S = 0.2


class NotSentError(CommandError):
    """Not one byte of the request has left."""


class LostError(Exception):
    """The request may have been taken; there is no answer to it."""


class GateTalk:
    """One request and its answer. Use as a context manager."""

    def __init__(self, link: "GateLink", connection: http.client.HTTPConnection) -> None:
        self._link = link
        self._connection = connection
        self._socket = connection.sock
        self._answer: http.client.HTTPResponse | None = None
        self._closed = self._ended = False

    def send(
        self, method: str, body: bytes | None, headers: Mapping[str, str], silent_s: float = SILENT_S
    ) -> http.client.HTTPResponse:
        """Up to the head of the answer; its body is the caller's to read. LostError."""
        try:
            self._socket.settimeout(silent_s)
            self._connection.request(method, self._link.path, body, dict(headers))
            self._answer = self._connection.getresponse()
        except ValueError:
            self.close()
            raise NotSentError("The token or the task's id cannot stand in a header.", "", Exit.USAGE) from None
        except (http.client.HTTPException, OSError) as fault:
            self.close()
            raise LostError from fault
        return self._answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.done()

    def done(self) -> None:
        """When all of the answer was read the connection can carry another. The second time does nothing."""
        if self._ended:
            return
        self._ended = True
        if not self._closed and self._answer is not None and self._answer.isclosed():
            self._link.keep(self._connection)
        else:
            self.close()

    def close(self) -> None:
        self._closed = True
        self._connection.close()
        if self._answer is not None:
            self._answer.close()

    def abort(self) -> None:
        """From another thread: whoever waits for the answer finds the connection ended."""
        self._closed = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


class GateLink:
    """Connections to one endpoint; threads share it."""

    def __init__(self, integration: str, endpoint: str) -> None:
        """``integration`` may be empty: the endpoint for everything."""
        self._integration = integration
        self._endpoint = ""
        self._idle: list[tuple[float, http.client.HTTPConnection]] = []
        self._lock = threading.Lock()
        self._reached = False
        self.aim(endpoint)

    def aim(self, endpoint: str) -> None:
        """``endpoint``: URL up to the integration's name. CommandError when it is none."""
        if endpoint == self._endpoint:
            return
        try:
            where = urlsplit(endpoint)
            port = where.port
        except ValueError:
            where, port = urlsplit(""), None
        if where.scheme not in {"http", "https"} or not where.hostname:
            raise CommandError("There is no usable endpoint.", "Sign in again with: callgate login")
        self.close()
        self._endpoint, self._reached = endpoint, False
        self._secure, self._host, self._port = where.scheme == "https", where.hostname, port
        self.where = where.netloc
        base = where.path.rstrip("/")
        self.path = f"{base}/{quote(self._integration, safe='')}" if self._integration else base

    def begin(self) -> GateTalk:
        """A connection for one request. NotSentError."""
        return GateTalk(self, self._connection())

    def keep(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            if connection.sock is not None and len(self._idle) < _KEPT:
                self._idle.append((time.monotonic(), connection))
                return
        connection.close()

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        while True:
            with self._lock:
                since, connection = self._idle.pop() if self._idle else (0.0, None)
            if connection is None:
                return self._connected()
            if time.monotonic() - since < _IDLE_S and not _stale(connection):
                return connection
            connection.close()

    def _connected(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        until = time.monotonic() + (_BACK_S if self._reached else 0)
        while True:
            connection = kind(self._host, self._port, timeout=CONNECT_S)
            try:
                connection.connect()
            except OSError:
                connection.close()
                if time.monotonic() >= until:
                    break
                time.sleep(_AGAIN_S)
                continue
            self._reached = True
            return connection
        raise NotSentError(f"No gate is running at {self.where}.", "Start it with: callgate serve", Exit.USAGE)


def _stale(connection: http.client.HTTPConnection) -> bool:
    """The gate has closed it, or said something that nobody asked for."""
    if connection.sock is None or connection.sock.fileno() < 0:
        return True
    return bool(select.select([connection.sock], [], [], 0)[0])
