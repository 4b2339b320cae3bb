"""What rules read inside of arguments and answers: SQL, ids in texts, queries that are kept inside, items of answers."""

import json
import re
import sqlite3
from typing import Any

from callgate.core.confine import AnswerFilter, QueryNarrower
from callgate.core.parsers import PARSERS
from callgate.core.sql import DIALECTS, only_reads, only_shapes
from callgate.model.manifest import Narrowing, Qualifier, QueryStyle
from callgate.model.tool import ItemFilter, TargetRule
from tests.fuzz.taking import Taking

READS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
WRITERS = {"load_extension", "writefile", "readfile", "edit", "fts3_tokenizer"}
STEPS = 2_000
"""Instructions of SQLite's machine, in hundreds."""


def sql(data: bytes) -> None:
    """What is told to be a read is one for SQLite itself, which is asked before it does anything."""
    taking = Taking(data)
    dialect = taking.pick(sorted(DIALECTS))
    text = taking.rest().decode("utf-8", "replace")
    if only_shapes(text, dialect):
        assert re.match(r"(?i)[\s;]*(alter|create|drop)\b", text)
        assert not only_reads(text, dialect)
    if not only_reads(text, dialect):
        return
    assert not re.search(r"(?i)^\s*(insert|update|delete|drop|create|alter|attach|pragma|replace|call|do)\b", text)
    if dialect != "sqlite":
        return
    link = sqlite3.connect(":memory:")
    link.execute("CREATE TABLE t(a, b, c)")
    asked: list[tuple[int, Any, Any]] = []

    def allow(action: int, one: Any, two: Any, *_: Any) -> int:
        asked.append((action, one, two))
        return sqlite3.SQLITE_OK if action in READS else sqlite3.SQLITE_DENY

    left = [STEPS]

    def tick() -> int:
        left[0] -= 1
        return left[0] < 0

    link.set_authorizer(allow)
    link.set_progress_handler(tick, 100)
    try:
        link.executescript(text)
    except sqlite3.Error:
        pass
    finally:
        link.set_authorizer(None)
        link.close()
    # executescript ends a transaction that it finds open, and there is none.
    assert all(action in READS for action, _, _ in asked), asked
    assert not any(action == sqlite3.SQLITE_FUNCTION and two in WRITERS for action, _, two in asked), asked


def texts(data: bytes) -> None:
    """A text names ids of one form, however its host is written, or nothing."""
    text = data.decode("utf-8", "replace")
    for name, parse in PARSERS.items():
        ids = parse(text)
        if ids is None:
            continue
        assert ids
        assert len(set(ids)) == len(ids)
        for one in ids:
            assert one == one.strip()
            assert one or name == "words"
            assert name == "words" or one.isprintable()
            if name in ("github_url", "sentry_url"):
                assert one.count("/") == 1
                assert not {".", "..", ""} & set(one.split("/"))
            if name == "url_host":
                assert one == one.lower()
                scheme, rest = text.split("://", 1)
                host = re.match(r"[^/?#]*", rest)
                assert host is not None
                assert parse(f"{scheme.upper()}://{host[0].upper()}{rest[host.end() :]}") == ids
                if ":" not in host[0]:
                    port = {"http": 80, "https": 443}[scheme.lower()]
                    assert parse(f"{scheme}://{host[0]}:{port}{rest[host.end() :]}") == ids


QUERIES = (
    QueryNarrower(
        Narrowing(
            argument="q", style=QueryStyle.WORDS, qualifiers=(Qualifier(kind="repo", add="repo:{id}"),), several=" "
        )
    ),
    QueryNarrower(
        Narrowing(
            argument="q", style=QueryStyle.EXPRESSION, qualifiers=(Qualifier(kind="folder", add="'{id}' in parents"),)
        )
    ),
)
FILTERS = (
    AnswerFilter(ItemFilter(items="items[]", target=TargetRule(kind="k", path="id"))),
    AnswerFilter(ItemFilter(items="[]", target=TargetRule(kind="k", path="a.id"))),
)


def query(data: bytes) -> None:
    """A narrowed query says what it was narrowed to; an answer keeps only items that lie inside."""
    taking = Taking(data)
    which = taking.number(1)
    text = taking.rest().decode("utf-8", "replace")
    kind = ("repo", "folder")[which]
    made = QUERIES[which].narrowed({"q": text}, ((kind, "acme/app"),))
    if made is not None:
        assert QUERIES[which].aims(made)[0] == ((kind, "acme/app"),)
        assert text.strip() in made["q"]
        if which:
            alone(made["q"])
    for number, one in enumerate(FILTERS):
        kept = one.apply(data, lambda _, name: name.startswith("ok"))
        if kept is not None:
            inside(json.loads(kept[0]), number)


def alone(text: str) -> None:
    """No parenthesis of the query's closes ours."""
    head = text.rpartition(") and (")[0]
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", head.removeprefix("("))
    depth = 0
    for char in bare:
        depth += {"(": 1, ")": -1}.get(char, 0)
        assert depth >= 0


def inside(result: dict[str, Any], number: int) -> None:
    values = [result["structuredContent"]] if result.get("structuredContent") is not None else []
    content = result.get("content", [])
    assert isinstance(content, list)
    values += [json.loads(block["text"]) for block in content]
    for value in values:
        for item in value["items"] if number == 0 else value:
            assert str(item["id"] if number == 0 else item["a"]["id"]).startswith("ok")
