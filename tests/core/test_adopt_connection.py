"""What an entry connects to: secrets, references, variables of clients, and what is left for a person."""

import pytest

from callgate.core.adopt.connection import CannotMove, connection_of, is_near
from callgate.core.adopt.edits import parse, value_at
from callgate.core.adopt.plan import _base, _free
from callgate.core.inventory.reading import ConfigFile
from callgate.core.inventory.report import read_file
from callgate.core.names import integration_name_problem

TOKEN = "ghp_" + "A1b2C3d4E5" * 4
FORMS = {
    "codex": "codex-config",
    "claude-code": "claude-servers",
    "cursor": "servers",
    "vscode": "code-servers",
    "gemini": "gemini",
    "windsurf": "servers",
    "zed": "zed",
    "opencode": "opencode",
}
KEYS = {"codex": "mcp_servers", "vscode": "servers", "zed": "context_servers", "opencode": "mcp"}


def made(client, entry, folder=""):
    form = FORMS[client]
    text = (
        f"[mcp_servers.x]\n{entry}"
        if client == "codex"
        else f'{{"{KEYS.get(client, "mcpServers")}": {{"x": {entry}}}}}'
    )
    reading = read_file(
        ConfigFile(client=client, form=form, layer="user", owner="user ana", path="/c", text=text.encode())
    )
    entry = reading.entries[0]
    table = value_at(parse(form, text).value, entry.path)
    return connection_of(entry, table, person="/home/ana", folder=folder)


def test_values_of_the_environment():
    found = made(
        "codex",
        f'command = "x"\nenv = {{ API_TOKEN = "{TOKEN}", LEVEL = "info", PASSWORD = "abc", DB = "file:x.db", HOME = "env:X", '
        'URL = "https://a.example/x", FREE = "Some words", N = 3, E = "" }\nenv_vars = ["PASSED"]\n',
    )
    assert found.environment == {
        "LEVEL": "info",
        "URL": "https://a.example/x",
        "N": "3",
        "E": "",
        "PASSED": "env:PASSED",
    }
    assert found.secret_environment == {
        "API_TOKEN": TOKEN,
        "PASSWORD": "abc",
        "DB": "file:x.db",
        "HOME": "env:X",
        "FREE": "Some words",
    }
    one = found.integration("x", "/h/secrets/x", manifest="")
    assert one.environment["API_TOKEN"] == "file:/h/secrets/x/env-API_TOKEN"
    assert found.secret_files()["env-API_TOKEN"] == TOKEN
    assert TOKEN not in repr(found)
    assert TOKEN not in repr(one)


def test_headers_are_never_literal():
    found = made(
        "codex",
        'url = "https://a.example/mcp"\nhttp_headers = { X-Region = "eu", Accept = "text/html" }\n'
        'env_http_headers = { X-Key = "KEY" }\nbearer_token_env_var = "TOKEN"\n',
    )
    assert found.headers == {"X-Key": "env:KEY", "Authorization": "Bearer env:TOKEN"}
    assert found.secret_headers == {"X-Region": "eu"}
    assert found.integration("x", "/s/x", manifest="").headers["X-Region"] == "file:/s/x/header-x-region"


@pytest.mark.parametrize(
    ("client", "value", "reference"),
    [
        ("claude-code", "${KEY}", "env:KEY"),
        ("claude-code", "Bearer ${KEY}", "Bearer env:KEY"),
        ("cursor", "Bearer ${env:KEY}", "Bearer env:KEY"),
        ("vscode", "${env:KEY}", "env:KEY"),
        ("gemini", "$KEY", "env:KEY"),
        ("gemini", "Bearer ${KEY}", "Bearer env:KEY"),
        ("windsurf", "Bearer ${env:KEY}", "Bearer env:KEY"),
        ("opencode", "Bearer {env:KEY}", "Bearer env:KEY"),
    ],
)
def test_variables_become_references(client, value, reference):
    url = '"httpUrl"' if client == "gemini" else '"url"'
    found = made(client, f'{{{url}: "https://a.example/mcp", "headers": {{"X": "{value}"}}}}')
    assert found.headers == {"X": reference}


