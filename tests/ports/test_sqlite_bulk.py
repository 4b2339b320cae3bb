"""Many rows in one statement: all of them, in their order, in few steps."""

import sqlite3

import pytest

from callgate.adapters.store.bulk import MOST, Bulk

INSERT = Bulk("INSERT INTO t VALUES", "(?, ?)", " ON CONFLICT DO UPDATE SET b = excluded.b")
DELETE = Bulk("DELETE FROM t WHERE a IN (", "?", ")")


def table() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE t(a INTEGER PRIMARY KEY, b BLOB)")
    return connection


@pytest.mark.parametrize("count", [0, 1, 2, 3, MOST - 1, MOST, MOST + 1, 5 * MOST + 37])
def test_every_row_is_taken_once(count: int) -> None:
    connection = table()
    steps: list[str] = []
    rows = [(number, b"%d" % number) for number in range(count)]
    connection.set_trace_callback(steps.append)
    INSERT.run(connection, rows)
    connection.set_trace_callback(None)
    assert connection.execute("SELECT a, b FROM t ORDER BY a").fetchall() == rows
    assert len(steps) <= count // MOST + MOST.bit_length() - 1
    DELETE.run(connection, [(number,) for number in range(0, count, 2)])
    assert [a for (a,) in connection.execute("SELECT a FROM t ORDER BY a")] == list(range(1, count, 2))


def test_the_last_of_equal_keys_counts() -> None:
    connection = table()
    INSERT.run(connection, [(1, b"first"), (2, b"other"), (1, b"last")])
    assert connection.execute("SELECT a, b FROM t ORDER BY a").fetchall() == [(1, b"last"), (2, b"other")]


def test_a_refused_row_is_an_error() -> None:
    connection = table()
    plain = Bulk("INSERT INTO t VALUES", "(?, ?)")
    with pytest.raises(sqlite3.IntegrityError, match=r"UNIQUE constraint failed: t\.a"):
        plain.run(connection, [(1, b""), (2, b""), (1, b"")])
