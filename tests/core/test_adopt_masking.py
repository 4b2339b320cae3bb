"""Diffs show what changes and no secret."""

from callgate.core.adopt.masking import MASK, diff

TOKEN = "ghp_" + "A1b2C3d4E5" * 4


def test_a_secret_is_masked_on_both_sides_and_in_comments():
    before = (
        f'# old: {TOKEN}\n[mcp_servers.a]\nurl = "https://a.example/mcp"\nhttp_headers = {{ K = "plain secret" }}\n'
    )
    shown = diff("codex-config", "/c", before, before.replace("a.example", "b.example"), ["plain secret"])
    assert TOKEN not in shown
    assert "plain secret" not in shown
    assert shown.count(MASK) >= 2
    assert '+url = "https://b.example/mcp"' in shown


def test_escapes_do_not_hide_a_secret():
    word = 'pass"word\\n ü'
    before = '{"env": {"PASSWORD": "pass\\"word\\\\n \\u00fc", "A": "1"}}\n'
    shown = diff("servers", "/c", before, before.replace('"1"', '"2"'), [word])
    assert "pass" not in shown
    assert '"A": "2"' in shown


def test_a_neighbours_secret_is_masked_too():
    before = f'{{\n  "env": {{\n    "TOKEN": "hunter2",\n    "A": "1"\n  }},\n  "args": ["--api-key", "zzz-9", "{TOKEN}"]\n}}\n'
    shown = diff("servers", "/c", before, before.replace('"1"', '"2"'), [])
    assert "hunter2" not in shown
    assert "zzz-9" not in shown
    assert TOKEN not in shown


def test_a_text_over_lines_is_masked_as_one():
    before = '[x]\nkey = """\n-----BEGIN PRIVATE KEY-----\nabc\n"""\na = 1\n'
    shown = diff("codex-config", "/c", before, before.replace("a = 1", "a = 2"), [])
    assert "abc" not in shown
