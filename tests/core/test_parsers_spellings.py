"""Ids inside of longer texts: one aim has one id, and what programs could read in two ways has none."""

import time

import pytest

from callgate.core.parsers import addresses, drive_url, github_url, notion_id, url_host


@pytest.mark.parametrize("text", ["acme/..", "acme/.", "../app", "./app", "acme/...git", "acme/.git", "acme/"])
def test_a_repository_is_no_step_in_a_path(text: str) -> None:
    assert github_url(text) is None
    assert github_url(f"https://github.com/{text}") is None


@pytest.mark.parametrize(
    "text", ["Acme/App", "https://github.com/acme/app.git", "https://www.github.com/acme/app/pull/7"]
)
def test_a_repository(text: str) -> None:
    assert github_url(text) == ("acme/app",)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("https://A.example/x", "a.example"),
        ("https://a.example:443/x", "a.example"),
        ("http://a.example:80", "a.example"),
        ("http://a.example:443/", "a.example:443"),
        ("https://a.example:8443/?q", "a.example:8443"),
    ],
)
def test_a_host_has_one_spelling(text: str, host: str) -> None:
    assert url_host(text) == (host,)


@pytest.mark.parametrize(
    "text",
    [
        "https://a.example./x",
        "https://a%2eexample/x",
        "https://a.example%00.b.example/",
        "https://.a.example/",
        "https://a..example/",
        "https://a.example:0/",
        "ftp://a.example/",
        "https://ana@a.example/",
    ],
)
def test_a_host_that_programs_could_read_differently(text: str) -> None:
    assert url_host(text) is None


def test_an_url_that_names_two_files() -> None:
    assert drive_url("https://docs.google.com/document/d/aaaa/edit?id=aaaa") == ("aaaa",)
    assert drive_url("https://docs.google.com/document/d/aaaa/edit?id=bbbb") is None
    for query in ("id=aaaa%62", "id=aaaa&x=1;id=bbbb", "id=aaaa&x=%26id%3Dbbbb", "%69d=aaaa&id=bbbb"):
        assert drive_url(f"https://drive.google.com/open?{query}") is None
    assert drive_url("https://drive.google.com/open?id=bbbb") == ("bbbb",)
    assert drive_url("https://drive.google.com/drive/folders/aaaa/d/bbbb") is None
    assert notion_id("https://notion.so/a?p=" + "0" * 32) is None


def test_addresses_of_any_length_take_no_time() -> None:
    began = time.process_time()
    for text in ("a" + " " * 300_000 + "b", '"' + "a" * 300_000 + " ", "a " * 300_000 + "@", "<" * 300_000):
        assert addresses(text) is None
    assert time.process_time() - began < 1
    assert addresses('Ana <Ana@a.example>, "Ben, of b" <ben@b.example>') is None
    assert addresses('Ana  <Ana@a.example>; "Ben" <ben@b.example>;c@c.example') == (
        "ana@a.example",
        "ben@b.example",
        "c@c.example",
    )
