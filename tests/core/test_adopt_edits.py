"""Edits by path: what a person would have typed, and a refusal where the result would mean something else."""

import pytest

from callgate.core.adopt import edits as module
from callgate.core.adopt.edits import Edit, NotEditable, edited

SERVERS = """\
// mine
{
  "mcpServers": {
    "a": { "command": "x" }, // first
    "b": {
      "url": "https://b.example/mcp"
    }, // second
  },
  "list": [1],
}
"""


def refused(form, text, *edits):
    with pytest.raises(NotEditable) as caught:
        edited(form, text, edits)
    return caught.value.code


def test_an_entry_is_replaced_on_its_own_lines():
    after = edited("servers", SERVERS, [Edit(path=("mcpServers", "a"), value={"command": "y", "args": ["z"]})])
    assert after == SERVERS.replace('{ "command": "x" }', '{ "command": "y", "args": ["z"] }')
    after = edited("servers", SERVERS, [Edit(path=("mcpServers", "b"), value={"command": "y"})])
    assert after == SERVERS.replace('"url": "https://b.example/mcp"', '"command": "y"')


def test_members_come_last_and_lists_grow_once():
    grown = [Edit(path=("list",), value=2, how="add"), Edit(path=("list",), value=1, how="add")]
    assert edited("servers", SERVERS, grown) == SERVERS.replace("[1]", "[1, 2]")
    after = edited("servers", SERVERS, [Edit(path=("new", "deep"), value=True)])
    assert after == SERVERS.replace('"list": [1],\n', '"list": [1],\n  "new": {\n    "deep": true\n  },\n')


def test_what_changes_nothing_gives_the_same_text():
    assert edited("servers", SERVERS, [Edit(path=("list",), value=1, how="add")]) is SERVERS
    assert edited("servers", SERVERS, [Edit(path=("none",), how="drop")]) is SERVERS


@pytest.mark.parametrize(
    ("form", "text", "code"),
    [
        ("servers", "{", "bad_file"),
        ("servers", "[]", "bad_file"),
        ("servers", '{"mcpServers": [1]}', "bad_value"),
        ("servers", '{"mcpServers": {"a": 1, "a": 2}}', "key_twice"),
        ("claude-servers", "{} // no comments here", "bad_file"),
        ("codex-config", "a = ", "bad_file"),
        ("codex-config", 'mcpServers = "x"', "bad_value"),
    ],
)
def test_files_that_are_for_a_person(form, text, code):
    assert refused(form, text, Edit(path=("mcpServers", "a"), value={"x": 1})) == code


def test_a_text_that_no_file_holds_is_refused():
    assert refused("servers", "{}", Edit(path=("a",), value="\ud800")) == "by_hand"


@pytest.mark.parametrize("wrong", ['{"a": 1}', '{"b": 2}', "{", '{"a": 2, "b": 1, "b": 1}'])
def test_an_edit_that_means_something_else_is_refused(monkeypatch, wrong):
    """Whatever the editing of text gets wrong, a client never reads it."""
    monkeypatch.setattr(module.json_edit, "edited", lambda *_: wrong)
    assert refused("servers", '{"a": 1}', Edit(path=("a",), value=2)) == "by_hand"


def test_toml_keeps_what_stands_above_the_next_table():
    before = '[mcp_servers.a] # it\ncommand = "x" # run\n\n# about b\n[mcp_servers.b]\nurl = "y"\n'
    after = edited(
        "codex-config",
        before,
        [
            Edit(path=("mcp_servers", "a", "url"), value="z"),
            Edit(path=("mcp_servers", "a", "tools", "t", "approval_mode"), value="approve"),
            Edit(path=("mcp_servers", "a", "command"), how="drop"),
        ],
    )
    assert after == (
        '[mcp_servers.a] # it\nurl = "z"\n\n[mcp_servers.a.tools.t]\napproval_mode = "approve"\n\n'
        '# about b\n[mcp_servers.b]\nurl = "y"\n'
    )


def test_lines_that_end_in_two_ways_are_for_a_person():
    """Or all others would change with the edited one, those inside of texts too."""
    text = 'a = "x"\r\n[mcp_servers.b]\nurl = "x"\n[other]\nc = """1\n2"""\n'
    edit = Edit(path=("mcp_servers", "b", "url"), value="y")
    with pytest.raises(NotEditable) as caught:
        edited("codex-config", text, [edit])
    assert caught.value.code == "by_hand"
    for end in ("\n", "\r\n"):
        plain = text.replace("\r\n", "\n").replace("\n", end)
        assert edited("codex-config", plain, [edit]) == plain.replace('url = "x"', 'url = "y"')
