"""Files that are made to take long are refused or cut, and say so."""

import pytest

from callgate.core.inventory.document import BadDocument
from callgate.core.inventory.jsonc import parse_json
from callgate.core.inventory.judge import Knowledge
from callgate.core.inventory.reading import ConfigFile
from callgate.core.inventory.report import make_report, read_file
from callgate.core.inventory.servers import MAX_ENTRIES
from callgate.core.inventory.toml import parse_toml


def read(form, text):
    file = ConfigFile(client="codex", form=form, layer="user", owner="user ana", path="/x", text=text.encode())
    return make_report([read_file(file)], Knowledge(), root="/")


@pytest.mark.parametrize("text", ["a." * 400_000 + "a=1", "x=" + "[" * 500_000, "x={" + "'a' . " * 60 + "a=1}"])
def test_deep_toml(text):
    with pytest.raises(BadDocument):
        parse_toml(text)


@pytest.mark.parametrize(
    "text", ["[" * 500_000, '{"a":' * 100, "[" + "1," * 200_000 + "1]", "/*" * 100_000, "1" * 5_000]
)
def test_deep_and_long_json(text):
    with pytest.raises(BadDocument):
        parse_json(text, comments=True)


def test_a_file_of_very_many_servers_is_cut_and_says_so():
    found = read(
        "codex-config", "".join(f"[mcp_servers.a{number}]\ncommand='x'\n" for number in range(MAX_ENTRIES + 5))
    )
    assert found.figures.servers == MAX_ENTRIES
    assert "search_ended" in [one.code for one in found.findings]
    assert not found.complete


def test_an_untrusted_project_is_off_and_an_unknown_one_waits():
    def project(folder):
        return ConfigFile(
            client="codex",
            form="codex-config",
            layer="project",
            owner="project",
            path=f"{folder}/.codex/config.toml",
            text=b"[mcp_servers.s]\ncommand = 'x'\n",
            home="home/ana",
            folder=folder,
        )

    trust = '[projects."/a"]\ntrust_level = "trusted"\n[projects."/b"]\ntrust_level = "untrusted"\n'
    user = ConfigFile(
        client="codex",
        form="codex-config",
        layer="user",
        owner="user ana",
        path="/u",
        text=trust.encode(),
        home="home/ana",
    )
    files = [user, project("/a"), project("/b"), project("/c")]
    found = make_report([read_file(file) for file in files], Knowledge(), root="/")
    assert [one.state.value for one in found.servers] == ["on", "off", "waits"]


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        (b'{"mcpServers": {"a": {"command": "x"},\n "a": {"command": "y"}}}', "key_twice", 2),
        (b"\xef\xbb\xbf{}", "byte_order_mark", 1),
        (b'{"a": 1,\n "b": \xff}', "bad_file", 2),
        (b'{"a": 1,\n\n "b": }', "bad_file", 3),
        (b'{"mcpServers": {\n"a": {"args": 3,\n"command": "x"}}}', "bad_value", 2),
        (b'{"mcpServers": [1]}', "bad_value", 1),
        (b'{"mcpServers": {"a": 7}}', "bad_value", 1),
    ],
)
def test_malformed_files_are_findings_with_a_line(text, code, line):
    reading = read_file(
        ConfigFile(client="cursor", form="servers", layer="user", owner="user ana", path="/x", text=text)
    )
    assert (code, line) in [(one.code, one.line) for one in reading.findings]
