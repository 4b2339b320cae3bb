"""Whatever stands in a configuration: no reader fails, and no secret that was planted comes out."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callgate.cli.inventory_page import render
from callgate.core.inventory.document import BadDocument
from callgate.core.inventory.jsonc import parse_json
from callgate.core.inventory.judge import Knowledge, KnownServer
from callgate.core.inventory.places import FORMS, holds_words
from callgate.core.inventory.programs import read_command, secret_arguments
from callgate.core.inventory.reading import ConfigFile
from callgate.core.inventory.report import make_report, read_file
from callgate.core.inventory.secrecy import looks_secret, origin, shown, url_secrets
from callgate.core.inventory.toml import parse_toml

KNOWLEDGE = Knowledge(
    gates=("http://127.0.0.1:8700",), servers=(KnownServer(integration="git", packages=("mcp-server-git",)),)
)
WORDS = st.sampled_from(
    [
        *("mcpServers", "servers", "mcp_servers", "mcp", "context_servers", "command", "args", "env", "url", "headers"),
        *("type", "http", "stdio", "enabled", "disabled", "tools", "permissions", "allow", "deny", "hooks", "projects"),
        *(
            "PreToolUse",
            "identity",
            "plugins",
            "allowedMcpServers",
            "serverUrl",
            "serverName",
            "serverCommand",
            "match",
        ),
        *("npx", "-y", "docker", "run", "callgate", "identity", "value", "regex", "prefix", "trust", "includeTools"),
        *("http://127.0.0.1:8700/mcp", "https://x.example/mcp?a=b", "mcp__a__b", "agent", "tool_permissions", "*", ""),
    ]
)
TEXTS = st.one_of(WORDS, st.text(max_size=12))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=5)),
    max_leaves=30,
)
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
BODIES = st.text(ALPHABET, min_size=36, max_size=48).filter(
    lambda body: any(c.isdigit() for c in body[:12]) and len(set(body)) > 16
)
SECRETS = st.builds(
    lambda prefix, body: prefix + body,
    st.sampled_from(["ghp_", "xoxb-", "sk-proj-", "AKIA", "glpat-", "ntn_", "figd_", "sk_live_", "npm_", "hf_"]),
    BODIES,
)


def one_file(form, text, **more):
    return ConfigFile(
        client=more.pop("client", "codex"),
        form=form,
        layer=more.pop("layer", "user"),
        owner="user ana",
        path="/home/ana/config",
        text=text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"),
        home="home/ana",
        plugin=more.pop("plugin", ""),
    )


def outputs(*files):
    found = make_report([read_file(file) for file in files], KNOWLEDGE, root="/")
    return msgspec.json.encode(found).decode() + render(found)


def quoted(text):
    """A basic string of TOML."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def toml_of(value):
    """TOML of tables, arrays, texts, flags and whole numbers; anything else is left out."""
    match value:
        case bool():
            return str(value).lower()
        case int() if abs(value) < 1 << 60:
            return str(value)
        case str():
            return quoted(value)
        case list():
            return "[" + ", ".join(part for one in value if (part := toml_of(one)) is not None) + "]"
        case dict():
            rows = [(quoted(k), toml_of(v)) for k, v in value.items()]
            return "{" + ", ".join(f"{k} = {v}" for k, v in rows if v is not None) + "}"
    return None


@pytest.mark.parametrize("form", sorted(FORMS))
@given(value=VALUES)
@settings(max_examples=25, deadline=None)
def test_no_reader_fails_on_any_value(form, value):
    text = json.dumps(value)
    if form in ("codex-config", "codex-requirements"):
        rows = value.items() if isinstance(value, dict) else [("x", value)]
        text = "\n".join(f"{quoted(k)} = {part}" for k, v in rows if (part := toml_of(v)) is not None)
    outputs(one_file(form, text, layer="managed"), one_file(form, text, layer="plugin", plugin="p@m"))


@pytest.mark.parametrize("form", sorted(FORMS))
@given(data=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda t: t.encode("utf-8", "surrogatepass"))))
@settings(max_examples=20, deadline=None)
def test_no_reader_fails_on_any_bytes(form, data):
    outputs(one_file(form, data))


@given(VALUES)
@settings(max_examples=200)
def test_json_is_read_as_the_standard_library_reads_it(value):
    text = json.dumps(value, ensure_ascii=False)
    assert parse_json(text).value == json.loads(text)
    assert parse_json(json.dumps(value, indent=1), comments=True).value == value


@given(st.text('{}[]",:/*\\ntrufalse0123.-+eE \n\t', max_size=60))
@settings(max_examples=250)
def test_what_is_json_here_is_json_there(text):
    try:
        read = parse_json(text).value
    except BadDocument as fault:
        assert 1 <= fault.line <= text.count("\n") + 1
        with pytest.raises(ValueError):
            json.loads(text)
    else:
        assert read == json.loads(text) or "e" in text.lower()


@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(0, 9), max_size=8))
def test_lines_are_where_keys_stand(table):
    text = "{" + ",".join(f'\n // "x": 1\n"{key}": {value}' for key, value in table.items()) + "}"
    document = parse_json(text, comments=True)
    rows = text.split("\n")
    assert all(rows[document.line((key,)) - 1].startswith(f'"{key}"') for key in table)


