"""Searches of the vendors' tools behind a real gate: what lies outside the rules never comes out, what lies inside does.

Each search is first made at the server itself, where it finds what the rules do not allow: so these tests can fail.
"""

import json

import pytest

from tests.e2e.practice_stand import PracticePlace, PracticeStand, practice_stand

pytestmark = pytest.mark.e2e
ANA, TEAM = "ana@acme.example", "team@acme.example"
RULES = """
name = "everyday"
objective = "Work on the shop."
team = "home"
owner = "ana"
everyday = true
max_tier = "read"
domains = ["shop"]
outside = "deny"

[[scopes]]
integration = "github"
targets = ["github.repository:acme/web"]

[[scopes]]
integration = "gmail"
targets = ["gmail.label:work"]

[[scopes]]
integration = "mail"
targets = ["gmail.label:work", "gmail.mailbox:ana@acme.example"]

[[scopes]]
integration = "drive"
targets = ["drive.folder:{shop}"]

[[scopes]]
integration = "slack"
targets = ["slack.channel_name:#general"]

[[scopes]]
integration = "notion"
targets = ["notion.page:{page}", "notion.user:{user}"]

[[scopes]]
integration = "cloudflare"
targets = ["cloudflare.database:{database}", "cloudflare.bucket:{bucket}"]
"""
DOMAINS = """
[shop]
title = "Shop"
owner = "ana"
targets = [
  "github.repository:acme/*", "gmail.label:*", "gmail.mailbox:*", "drive.folder:*", "slack.channel_name:*",
  "notion.page:*", "notion.user:*", "cloudflare.database:*", "cloudflare.bucket:*",
]
"""
SEARCHERS = ("github", "gmail", "mail", "drive", "slack", "notion", "cloudflare")


def ids(places: dict[str, PracticePlace]) -> dict[str, str]:
    """What the rules name by an id that its world made up."""
    files = {one["name"]: one["id"] for one in places["drive"].world.every("file")}
    plain = {name: places["notion"].world.every(name)[0]["id"].replace("-", "") for name in ("page", "user")}
    flare = places["cloudflare"].world
    database, bucket = flare.every("database")[0]["uuid"], flare.every("bucket")[0]["name"]
    return {"shop": files["Shop"], **plain, "database": database.replace("-", ""), "bucket": bucket}


@pytest.fixture(scope="module")
def stand(tmp_path_factory):
    folder = tmp_path_factory.mktemp("retrieval")
    with practice_stand(folder, contract=RULES, domains=DOMAINS, names=SEARCHERS, ids=ids) as found:
        yield found


def whole(result) -> str:
    """Everything of an answer that a client can read."""
    return json.dumps(result, ensure_ascii=False)


def codes(result) -> list[str]:
    return result["structuredContent"]["codes"]


def probe(stand: PracticeStand, integration: str, tool: str, secret: str, /, **arguments) -> str:
    """What the gate lets out of a call; the server itself gives ``secret`` for it."""
    assert secret in whole(stand[integration].direct(tool, **arguments)), "the server keeps it back by itself"
    said = whole(stand.ask(integration, tool, **arguments).result)
    assert secret not in said
    return said


OUT_OF_GITHUB = [
    "blank OR repo:other-org/secret-plans",
    "repo:other-org/secret-plans OR zzz",
    "blank) OR (repo:other-org/secret-plans",
    "(repo:other-org/secret-plans) OR (zzz",
    "repo:other-org/secret-plans",
    "repo:acme/web repo:other-org/secret-plans",
    'repo:"other-org/secret-plans"',
    "org:other-org",
    "user:other-org blank",
    "owner:other-org blank",
    "-repo:acme/web",
    "NOT repo:acme/web",
    "blank OR",
    "{blank}",
    "blank is:private",
]
MADE_OTHERWISE = [
    "blank \uff2f\uff32 repo\uff1aother-org/secret-plans",
    "\uff52\uff45\uff50\uff4f:other-org/secret-plans blank",
    "blank\u200b",
    "blank\nrepo:other-org/secret-plans",
    "blank \u201cx",
    'blank "',
    '"blank',
    'blank "a\\" OR b"',
    "REPO:Other-Org/Secret-Plans blank",
    "blank+repo:other-org/secret-plans",
    "is:repo:other-org/secret-plans",
    "blank " * 1000,
    "repo:" + "a" * 5000,
]


