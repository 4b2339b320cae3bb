"""Memory that large answers under way may take, over all integrations."""


class Budget:
    """Bytes; ``take`` is refused rather than waited for. ``most``: of one answer."""

    def __init__(self, limit: int, most: int = 10 << 20) -> None:
        self._limit = limit
        self._left = limit
        self.most = most

    def resize(self, limit: int, most: int) -> None:
        """What is taken stays taken; a smaller limit refuses until enough was given back."""
        self._left += limit - self._limit
        self._limit = limit
        self.most = most

    def take(self, size: int) -> bool:
        if size > self._left:
            return False
        self._left -= size
        return True

    def give(self, size: int) -> None:
        self._left += size
