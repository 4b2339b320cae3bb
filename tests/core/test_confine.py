"""Searches kept inside: whatever the query, what is believed of it is what it was narrowed to."""

import json
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.confine import MAX_NARROWED, AnswerFilter, QueryNarrower, searched, withheld
from callgate.model.manifest import Beside, Narrowing, Qualifier, QueryStyle
from callgate.model.tool import ItemFilter, Target, TargetRule

REPOSITORY, OWNER = "github.repository", "github.owner"
WORDS = QueryNarrower(
    Narrowing(
        argument="query",
        several=" ",
        qualifiers=(
            Qualifier(kind=REPOSITORY, add="repo:{id}", normalise="lower"),
            Qualifier(kind=OWNER, add="org:{id}", also=("user:",)),
        ),
    )
)
DRIVE = QueryNarrower(
    Narrowing(
        argument="q",
        several=" or ",
        style=QueryStyle.EXPRESSION,
        qualifiers=(Qualifier(kind="drive.folder", add="'{id}' in parents"),),
    )
)
WEB = (REPOSITORY, "acme/web")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("bug", ()),
        ("bug repo:acme/web", (WEB,)),
        ("bug repo:Acme/WEB", (WEB,)),
        ('bug repo:acme/web "repo:acme/other"', (WEB,)),
        ("bug REPO:acme/web", ()),
        ("bug repo:acme/web Repo:acme/other", ()),
        ('repo:"acme/web"', (WEB,)),
        ("user:ana org:acme", ((OWNER, "ana"), (OWNER, "acme"))),
        ("-repo:acme/web", ()),
        ("bug OR repo:acme/web", ()),
        ("(repo:acme/web)", ()),
        ("repo:acme/web | x", ()),
        ('repo:acme/web "', ()),
        ("repo:acme/w*b", ()),
        ("repo: acme/web", ()),
        ("repo:acme/web,acme/api", ()),
    ],
)
def test_what_a_query_of_words_says_of_where_it_searches(query, found):
    assert WORDS.aims({"query": query}) == (found, "")


@pytest.mark.parametrize(
    "query",
    [
        "REPO:acme/web",
        "-Repo:acme/web",
        "x OR y",
        "x or y",
        "NOT x",
        "(x",
        "x)",
        "{x y}",
        'x"',
        "x|y",
        "x\\y",
        "x\ny",
        "org: z",
        1,
        ["x"],
    ],
)
def test_a_query_that_is_not_plain_is_not_narrowed(query):
    assert WORDS.narrowed({"query": query}, (WEB,)) is None


@pytest.mark.parametrize(
    "query",
    [
        "x \uff2f\uff32 y",
        "x \uff08y",
        "x \uff5c y",
        "\uff52epo\uff1aacme/secret",
        "repo\uff1aacme/secret",
        "x \uff02y",
        "x \u201cy",
        "\u00aby\u00bb",
        "x\u3000repo:acme/secret",
        "x\u200brepo:acme/secret",
        "x+repo:acme/secret",
        "x,repo:acme/secret",
        "is:repo:acme/secret",
        '-x""repo:acme/secret',
        'x"y"',
        '"x"y',
        "x;ORG:z",
        '"a\\" b" c "d',
        "x -",
        "-",
        "x --",
        "x !",
        "x AROUND",
        "x AROUND 5",
    ],
)
def test_what_a_server_may_read_otherwise_is_neither_narrowed_nor_believed(query):
    assert WORDS.narrowed({"query": query}, (WEB,)) is None
    assert WORDS.aims({"query": f"{query} repo:acme/web"}) == ((), "")


@pytest.mark.parametrize(
    "query",
    [
        "a - b",
        "c++",
        '"-"',
        "all around",
        "caf\u00e9 na\u00efve",
        "\u00fcber \u5317\u4eac",
        "it\u2019s",
        "v\u00b2",
        "re\u0440o:x",
        "a-repo b",
    ],
)
def test_words_of_other_languages_are_plain(query):
    assert WORDS.narrowed({"query": query}, (WEB,)) == {"query": f"{query} repo:acme/web"}


def test_what_ids_begin_with_and_queries_leave_out():
    qualifier = Qualifier(kind="channel", add="in:{id}", bare="#", normalise="channel")
    talk = QueryNarrower(Narrowing(argument="q", several=" ", qualifiers=(qualifier,)))
    found = tuple(("channel", name) for name in ("#general", "@ben"))
    for query in ("in:general in:@ben", "in:#General in:@Ben", 'in:"general" in:@ben'):
        assert talk.aims({"q": query}) == (found, "")
    assert talk.narrowed({"q": "x"}, found) == {"q": "x in:general in:@ben"}
    assert talk.narrowed({"q": "x"}, (("channel", "general"),)) is None


