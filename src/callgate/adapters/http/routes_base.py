"""What every route of the local API shares: who asks, what was sent, what goes back, how a fault reads.

A fault leaves as a problem ``{code, message, hint}``; this is the one place that maps the error tree to HTTP.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Generic, NoReturn, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from callgate.flow.admin import Admin, Peer
from callgate.model.base import Fact
from callgate.model.errors import (
    AuthError,
    CallgateError,
    ConfigError,
    InputError,
    IntegrityError,
    StoreError,
    UpstreamError,
)
from callgate.model.identity import Presence

BODY_BYTES = 1 << 20
T = TypeVar("T")

_log = logging.getLogger("callgate.api")
_JSON = "application/json"
_HEADERS = {"cache-control": "no-store"}
_STATUS: tuple[tuple[type[CallgateError], int], ...] = (
    (InputError, 400),
    (AuthError, 403),
    (ConfigError, 409),
    (UpstreamError, 502),
    (StoreError, 503),
    (IntegrityError, 500),
)
_BY_CODE = {
    "unauthenticated": 401,
    "bad_passphrase": 401,
    "too_many_tries": 429,
    "not_found": 404,
    "too_large": 413,
    "no_such_method": 405,
}


class Problem(Fact, frozen=True):
    code: str
    message: str
    hint: str = ""
    said: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    """What a local server said last, in lines; left out when it said nothing."""


class Nothing(Fact, frozen=True):
    """An act without arguments: ``{}``."""


class Proof(Fact, frozen=True):
    """That a person is there. Never printed."""

    account: str
    passphrase: str

    def __repr__(self) -> str:
        return "Proof()"


class Sent(msgspec.Struct, Generic[T], frozen=True, forbid_unknown_fields=True):
    """Body of an act: who is there, and what to do."""

    by: Proof
    act: T


def status_of(fault: CallgateError) -> int:
    if fault.code in _BY_CODE:
        return _BY_CODE[fault.code]
    return next((status for kind, status in _STATUS if isinstance(fault, kind)), 500)


def answer(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, _HEADERS, _JSON)


def problem(fault: CallgateError) -> Response:
    return answer(Problem(fault.code, str(fault), fault.hint, fault.said or msgspec.UNSET), status_of(fault))


def last_resort(fault: Exception) -> Problem:
    """Only the fault's type is kept: its message could hold what was sent."""
    _log.error("fault in the local API: %s", type(fault).__name__)
    return Problem("fault", "The gate has a fault.", "Look at the gate's log, then run: callgate doctor")


def peer_of_request(request: Request) -> Peer:
    """AuthError when the request did not come over the local socket."""
    peer = request.scope.get("state", {}).get("peer")
    if not isinstance(peer, Peer):
        raise AuthError("The API is served on the local socket only.", code="not_local")
    return peer


async def body_of(request: Request) -> bytes:
    """InputError ``too_large`` above 1 MiB."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES:
            raise InputError("The body is larger than 1 MiB.", code="too_large")
    return bytes(body)


async def decoded(request: Request, decoder: "msgspec.json.Decoder[T]") -> T:
    """InputError with the path of what is wrong."""
    try:
        return decoder.decode(await body_of(request))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        where = str(fault) if isinstance(fault, msgspec.ValidationError) else "it is not JSON"
        raise InputError(f"The body cannot be used: {where}.") from None


def number(request: Request, name: str, default: int, low: int, high: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        value = int(text)
    except ValueError:
        _bad_number(name, low, high)
    if not low <= value <= high:
        _bad_number(name, low, high)
    return value


def _bad_number(name: str, low: int, high: int) -> NoReturn:
    raise InputError(f"{name} must be a whole number from {low} to {high}.")


def route(path: str, method: str, handle: Callable[[Request], Awaitable[Response]]) -> Route:
    """A route behind the checks and the mapping of faults."""

    async def endpoint(request: Request) -> Response:
        try:
            peer_of_request(request)
            return await handle(request)
        except CallgateError as fault:
            return problem(fault)
        except ClientDisconnect:
            return Response(status_code=499)
        except Exception as fault:  # noqa: BLE001 - the front's last resort
            return answer(last_resort(fault), 500)

    return Route(path, endpoint, methods=[method])


def reading(path: str, read: Callable[[Request], Awaitable[object]]) -> Route:
    """GET: a value as JSON."""

    async def handle(request: Request) -> Response:
        return answer(await read(request))

    return route(path, "GET", handle)


def listing(path: str, name: str, read: Callable[[Request], Awaitable[object]]) -> Route:
    """GET: ``{name: [...]}``."""

    async def handle(request: Request) -> Response:
        return answer({name: await read(request)})

    return route(path, "GET", handle)


def asking(path: str, kind: type[T], ask: Callable[[T, Request], Awaitable[object]]) -> Route:
    """POST without presence: the body is a ``kind``."""
    decoder = msgspec.json.Decoder(kind)

    async def handle(request: Request) -> Response:
        return answer(await ask(await decoded(request, decoder), request))

    return route(path, "POST", handle)


def acting(admin: Admin, path: str, kind: type[T], act: Callable[[Presence, T, Request], Awaitable[object]]) -> Route:
    """POST by a person: the body is ``{"by": {account, passphrase}, "act": kind}``."""
    decoder: msgspec.json.Decoder[Sent[T]] = msgspec.json.Decoder(Sent[kind])  # type: ignore[valid-type]

    async def handle(request: Request) -> Response:
        sent = await decoded(request, decoder)
        presence = await admin.present(sent.by.account, sent.by.passphrase, peer_of_request(request))
        return answer(await act(presence, sent.act, request))

    return route(path, "POST", handle)


def _fault_line(found: Problem) -> bytes:
    return msgspec.json.encode({"kind": "fault", "problem": found}) + b"\n"


def streaming(path: str, kind: type[T], ask: Callable[[T], AsyncIterator[object]]) -> Route:
    """POST without presence: JSON lines, the last of them ``{"kind": "fault", "problem": …}`` after a fault on the way."""
    decoder = msgspec.json.Decoder(kind)

    async def lines(items: AsyncIterator[object]) -> AsyncIterator[bytes]:
        try:
            async for item in items:
                yield msgspec.json.encode(item) + b"\n"
        except CallgateError as fault:
            yield _fault_line(Problem(fault.code, str(fault), fault.hint))
        except Exception as fault:  # noqa: BLE001 - the front's last resort
            yield _fault_line(last_resort(fault))

    async def handle(request: Request) -> Response:
        wanted = await decoded(request, decoder)
        return StreamingResponse(lines(ask(wanted)), 200, _HEADERS, "application/x-ndjson")

    return route(path, "POST", handle)
