"""What is compiled per load, asked per call."""

import msgspec
import pytest

from callgate.core.toolbox import compile_toolbox
from callgate.model.errors import ConfigError
from callgate.model.terms import Effect, Tier
from callgate.model.tool import Integration, PinRead, ReceiptRule, TargetRule, TierRule, ToolManifest
from tests.fakes.catalog import DOMAINS, manifest, profile, shipped, toolbox

HASH = "d1ca9927019182bd7aa30dd83f364940ee5ae3ec"
REPO = {"repo_path": "/srv/app"}


def text(words, **members):
    return msgspec.json.encode({"content": [{"type": "text", "text": words}], **members})


def test_the_git_toolbox():
    box = shipped("git")
    assert {name: tool.tier for name, tool in box.tools.items()} == {
        "git_status": Tier.READ,
        "git_diff_unstaged": Tier.READ,
        "git_diff_staged": Tier.READ,
        "git_diff": Tier.READ,
        "git_log": Tier.READ,
        "git_show": Tier.READ,
        "git_branch": Tier.READ,
        "git_add": Tier.DRAFT,
        "git_reset": Tier.DRAFT,
        "git_create_branch": Tier.DRAFT,
        "git_checkout": Tier.DRAFT,
        "git_commit": Tier.EXECUTE,
    }
    assert len(box.listing) == 12
    assert all(not tool.quarantine and tool.verified for tool in box.tools.values())
    for tool in box.tools.values():
        (target,) = tool.targets_of({"repo_path": "/srv//app/.git"})
        assert (target.text, target.domain) == ("git.repository:/srv/app", "local-work")
        assert tool.target_findings({})[0].code == "target_missing"
        assert tool.target_findings({"repo_path": "app"})[0].code == "bad_target"


def test_a_commit():
    commit = shipped("git").tools["git_commit"]
    arguments = {**REPO, "message": "Fix it"}
    assert commit.schema_findings(arguments) == ()
    assert commit.sentence(arguments) == 'Commit what is staged in "/srv/app" with the message "Fix it"'
    assert [(read.tool, read.arguments(arguments)) for read in commit.state_reads(arguments)] == [
        ("git_log", {"repo_path": "/srv/app", "max_count": 1}),
        ("git_status", {"repo_path": "/srv/app"}),
        ("git_diff_staged", {"repo_path": "/srv/app"}),
    ]
    answer = text(f"Changes committed successfully with hash {HASH}", isError=False)
    assert commit.receipt_of(arguments, answer) == (("commit", HASH),)
    assert commit.receipt_of(arguments, text("No changes staged for commit", isError=True)) == ()
    assert commit.receipt_of(arguments, text(f"hash {HASH}")) == ()


@pytest.mark.parametrize(
    ("tool", "answer", "receipt"),
    [
        ("git_create_branch", "Created branch 'feat' from 'master'", (("branch", "feat"),)),
        ("git_checkout", "Switched to branch 'feat/x'", (("branch", "feat/x"),)),
        ("git_add", "Files staged successfully", ()),
    ],
)
def test_answers_of_the_git_server(tool, answer, receipt):
    assert shipped("git").tools[tool].receipt_of(REPO, text(answer, isError=False)) == receipt


def test_the_filesystem_toolbox():
    box = shipped("filesystem")
    move = box.tools["move_file"]
    assert [t.text for t in move.targets_of({"source": "/srv/a/", "destination": "/srv/b"})] == [
        "fs.path:/srv/a",
        "fs.path:/srv/b",
    ]
    many = box.tools["read_multiple_files"]
    assert [t.text for t in many.targets_of({"paths": ["/a", "/b", "/a"]})] == ["fs.path:/a", "fs.path:/b"]
    assert many.target_findings({"paths": ["/a", "b"]})[0].path == "paths[]"
    edit = box.tools["edit_file"]
    assert edit.tier is Tier.EXECUTE
    assert edit.tier_of({"path": "/a", "edits": [], "dryRun": True}) is Tier.READ
    for value in (False, 1, "true", None, [True]):
        assert edit.tier_of({"path": "/a", "edits": [], "dryRun": value}) is Tier.EXECUTE
    assert edit.tier_of({}) is Tier.EXECUTE
    assert box.tools["list_allowed_directories"].targets_of({}) == ()


def test_no_manifest_means_execute_and_no_more_is_known():
    tool = profile({"properties": {"a": {}}}, known=False)
    assert (tool.manifest, tool.tier, tool.verified) == (None, Tier.EXECUTE, False)
    assert tool.tier_of({"a": 1}) is Tier.EXECUTE
    assert tool.targets_of({"a": 1}) == ()
    assert tool.receipt_of({}, text("x")) == ()
    assert tool.state_reads({}) == ()
    assert "nobody has classified" in tool.sentence({})
    assert tool.schema_findings({"b": 1})[0].effect is Effect.HOLD


