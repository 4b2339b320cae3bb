"""Patterns and domains."""

import time

import pytest

from callgate.core.domains import DomainMap
from callgate.core.patterns import Patterns, pattern_problem
from callgate.model.bundle import Domain


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("git.repository:/srv/app", "git.repository:/srv/app", True),
        ("git.repository:/srv/app", "git.repository:/srv/app2", False),
        ("git.repository:/srv/app/*", "git.repository:/srv/app/one", True),
        ("git.repository:/srv/app/*", "git.repository:/srv/app/one/two", True),
        ("git.repository:/srv/app/*", "git.repository:/srv/app", False),
        ("git.repository:/srv/app/*", "git.repository:/srv/app2", False),
        ("git.repository:/srv/app/*", "git.repository:/srv/other", False),
        ("*", "anything:at all", True),
        ("k:a*b*c", "k:aXbYc", True),
        ("k:a*b*c", "k:abc", True),
        ("k:a*b*c", "k:acb", False),
        ("k:ab*ba", "k:aba", False),
        ("k:a.c", "k:abc", False),
        ("k:[ab]", "k:a", False),
        ("k:a?", "k:ab", False),
        ("k:**", "k:x", True),
    ],
)
def test_a_star_is_any_run_and_the_rest_is_literal(pattern, text, fits):
    assert Patterns((pattern,)).match(text) is fits


def test_no_patterns_match_nothing():
    assert not Patterns(())
    assert not Patterns(()).match("")


def test_matching_takes_linear_time():
    globs = Patterns(("k:" + "*a" * 60 + "*b",))
    text = "k:" + "a" * 200_000
    start = time.process_time()
    assert not globs.match(text)
    assert time.process_time() - start < 1


def test_the_longest_literal_prefix_wins_in_any_order():
    texts = ("k:*", "k:/srv/*", "k:/srv/app/*", "k:/srv/app/x")
    for order in (texts, texts[::-1]):
        globs = Patterns(order)
        assert globs.best("k:/srv/app/x") == "k:/srv/app/x"
        assert globs.best("k:/srv/app/y") == "k:/srv/app/*"
        assert globs.best("k:/srv/q") == "k:/srv/*"
        assert globs.best("k:q") == "k:*"
        assert globs.best("j:q") == ""


@pytest.mark.parametrize(
    ("wide", "narrow", "covered"),
    [
        ("k:/srv/*", "k:/srv/app/*", True),
        ("k:/srv/*", "k:/srv/app", True),
        ("k:/srv/app/*", "k:/srv/*", False),
        ("k:/srv/app", "k:/srv/*", False),
        ("*", "k:*", True),
        ("k:*", "*", False),
        ("k:a*c", "k:a*b*c", True),
        ("k:a*b*c", "k:a*c", False),
    ],
)
def test_covering(wide, narrow, covered):
    assert Patterns((wide,)).covers(narrow) is covered


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "k",
        "k:",
        ":x",
        "k*:x",
        "a b:x",
        "*:x",
        "k:/srv/../x",
        "k:/srv/./x",
        "k:/srv//x",
        "k:/srv/",
        "k:/..",
        "k:a\nb",
        "k:a\u202eb",
        "k:\x00",
    ],
)
def test_patterns_that_cannot_be(pattern):
    assert pattern_problem(pattern)


def test_a_pattern_that_no_id_can_have_the_form_of_is_refused():
    assert "NFC" in pattern_problem("k:Geha\u0308lter*")
    assert pattern_problem("k:Geh\u00e4lter*") == ""


@pytest.mark.parametrize("pattern", ["*", "k:*", "git.repository:/srv/app/*", "k:/", "k:a:b", "k:../x", "k:/.git"])
def test_patterns_that_can(pattern):
    assert pattern_problem(pattern) == ""


def domain(name, *targets, owner="ana"):
    return Domain(name=name, title=name, owner=owner, targets=targets)


def test_the_most_specific_domain_wins():
    domains = DomainMap((domain("all", "r:*"), domain("books", "r:/srv/books*", owner="ben")))
    assert domains.of("r", "/srv/books/2026") == "books"
    assert domains.of("r", "/srv/app") == "all"
    assert domains.of("s", "/srv/app") == ""
    assert domains.of("r", "/srv/app") == "all"
    assert domains.owners["books"] == "ben"


def test_one_pattern_in_two_domains_is_named_and_does_not_depend_on_the_order():
    one, two = domain("a", "r:*"), domain("b", "r:*")
    assert DomainMap((one, two)).of("r", "x") == DomainMap((two, one)).of("r", "x") == "a"
    assert DomainMap((two, one)).problems == ("The pattern r:* stands in a and in b.",)


def test_what_is_remembered_is_bounded():
    domains = DomainMap((domain("all", "r:*"),))
    for number in range(10_000):
        assert domains.of("r", str(number)) == "all"
    assert len(domains._remembered) <= 4096