def test_what_stands_beside_a_query_goes_into_it_and_is_never_believed_there():
    rule = Narrowing(
        argument="query",
        several=" ",
        qualifiers=(
            Qualifier(kind=REPOSITORY, add="repo:{id}", normalise="lower"),
            Qualifier(kind=OWNER, add="org:{id}"),
        ),
        beside=Beside(kind=REPOSITORY, template="{owner}/{repo}"),
    )
    hub = QueryNarrower(rule)
    asked = {"query": "x", "owner": "Beta", "repo": "site", "page": 2}
    assert hub.aims(asked | {"query": "x repo:acme/web"}) == ((), "")
    assert hub.narrowed(asked, (WEB,)) == {"query": "x repo:beta/site", "page": 2}
    assert hub.narrowed(asked | {"query": "x org:acme"}, (WEB,)) is None
    assert hub.narrowed(asked | {"query": "x repo:beta/site"}, (WEB,)) == {
        "query": "x repo:beta/site repo:beta/site",
        "page": 2,
    }
    for odd in ({"repo": None}, {"owner": 1.5}, {"owner": "a/b"}, {"repo": "a b"}, {"repo": ".."}):
        assert hub.narrowed(asked | odd, (WEB,)) is None, odd
    with pytest.raises(ValueError, match="no qualifier"):
        QueryNarrower(msgspec.structs.replace(rule, beside=Beside(kind="mail", template="{a}/{b}")))


def test_a_query_is_narrowed_to_all_targets_and_keeps_its_other_arguments():
    made = WORDS.narrowed({"query": ' "a b" is:open ', "page": 2}, (WEB, (OWNER, "tools"), ("mail.label", "x")))
    assert made == {"query": '"a b" is:open repo:acme/web org:tools', "page": 2}
    assert WORDS.narrowed({}, (WEB,)) == {"query": "repo:acme/web"}


def test_no_target_or_too_many_or_an_odd_one_narrow_nothing():
    assert WORDS.narrowed({"query": "x"}, ()) is None
    assert WORDS.narrowed({"query": "x"}, ((REPOSITORY, "a b"),)) is None
    assert WORDS.narrowed({"query": "x"}, tuple((REPOSITORY, f"a/{n}") for n in range(MAX_NARROWED + 1))) is None
    single = QueryNarrower(Narrowing(argument="query", qualifiers=(Qualifier(kind=REPOSITORY, add="repo:{id}"),)))
    assert single.narrowed({"query": "x"}, (WEB, (REPOSITORY, "acme/api"))) is None
    assert single.aims({"query": "repo:acme/web repo:acme/api"}) == ((), "")


def test_a_query_that_names_another_target_is_not_narrowed_over_it():
    assert WORDS.narrowed({"query": "repo:acme/secret"}, (WEB,)) is None


@pytest.mark.parametrize(
    "query",
    [
        "name contains 'x') or ('a' in parents",
        "name contains 'x' or (trashed = false",
        "name contains 'x",
        "name contains 'it\\'s'",
        ")(",
    ],
)
def test_an_expression_that_does_not_close_is_not_narrowed(query):
    assert DRIVE.narrowed({"q": query}, (("drive.folder", "abc"),)) is None


def test_an_expression_is_put_into_parentheses():
    folders = (("drive.folder", "abc"), ("drive.folder", "def"))
    made = DRIVE.narrowed({"q": "name contains ') or (' or trashed = true"}, folders)
    assert made == {"q": "(name contains ') or (' or trashed = true) and ('abc' in parents or 'def' in parents)"}
    assert DRIVE.aims(made) == (folders, "")
    assert DRIVE.aims({"q": "name = 'x' and 'abc' in parents"}) == ((), "")
    assert DRIVE.aims({"q": "(a) or (b) and ('abc' in parents)"}) == ((), "")
    assert DRIVE.narrowed({}, folders[:1]) == {"q": "('abc' in parents)"}
    assert DRIVE.aims({"q": "('abc' in parents)"}) == (folders[:1], "")


PIECES = st.sampled_from(
    ["x", "repo:acme/web", "repo:b/c", "-repo:b/c", "org:z", "user:ana", "OR", "and", "(", ")", '"', "|", " ", ":", "{"]
)


@given(st.lists(PIECES, max_size=8).map(" ".join))
def test_whatever_is_narrowed_reaches_only_what_was_allowed(query):
    made = WORDS.narrowed({"query": query}, (WEB,))
    if made is None:
        return
    # As a server would read it: positive qualifiers widen each other, everything else only narrows.
    text = re.sub(r'"[^"]*"', "", made["query"])
    assert not re.search(r"[(){}|]|\b(OR|AND|NOT)\b", text, flags=re.IGNORECASE)
    assert set(re.findall(r"(?<!\S)(?:repo|org|user):(\S+)", text)) == {"acme/web"}


