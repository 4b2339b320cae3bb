"""Rounds of one call (MCP 2026-07-28, multi-round-trip requests): what a server wants, and the state between rounds."""

import base64
import binascii

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from callgate.core.asks import MAX_INQUIRY, inquiry
from callgate.core.jsonrpc import parse_strict
from callgate.model.errors import MalformedCall
from callgate.model.inquiry import InputAsked, Inquiry, RoundState

MOST_INPUTS = 16
"""Answers that one round may want."""
MOST_ROUNDS = 8
MAX_STATE = 64 << 10
"""Characters of a server's own state."""
MAX_SEALED = 1 << 20
MAX_KEY = 256
_NONCE = 12
_inside = msgspec.json.Decoder(RoundState)
_encode = msgspec.json.Encoder(order="sorted").encode


def read_asked(result: bytes, words: tuple[str, ...], *, private: bool) -> InputAsked | str:
    """Of an InputRequiredResult; or the code of why it is not passed on. ``words`` and ``private`` as in
    ``read_inquiry``.
    """
    if len(result) > MAX_INQUIRY * 2:
        return "inquiry_too_large"
    try:
        said = parse_strict(result)
    except MalformedCall:
        return "bad_inquiry"
    wanted, state = said.get("inputRequests"), said.get("requestState")
    wanted = {} if wanted is None else wanted
    if said.get("resultType") != "input_required" or not isinstance(wanted, dict) or len(wanted) > MOST_INPUTS:
        return "bad_inquiry"
    if not isinstance(state, str | None) or (state is None and not wanted) or len(state or "") > MAX_STATE:
        return "bad_inquiry"
    asked: dict[str, Inquiry] = {}
    for key, request in wanted.items():
        if not isinstance(request, dict) or not isinstance(method := request.get("method"), str) or len(key) > MAX_KEY:
            return "bad_inquiry"
        params = request.get("params")
        found = inquiry(method, {} if params is None else params, words, private=private)
        if isinstance(found, str):
            return found
        asked[key] = found
    return InputAsked(asked=asked, state=state)


def input_required(wanted: InputAsked, sealed: str) -> bytes:
    """The InputRequiredResult that the client gets: the server's requests, and our state in place of the server's."""
    made: dict[str, object] = {"resultType": "input_required"}
    if wanted.asked:
        made["inputRequests"] = {key: {"method": one.method, "params": one.params} for key, one in wanted.asked.items()}
    return _encode({**made, "requestState": sealed})


class RoundSealer:
    """AES-256-GCM under one key; who, where and what is the associated data, so that a state opens for the same
    person, runtime, integration, method, tool and arguments alone.
    """

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    def seal(self, about: tuple[str, ...], state: RoundState, nonce: bytes) -> str:
        bare = {key: msgspec.structs.replace(one, params={}) for key, one in state.wanted.asked.items()}
        wanted = msgspec.structs.replace(state.wanted, asked=bare)
        inside = _encode(msgspec.structs.replace(state, wanted=wanted))
        data = nonce + self._aead.encrypt(nonce, inside, _about(about))
        return _text(data)

    def open(self, about: tuple[str, ...], sealed: str) -> RoundState | None:
        """None: not ours, changed, or about something else."""
        if len(sealed) > MAX_SEALED or not sealed.isascii():
            return None
        try:
            data = base64.b64decode(sealed + "=" * (-len(sealed) % 4), b"-_", validate=True)
            if _text(data) != sealed:
                # Another spelling of the same bytes is not what was given out.
                return None
            return _inside.decode(self._aead.decrypt(data[:_NONCE], data[_NONCE:], _about(about)))
        except (InvalidTag, ValueError, binascii.Error, msgspec.MsgspecError):
            return None


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _about(parts: tuple[str, ...]) -> bytes:
    return _encode(("round", *parts))
