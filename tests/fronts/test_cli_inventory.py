"""``callgate inventory``: its answers, exit codes, the page, and what a hostile name can do to a screen."""

import html.parser
import json
import re
import stat

import msgspec
import pytest

from callgate.cli.html import Element
from callgate.model.inventory import Inventory
from tests.fakes.inventory_tree import SECRETS, machine, put
from tests.fronts.cli_help import run
from tests.fronts.test_cli_screens import terminal

EVIL = "<img src=x onerror=alert(1)>\"'&\u202e\x1b[2J"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return machine(tmp_path_factory.mktemp("machine"))


class Reader(html.parser.HTMLParser):
    """Notes tags, attributes and what is left open."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.stack, self.cells = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attributes]
        if tag not in ("meta", "br"):
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag


def test_the_screen(root):
    result = run("inventory", "--root", root)
    assert result.exit_code == 0
    assert "Servers behind the gate  3 of 20 (15 %)" in result.output
    assert "allowlist_skips_plugins  /etc/codex/requirements.toml:1" in result.output


def test_on_a_narrow_terminal_no_name_and_no_url_is_broken(root, tmp_path):
    with terminal("inventory", "--root", str(root), CALLGATE_HOME=str(tmp_path), NO_COLOR="1") as shown:
        _, seen = shown.end()
    lines = re.sub(r"\x1b\[[0-9;]*m", "", seen).splitlines()
    assert max(map(len, lines)) <= 80
    found = msgspec.json.decode(run("inventory", "--root", root, "--json").output.encode(), type=Inventory)
    for one in found.servers:
        assert any(line.startswith(f"{one.name}  {one.client}") for line in lines), one.name
        assert any(one.target in line for line in lines), one.target


@pytest.mark.parametrize("gate", ["nonsense", "callgate.example", "ftp://callgate.example", "http://"])
def test_a_gate_is_named_by_its_url(root, gate):
    result = run("inventory", "--root", root, "--gate", gate)
    assert result.exit_code == 2
    assert "https://callgate.example" in result.output


@pytest.mark.parametrize("gate", ["https://gate.example", "https://gate.example/", "https://gate.example/mcp"])
def test_a_gate_s_endpoint_names_it_too(tmp_path, gate):
    put(tmp_path, ".mcp.json", json.dumps({"mcpServers": {"a": {"url": "https://gate.example/mcp/a"}}}))
    found = msgspec.json.decode(
        run("inventory", "--root", tmp_path, "--gate", gate, "--json").output.encode(), type=Inventory
    )
    assert [one.gated for one in found.servers] == [True]


def test_the_json_is_of_its_type(root):
    result = run("inventory", "--root", root, "--json")
    found = msgspec.json.decode(result.output.encode(), type=Inventory)
    assert found.schema == 1
    assert found.figures.servers == 20
    assert list(json.loads(result.output)) == [
        *("schema", "root", "figures", "servers", "findings", "logins", "unseen", "gates", "files_read", "complete")
    ]


@pytest.mark.parametrize(("level", "code"), [("none", 0), ("info", 1), ("low", 1), ("medium", 1), ("high", 1)])
def test_exit_codes_by_severity(root, level, code):
    assert run("inventory", "--root", root, "--fail-on", level).exit_code == code


def test_below_the_severity_it_is_0(tmp_path):
    put(tmp_path, ".mcp.json", {"mcpServers": {"a": {"url": "https://a.example/mcp"}}}, 0o644)
    assert run("inventory", "--root", tmp_path, "--fail-on", "high").exit_code == 0
    assert run("inventory", "--root", tmp_path, "--fail-on", "medium").exit_code == 1


@pytest.mark.parametrize(
    "words",
    [
        ("--root", "/missing/folder"),
        ("--root", "/", "--home-dir", "/missing/folder"),
        ("--fail-on", "worst"),
        ("--json", "--html", "x.html"),
        ("--root",),
    ],
)
def test_arguments_that_cannot_be_used(words):
    assert run("inventory", *words).exit_code == 2


def test_a_gate_elsewhere_is_named(tmp_path):
    put(tmp_path, "home/ana/.cursor/mcp.json", {"mcpServers": {"a": {"url": "https://gate.example/mcp/git"}}})
    plain = json.loads(run("inventory", "--root", tmp_path, "--json").output)
    named = json.loads(run("inventory", "--root", tmp_path, "--json", "--gate", "https://gate.example").output)
    assert (plain["figures"]["gated"], named["figures"]["gated"]) == (0, 1)
    assert named["figures"]["coverage_percent"] == 100


def test_only_the_home_that_was_named(root):
    found = json.loads(run("inventory", "--root", root, "--home-dir", root / "home/ben", "--json").output)
    assert {one["owner"] for one in found["servers"]} <= {"managed", "system"}


def test_the_page_is_whole_and_for_its_owner_alone(root, tmp_path):
    file = tmp_path / "page.html"
    assert run("inventory", "--root", root, "--html", file).exit_code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text()
    read = Reader(text)
    assert read.stack == []
    assert "script" not in read.tags
    assert not {"img", "link", "iframe", "object", "form"} & set(read.tags)
    policy = next(value for tag, name, value in read.attributes if name == "content" and "default-src" in value)
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert not re.search(r"(?:src|href)=\"(?!#)", text)
    assert text.count("<caption") == read.tags.count("table") >= 5
    assert all(value in ("row", "col") for tag, name, value in read.attributes if name == "scope")
    assert "prefers-color-scheme:dark" in text
    labelled = {value for _, name, value in read.attributes if name == "aria-labelledby"}
    assert labelled <= {value for _, name, value in read.attributes if name == "id"}


def test_the_page_does_not_follow_a_link(root, tmp_path):
    (tmp_path / "target").write_text("kept")
    (tmp_path / "page.html").symlink_to(tmp_path / "target")
    assert run("inventory", "--root", root, "--html", tmp_path / "page.html").exit_code == 2
    assert (tmp_path / "target").read_text() == "kept"


@pytest.mark.parametrize("how", [(), ("--json",), ("--html",)])
def test_no_secret_in_any_output(root, tmp_path, how):
    file = tmp_path / "page.html"
    text = run("inventory", "--root", root, *how, *([file] if how == ("--html",) else [])).output
    text += file.read_text() if file.exists() else ""
    assert len(text) > 1_000
    for secret in SECRETS.values():
        assert secret[:10] not in text
        assert secret[-10:] not in text


def test_hostile_names_stay_text(tmp_path):
    entry = {"command": EVIL, "disabledTools": [EVIL], "env": {EVIL: SECRETS["github"]}}
    put(tmp_path, f"home/{'ana' + EVIL.replace('/', '')}/.cursor/mcp.json", {"mcpServers": {EVIL: entry}})
    page = tmp_path / "page.html"
    for words in ((), ("--json",), ("--html", page)):
        result = run("inventory", "--root", tmp_path, *words)
        text = result.output + (page.read_text() if page.exists() else "")
        assert "\x1b" not in text
        assert "\u202e" not in text
    read = Reader(page.read_text())
    assert "img" not in read.tags
    assert read.stack == []


def test_texts_are_escaped_where_they_are_put():
    assert Element("p", "<b>", title='"x"').render() == '<p title="&quot;x&quot;">&lt;b&gt;</p>'
