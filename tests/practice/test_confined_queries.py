"""Whatever a query says: narrowed, or believed as it is, it brings nothing from outside on a server that reads it leniently.

The practice servers know OR, brackets, braces and open quotes as the vendors do, so that a way out would be found.
"""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callgate.catalog.loader import load_manifest
from callgate.core.confine import QueryNarrower
from callgate.core.variants import of_variant
from tests.practice.at import At

ANA = "ana@acme.example"
GLUE = [
    "OR",
    "or",
    "AND",
    "NOT",
    "|",
    "(",
    ")",
    "{",
    "}",
    '"',
    "-",
    ":",
    "+",
    ",",
    "\\",
    "\uff2f\uff32",
    "\u201c",
    "\u3000",
]


class Searched:
    """One search tool of a practice server, with the words that a query of it may be made of."""

    def __init__(self, server, manifest, tool, words, hits, more=None):
        name, _, variant = manifest.partition("/")
        found = load_manifest(name)
        rules = of_variant(found, variant) if variant else found
        self.at = At(server)
        self.tool = tool
        self.narrower = QueryNarrower(next(one for one in rules.tools if one.name == tool).confine.narrow)
        self.words = words
        self.hits = hits
        self.more = more or {}

    def outside(self, query, allowed):
        """What was found and has none of the names that are allowed; an error finds nothing."""
        result = self.at.tools.call(self.at.world, self.tool, {**self.more, "query": query})
        found = [] if result.get("isError") else self.hits(self.at, result["content"][0]["text"])
        return [names for names in found if names.isdisjoint(allowed)]


def repositories(_, text):
    places = (one["repository_url"].rpartition("/repos/")[2] for one in json.loads(text)["items"])
    return [{f"github.repository:{one}", f"github.owner:{one.partition('/')[0]}"} for one in places]


def labels(at, text):
    own = {one["id"]: one["name"] for one in at.world.every("label")}
    known = {one["id"]: one for one in at.world.every("message")}
    found = [known[row["id"]] for one in json.loads(text)["threads"] for row in one["messages"]]
    return [{f"gmail.label:{own.get(name, name).lower().replace('/', '-')}" for name in one["labels"]} for one in found]


def channels(_, text):
    names = re.findall(r"^Channel: (.*) \(ID", json.loads(text)["results"], re.MULTILINE)
    return [{f"slack.channel_name:{name.replace('DM with ', '@')}"} for name in names]


def folders(_, text):
    return [{f"drive.folder:{one}"} for one in re.findall(r"Parents: ([^,)]*)", text)]


HUB = Searched(
    "github",
    "github/official",
    "search_issues",
    [
        "blank",
        "page",
        "repo:acme/web",
        "repo:other-org/secret-plans",
        "-repo:acme/web",
        "org:other-org",
        "user:other-org",
    ]
    + ["owner:other-org", "is:issue", "is:open", 'repo:"other-org/secret-plans"', "REPO:acme/api", '"blank'],
    repositories,
)
MAIL = Searched(
    "gmail",
    "gmail/hosted",
    "search_threads",
    ["salaries", "cart", "label:work", "label:Work", "label:important", "-label:work", "in:anywhere", "in:inbox"]
    + ["from:ben", "is:unread", "subject:salaries", "in:spam", "has:attachment"],
    labels,
)
TALK = Searched(
    "slack",
    "slack/hosted",
    "slack_search_public_and_private",
    ["release", "in:general", "in:#general", "in:finance", "in:#Finance", "-in:general", "in:@ben", "from:ben", "to:me"]
    + ["with:ben", "is:thread", "in:<#C0FINANCE>"],
    channels,
)
KEPT = [(HUB, "github.repository:acme/web"), (MAIL, "gmail.label:work"), (TALK, "slack.channel_name:#general")]


@pytest.mark.parametrize(("searched", "allowed"), KEPT, ids=["github", "gmail", "slack"])
def test_no_query_of_words_gets_out(searched, allowed):
    pair = tuple(allowed.split(":", 1))
    widest = {"narrowed": 0, "believed": 0}

    @settings(max_examples=250, deadline=None)
    @given(st.lists(st.sampled_from([*searched.words, *GLUE]), max_size=7), st.sampled_from([" ", " ", ""]))
    def check(pieces, between):
        query = between.join(pieces)
        made = searched.narrower.narrowed({"query": query}, (pair,))
        if made is not None:
            widest["narrowed"] += 1
            assert searched.outside(made["query"], {allowed}) == [], made
        aims, problem = searched.narrower.aims({"query": query})
        if aims and not problem:
            widest["believed"] += 1
            assert searched.outside(query, {f"{kind}:{name}" for kind, name in aims}) == [], query

    check()
    assert all(count > 5 for count in widest.values()), widest


def test_no_expression_gets_out():
    drive = Searched("google-drive", "google_drive", "search_drive_files", [], folders, {"user_google_email": ANA})
    files = {one["name"]: one["id"] for one in drive.at.world.every("file")}
    shop, finance = files["Shop"], files["Finance"]
    terms = ["fullText contains 'Confidential'", "name = 'Salaries'", "trashed = false", f"'{finance}' in parents"]
    glue = [" and ", " or ", "not ", "(", ")", "'", "\\", ") or (", " "]
    tried = [0]

    @settings(max_examples=250, deadline=None)
    @given(st.lists(st.sampled_from([*terms, f"'{shop}' in parents", *glue]), max_size=7))
    def check(pieces):
        asked = {"query": "".join(pieces), "user_google_email": ANA}
        made = drive.narrower.narrowed(asked, (("drive.folder", shop),))
        if made is not None:
            tried[0] += 1
            assert drive.outside(made["query"], {f"drive.folder:{shop}"}) == [], made
        aims = drive.narrower.aims(asked)[0]
        if aims:
            assert drive.outside(asked["query"], {f"{kind}:{name}" for kind, name in aims}) == []

    check()
    assert tried[0] > 20
