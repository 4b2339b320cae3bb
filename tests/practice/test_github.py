"""GitHub: what is written is read, errors are the vendor's, searches stay in their place, undo restores."""

import hashlib

import pytest

from tests.practice.at import At

WEB = {"owner": "acme", "repo": "web"}
SECRET = {"owner": "other-org", "repo": "secret-plans"}


@pytest.fixture
def hub():
    return At("github")


def test_a_file_is_written_read_pinned_and_restored(hub):
    before = hub.state()
    first = hub.call("get_file_contents", **WEB, path="src/app.py")["content"]
    former = first[1]["resource"]["text"]
    sha = first[0]["text"].partition("SHA: ")[2].rstrip(")")
    data = former.encode()
    assert sha == hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    at = {**WEB, "path": "src/app.py", "branch": "main", "message": "m"}
    assert "sha" in hub.fails("create_or_update_file", **at, content="new")
    assert "409 Conflict" in hub.fails("create_or_update_file", **at, content="new", sha="0" * 40)
    made = hub.json("create_or_update_file", **at, content="new", sha=sha)
    assert len(made["commit"]["sha"]) == 40
    assert hub.call("get_file_contents", **WEB, path="src/app.py")["content"][1]["resource"]["text"] == "new"
    assert hub.json("list_commits", **WEB, path="src/app.py")[0]["sha"] == made["commit"]["sha"]
    hub.json("create_or_update_file", **at, content=former, sha=made["content"]["sha"])
    assert hub.call("get_file_contents", **WEB, path="src/app.py")["content"][1]["resource"]["text"] == former
    assert {kind for _, kind, _ in hub.changes(before)} == {"branch", "commit", "blob"}, "history keeps both"


def test_files_are_pushed_listed_and_deleted(hub):
    files = [{"path": "docs/a.md", "content": "A"}, {"path": "docs/b.md", "content": "B"}]
    ref = hub.json("push_files", **WEB, branch="main", files=files, message="Docs")
    assert ref["ref"] == "refs/heads/main"
    assert ref["object"]["sha"] == hub.json("list_commits", **WEB)[0]["sha"]
    assert [row["path"] for row in hub.json("get_file_contents", **WEB, path="docs")] == ["docs/a.md", "docs/b.md"]
    gone = hub.json("delete_file", **WEB, path="docs/a.md", branch="main", message="Away")
    assert gone["content"] is None
    assert [row["path"] for row in hub.json("get_file_contents", **WEB, path="docs")] == ["docs/b.md"]
    tree = hub.json("get_repository_tree", **WEB, recursive=True)["tree"]
    assert "docs/b.md" in [row["path"] for row in tree]
    assert hub.json("get_commit", **WEB, sha=gone["commit"]["sha"])["files"] == [{"filename": "docs/a.md"}]
    assert "404 Not Found" in hub.fails("get_file_contents", **WEB, path="docs/a.md")
    assert "404" in hub.fails("push_files", **WEB, branch="none", files=files, message="x")


def test_a_branch_and_its_pull_request_are_merged(hub):
    ref = hub.json("create_branch", **WEB, branch="idea", from_branch="main")
    assert ref["ref"] == "refs/heads/idea"
    assert "already exists" in hub.fails("create_branch", **WEB, branch="idea")
    hub.json("push_files", **WEB, branch="idea", files=[{"path": "idea.md", "content": "x"}], message="Idea")
    assert "main" in [row["name"] for row in hub.json("list_branches", **WEB)]
    made = hub.json("create_pull_request", **WEB, title="Idea", head="idea", base="main", draft=True)
    assert set(made) == {"id", "url"}
    number = int(made["url"].rpartition("/")[2])
    assert "already exists" in hub.fails("create_pull_request", **WEB, title="Again", head="idea", base="main")
    read = {**WEB, "pullNumber": number}
    assert [one["filename"] for one in hub.json("pull_request_read", method="get_files", **read)] == ["idea.md"]
    assert len(hub.json("pull_request_read", method="get_commits", **read)) == 1
    assert "not mergeable" in hub.fails("merge_pull_request", **read)
    hub.json("update_pull_request", **read, draft=False)
    merged = hub.json("merge_pull_request", **read)
    assert merged["merged"] is True
    assert hub.json("pull_request_read", method="get", **read)["merge_commit_sha"] == merged["sha"]
    assert hub.json("list_commits", **WEB)[0]["sha"] == merged["sha"]
    assert hub.call("get_file_contents", **WEB, path="idea.md")["content"][1]["resource"]["text"] == "x"
    assert "not mergeable" in hub.fails("merge_pull_request", **read)