@given(st.lists(st.sampled_from(["a = 1", "(", ")", "'", '"', " or ", " and ", "'z' in parents", "\\"]), max_size=9))
def test_whatever_expression_is_narrowed_stays_in_its_parentheses(parts):
    query = "".join(parts)
    made = DRIVE.narrowed({"q": query}, (("drive.folder", "abc"),))
    if made is None:
        return
    text = re.sub(r"'[^']*'|\"[^\"]*\"", "s", made["q"])
    depth, before = 0, []
    for place, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0:
            before.append(place)
    outside = "".join(text[place] for place in before if text[place] != ")")
    assert outside.strip() in {"", "and"}
    assert text.endswith("(s in parents)")


FILTER = AnswerFilter(ItemFilter(items="data.items[]", target=TargetRule(kind="thing", path="owner.id")))
ITEMS = {
    "data": {"items": [{"owner": {"id": "a"}}, {"owner": {"id": "b"}}, {"owner": {}}, 1, {"owner": {"id": ["a"]}}]}
}


def shown(content, **more):
    return json.dumps({"content": content, **more}).encode()


def text(value):
    return {"type": "text", "text": json.dumps(value)}


def only_a(kind, name):
    return (kind, name) == ("thing", "a")


def test_items_outside_and_items_that_are_unclear_are_taken_out_everywhere():
    whole = shown([text(ITEMS)], structuredContent=ITEMS, isError=False)
    kept, count = FILTER.apply(whole, only_a)
    found = json.loads(kept)
    assert count == 4
    expected = {"data": {"items": [{"owner": {"id": "a"}}]}}
    assert (json.loads(found["content"][0]["text"]), found["structuredContent"]) == (expected, expected)
    assert b'"b"' not in kept


@pytest.mark.parametrize(
    "whole",
    [
        b"",
        b"[]",
        b"{",
        shown([text(ITEMS)], isError=True),
        shown([{"type": "text", "text": "prose about b"}]),
        shown([text({"data": {}})]),
        shown([text({"data": {"items": {}}})]),
        shown([text(ITEMS), {"type": "text", "text": "prose"}]),
        shown([text(ITEMS), {"type": "image", "data": "", "mimeType": "image/png"}]),
        shown([text(ITEMS), "text"]),
        shown([text(ITEMS)], structuredContent={"all": []}),
    ],
)
def test_an_answer_that_cannot_be_judged_whole_is_not_shown(whole):
    assert FILTER.apply(whole, lambda kind, name: True) is None


def test_what_stands_beside_the_content_of_an_answer_is_not_shown():
    block = {**text(ITEMS), "_meta": {"raw": ITEMS}, "annotations": {"title": "b"}}
    kept, count = FILTER.apply(shown([block], _meta={"raw": ITEMS}), only_a)
    assert count == 4
    (shown_block,) = json.loads(kept)["content"]
    assert json.loads(shown_block.pop("text")) == {"data": {"items": [{"owner": {"id": "a"}}]}}
    assert shown_block == {"type": "text"}
    assert b'"b"' not in kept
    assert FILTER.apply(shown([], toolResult=ITEMS), only_a) is None
    assert FILTER.apply(shown([{**text(ITEMS), "raw": ITEMS}]), only_a) is None


def test_an_answer_that_is_an_array_and_an_empty_one():
    array = AnswerFilter(ItemFilter(items="[]", target=TargetRule(kind="thing", path="id")))
    kept, count = array.apply(shown([text([{"id": "a"}, {"id": "b"}])]), only_a)
    assert count == 1
    assert json.loads(json.loads(kept)["content"][0]["text"]) == [{"id": "a"}]
    assert FILTER.apply(shown([]), only_a) == (b'{"content":[]}', 0)


@pytest.mark.parametrize("items", ["", "items", "a[].b[]", "a..b[]"])
def test_filters_that_cannot_compile(items):
    with pytest.raises(ValueError):
        AnswerFilter(ItemFilter(items=items, target=TargetRule(kind="thing", path="id")))


@pytest.mark.parametrize("add", ["repo:", "{id}", "repo:{id}{id}", "repo {id}", "'{id}' in", "a:{id} b"])
def test_qualifiers_that_cannot_compile(add):
    with pytest.raises(ValueError):
        QueryNarrower(Narrowing(argument="q", qualifiers=(Qualifier(kind="k", add=add),)))


def test_what_is_said_of_it():
    assert "thing:a" in searched((Target(kind="thing", id="a"),))
    assert withheld(1).startswith("1 item lies")
    assert withheld(2).startswith("2 items lie")
    assert "2" not in withheld(0)
