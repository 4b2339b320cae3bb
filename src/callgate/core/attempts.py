"""How often a secret may be tried: a token bucket per name, pure.

It slows guessing down and locks nobody out: a name that was tried too often waits seconds, never until somebody
unlocks it. So that a stranger cannot make an account's owner wait, the name should hold the account *and* where
the attempt comes from (peer user or address), with a wider bucket for the account alone.
"""


class Attempts:
    """``burst`` attempts at once, then one each ``every_ms``. At most ``names`` buckets are remembered."""

    def __init__(self, *, burst: int = 5, every_ms: int = 3_000, names: int = 10_000) -> None:
        self._every_ms = every_ms
        self._full_ms = burst * every_ms
        self._most = names
        self._spent: dict[str, int] = {}
        """When each name's bucket is full again; names with a full bucket are not kept."""

    def take(self, name: str, now_ms: int) -> int:
        """0: try now (one attempt is used up). Else how many milliseconds to wait; nothing is used up.

        When all buckets are in use, unknown names share one: a flood of names never empties a known bucket.
        """
        if name not in self._spent and len(self._spent) >= self._most:
            self._forget_full(now_ms)
        if name not in self._spent and len(self._spent) >= self._most:
            name = ""
        if self._spent.get(name, 0) > now_ms + self._full_ms:
            # The clock was set back: no bucket is more than empty.
            self._spent[name] = now_ms + self._full_ms
        full_at = max(self._spent.get(name, 0), now_ms)
        wait = full_at + self._every_ms - self._full_ms - now_ms
        if wait > 0:
            return wait
        self._spent[name] = full_at + self._every_ms
        return 0

    def succeeded(self, name: str) -> None:
        """The secret was right: the bucket is full again."""
        self._spent.pop(name, None)

    def _forget_full(self, now_ms: int) -> None:
        self._spent = {name: at for name, at in self._spent.items() if at > now_ms}
