"""Rounds of one call (MCP 2026-07-28, multi-round-trip requests): what a server wants, and the state between rounds."""

import msgspec

from callgate.core.asks import MAX_INQUIRY, inquiry
from callgate.core.jsonrpc import parse_strict
from callgate.core.sealing import TextSealer
from callgate.model.errors import MalformedCall
from callgate.model.inquiry import InputAsked, Inquiry, RoundState

MOST_INPUTS = 16
"""Answers that one round may want."""
MOST_ROUNDS = 8
MAX_STATE = 64 << 10
"""Characters of a server's own state."""
MAX_SEALED = 1 << 20
MAX_KEY = 256
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
    """A state opens for the same person, runtime, integration, method, tool and arguments alone."""

    def __init__(self, key: bytes) -> None:
        self._sealer = TextSealer(key, MAX_SEALED)

    def seal(self, about: tuple[str, ...], state: RoundState, nonce: bytes) -> str:
        bare = {key: msgspec.structs.replace(one, params={}) for key, one in state.wanted.asked.items()}
        wanted = msgspec.structs.replace(state.wanted, asked=bare)
        inside = _encode(msgspec.structs.replace(state, wanted=wanted))
        return self._sealer.seal(inside, _about(about), nonce)

    def open(self, about: tuple[str, ...], sealed: str) -> RoundState | None:
        """None: not ours, changed, or about something else."""
        opened = self._sealer.open(sealed, _about(about))
        if opened is None:
            return None
        try:
            return _inside.decode(opened)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None


def _about(parts: tuple[str, ...]) -> bytes:
    return _encode(("round", *parts))
