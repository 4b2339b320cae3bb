"""Memory that large answers under way may take, over all integrations."""


class Budget:
    """Bytes; ``take`` is refused rather than waited for."""

    def __init__(self, limit: int) -> None:
        self._left = limit

    def take(self, size: int) -> bool:
        if size > self._left:
            return False
        self._left -= size
        return True

    def give(self, size: int) -> None:
        self._left += size