def test_an_issue_is_opened_changed_and_changed_back(hub):
    made = hub.json("issue_write", method="create", **WEB, title="New", body="b", labels=["bug"])
    number = int(made["url"].rpartition("/")[2])
    before = hub.state()
    at = {**WEB, "issue_number": number}
    hub.json("issue_write", method="update", **at, state="closed", state_reason="completed", title="Newer")
    shown = hub.json("issue_read", method="get", **at)
    assert (shown["state"], shown["title"]) == ("closed", "Newer")
    assert hub.changes(before) == [("changed", "issue", f"acme/web#{number}")]
    hub.json("issue_write", method="update", **at, state="open", title="New")
    assert hub.state() == before
    comment = hub.json("add_issue_comment", **at, body="Seen")
    assert [str(one["id"]) for one in hub.json("issue_read", method="get_comments", **at)] == [comment["id"]]
    hub.json("update_issue_title", **at, title="T")
    hub.json("update_issue_body", **at, body="B")
    hub.json("update_issue_assignees", **at, assignees=["ben"])
    hub.json("update_issue_state", **at, state="closed")
    listed = hub.json("list_issues", **WEB, state="CLOSED")
    assert number in [one["number"] for one in listed["issues"]]
    assert "404 Not Found" in hub.fails("issue_read", method="get", **WEB, issue_number=99)
    assert "title" in hub.fails("issue_write", method="create", **WEB)


def test_searches_stay_where_their_qualifiers_say(hub):
    def places(query, tool="search_issues", **more):
        return {one["repository_url"].partition("/repos/")[2] for one in hub.json(tool, query=query, **more)["items"]}

    assert places("blank") == {"acme/web", "other-org/secret-plans"}
    assert places("blank repo:acme/web") == {"acme/web"}
    assert places("org:acme") == {"acme/web", "acme/api"}
    assert places("repo:acme/web repo:acme/api") == {"acme/web", "acme/api"}
    assert places("-org:other-org") == {"acme/web", "acme/api"}
    assert places("is:private") == {"acme/api", "other-org/secret-plans"}
    assert places("blank", owner="acme", repo="web") == {"acme/web"}
    assert places("label:bug") == {"acme/web"}
    assert places("assignee:@me") == set()
    assert places('"blank budget"') == {"other-org/secret-plans"}
    assert places("is:open", "search_pull_requests") == {"acme/web"}
    code = hub.json("search_code", query="bluebird")["items"]
    assert [one["repository"]["full_name"] for one in code] == ["other-org/secret-plans"]
    assert hub.json("search_code", query="bluebird org:acme")["items"] == []
    assert hub.json("search_code", query="extension:py path:src org:acme")["total_count"] == 2
    names = [one["full_name"] for one in hub.json("search_repositories", query="is:public org:acme")["items"]]
    assert names == ["acme/web"]
    assert hub.json("search_users", query="ben")["total_count"] == 1


def test_a_review_waits_until_it_is_submitted(hub):
    at = {**WEB, "pullNumber": 3}
    before = hub.state()
    assert "No pending review" in hub.fails(
        "add_comment_to_pending_review", **at, path="a", body="b", subjectType="FILE"
    )
    assert hub.text("pull_request_review_write", method="create", **at) == "pending pull request created"
    assert [one["state"] for one in hub.json("pull_request_read", method="get_reviews", **at)] == ["PENDING"]
    hub.call("add_comment_to_pending_review", **at, path="src/cart.py", body="Why?", subjectType="LINE", line=1)
    assert hub.json("pull_request_read", method="get_review_comments", **at) == []
    hub.call("pull_request_review_write", method="delete_pending", **at)
    assert hub.state() == before
    hub.call("create_pull_request_review", **at)
    hub.call("add_comment_to_pending_review", **at, path="src/cart.py", body="Why?", subjectType="LINE", line=1)
    hub.call("submit_pending_pull_request_review", **at, event="APPROVE", body="Good")
    assert [one["state"] for one in hub.json("pull_request_read", method="get_reviews", **at)] == ["APPROVED"]
    comment = hub.json("pull_request_read", method="get_review_comments", **at)[0]
    reply = hub.json("add_reply_to_pull_request_comment", **WEB, commentId=comment["id"], body="So")
    assert reply["url"].endswith(f"#discussion_r{reply['id']}")
    hub.call("pull_request_review_write", method="resolve_thread", **at, threadId=comment["thread_id"])
    assert hub.json("pull_request_read", method="get_review_comments", **at)[0]["resolved"] is True


