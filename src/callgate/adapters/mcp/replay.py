"""Answers that a client takes up on another stream (MCP 2025-11-25, streamable HTTP, Resumability and Redelivery).

A stream of a call that has begun carries event ids. When it ends before the answer, because the connection broke or
because the server asks its clients to come back, the call goes on, and a GET with Last-Event-ID in the same session
gets what came after: the same governed answer, once judged and recorded. Nothing survives a restart; then the ledger
has the outcome.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator

KEPT_S = 60.0
"""How long a finished call's answer waits to be taken up."""
RETRY_MS = 1_000
MOST_CALLS = 1_024
MOST_BYTES = 64 << 20
"""Of all events kept; what does not fit is not kept."""
CALLS_OF_ONE = 128
BYTES_OF_ONE = 8 << 20
"""Of one person: nobody's answers are lost because somebody else lets go of many."""
MOST_EVENTS = 64
"""Of one call; of more the oldest, which are progress and logs, are forgotten."""


class Replay:
    """The events of one call. ``sealed``: the session they belong to; ``person``: whose it is."""

    __slots__ = ("_came", "_events", "_number", "_owner", "mark", "over", "person", "sealed", "size")

    def __init__(self, owner: "Replays", mark: str, sealed: str, person: str) -> None:
        self._owner = owner
        self.person = person
        self.mark = mark
        self.sealed = sealed
        self._events: deque[tuple[int, bytes]] = deque()
        self._number = 0
        self._came = asyncio.Event()
        self.over = False
        self.size = 0

    @property
    def opening(self) -> bytes:
        """The first event: an id to come back with, and no data."""
        return b"id: %b-0\nretry: %d\ndata: \n\n" % (self.mark.encode(), RETRY_MS)

    def event(self, frame: bytes) -> bytes:
        """The event with its id; kept."""
        self._number += 1
        event = b"id: %b-%d\n%b" % (self.mark.encode(), self._number, frame)
        if self._owner.room(self, len(event)):
            self._events.append((self._number, event))
            if len(self._events) > MOST_EVENTS:
                self._owner.room(self, -len(self._events.popleft()[1]))
        self._came.set()
        return event

    def end(self) -> None:
        """Nothing more comes. May be said again."""
        if not self.over:
            self.over = True
            self._came.set()
            self._owner.finished(self)

    async def after(self, number: int) -> AsyncIterator[bytes]:
        """What came after that event and still comes. Several may wait for it."""
        while True:
            self._came.clear()
            fresh = [one for one in self._events if one[0] > number]
            for _, event in fresh:
                yield event
            if fresh:
                number = fresh[-1][0]
                continue
            if self.over:
                return
            await self._came.wait()


class Replays:
    def __init__(self) -> None:
        self._kept: dict[str, Replay] = {}
        self._size = 0
        self._of: dict[str, tuple[int, int]] = {}
        """(calls, bytes) by person."""

    def begin(self, sealed: str, person: str = "") -> Replay | None:
        """None: there are as many as are kept."""
        mine = self._of.get(person, (0, 0))[0] >= CALLS_OF_ONE
        if mine or len(self._kept) >= MOST_CALLS:
            one = (replay for replay in self._kept.values() if replay.over and (not mine or replay.person == person))
            done = next(one, None)
            if done is None:
                return None
            self.forget(done)
        mark = secrets.token_hex(12)
        replay = self._kept[mark] = Replay(self, mark, sealed, person)
        self._count(replay, 1, 0)
        return replay

    def find(self, sealed: str, last: str) -> tuple[Replay, int] | None:
        """The call whose event that was and the event's number; None: no such call of this session is kept."""
        mark, _, number = last.rpartition("-")
        replay = self._kept.get(mark)
        if replay is None or replay.sealed != sealed or not number.isdecimal() or len(number) > 9:
            return None
        return replay, int(number)

    def ended(self, sealed: str) -> None:
        """The session is over."""
        for replay in [replay for replay in self._kept.values() if replay.sealed == sealed]:
            self.forget(replay)

    def room(self, replay: Replay, size: int) -> bool:
        """Take room for an event, or give it back; False: there is none."""
        _, mine = self._of.get(replay.person, (0, 0))
        full = size > 0 and (self._size + size > MOST_BYTES or mine + size > BYTES_OF_ONE)
        if full or replay.mark not in self._kept:
            return False
        replay.size += size
        self._size += size
        self._count(replay, 0, size)
        return True

    def finished(self, replay: Replay) -> None:
        asyncio.get_running_loop().call_later(KEPT_S, self.forget, replay)

    def forget(self, replay: Replay) -> None:
        if self._kept.pop(replay.mark, None) is not None:
            self._size -= replay.size
            self._count(replay, -1, -replay.size)
            replay.size = 0

    def _count(self, replay: Replay, calls: int, size: int) -> None:
        had = self._of.get(replay.person, (0, 0))
        self._of[replay.person] = (had[0] + calls, had[1] + size)
        if not self._of[replay.person][0]:
            del self._of[replay.person]