@pytest.mark.parametrize(
    ("client", "entry", "code"),
    [
        ("claude-code", '{"command": "x", "args": ["${HOME}/y"]}', "client_variable"),
        ("claude-code", '{"url": "https://a.example/mcp", "headers": {"X": "a ${K} b"}}', "client_variable"),
        ("claude-code", '{"url": "https://a.example/mcp", "headers": {"X": "${K:-d}"}}', "client_variable"),
        ("vscode", '{"command": "x", "env": {"K": "${input:key}"}}', "client_variable"),
        ("vscode", '{"command": "x", "args": ["${workspaceFolder}"]}', "client_variable"),
        ("vscode", '{"command": "x", "envFile": ".env"}', "env_file"),
        ("cursor", f'{{"command": "x", "args": ["--token", "{TOKEN}"]}}', "secret_argument"),
        ("cursor", f'{{"url": "https://a.example/mcp/{TOKEN}"}}', "secret_url"),
        ("cursor", '{"url": "https://a.example/sse"}', "old_transport"),
        ("claude-code", '{"type": "sse", "url": "https://a.example/mcp"}', "old_transport"),
        ("gemini", '{"url": "https://a.example/mcp"}', "old_transport"),
        ("cursor", '{"url": "https://a.example/mcp", "auth": {"CLIENT_ID": "x"}}', "signs_in"),
        ("claude-code", '{"url": "https://a.example/mcp", "headersHelper": "/x"}', "header_program"),
        ("codex", 'url = "https://a.example/mcp"\nhttp_headers_helper = "/x"\n', "header_program"),
        ("codex", 'command = "x"\nenvironment_id = "e"\n', "remote_environment"),
        ("codex", 'command = "x"\nenv = ["A"]\n', "bad_value"),
        ("codex", 'command = "x"\nenv = { A = true }\n', "bad_value"),
        ("cursor", '{"command": "x", "env": {"A B": "c"}}', "bad_value"),
        ("opencode", '{"type": "local", "command": ["x", "{file:~/key}"]}', "client_variable"),
        ("opencode", '{"type": "remote", "url": "https://a.example/mcp", "oauth": {}}', "signs_in"),
        ("windsurf", '{"serverUrl": "https://a.example/mcp", "headers": {"X": "${file:/k}"}}', "client_variable"),
        ("cursor", '{"command": "x", "env": {"K": "ends in a line\\n"}}', "bad_value"),
    ],
)
def test_what_is_left_for_a_person(client, entry, code):
    with pytest.raises(CannotMove) as caught:
        made(client, entry)
    assert caught.value.code == code
    assert TOKEN not in str(caught.value)


def test_a_dollar_is_a_dollar_where_no_client_reads_it():
    assert made("codex", 'command = "x"\nargs = ["$A", "${B}"]\n').command == ("x", "$A", "${B}")


def test_folders_of_the_editor_are_filled_in():
    found = made("vscode", '{"command": "x", "args": ["${workspaceFolder}/a", "${userHome}"]}', folder="/srv/app")
    assert found.command == ("x", "/srv/app/a", "/home/ana")
    assert found.cwd == "/srv/app"


@pytest.mark.parametrize(
    ("url", "near"),
    [
        ("http://localhost:3000/mcp", True),
        ("http://127.0.0.1/mcp", True),
        ("http://[::1]:1/mcp", True),
        ("https://10.1.2.3/mcp", True),
        ("https://nas/mcp", True),
        ("https://box.local/mcp", True),
        ("https://mcp.example.com/mcp", False),
        ("https://8.8.8.8/mcp", False),
        ("", False),
    ],
)
def test_which_urls_lead_nearby(url, near):
    assert is_near(url) is near


@pytest.mark.parametrize(
    "server", ["GitHub", "my_server", "a.b", "Ünï", "callgate", "callgate-x", "9lives", "x" * 80, "-", "", "日本"]
)
def test_every_server_has_a_name_in_the_gate(server):
    name = _base(server)
    assert integration_name_problem(name) == "", name
    taken = {name}
    for _ in range(12):
        further = _free(name, taken)
        assert further not in taken
        assert integration_name_problem(further) == "", further
        taken.add(further)


@pytest.mark.parametrize(
    ("client", "entry"),
    [
        ("zed", f'{{"command": {{"path": "x", "args": ["-y"], "env": {{"API_TOKEN": "{TOKEN}"}}}}}}'),
        ("zed", f'{{"source": "custom", "command": "x", "args": ["-y"], "env": {{"API_TOKEN": "{TOKEN}"}}}}'),
        ("windsurf", f'{{"command": "x", "args": ["-y"], "env": {{"API_TOKEN": "{TOKEN}"}}}}'),
        ("opencode", f'{{"type": "local", "command": ["x", "-y"], "environment": {{"API_TOKEN": "{TOKEN}"}}}}'),
    ],
)
def test_each_spelling_of_a_local_server(client, entry):
    found = made(client, entry)
    assert (found.command, found.environment) == (("x", "-y"), {})
    assert found.secret_environment == {"API_TOKEN": TOKEN}


def test_that_a_client_does_not_sign_in_is_no_sign_in():
    assert made("opencode", '{"type": "remote", "url": "https://a.example/mcp", "oauth": false}').url