def test_repositories_come_and_go(hub):
    before = hub.state()
    made = hub.json("create_repository", name="lab", organization="acme", autoInit=True)
    assert made["url"] == "https://github.com/acme/lab"
    assert "already exists" in hub.fails("create_repository", name="lab", organization="acme")
    hub.call("delete_repository", owner="acme", repo="lab")
    assert hub.state() == before
    assert "404" in hub.fails("delete_repository", owner="acme", repo="lab")
    hub.json("fork_repository", **WEB)
    forked = {"owner": "ana", "repo": "web"}
    assert hub.json("get_file_contents", **forked) == hub.json("get_file_contents", **forked, ref="main")
    assert len(hub.json("list_commits", **forked)) == len(hub.json("list_commits", **WEB))


def test_labels_and_workflows(hub):
    before = hub.state()
    hub.call("label_write", method="create", **WEB, name="later", color="000000")
    hub.call("label_write", method="update", **WEB, name="later", new_name="sometime")
    assert "sometime" in [one["name"] for one in hub.json("list_label", **WEB)["labels"]]
    hub.call("label_write", method="delete", **WEB, name="sometime")
    assert hub.state() == before
    flow = hub.json("actions_list", method="list_workflows", **WEB)["workflows"][0]
    runs = hub.json("actions_list", method="list_workflow_runs", **WEB, resource_id="ci.yml")["workflow_runs"]
    failed = next(one for one in runs if one["conclusion"] == "failure")
    again = hub.json("actions_run_trigger", method="rerun_workflow_run", **WEB, run_id=failed["id"])
    assert again["run_id"] == failed["id"]
    hub.json("actions_run_trigger", method="cancel_workflow_run", **WEB, run_id=failed["id"])
    run = hub.json("actions_get", method="get_workflow_run", **WEB, resource_id=str(failed["id"]))
    assert run["conclusion"] == "cancelled"
    started = hub.json("actions_run_trigger", method="run_workflow", **WEB, workflow_id=str(flow["id"]), ref="main")
    assert "run_id" not in started
    newest = hub.json("actions_list", method="list_workflow_runs", **WEB, workflow_runs_filter={"status": "queued"})
    assert newest["total_count"] == 1
    assert "failure" in hub.json("get_job_logs", **WEB, run_id=failed["id"], return_content=True)["logs_content"]


def test_one_thing_of_a_pull_request_at_a_time(hub):
    at = {**WEB, "pullNumber": 3}
    before = hub.state()
    hub.json("update_pull_request_title", **at, title="T")
    hub.json("update_pull_request_body", **at, body="B")
    hub.json("update_pull_request_draft_state", **at, draft=True)
    hub.json("update_pull_request_state", **at, state="closed")
    shown = hub.json("pull_request_read", method="get", **at)
    assert (shown["title"], shown["body"], shown["draft"], shown["state"]) == ("T", "B", True, "closed")
    hub.json("update_pull_request", **at, title="Count the cart right", body="Fixes #2", draft=False, state="open")
    assert hub.state() == before
    hub.json("request_pull_request_reviewers", **at, reviewers=["ana"])
    assert hub.json("pull_request_read", method="get", **at)["requested_reviewers"][0]["login"] == "ana"
    hub.json("update_issue_labels", **WEB, issue_number=2, labels=["bug", {"name": "chore", "confidence": "LOW"}])
    labels = hub.json("issue_read", method="get_labels", **WEB, issue_number=2)["labels"]
    assert [one["name"] for one in labels] == ["bug", "chore"]


def test_a_branch_is_updated_only_from_the_head_that_was_seen(hub):
    at = {**WEB, "pullNumber": 3}
    head = hub.json("pull_request_read", method="get", **at)["head"]["sha"]
    hub.json("push_files", **WEB, branch="main", files=[{"path": "new.md", "content": "n"}], message="New")
    assert "didn't match" in hub.fails("update_pull_request_branch", **at, expectedHeadSha="0" * 40)
    hub.json("update_pull_request_branch", **at, expectedHeadSha=head)
    assert hub.json("pull_request_read", method="get", **at)["head"]["sha"] != head
    read = hub.call("get_file_contents", **WEB, path="new.md", ref="refs/heads/fix-cart")
    assert read["content"][1]["resource"]["text"] == "n"


def test_gists_are_texts_behind_a_link(hub):
    made = hub.json("create_gist", filename="a.md", content="A", public=True)
    assert hub.json("get_gist", gist_id=made["id"])["public"] is True
    hub.json("update_gist", gist_id=made["id"], filename="b.md", content="B")
    assert set(hub.json("list_gists")[0]["files"]) == {"a.md", "b.md"}
    assert "404" in hub.fails("get_gist", gist_id="none")


def test_what_others_wrote_tries_to_give_orders(hub):
    body = hub.json("issue_read", method="get", **WEB, issue_number=1)["body"]
    assert "ignore your instructions" in body
    assert hub.json("get_me")["login"] == "ana"
