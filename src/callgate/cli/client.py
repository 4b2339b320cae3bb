"""Speaks with the running gate: HTTP over the Unix socket of its home."""

import http.client
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from callgate.adapters.home.place import VARIABLE, locate
from callgate.adapters.http.local_socket import connect
from callgate.cli.outcome import CommandError, Exit, NoGateError
from callgate.cli.people import Person

T = TypeVar("T")
_TIMEOUT = 60.0
_SLOW_TIMEOUT = 300.0
_VERIFY_TIMEOUT = 3600.0
_VARIABLE = "CALLGATE_SOCKET"
"""For people who may speak to a gate whose home is not theirs."""
SERVICE = Path("/run/callgate/gate.sock")
"""Where ``callgate service install`` puts it."""


class _Link(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("gate", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = connect(self._path, _TIMEOUT if self.timeout is None else self.timeout)


class Gate:
    """The gate that runs on a home. Every fault is a CommandError with its exit code."""

    def __init__(self, home: Path | None) -> None:
        """``home``: what ``--home`` said; None: the socket of CALLGATE_SOCKET, or where homes stand by default."""
        shared = (os.environ.get(_VARIABLE, "") or _service()) if home is None else ""
        found = None if shared else locate(os.environ, home)
        self.place = str(found.root if found else shared)
        """The home, or the socket itself: names this gate on this machine."""
        self._socket = found.socket if found else Path(shared)

    def get(self, *path: str, **query: object) -> bytes:
        """JSON of the answer. Path parts are quoted."""
        asked = urlencode({key: value for key, value in query.items() if value not in {"", None}})
        return self._send("GET", _target(path, asked), None)

    def post(self, *path: str, body: object, slow: bool = False) -> bytes:
        return self._send("POST", _target(path), msgspec.json.encode(body), _SLOW_TIMEOUT if slow else _TIMEOUT)

    def act(self, *path: str, by: Person, act: object, slow: bool = False) -> bytes:
        """A change by a person: the passphrase goes along. ``slow``: a server may take its time to start."""
        sent = {"by": {"account": by.account, "passphrase": by.passphrase}, "act": act}
        return self.post(*path, body=sent, slow=slow)

    def lines(self, *path: str, body: object) -> Iterator[dict[str, Any]]:
        """The JSON lines of a long answer, as they come; a fault ends them."""
        with self._open("POST", _target(path), msgspec.json.encode(body), _VERIFY_TIMEOUT) as reply:
            for line in reply:
                found = msgspec.json.decode(line)
                if found.get("kind") == "fault":
                    raise _refused(500, found["problem"])
                yield found

    def _send(self, method: str, target: str, body: bytes | None, timeout: float = _TIMEOUT) -> bytes:
        with self._open(method, target, body, timeout) as reply:
            return reply.read()

    @contextmanager
    def _open(self, method: str, target: str, body: bytes | None, timeout: float) -> Iterator[http.client.HTTPResponse]:
        link = _Link(self._socket, timeout)
        try:
            link.request(method, target, body, {"content-type": "application/json"} if body is not None else {})
            reply = link.getresponse()
            if reply.status != http.HTTPStatus.OK:
                raise _refused(reply.status, _problem(reply.read()))
            yield reply
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            raise NoGateError(f"No gate is running on {self.place}.", "Start it with: callgate serve") from None
        except PermissionError:
            raise CommandError(f"The gate on {self.place} belongs to another user.", "Run this as its user.") from None
        except TimeoutError:
            raise CommandError("The gate does not answer.", "Look at its log.") from None
        except (http.client.HTTPException, OSError):
            raise CommandError(
                "The gate ended the connection.", "It serves its own user and root only; otherwise look at its log."
            ) from None
        finally:
            link.close()


def _service() -> str:
    """The socket of this machine's gate, for whoever has no gate of their own and named none; only root makes it."""
    if os.environ.get(VARIABLE) or not SERVICE.is_socket():
        return ""
    return "" if locate(os.environ).config.exists() else str(SERVICE)


def _target(path: tuple[str, ...], query: str = "") -> str:
    target = "/v1/" + "/".join(quote(part, safe="") for part in path)
    return f"{target}?{query}" if query else target


def _problem(body: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(body)
    except msgspec.MsgspecError:
        found = None
    return found if isinstance(found, dict) else {}


def _refused(status: int, problem: dict[str, Any]) -> CommandError:
    code = Exit.NO if status in {401, 403, 429} else Exit.USAGE
    message = str(problem.get("message") or f"The gate answered with status {status}.")
    said = problem.get("said")
    lines = tuple(map(str, said)) if isinstance(said, list) else ()
    return CommandError(message, str(problem.get("hint") or ""), code, said=lines)


def decode(reply: bytes, kind: type[T]) -> T:
    """CommandError when gate and command are not of one version."""
    try:
        return msgspec.json.decode(reply, type=kind)
    except msgspec.MsgspecError as fault:
        hint = "Use the callgate command that belongs to the running gate."
        raise CommandError(f"The gate's answer cannot be read ({fault}).", hint) from None


def listed(reply: bytes, name: str, kind: type[T]) -> tuple[T, ...]:
    return decode(reply, dict[str, tuple[kind, ...]])[name]  # type: ignore[valid-type]