@given(st.dictionaries(TEXTS.filter(lambda k: "\ud800" > k), VALUES, min_size=1, max_size=5))
@settings(max_examples=200)
def test_toml_lines_are_where_keys_stand(table):
    rows = {quoted(k): toml_of(v) for k, v in table.items()}
    rows = {key: value for key, value in rows.items() if value is not None}
    text = "\n# [not] a = 1\n".join(f"{key} = {value}" for key, value in rows.items())
    document = parse_toml(text)
    for number, key in enumerate(rows):
        assert document.line((json.loads(key),)) == 2 * number + 1


@given(st.text(max_size=300))
@settings(max_examples=300)
def test_the_scan_of_toml_ends(text):
    try:
        document = parse_toml(text)
    except BadDocument:
        return
    assert all(1 <= line <= text.count("\n") + 1 for line in document.lines.values())


@given(st.text(max_size=300), st.lists(st.text(max_size=40), max_size=8))
@settings(max_examples=300)
def test_judging_of_texts_never_fails(text, args):
    origin(text)
    url_secrets(text)
    shown(text).encode()
    looks_secret(text, text)
    list(secret_arguments(args))
    read_command(text, args).text.encode()
    holds_words(text.encode("utf-8", "replace"), ("helper",))


def planted(secret):
    """One entry with the secret wherever an entry has room."""
    return {
        "command": "npx",
        "args": ["-y", "some-server", "--token", secret, f"--key={secret}", f"https://u:{secret}@h.example/x", secret],
        "env": {"API_KEY": secret, "HARMLESS": secret, secret: "x"},
        "headers": {"Authorization": f"Bearer {secret}", "X": secret},
        "url": f"https://{secret}:x@h.example/{secret}/mcp?key={secret}#{secret}",
        "serverUrl": f"https://h.example/{secret}",
        "settings": {"deep": [{"er": secret}]},
        "type": secret,
        "disabledTools": [secret],
        "enabled_tools": [secret],
        "tools": {secret: {"approval_mode": "approve"}},
        "oauth": {"client_secret": secret},
    }


def trees(secret):
    """Files with the secret in names too."""
    entry = {"a": planted(secret), secret: planted(secret), "b": {"command": secret, "args": [secret]}}
    entry |= {"c": {"command": "docker", "args": ["run", "-e", f"T={secret}", secret]}, "d": {"url": secret}}
    entry |= {"e": {"command": "uvx", "args": [secret]}, "f": {"command": f"/opt/{secret}/bin/{secret}"}}
    entry |= {"g": {"command": "npx", "args": ["mcp-remote", f"https://{secret}.example/{secret}"]}}
    project = {f"/srv/{secret}": {"mcpServers": entry, "allowedTools": [f"mcp__{secret}__{secret}"]}}
    return {
        **dict.fromkeys(("mcpServers", "servers", "mcp_servers", "context_servers", "mcp"), entry),
        "projects": project,
        "permissions": {"allow": [f"mcp__a__{secret}", f"Mcp({secret}:{secret})"], "defaultMode": secret},
        "enabledPlugins": {f"{secret}@m": True},
        "plugins": {f"{secret}@m": {"enabled": True}},
        "allowedMcpServers": [{"serverUrl": f"https://*/{secret}"}, {"serverName": secret}],
        "mcpAllowlist": [f"{secret}:{secret}"],
        "hooks": {"PreToolUse": [{"matcher": secret, "hooks": [{"type": "command", "command": secret}]}]},
        "env": {"ANTHROPIC_API_KEY": secret},
        "permission": {f"a_{secret}": "allow"},
        "name": secret,
        "server": {"mcp_config": planted(secret)},
        secret: secret,
    }


@pytest.mark.parametrize("form", sorted(FORMS))
@given(secret=SECRETS)
@settings(max_examples=6, deadline=None)
def test_no_planted_secret_comes_out(form, secret):
    tree = trees(secret)
    text = json.dumps(tree, indent=1)
    if form in ("codex-config", "codex-requirements"):
        text = "\n".join(f"{quoted(key)} = {toml_of(value)}" for key, value in tree.items())
    shown_text = outputs(
        one_file(form, text, client="claude-code", layer="managed"),
        one_file(form, text),
        one_file(form, text.replace(":", ": :", 3)),
    )
    for start in range(len(secret) - 10):
        assert secret[start : start + 10] not in shown_text


@pytest.mark.parametrize("where", ["env", "headers", "args", "url", "deep"])
@given(secret=SECRETS)
@settings(max_examples=15, deadline=None)
def test_a_planted_secret_is_found_where_it_stands(where, secret):
    entry = {
        "env": {"command": "x", "env": {"HARMLESS": secret}},
        "headers": {"url": "https://h.example", "headers": {"X-A": f"Bearer {secret}"}},
        "args": {"command": "x", "args": ["--t", secret]},
        "url": {"url": f"https://h.example/mcp/{secret}"},
        "deep": {"command": "x", "settings": {"a": {"b": [secret]}}},
    }[where]
    reading = read_file(one_file("servers", json.dumps({"mcpServers": {"s": entry}}, indent=1)))
    assert [one.code for one in reading.findings] == ["secret_in_clear"]
    assert secret in json.dumps({"mcpServers": {"s": entry}}, indent=1).split("\n")[reading.findings[0].line - 1]
