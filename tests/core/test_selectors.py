"""From arguments to the one id of a resource."""

from pathlib import Path

import msgspec
import pytest

from callgate.catalog.loader import load_manifest
from callgate.core.selectors import (
    MAX_TARGETS,
    NORMALISERS,
    Selector,
    TargetSelector,
    airtable_id,
    plain_id,
    posix_path,
    repository_path,
)
from callgate.model.tool import TargetRule

ARGUMENTS = {"a": {"b": 1}, "list": [{"p": "x"}, {"p": "y"}, {}], "deep": [["m"], ["n"]], "none": None, "text": "t"}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("text", ("t",)),
        ("a.b", (1,)),
        ("list[].p", ("x", "y")),
        ("deep[][]", ("m", "n")),
        ("none", ()),
        ("absent", ()),
        ("absent.deeper[]", ()),
        ("text[]", None),
        ("text.inner", None),
        ("list.p", None),
        ("a[]", None),
    ],
)
def test_finding(path, found):
    assert Selector(path).find(ARGUMENTS) == found


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", "[]", "a[0]", "a[", "a]b", "{a}", "a.[]"])
def test_selectors_that_cannot_compile(path):
    with pytest.raises(ValueError):
        Selector(path)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/srv/app", "/srv/app"),
        ("/srv/app/", "/srv/app"),
        ("//srv///app", "/srv/app"),
        ("/srv/./app/.", "/srv/app"),
        ("/srv/.hidden/app", "/srv/.hidden/app"),
        ("/srv/a..b", "/srv/a..b"),
        ("/", "/"),
        ("//", "/"),
        ("/srv/../app", None),
        ("/..", None),
        ("/srv/..", None),
        ("srv/app", None),
        ("./app", None),
        ("~/app", None),
        ("~", None),
        ("/srv\\app", None),
        ("C:\\app", None),
        ("file:///srv/app", None),
    ],
)
def test_paths(text, path):
    assert posix_path(text) == path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/srv/app/.git", "/srv/app"),
        ("/srv/app/.git/", "/srv/app"),
        ("/srv/app/.git/.git", None),
        ("/srv/app/.git/worktrees/x", None),
        ("/srv/app.git", "/srv/app.git"),
        ("/srv/.github", "/srv/.github"),
        ("/.git", "/"),
        ("/srv/$HOME", None),
        ("/srv/${X}/app", None),
    ],
)
def test_one_repository_has_one_id(text, path):
    assert repository_path(text) == path


@pytest.mark.parametrize(
    "text",
    [
        "users' OR '1'='1",
        'users"',
        "users;",
        "users--x y",
        "a?b",
        "a#b",
        "a&b",
        "a%2fb",
        "a\\b",
        "..",
        "a/..",
        "a//b",
        "/a",
        "a/",
        "a.b",
        "u\u0455ers",
        "users\n",
        "",
        "a/b/c/d/e/f",
    ],
)
def test_what_a_url_or_sql_could_read_is_no_plain_id(text):
    assert plain_id(text) is None
    assert airtable_id(text) is None


def test_plain_ids():
    assert plain_id("cool-forest-12345678/br_main") == "cool-forest-12345678/br_main"
    assert plain_id("a" * 201) is None


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("appAAAAAAAAAAAAAA", True),
        ("appAAAAAAAAAAAAAA/tblAAAAAAAAAAAAAA/recAAAAAAAAAAAAAA", True),
        ("appAAAAAAAAAAAAAA/Contacts", False),
        ("appAAAAAAAAAAAAAA/tblCustomers", False),
        ("appAAAAAAAAAAAAAA/appBBBBBBBBBBBBBB", False),
        ("meta", False),
        ("appAAAAAAAAAAAAAAA", False),
    ],
)
def test_only_ids_of_airtable_are_ids_of_airtable(text, known):
    assert airtable_id(text) == (text if known else None)


def ids(rule, arguments, required=()):
    return TargetSelector(TargetRule(kind="k", **rule), frozenset(required)).ids(arguments)


def test_ids_of_a_path():
    rule = {"path": "path", "normalise": "posix_path"}
    assert ids(rule, {"path": "/a//b/"}) == (("/a/b",), "")
    assert ids(rule, {"path": "b"}) == ((), "bad_target")
    assert ids(rule, {}, ["path"]) == ((), "target_missing")
    assert ids(rule, {}) == ((), "")
    assert ids(rule, {"path": None}, ["path"]) == ((), "target_missing")


@pytest.mark.parametrize(
    "value",
    [
        7.5,
        True,
        [],
        {},
        ["/a"],
        "",
        " /a",
        "/a ",
        "/ /",
        "/a /",
        "/a\x00",
        "/a\nb",
        "/a\u200bb",
        "/" + "a" * 5000,
        2**70,
    ],
)
def test_a_value_of_the_wrong_type_or_look_fails_closed(value):
    assert ids({"path": "path", "normalise": "posix_path"}, {"path": value}, ["path"]) == ((), "bad_target")


def test_letters_and_accents_apart_or_in_one_are_one_id():
    """A server of files takes one for the other, so what is prohibited in one form is prohibited in both."""
    for rule in ({"path": "path"}, {"path": "path", "normalise": "posix_path"}, {"template": "{path}"}):
        assert ids(rule, {"path": "/srv/Geha\u0308lter"}) == (("/srv/Geh\u00e4lter",), "")
        assert ids(rule, {"path": "/srv/Geh\u00e4lter"}) == (("/srv/Geh\u00e4lter",), "")


