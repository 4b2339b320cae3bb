"""Queries mean what the vendors make of them, also where somebody adds to one."""

import pytest

from callgate_practice import queries
from callgate_practice.gmail.mailbox import LANGUAGE as GMAIL
from callgate_practice.queries import Language
from callgate_practice.slack.workspace import LANGUAGE as SLACK
from callgate_practice.workspace.drive_query import compile_query
from tests.practice.at import At

HUB = Language(frozenset({"repo", "is"}), frozenset({"repo"}))
ITEMS = {"a1": ("a", "x"), "b1": ("b", "x"), "a2": ("a", "y"), "b2": ("b", "y")}
"""Name -> (repo, state)."""


def hits(text, language=HUB):
    query = queries.parse(text, language)
    return {
        name
        for name, (repo, state) in ITEMS.items()
        if queries.matches(
            query, name, lambda key, value, r=repo, s=state: value == (r if key == "repo" else s), language
        )
    }


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "a1 b1 a2 b2"),
        ("repo:a", "a1 a2"),
        ("repo:a repo:b is:x", "a1 b1"),
        ("-repo:a", "b1 b2"),
        ("NOT repo:a is:x", "b1"),
        ("a1 OR b2", "a1 b2"),
        ("(a1 OR b1) repo:a", "a1"),
        ("a1 OR b1 repo:a", "a1"),
        ("b1 OR a1 repo:a", "b1 a1"),
        ("x) OR (repo:b", ""),
        ("repo:b) OR (b", "b1 b2"),
        ("(repo:b) OR (b1) repo:a", "b1 b2"),
        ('"a1" repo:a', "a1"),
        ('"a repo:b', ""),
        ("a1 OR", "a1"),
        ("OR a1", "a1"),
        ("((a1", "a1"),
        ("unknown:a1", ""),
        ("is:x AND repo:b", "b1"),
    ],
)
def test_github(text, found):
    assert hits(text) == set(found.split())


def test_what_is_added_to_a_query_may_not_narrow_it():
    """The ways out that a gate has to close before it adds a qualifier."""
    assert hits("repo:b OR a1 repo:a") == {"b1", "b2", "a1"}
    assert hits("(repo:b) OR (x repo:a)") == {"b1", "b2"}
    assert hits("repo:b repo:a") == set(ITEMS), "a second place widens"


def test_gmail_binds_or_first_and_knows_braces():
    assert hits("a1 OR b1 is:x", GMAIL) == {"a1", "b1"}
    assert hits("{a1 b2}", GMAIL) == {"a1", "b2"}
    mail = At("gmail")

    def subjects(query):
        found = mail.call("search_threads", query=query)["structuredContent"]["threads"]
        return {row["subject"] for one in found for row in one["messages"]}

    assert subjects("subject:salaries OR subject:invoice label:important") == {"Salaries 2026"}
    assert subjects("{subject:salaries subject:invoice}") == {"Salaries 2026", "Invoice 1042"}
    assert subjects("subject:invoice OR in:spam") == {"Invoice 1042", "You won"}


def test_slack_knows_no_operators():
    query = queries.parse("release OR in:finance (x", SLACK)
    assert [term.value for term in queries.terms(query)] == ["release", "OR", "finance", "(x"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("name = 'a' or name = 'b'", "a b"),
        ("name = 'a' or name = 'b' and 'p' in parents", "a"),
        ("'p' in parents and name = 'a' or name = 'b'", "a b"),
        ("'p' in parents and (name = 'a' or name = 'b')", "a"),
        ("not 'p' in parents", "b"),
        ("not (name = 'a') and trashed = false", "b"),
        ("'ana' in owners and name != 'b'", "a"),
        ("fullText contains 'it\\'s'", "b"),
        ("modifiedTime > '2026-02-01' and name contains ''", "b"),
        ("it's", "b"),
    ],
)
def test_drive(text, found):
    more = {"owner": "ana", "trashed": False, "starred": False, "mimeType": "t"}
    files = [
        {"name": "a", "content": "", "parents": ["p"], "modifiedTime": "2026-01-01", **more},
        {"name": "b", "content": "it's", "parents": ["q"], "modifiedTime": "2026-03-01", **more},
    ]
    assert [one["name"] for one in files if compile_query(text)(one)] == found.split()


@pytest.mark.parametrize(
    "text", ["name = 'a' and", "name = 'a')", "(name = 'a'", "name = a", "name = 'a' x", "name = '"]
)
def test_half_of_drives_language_is_refused(text):
    with pytest.raises(ValueError, match=".*"):
        compile_query(text)
