"""Newline-delimited messages of a stdio server, bounded (MCP transports, stdio)."""

import re

_HEAD = re.compile(rb'\A\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d{1,18})\s*,')
_TAIL = re.compile(rb'[,{]\s*"id"\s*:\s*(\d{1,18})\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*\Z')
_HEAD_BYTES = 128
_TAIL_BYTES = 128


class Lines:
    """Cuts a byte stream into lines of at most ``limit`` bytes; longer ones are skipped, remembering whose they were.

    ``feed`` gives whole lines; ``None`` stands for a line that was too long, and ``skipped_id`` is then the id
    it had, as far as it stood as a member of the outermost object at the very start or the very end.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._head = b""
        self._tail = b""
        self._skipping = False
        self.skipped_id: int | None = None

    def feed(self, chunk: bytes) -> list[bytes | None]:
        found: list[bytes | None] = []
        pieces = chunk.split(b"\n")
        for piece in pieces[:-1]:
            self._add(piece)
            found.append(self._end())
        self._add(pieces[-1])
        return found

    def _add(self, piece: bytes) -> None:
        if self._skipping:
            self._tail = (self._tail + piece)[-_TAIL_BYTES:]
            return
        self._size += len(piece)
        if self._size <= self.limit:
            if piece:
                self._parts.append(piece)
            return
        whole = b"".join((*self._parts, piece))
        self._head, self._tail = whole[:_HEAD_BYTES], whole[-_TAIL_BYTES:]
        self._parts, self._skipping = [], True

    def _end(self) -> bytes | None:
        if self._skipping:
            match = _HEAD.match(self._head) or _TAIL.search(self._tail)
            self.skipped_id = int(match[1]) if match else None
            self._head = self._tail = b""
            self._skipping, self._size = False, 0
            return None
        line = b"".join(self._parts) if len(self._parts) != 1 else self._parts[0]
        self._parts, self._size = [], 0
        return line
