"""One message of an upstream (JSON-RPC 2.0), and its members as they came."""

import msgspec

from callgate.model.base import Fact


class JsonrpcFields(msgspec.Struct, frozen=True):
    jsonrpc: str = ""
    id: int | str | None = None
    method: str = ""
    params: msgspec.Raw = msgspec.Raw(b"")
    result: msgspec.Raw = msgspec.Raw(b"")
    error: msgspec.Raw = msgspec.Raw(b"")


class Message(Fact, frozen=True):
    """One message of an upstream. ``result``, ``error`` and ``params`` are raw JSON, empty when absent."""

    raw: bytes
    id: int | str | None = None
    method: str = ""
    params: bytes = b""
    result: bytes = b""
    error: bytes = b""

    @property
    def is_response(self) -> bool:
        return not self.method


STREAM_ENDED = Message(raw=b"", method="stream_ended")
"""No message of an upstream: it has ended the stream it answers on, and its answer comes on another. Known by being
this object, so no upstream can say it.
"""
