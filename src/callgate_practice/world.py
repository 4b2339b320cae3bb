"""The state of one practice server: JSON objects by kind and id in SQLite, with counters and a clock of its own.

Time and ids follow from the seed and the calls alone: the same calls on the same seed give the same bytes. Several
processes may share one file; a call is one transaction.
"""

import datetime as dt
import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from callgate_practice.reply import JSON

BEGIN = dt.datetime(2026, 1, 5, 9, 0, tzinfo=dt.UTC)
"""Of every world."""
TICK = dt.timedelta(minutes=1)
WAIT_S = 10.0
LAYOUT = """
CREATE TABLE IF NOT EXISTS objects (
  place INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (kind, id)
);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS blobs (name TEXT PRIMARY KEY, data BLOB NOT NULL);
"""


class WorldError(Exception):
    """The state file is not one of this server."""


class World:
    """``path``: a file, or ":memory:"."""

    def __init__(self, path: str, server: str, seed: int) -> None:
        try:
            self._link = sqlite3.connect(path, timeout=WAIT_S, isolation_level=None)
            self._link.executescript(LAYOUT)
        except sqlite3.DatabaseError as fault:
            raise WorldError(f"{path} cannot be the state of a practice server: {fault}") from None
        with self.call():
            self._link.execute("INSERT OR IGNORE INTO about VALUES ('server', ?), ('seed', ?)", (server, str(seed)))
        known = self.about()
        if known["server"] != server:
            raise WorldError(f"{path} is the state of {known['server']}, not of {server}")
        self.seed = int(known["seed"])

    def close(self) -> None:
        self._link.close()

    @contextmanager
    def call(self) -> Iterator[None]:
        """All of it is kept, or nothing when it raises."""
        self._link.execute("BEGIN IMMEDIATE")
        with self._link:
            yield

    def about(self) -> dict[str, str]:
        return dict(self._link.execute("SELECT name, value FROM about"))

    def is_new(self) -> bool:
        return self._link.execute("SELECT 1 FROM objects LIMIT 1").fetchone() is None

    def forget(self) -> None:
        """Everything but which server it is."""
        for table in ("objects", "counters", "blobs"):
            self._link.execute(f"DELETE FROM {table}")  # noqa: S608 names of our own tables

    def get(self, kind: str, key: str | int) -> JSON | None:
        row = self._link.execute("SELECT body FROM objects WHERE kind = ? AND id = ?", (kind, str(key))).fetchone()
        return None if row is None else _object(row[0])

    def put(self, kind: str, key: str | int, body: JSON) -> JSON:
        """New or instead of the former; returns the body."""
        self._link.execute(
            "INSERT INTO objects (kind, id, body) VALUES (?, ?, ?)"
            " ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
            (kind, str(key), json.dumps(body, ensure_ascii=False)),
        )
        return body

    def drop(self, kind: str, key: str | int) -> None:
        self._link.execute("DELETE FROM objects WHERE kind = ? AND id = ?", (kind, str(key)))

    def every(self, kind: str, /, **members: object) -> list[JSON]:
        """Objects in the order in which they were made; ``members`` must be equal."""
        rows = self._link.execute("SELECT body FROM objects WHERE kind = ? ORDER BY place", (kind,))
        found = [_object(row[0]) for row in rows]
        return [one for one in found if all(one.get(name) == value for name, value in members.items())]

    def kinds(self) -> dict[str, dict[str, JSON]]:
        """Everything: kind -> id -> object."""
        found: dict[str, dict[str, JSON]] = {}
        for kind, key, body in self._link.execute("SELECT kind, id, body FROM objects ORDER BY kind, id"):
            found.setdefault(kind, {})[key] = _object(body)
        return found

    def blob(self, name: str) -> bytes | None:
        row = self._link.execute("SELECT data FROM blobs WHERE name = ?", (name,)).fetchone()
        return None if row is None else bytes(row[0])

    def put_blob(self, name: str, data: bytes | None) -> None:
        """None drops it."""
        if data is None:
            self._link.execute("DELETE FROM blobs WHERE name = ?", (name,))
        else:
            self._link.execute("INSERT OR REPLACE INTO blobs VALUES (?, ?)", (name, data))

    def blobs(self) -> dict[str, bytes]:
        return dict(self._link.execute("SELECT name, data FROM blobs ORDER BY name"))

    def count(self, name: str) -> int:
        """The next number under this name, from 1."""
        row = self._link.execute(
            "INSERT INTO counters VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
            (name,),
        ).fetchone()
        return int(row[0])

    def token(self, name: str, length: int = 16) -> str:
        """An id nobody guesses from the one before: hex, of up to 64 characters."""
        return hashlib.sha256(f"{self.seed}/{name}/{self.count(name)}".encode()).hexdigest()[:length]

    def uuid(self, name: str) -> str:
        digits = self.token(name, 32)
        return "-".join((digits[:8], digits[8:12], f"4{digits[13:16]}", f"8{digits[17:20]}", digits[20:]))

    def tick(self) -> dt.datetime:
        """The time of the world, which each look moves on."""
        return BEGIN + TICK * self.count("clock")

    def now(self) -> str:
        return self.tick().strftime("%Y-%m-%dT%H:%M:%SZ")


def _object(body: str) -> JSON:
    found: JSON = json.loads(body)
    return found
