"""D1: each database is a real SQLite database of its own, kept as bytes. It reaches no file and ends in time."""

import sqlite3
from typing import Any

from callgate_practice.reply import JSON
from callgate_practice.world import World

STEPS = 1_000
MOST_STEPS = 20_000
"""Rounds of STEPS instructions that a query may take."""
MOST_BYTES = 4 << 20
"""Of one value."""
MOST_PAGES = 8_192
FORBIDDEN = {
    sqlite3.SQLITE_ATTACH,
    sqlite3.SQLITE_DETACH,
    sqlite3.SQLITE_PRAGMA,
    sqlite3.SQLITE_SAVEPOINT,
    sqlite3.SQLITE_TRANSACTION,
}
"""No other files, no other limits; a call is a transaction of its own."""


def add(world: World, name: str) -> JSON:
    key = world.uuid("database")
    made = {"uuid": key, "name": name, "version": "production", "num_tables": 0, "file_size": 0}
    world.put_blob(key, b"")
    return world.put("database", key, {**made, "created_at": world.now()})


def drop(world: World, key: str) -> None:
    world.drop("database", key)
    world.put_blob(key, None)


def _forbidden(action: int, *_names: object) -> int:
    return sqlite3.SQLITE_DENY if action in FORBIDDEN else sqlite3.SQLITE_OK


def _opened(data: bytes) -> sqlite3.Connection:
    link = sqlite3.connect(":memory:", isolation_level=None)
    if data:
        link.deserialize(data)
    link.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
    link.execute(f"PRAGMA max_page_count = {MOST_PAGES}")
    link.set_authorizer(_forbidden)
    left = iter(range(MOST_STEPS))
    link.set_progress_handler(lambda: next(left, None) is None, STEPS)
    return link


def run(world: World, database: JSON, sql: str, params: list[Any]) -> list[JSON]:
    """One result per statement, all of them or none. Raises sqlite3.Error."""
    link = _opened(world.blob(database["uuid"]) or b"")
    try:
        results = [_one(link, statement, params) for statement in _statements(sql)]
        tables = link.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()[0]
        link.set_authorizer(None)
        data = link.serialize()
    finally:
        link.close()
    world.put_blob(database["uuid"], data)
    world.put("database", database["uuid"], {**database, "num_tables": tables, "file_size": len(data)})
    return results


def _statements(sql: str) -> list[str]:
    found, held = [], ""
    for part in sql.split(";"):
        held += part
        if sqlite3.complete_statement(f"{held};"):
            found.append(held)
            held = ""
        else:
            held += ";"
    return [one for one in [*found, held] if one.strip("; \n\t")]


def _one(link: sqlite3.Connection, statement: str, params: list[Any]) -> JSON:
    before = link.total_changes
    wanted = params[: statement.count("?")]
    cursor = link.execute(statement, wanted)
    names = [column[0] for column in cursor.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    changes = link.total_changes - before
    meta = {"changes": changes, "changed_db": changes > 0, "last_row_id": cursor.lastrowid or 0, "duration": 0.1}
    return {"results": rows, "success": True, "meta": {**meta, "rows_read": len(rows), "rows_written": changes}}
