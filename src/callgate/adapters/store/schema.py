"""The tables, and the check that a database is one of ours. ``ledger.db`` is the record, ``keys.db`` what can be erased."""

import sqlite3

from callgate.core.ledger.tree import EMPTY_ROOT
from callgate.model.errors import ConfigError

VERSION = 1

_META = "CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"

# Triggers stop accidents; the evidence against anybody else is a checkpoint kept elsewhere.
_FOREVER = tuple(
    f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
    f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    for table in ("events", "tiles", "checkpoints")
    for verb in ("UPDATE", "DELETE")
)

LEDGER = (
    _META,
    f"""CREATE TABLE head(
        only INTEGER PRIMARY KEY CHECK (only = 1), batch INTEGER NOT NULL DEFAULT 0, size INTEGER NOT NULL DEFAULT 0,
        root BLOB NOT NULL DEFAULT x'{EMPTY_ROOT.hex()}', writer TEXT NOT NULL DEFAULT '',
        seq INTEGER NOT NULL DEFAULT 0, at_ms INTEGER NOT NULL DEFAULT 0)""",
    "INSERT INTO head(only) VALUES (1)",
    # Hashes of tile level 1 and up that fill no tile yet; those of level 0 are the hashes of the last leaves.
    "CREATE TABLE frontier(level INTEGER PRIMARY KEY, hashes BLOB NOT NULL)",
    """CREATE TABLE events(
        leaf INTEGER PRIMARY KEY, id TEXT NOT NULL, call TEXT NOT NULL, kind TEXT NOT NULL, at_ms INTEGER NOT NULL,
        data BLOB NOT NULL, hash BLOB NOT NULL)""",
    "CREATE UNIQUE INDEX events_id ON events(id)",
    "CREATE INDEX events_call ON events(call) WHERE call <> ''",
    """CREATE TABLE tiles(
        level INTEGER NOT NULL, position INTEGER NOT NULL, hashes BLOB NOT NULL, PRIMARY KEY (level, position))""",
    "CREATE TABLE checkpoints(size INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, note TEXT NOT NULL)",
    """CREATE TABLE rows(
        kind TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, body BLOB NOT NULL, state TEXT NOT NULL,
        ref TEXT NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID""",
    "CREATE INDEX rows_state ON rows(kind, state) WHERE state <> ''",
    "CREATE INDEX rows_ref ON rows(kind, ref) WHERE ref <> ''",
    "CREATE TABLE counters(name TEXT PRIMARY KEY, used INTEGER NOT NULL, expires_ms INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE INDEX counters_expiry ON counters(expires_ms) WHERE expires_ms > 0",
    "CREATE TABLE open_calls(call_id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE sealed(owner TEXT NOT NULL, event TEXT NOT NULL, field TEXT NOT NULL, data BLOB NOT NULL)",
    "CREATE INDEX sealed_owner ON sealed(owner)",
    # Keys and names on their way to keys.db: durable with the events that need them, gone from here soon after.
    "CREATE TABLE outbox(what TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, data BLOB NOT NULL)",
    *_FOREVER,
)

KEYS = (
    _META,
    "CREATE TABLE keys(owner TEXT PRIMARY KEY, wrapped BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE names(pseudonym TEXT PRIMARY KEY, kind TEXT NOT NULL, data BLOB NOT NULL) WITHOUT ROWID",
)


def is_new(connection: sqlite3.Connection) -> bool:
    """There is no table yet: a file just made, or one whose making was cut off."""
    return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None


def create(connection: sqlite3.Connection, statements: tuple[str, ...], meta: dict[str, str]) -> None:
    """All tables or none, so that a crash here leaves a file that ``is_new`` knows."""
    connection.execute("BEGIN EXCLUSIVE")
    for statement in statements:
        connection.execute(statement)
    rows = {**meta, "schema_version": str(VERSION)}
    connection.executemany("INSERT INTO meta VALUES (?, ?)", rows.items())
    connection.execute("COMMIT")


def check(connection: sqlite3.Connection, meta: dict[str, str], file: str) -> None:
    """ConfigError when the file is not ours, from a newer Callgate, or another tenant's or log's."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone() is None:
        raise ConfigError("This is a database of something else.", file=file)
    found = dict(connection.execute("SELECT name, value FROM meta"))
    version = found.get("schema_version", "")
    if not version.isdecimal():
        raise ConfigError("This database names no schema version.", file=file)
    if int(version) > VERSION:
        raise ConfigError(
            f"This database was written by a newer Callgate (schema {version}, this one knows {VERSION}).",
            file=file,
            hint="Run the newer version; data is never converted backwards.",
        )
    for name, value in meta.items():
        if found.get(name) != value:
            raise ConfigError(f"This database belongs to {name} {found.get(name)!r}, not {value!r}.", file=file)