def test_a_tool_that_the_manifest_does_not_name_is_execute():
    box = toolbox(
        [{"name": "known", "inputSchema": {}}, {"name": "new", "inputSchema": {}}],
        manifest(ToolManifest(name="known", tier=Tier.READ, say="Look")),
    )
    assert box.tools["known"].tier is Tier.READ
    assert (box.tools["new"].tier, box.tools["new"].manifest) == (Tier.EXECUTE, None)


def test_an_unverified_manifest_only_adds_caution():
    tool = profile(
        verified=False,
        tier=Tier.READ,
        idempotent=True,
        compensation="t",
        tier_by=(TierRule(path="a", values=(1,), tier=Tier.READ),),
        targets=(TargetRule(kind="thing", path="a"),),
        irreversible=True,
        admin=True,
    )
    assert tool.tier is tool.tier_of({"a": 1}) is Tier.EXECUTE
    assert not tool.verified
    assert (tool.manifest.idempotent, tool.manifest.compensation) == (False, "")
    assert tool.manifest.irreversible
    assert tool.manifest.admin
    assert tool.targets_of({"a": "x"})[0].text == "thing:x"


def test_several_tier_rules():
    rules = (
        TierRule(path="method", values=("get", "list"), tier=Tier.READ),
        TierRule(path="draft", values=(True,), tier=Tier.DRAFT),
        TierRule(path="items[].op", values=("look",), tier=Tier.READ),
    )
    tool = profile(tier=Tier.EXECUTE, tier_by=rules)
    assert tool.tier_of({"method": "get"}) is Tier.READ
    assert tool.tier_of({"method": "GET"}) is Tier.EXECUTE
    assert tool.tier_of({"method": "get", "draft": True}) is Tier.DRAFT
    assert tool.tier_of({"draft": 1}) is Tier.EXECUTE
    assert tool.tier_of({"items": [{"op": "look"}, {"op": "look"}]}) is Tier.READ
    assert tool.tier_of({"items": [{"op": "look"}, {"op": "drop"}]}) is Tier.EXECUTE
    assert tool.tier_of({"items": "look"}) is Tier.EXECUTE


def test_a_rule_that_raises_needs_one_match():
    tool = profile(tier=Tier.READ, tier_by=(TierRule(path="ops[]", values=("drop",), tier=Tier.EXECUTE),))
    assert tool.tier is Tier.EXECUTE
    assert tool.tier_of({"ops": ["look"]}) is Tier.READ
    assert tool.tier_of({"ops": ["look", "drop"]}) is Tier.EXECUTE


def test_an_unusable_schema_denies_every_call():
    for definition in ({"$ref": "http://127.0.0.1:9/x"}, None, "x", {"type": "nothing"}):
        box = toolbox([{"name": "t", "inputSchema": definition}])
        (finding,) = box.tools["t"].schema_findings({})
        assert (finding.code, finding.effect) == ("schema_unusable", Effect.DENY)
    assert toolbox([{"name": "t"}]).tools["t"].schema_findings({})[0].code == "schema_unusable"


def test_listed_is_the_pinned_tool_with_our_annotations():
    vendor = {"title": "Look", "readOnlyHint": True, "destructiveHint": False, "openWorldHint": True, "extra": 1}
    more = {
        "title": "T",
        "description": "words",
        "outputSchema": {"type": "object"},
        "_meta": {"n": 10**30},
        "annotations": vendor,
    }
    listed = msgspec.json.decode(profile(known=False, tool=more).listed)
    assert listed["annotations"] == {
        "title": "Look",
        "readOnlyHint": False,
        "destructiveHint": True,
        "idempotentHint": False,
    }
    assert {key: value for key, value in listed.items() if key != "annotations"} == {
        "name": "t", "inputSchema": {"type": "object"}, **{key: value for key, value in more.items() if key != "annotations"}
    }  # fmt: skip
    read = msgspec.json.decode(profile(tier=Tier.READ).listed)["annotations"]
    assert read == {"readOnlyHint": True, "destructiveHint": False, "idempotentHint": True}
    raised = profile(tier=Tier.READ, tier_by=(TierRule(path="a", values=(1,), tier=Tier.EXECUTE),))
    assert msgspec.json.decode(raised.listed)["annotations"]["readOnlyHint"] is False