def test_ids_of_an_array_are_all_or_nothing():
    rule = {"path": "paths[]", "normalise": "posix_path"}
    assert ids(rule, {"paths": ["/a", "/b/", "/a/"]}) == (("/a", "/b"), "")
    assert ids(rule, {"paths": ["/a", "../b"]}) == ((), "bad_target")
    assert ids(rule, {"paths": []}, ["paths"]) == ((), "target_missing")
    assert ids(rule, {"paths": "/a"}, ["paths"]) == ((), "bad_target")
    assert ids(rule, {"paths": [f"/{n}" for n in range(MAX_TARGETS + 1)]}) == ((), "too_many_targets")


def test_ids_of_a_template():
    rule = {"template": "{owner}/{repo}", "normalise": "lower"}
    assert ids(rule, {"owner": "Acme", "repo": "Web"}) == (("acme/web",), "")
    assert ids(rule, {"owner": "a/b", "repo": "c"}) == ((), "bad_target")
    assert ids(rule, {"owner": "a", "repo": "b/c"}) == ((), "bad_target")
    assert ids(rule, {"owner": "a", "repo": ".."}) == ((), "bad_target")
    assert ids(rule, {"owner": ".", "repo": "b"}) == ((), "bad_target")
    assert ids(rule, {"owner": "a"}) == ((), "target_missing")
    assert ids(rule, {"repo": "a"}) == ((), "target_missing")
    assert ids(rule, {}) == ((), "")
    assert ids(rule, {}, ["repo"]) == ((), "target_missing")
    assert ids({"template": "n{number}"}, {"number": 7}) == (("n7",), "")
    assert ids({"template": "n{number}"}, {"number": True}) == ((), "bad_target")


def test_a_template_may_walk_one_array():
    rule = {"template": "{base}/{records[].id}"}
    assert ids(rule, {"base": "a", "records": [{"id": "x"}, {"id": 7}, {"id": "x"}]}) == (("a/x", "a/7"), "")
    assert ids(rule, {"base": "a", "records": [{"id": "x"}, {"id": "b/y"}]}) == ((), "bad_target")
    assert ids(rule, {"base": "a", "records": [{"id": "x"}, {"id": ".."}]}) == ((), "bad_target")
    assert ids(rule, {"base": "a", "records": [{"id": "x"}, {"id": "y\n"}]}) == ((), "bad_target")
    assert ids(rule, {"base": "a", "records": [{"id": "x"}, {"id": True}]}) == ((), "bad_target")
    assert ids(rule, {"base": "a", "records": "x"}) == ((), "bad_target")
    assert ids(rule, {"base": "a", "records": []}) == ((), "target_missing")
    assert ids(rule, {"records": [{"id": "x"}]}) == ((), "target_missing")
    many = [{"id": str(number)} for number in range(MAX_TARGETS + 1)]
    assert ids(rule, {"base": "a", "records": many}) == ((), "too_many_targets")


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"path": "a", "template": "{a}"},
        {"template": "no place"},
        {"template": "{a}{b}"},
        {"template": "{a[]}/{b[]}"},
        {"path": "a", "normalise": "upper"},
        {"path": "a..b"},
    ],
)
def test_rules_that_cannot_compile(rule):
    with pytest.raises(ValueError):
        TargetSelector(TargetRule(kind="k", **rule), frozenset())


@pytest.mark.parametrize(
    "repo", ["%70ayroll", "payroll?x", "payroll#", "payroll;x", "payroll\\x", "p ayroll", "\u017fales", ".."]
)
def test_a_repository_is_not_reached_by_another_spelling_of_its_url(repo):
    """GitHub's server puts both into the path as they are: ``repos/acme/%70ayroll`` is ``acme/payroll``."""
    found = 0
    for tool in load_manifest("github").tools:
        for rule in tool.targets:
            if rule.template == "{owner}/{repo}":
                found += 1
                selector = TargetSelector(msgspec.structs.replace(rule, when=()), frozenset())
                assert selector.ids({"owner": "acme", "repo": repo}) == ((), "bad_target"), tool.name
                assert selector.ids({"owner": "Acme", "repo": "Pay.roll_2"}) == (("acme/pay.roll_2",), "")
    assert found > 50


@pytest.mark.parametrize("value", ["C024BE91L", "D0789", "U1"])
def test_an_id_of_slack_is_one(value):
    assert ids({"path": "path", "normalise": "channel"}, {"path": value}) == ((value,), "")


@pytest.mark.parametrize(
    "value", ["finance", "Finance", "c024be91l", "2024", "C024 BE91L", "<#C024BE91L>", "\uff23024BE91L"]
)
def test_a_name_of_slack_without_its_mark_is_no_certain_aim(value):
    """Slack posts to ``finance`` as to ``#finance``, which rules may prohibit."""
    assert ids({"path": "path", "normalise": "channel"}, {"path": value}) == ((), "bad_target")


def test_every_normaliser_is_documented():
    page = (Path(__file__).parents[2] / "docs" / "reference" / "manifest.md").read_text("utf-8")
    assert [name for name in NORMALISERS if name and f"`{name}`:" not in page] == []