@pytest.mark.parametrize("query", OUT_OF_GITHUB)
def test_no_query_leads_out_of_the_repository(stand, query):
    probe(stand, "github", "search_issues", "Bluebird", query=query)


@pytest.mark.parametrize("query", MADE_OTHERWISE)
def test_a_query_that_can_be_read_in_two_ways_is_refused(stand, query):
    result = stand.ask("github", "search_issues", query=query).result
    assert result["isError"]
    assert "Bluebird" not in whole(result)
    assert not {"global_retrieval", "outside_contract"}.isdisjoint(codes(result))


def test_what_lies_inside_comes_out_and_the_answer_says_what_was_searched(stand):
    said = probe(stand, "github", "search_issues", "Bluebird", query="blank")
    assert "Blank page on phones" in said
    assert "github.repository:acme/web" in said
    assert "README.md" in probe(stand, "github", "search_code", "other-org", query="the")
    assert "acme/web" in probe(stand, "github", "search_repositories", "other-org", query="o")
    probe(stand, "github", "search_repositories", "other-org", query="is:private OR is:public")


@pytest.mark.parametrize("page", [1, 2, 3, 4])
def test_no_page_leads_out(stand, page):
    probe(stand, "github", "search_issues", "Bluebird", query="is:issue", page=1, perPage=100)
    said = stand.ask("github", "search_issues", query="is:issue", page=page, perPage=2)
    repositories = {one["repository_url"].rpartition("/repos/")[2] for one in json.loads(said.text)["items"]}
    assert repositories <= {"acme/web"}
    assert ("acme/web" in repositories) is (page < 4)


def test_arguments_beside_the_query_lead_nowhere_else(stand):
    secret = {"owner": "other-org", "repo": "secret-plans"}
    for query in ("blank", "blank org:acme", "blank repo:acme/web", "-repo:acme/api blank"):
        probe(stand, "github", "search_issues", "Bluebird", query=query, **secret)
    inside = stand.ask("github", "search_issues", query="blank", owner="acme", repo="web").result
    assert "Blank page on phones" in whole(inside)
    assert "searched nothing but github.repository:acme/web" in whole(inside)


def test_what_can_be_kept_inside_in_no_way_is_refused_with_the_reason(stand):
    said = probe(stand, "github", "search_users", '"login', query="ben")
    assert "belong to no repository" in said
    said = probe(
        stand, "drive", "check_drive_file_public_access", "Salaries", user_google_email=ANA, file_name="Salaries"
    )
    assert "get_drive_file_permissions" in said


@pytest.mark.parametrize(
    ("query", "secret"),
    [
        ("salaries", "Salaries 2026"),
        ("salaries OR invoice", "Salaries 2026"),
        ("salaries OR label:work", "Salaries 2026"),
        ("{salaries label:work}", "Salaries 2026"),
        ("in:anywhere", "You won"),
        ("in:spam OR in:inbox", "You won"),
        ("-label:work", "Salaries 2026"),
        ("label:important", "Salaries 2026"),
        ("subject:salaries OR (x", "Salaries 2026"),
        ("", "Salaries 2026"),
    ],
)
def test_no_query_leads_out_of_the_label(stand, query, secret):
    probe(stand, "gmail", "search_threads", secret, query=query, includeTrash=True)
    found = {one["subject"]: one["id"] for one in stand["mail"].world.every("message")}
    probe(stand, "mail", "search_gmail_messages", found[secret], query=query, user_google_email=ANA)


def test_mail_inside_the_label_is_found(stand):
    said = probe(stand, "gmail", "search_threads", "Salaries 2026", query="from:ben@acme.example")
    assert "Cart release" in said
    assert "gmail.label:work" in said
    first = stand["gmail"].direct("search_threads", query="from:ben@acme.example", pageSize=1)["structuredContent"]
    for token in (first["nextPageToken"], "0", "5"):
        probe_page = stand.ask("gmail", "search_threads", query="from:ben@acme.example", pageSize=1, pageToken=token)
        assert "Salaries" not in whole(probe_page.result)