@pytest.mark.parametrize(
    ("names", "kept_away"),
    [
        (["callgate_open_task"], {"callgate_open_task": "reserved"}),
        (["Callgate-open"], {"Callgate-open": "reserved"}),
        (["read", "Read"], {"read": "look_alike", "Read": "look_alike"}),
        (["read_file", "read-file", "other"], {"read_file": "look_alike", "read-file": "look_alike"}),
        (["ｒead", "read"], {"ｒead": "look_alike", "read": "look_alike"}),
        (["re\u0430d"], {"re\u0430d": "look_alike"}),
        (["a\u200bb"], {"a\u200bb": "unreadable"}),
        (["a b"], {"a b": "unreadable"}),
        (["a\nb"], {"a\nb": "unreadable"}),
        (["\u3164"], {"\u3164": "unreadable"}),
        (["x" * 129], {"x" * 129: "unreadable"}),
        (["x" * 128, "créer", "查询", "a.b/c"], {}),
    ],
)
def test_names_that_mislead_are_kept_away(names, kept_away):
    box = toolbox([{"name": name, "inputSchema": {}} for name in names])
    assert {name: tool.quarantine for name, tool in box.tools.items() if tool.quarantine} == kept_away
    assert len(box.listing) == len(names) - len(kept_away)


def test_the_same_name_twice_is_kept_away():
    box = toolbox([{"name": "a", "inputSchema": {}}, {"name": "a", "inputSchema": {"type": "object"}}])
    assert box.tools["a"].quarantine == "look_alike"
    assert box.listing == ()


@pytest.mark.parametrize(("command", "kept_away"), [(("server",), "shared_session"), ((), "")])
def test_a_tool_that_aims_a_session_is_kept_away_where_callers_share_one(command, kept_away):
    pin = toolbox([{"name": "use_project", "inputSchema": {}}, {"name": "look", "inputSchema": {}}]).pin
    rules = [
        ToolManifest(name="use_project", tier=Tier.DRAFT, say="Use it", sets_session_target=True),
        ToolManifest(name="look", tier=Tier.READ, say="Look"),
    ]
    integration = Integration(name="x", actor="local", command=command, url="" if command else "https://x.example/mcp")
    box = compile_toolbox(integration, pin, manifest(*rules, verified=False), DOMAINS)
    assert {name: tool.quarantine for name, tool in box.tools.items()} == {"use_project": kept_away, "look": ""}


def test_headers():
    schema = {
        "properties": {
            "region": {"type": "string", "x-mcp-header": "Region"},
            "n": {"type": "object", "properties": {"deep": {"type": "integer", "x-mcp-header": "Deep"}}},
        }
    }
    tool = profile(schema)
    assert tool.headers == (("Mcp-Param-Region", "region"), ("Mcp-Param-Deep", "n.deep"))
    assert tool.header_values({"region": "eu", "n": {"deep": 3}}) == (
        ("Mcp-Param-Region", "eu"),
        ("Mcp-Param-Deep", "3"),
    )
    assert tool.header_values({"region": None}) == ()
    assert profile({"properties": {"a": {"type": "number", "x-mcp-header": "A"}}}).quarantine == "bad_header"


@pytest.mark.parametrize("name", ["a.b", "a[", "a]", "{a", "a}", ""])
def test_a_header_of_an_argument_that_no_selector_can_name(name):
    assert profile({"properties": {name: {"type": "string", "x-mcp-header": "A"}}}).quarantine == "bad_header"


def test_state_reads_leave_out_what_was_not_given():
    tool = profile(state_pin=(PinRead(tool="look", arguments={"a": "{a.b}", "fixed": {"n": [1]}, "c": "{c}"}),))
    (read,) = tool.state_reads({"a": {"b": [1, 2]}})
    assert (read.tool, read.arguments({"a": {"b": [1, 2]}})) == ("look", {"fixed": {"n": [1]}, "a": [1, 2]})


@pytest.mark.parametrize(
    "rules",
    [
        {"targets": (TargetRule(kind="k"),)},
        {"tier_by": (TierRule(path="a..b", values=(1,), tier=Tier.READ),)},
        {"say": "{"},
        {"receipt": (ReceiptRule(name="id"),)},
        {"state_pin": (PinRead(tool="t", arguments={"a": "x{a}"}),)},
    ],
)
def test_a_manifest_that_cannot_compile_is_a_fault_of_configuration(rules):
    with pytest.raises(ConfigError) as caught:
        profile(**rules)
    assert caught.value.key == "tools.t"


def test_without_a_pin_there_are_no_tools():
    assert compile_toolbox(Integration(name="x", actor="local"), None, None, DOMAINS).tools == {}
