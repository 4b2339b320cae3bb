"""Messages of a child that nobody has taken yet. The child is not slowed down for one of those who share it."""

from collections import deque

from callgate.core.message import Message

MAX_WAITING = 256
MAX_BYTES = 16 << 20
"""More than one message may have, so the newest is always kept."""


class WaitingMessages:
    """In order; the oldest go first when there are too many, or too much."""

    __slots__ = ("_bytes", "_queue")

    def __init__(self) -> None:
        self._queue: deque[Message] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, message: Message) -> None:
        self._queue.append(message)
        self._bytes += len(message.raw)
        while len(self._queue) > MAX_WAITING or (self._bytes > MAX_BYTES and len(self._queue) > 1):
            self.take()

    def take(self) -> Message:
        """The oldest. IndexError: there is none."""
        message = self._queue.popleft()
        self._bytes -= len(message.raw)
        return message