def test_another_mailbox_is_no_way_out(stand):
    place = stand["mail"]
    label = next(one for one in place.world.every("label") if one["name"] == "Requests")
    assert label["mailbox"] == TEAM
    for query in ("question", "label:work", "label:work question"):
        result = stand.ask("mail", "search_gmail_messages", query=query, user_google_email=TEAM).result
        assert "outside_contract" in codes(result)
    assert "Message ID" in whole(place.direct("search_gmail_messages", query="question", user_google_email=TEAM))
    found = stand.ask("mail", "search_gmail_messages", query="cart", user_google_email=ANA).result
    assert "Message ID" in whole(found)


@pytest.mark.parametrize(
    "query",
    [
        "release",
        "release in:finance",
        "release in:Finance",
        "in:#finance",
        "in:general in:finance release",
        "from:ben release",
        "release in:@ben",
        "with:ben",
    ],
)
def test_no_query_leads_out_of_the_channel(stand, query):
    secret = "Between us" if "@ben" in query or "with" in query else "Salaries release"
    probe(stand, "slack", "slack_search_public_and_private", secret, query=query)


def test_messages_of_the_channel_are_found_and_no_cursor_leads_out(stand):
    said = probe(stand, "slack", "slack_search_public_and_private", "Salaries release", query="release")
    assert "The cart release is on Monday" in said
    for cursor in ("0", "1", "2", "3", "99"):
        result = stand.ask("slack", "slack_search_public_and_private", query="release", cursor=cursor, limit=1).result
        assert "Salaries" not in whole(result)
        assert "Between us" not in whole(result)


@pytest.mark.parametrize(
    "query",
    [
        "fullText contains 'Confidential'",
        "fullText contains 'Confidential') or (fullText contains 'plan'",
        "fullText contains 'Confidential' or name = 'x'",
        "not '{shop}' in parents",
        "'{finance}' in parents",
        "'{finance}' in parents or '{shop}' in parents",
        "trashed = false",
        "Confidential",
        "confidential plan",
    ],
)
def test_no_expression_leads_out_of_the_folder(stand, query):
    files = {one["name"]: one["id"] for one in stand["drive"].world.every("file")}
    asked = query.format(shop=files["Shop"], finance=files["Finance"])
    arguments = {"query": asked, "user_google_email": ANA, "page_size": 50}
    said = whole(stand.ask("drive", "search_drive_files", **arguments).result)
    assert "Salaries" not in said.replace(asked, "")
    assert "Budget" not in said
    if asked == query.replace("'plan'", ""):
        assert "Budget" in whole(stand["drive"].direct("search_drive_files", **arguments))


def test_files_of_the_folder_are_found_on_every_page_and_no_others(stand):
    everything = stand["drive"].direct(
        "search_drive_files", query="trashed = false", user_google_email=ANA, page_size=50
    )
    assert "Budget" in whole(everything)
    names = set()
    for token in ("0", "2", "4", "6"):
        asked = {"query": "trashed = false", "user_google_email": ANA, "page_size": 2, "page_token": token}
        said = whole(stand.ask("drive", "search_drive_files", **asked).result)
        assert "Budget" not in said
        names |= {name for name in ("Release plan", "Minutes", "prices.csv", "Guide") if name in said}
    assert names == {"Release plan", "Minutes", "prices.csv", "Guide"}


def test_items_outside_are_taken_out_of_answers_and_counted(stand):
    pages = {one["id"]: one for one in stand["notion"].world.every("page")}
    allowed = next(iter(pages))
    found = stand.ask("notion", "API-post-search", query="")
    kept = {one["id"] for one in json.loads(found.text)["results"]}
    assert len(json.loads(stand["notion"].direct("API-post-search", query="")["content"][0]["text"])["results"]) > 2
    assert kept <= {allowed}
    assert "outside the rules" in found.result["content"][-1]["text"]
    people = json.loads(stand.ask("notion", "API-get-users").text)["results"]
    assert [one["id"] for one in people] == [stand["notion"].world.every("user")[0]["id"]]
    for tool, key in (
        ("d1_databases_list", "result"),
        ("r2_buckets_list", "buckets"),
        ("kv_namespaces_list", "namespaces"),
    ):
        there = json.loads(stand["cloudflare"].direct(tool)["content"][0]["text"])[key]
        here = json.loads(stand.ask("cloudflare", tool).text)[key]
        assert len(there) > len(here)
        assert len(here) == (0 if "kv" in tool else 1)
