"""A file's values with the lines they stand on, and a cursor that notes wrong types instead of failing."""

from collections.abc import Iterator, Mapping
from typing import Any

Path = tuple[str | int, ...]
MAX_DEPTH = 64
MAX_VALUES = 100_000


class BadDocument(Exception):
    """The text is not what the format wants. Carries no text of the file."""

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


class LineCount:
    """Lines of a text for places that only go on: each character is counted once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._line = 1
        self._counted = 0

    def at(self, place: int) -> int:
        self._line += self._text.count("\n", self._counted, place)
        self._counted = place
        return self._line


class Document:
    """``lines`` has the line of each key; ``doubles`` keys that one object has twice, with the second's line.

    ``spans`` has the first and last character of each value, and is empty for TOML.
    """

    def __init__(
        self,
        value: Any,
        lines: Mapping[Path, int],
        doubles: tuple[tuple[Path, int], ...] = (),
        spans: Mapping[Path, tuple[int, int]] | None = None,
    ) -> None:
        self.value = value
        self.lines = lines
        self.doubles = doubles
        self.spans = spans or {}

    def line(self, path: Path) -> int:
        """Of the key, or of the nearest one around it; 0: none is known."""
        for length in range(len(path), -1, -1):
            found = self.lines.get(path[:length])
            if found is not None:
                return found
        return 0


class Spot:
    """One value and where it stands. Asking for a type it is not gives nothing and leaves a note."""

    def __init__(self, document: Document, notes: list[Path], path: Path = (), value: Any = None) -> None:
        self._document = document
        self._notes = notes
        self.path = path
        self.value = value

    @classmethod
    def top(cls, document: Document, notes: list[Path]) -> "Spot":
        return cls(document, notes, (), document.value)

    @property
    def line(self) -> int:
        return self._document.line(self.path)

    def line_of(self, path: Path) -> int:
        """Of another key in the same file."""
        return self._document.line(path)

    @property
    def there(self) -> bool:
        return self.value is not None

    def at(self, *names: str) -> "Spot":
        """The value below; nothing there when a name is missing."""
        spot = self
        for name in names:
            table = spot.table()
            spot = Spot(self._document, self._notes, (*spot.path, name), table.get(name))
        return spot

    def table(self) -> Mapping[str, Any]:
        return self._typed(dict) or {}

    def items(self) -> Iterator[tuple[str, "Spot"]]:
        for name, value in self.table().items():
            yield name, Spot(self._document, self._notes, (*self.path, name), value)

    def below(self) -> list["Spot"]:
        """The values of a table."""
        return [spot for _, spot in self.items()]

    def each(self) -> Iterator["Spot"]:
        for number, value in enumerate(self._typed(list) or ()):
            yield Spot(self._document, self._notes, (*self.path, number), value)

    def text(self) -> str:
        return self._typed(str) or ""

    def flag(self, default: bool = False) -> bool:
        found = self._typed(bool)
        return default if found is None else bool(found)

    def texts(self) -> tuple[str, ...]:
        return tuple(spot.text() for spot in self.each())

    @property
    def word(self) -> str:
        """The text, where another type is fine too."""
        return self.value if isinstance(self.value, str) else ""

    def is_text(self) -> bool:
        return isinstance(self.value, str)

    def _typed(self, kind: type) -> Any:
        if self.value is None:
            return None
        if not isinstance(self.value, kind):
            if self.path not in self._notes:
                self._notes.append(self.path)
            return None
        return self.value
