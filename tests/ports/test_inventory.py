"""The inventory over whole trees on a real disk: what is seen, what never is, and disks that mean harm."""

import errno
import json
import os
import socket
import time
from pathlib import Path

import msgspec
import pytest

from callgate.adapters.inventory.disk import BoundedDisk, DiskLimits, LimitReached
from callgate.app.inventory import InventoryTask, take_inventory
from callgate.core.inventory.report import reaches
from callgate.model.errors import InputError
from callgate.model.inventory import Severity
from tests.fakes.inventory_tree import SECRETS, gate_home, machine, put


def take(root: Path, **more):
    home = more.pop("home", None)
    return take_inventory(InventoryTask(root, home=home, **more))


def server(found, client, name):
    (one,) = [one for one in found.servers if (one.client, one.name) == (client, name)]
    return one


def codes(found, **fields):
    return [one.code for one in found.findings if all(getattr(one, key) == value for key, value in fields.items())]


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    return take(machine(tmp_path_factory.mktemp("machine")))


def test_every_client_is_read(seen):
    assert {one.client for one in seen.servers} == {
        "claude-code",
        "claude-desktop",
        "codex",
        "cursor",
        "gemini",
        "opencode",
        "vscode",
        "windsurf",
        "zed",
    }


def test_figures_are_those_of_the_tables(seen):
    counted = [one for one in seen.servers if one.state in ("on", "waits")]
    assert seen.figures.servers == len(counted)
    assert seen.figures.gated == 3 == sum(one.gated for one in counted)
    assert seen.figures.coverage_percent == 100 * 3 // len(counted)
    assert seen.figures.secrets_in_clear == len([one for one in seen.findings if one.code == "secret_in_clear"]) == 7
    assert seen.figures.ways_around == len(counted) - 3 + len(seen.logins)
    assert seen.gates == ("http://127.0.0.1:8700",)


@pytest.mark.parametrize(
    ("client", "name", "state"),
    [
        ("codex", "files", "on"),
        ("codex", "old", "off"),
        ("codex", "odd", "off"),
        ("codex", "db", "blocked"),
        ("codex", "reports", "on"),
        ("claude-code", "sentry", "on"),
        ("claude-code", "legacy", "off"),
        ("claude-code", "waiting", "blocked"),
        ("gemini", "off", "off"),
        ("windsurf", "pay", "on"),
    ],
)
def test_states(seen, client, name, state):
    assert server(seen, client, name).state == state


@pytest.mark.parametrize(
    ("client", "name", "target", "gated", "integration"),
    [
        ("codex", "files", "npx @modelcontextprotocol/server-filesystem", False, "filesystem"),
        ("codex", "issues", "docker ghcr.io/github/github-mcp-server", False, "github"),
        ("claude-code", "notes", "https://mcp.notion.com", False, "notion"),
        ("claude-desktop", "bridge", "npx mcp-remote to https://far.example", False, ""),
        ("cursor", "callgate", "callgate", True, ""),
        ("cursor", "zap", "https://actions.zapier.example", False, ""),
        ("opencode", "gate", "http://localhost:8700", True, ""),
    ],
)
def test_where_they_lead(seen, client, name, target, gated, integration):
    one = server(seen, client, name)
    assert (one.target, one.gated, one.integration) == (target, gated, integration)


@pytest.mark.parametrize(
    ("command", "integration"),
    [
        ("/srv/venv/bin/mcp-server-git", "git"),
        ("C:\\x\\mcp-server-git.exe", "git"),
        ("bash", ""),
        ("/srv/mcp-server-git/run", ""),
    ],
)
def test_an_installed_program_is_known_by_its_name(tmp_path, command, integration):
    put(tmp_path, ".mcp.json", json.dumps({"mcpServers": {"x": {"command": command, "args": ["mcp-server-git"]}}}))
    (one,) = take(tmp_path).servers
    assert (one.integration, one.tools_known) == (integration, bool(integration))


def test_tools_have_the_catalogues_tiers_and_what_the_client_does(seen):
    tools = {tool.name: tool for tool in server(seen, "codex", "files").tools}
    assert tools["write_file"].client == "denies"
    assert tools["read_text_file"].client == "runs"
    assert tools["read_text_file"].tier == "read"
    assert tools["move_file"].client == "asks"
    slack = {tool.name: tool.client for tool in server(seen, "claude-code", "slack").tools}
    assert slack["slack_post_message"] == "denies"


def test_the_hole_in_codexs_allowlist(seen):
    assert codes(seen, file="/etc/codex/requirements.toml", severity="high") == ["allowlist_skips_plugins"]
    assert server(seen, "codex", "reports").state == "on"


def test_a_table_for_any_plugin_server_closes_it(tmp_path):
    machine(tmp_path)
    file = tmp_path / "etc/codex/requirements.toml"
    file.write_text(file.read_text() + '[plugins."x@y".mcp_servers.s.identity]\nurl = "https://s.example/mcp"\n')
    found = take(tmp_path)
    assert "allowlist_skips_plugins" not in codes(found)
    assert server(found, "codex", "reports").state == "blocked"


@pytest.mark.parametrize(
    ("identity", "state", "code"),
    [
        ('command = "uvx"\nargs = ["other"]', "on", "allowlist_program"),
        ('command = "uvx"', "on", "allowlist_program"),
        ('command = { executable = "uvx", args = [{ match = "exact", value = "other" }] }', "blocked", ""),
        ('command = { executable = "uvx", args = [{ match = "exact", value = "db-server" }] }', "on", ""),
        (
            'command = { executable = "uvx", args = [{ match = "regex", expression = "o.*" }] }',
            "on",
            "allowlist_program",
        ),
    ],
)
def test_only_one_form_of_codexs_list_compares_arguments(tmp_path, identity, state, code):
    """As Codex 0.169 does it: arguments beside a plain command are passed over without a word."""
    put(tmp_path, "home/ana/.codex/config.toml", '[mcp_servers.db]\ncommand = "uvx"\nargs = ["db-server"]\n')
    put(tmp_path, "etc/codex/requirements.toml", f"[mcp_servers.db.identity]\n{identity}\n")
    found = take(tmp_path)
    assert server(found, "codex", "db").state == state
    assert ("allowlist_program" in codes(found)) == bool(code)


def test_lines_are_those_of_the_key(seen):
    tree = {one.key: one for one in seen.findings if one.code == "secret_in_clear"}
    assert tree["mcp_servers.issues.env.GITHUB_PERSONAL_ACCESS_TOKEN"].line == 20
    assert tree["mcpServers.slack.env.SLACK_BOT_TOKEN"].line == 16
    assert tree["context_servers.pg.env.PGPASSWORD"].line == 4


def test_logins_by_presence(seen):
    assert sorted(one.kind for one in seen.logins) == [
        "AWS CLI",
        "Docker registry",
        "Git credential helper",
        "Git credentials",
        "GitHub CLI (gh)",
        "Kubernetes",
        "Passwords for hosts (.netrc)",
        "npm registry",
    ]
    assert "user ben" not in {one.owner for one in seen.logins}  # signed out: an empty file


def test_no_secret_in_any_field(seen):
    text = msgspec.json.encode(seen).decode()
    for secret in SECRETS.values():
        for part in (secret, secret[:12], secret[-12:]):
            assert part not in text


def test_the_same_disk_gives_the_same_bytes(seen, tmp_path):
    again = take(machine(tmp_path))
    same = msgspec.structs.replace(again, root=seen.root)
    assert msgspec.json.encode(same) == msgspec.json.encode(seen)


def test_severity_is_reached_or_not(seen, tmp_path):
    assert reaches(seen, Severity.HIGH)
    assert not reaches(take(tmp_path), Severity.INFO)


def test_a_repository_alone(tmp_path):
    put(tmp_path, ".mcp.json", {"mcpServers": {"a": {"url": "https://a.example/mcp"}}}, 0o644)
    put(tmp_path, "sub/.vscode/mcp.json", '{"servers": {"b": {"command": "b"}}}')
    found = take(tmp_path)
    assert [(one.client, one.name, one.owner, one.state) for one in found.servers] == [
        ("claude-code", "a", "project /", "waits"),
        ("vscode", "b", "project /sub", "on"),
    ]


# Disks that mean harm


def test_links_are_followed_inside_and_never_out(tmp_path):
    root, outside = tmp_path / "root", tmp_path / "outside"
    put(outside, "mcp.json", {"mcpServers": {"outside": {"command": "x"}}})
    put(root, "dotfiles/mcp.json", {"mcpServers": {"inside": {"command": "x"}}})
    (root / "home/ana/.cursor").mkdir(parents=True)
    (root / "home/ana/.gemini").mkdir()
    (root / "home/ana/.codeium").mkdir()
    (root / "home/ana/.cursor/mcp.json").symlink_to("../../../dotfiles/mcp.json")
    (root / "home/ana/.gemini/settings.json").symlink_to("../../../../outside/mcp.json")
    (root / "home/ana/.claude.json").symlink_to(outside / "mcp.json")
    (root / "home/ana/.codeium/windsurf").symlink_to(outside)
    found = take(root)
    assert [one.name for one in found.servers] == ["inside"]
    assert codes(found).count("link_leads_out") == 3
    assert not found.complete


def test_links_in_a_circle(tmp_path):
    (tmp_path / ".mcp.json").symlink_to(".mcp.json")
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "loop").symlink_to(".")
    assert "link_leads_out" in codes(take(tmp_path))


def test_pipes_sockets_devices_and_folders_are_not_opened(tmp_path, monkeypatch):
    (tmp_path / ".cursor").mkdir()
    os.mkfifo(tmp_path / ".mcp.json")
    (tmp_path / ".cursor/mcp.json").mkdir()
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("opencode.json")
        found = take(tmp_path)
    assert codes(found).count("not_a_file") == 3


def test_a_device_by_a_link_is_not_opened(tmp_path):
    with_device = BoundedDisk("/", DiskLimits(), time.monotonic)
    assert with_device.read("dev/zero").problem == "not_a_file"
    with_device.close()


def test_a_huge_file_is_not_read(tmp_path):
    put(tmp_path, ".mcp.json", b" " * ((1 << 20) + 1))
    put(tmp_path, "opencode.json", b" " * (1 << 20))
    found = take(tmp_path)
    assert codes(found) == ["file_too_large", "search_depth"] or codes(found) == ["file_too_large"]


def test_very_much_text_ends_the_search(tmp_path):
    """Each file is small enough; all of them would be kept and looked through."""
    for number in range(40):
        put(tmp_path, f"p{number:02}/.mcp.json", b'{"mcpServers":{"a":{"command":"x"}}}' + b" " * 1_000_000)
    found = take(tmp_path)
    assert "search_ended" in codes(found)
    assert not found.complete
    assert 0 < len(found.servers) <= 33


def test_very_many_files_end_the_search(tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(3_000):
        (folder / f"{number}.json").touch()
    found = take(tmp_path, limits=DiskLimits(entries=1_000))
    assert "search_ended" in codes(found)
    assert not found.complete


def test_many_thousand_names_are_searched_whole(tmp_path):
    for top in range(20):
        folder = tmp_path / f"d{top}"
        folder.mkdir()
        for number in range(1_000):
            os.close(os.open(folder / str(number), os.O_CREAT | os.O_WRONLY))
    put(tmp_path, "zz/.mcp.json", {"mcpServers": {"last": {"command": "x"}}})
    found = take(tmp_path)
    assert [one.name for one in found.servers] == ["last"]
    assert found.complete


def test_deep_folders_end_by_depth_and_say_so(tmp_path):
    deep = tmp_path
    for _ in range(60):
        deep = deep / "d"
    put(deep, ".mcp.json", {"mcpServers": {"far": {"command": "x"}}})
    found = take(tmp_path)
    assert found.servers == ()
    assert codes(found) == ["search_depth"]


def test_the_time_ends_it(tmp_path):
    moments = iter([0.0, *[31.0] * 100])
    disk = BoundedDisk(str(tmp_path), DiskLimits(), lambda: next(moments))
    with pytest.raises(LimitReached):
        disk.names("")
    disk.close()


def test_a_root_that_is_none(tmp_path):
    with pytest.raises(InputError):
        take(tmp_path / "missing")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_may_not_be_read(tmp_path):
    put(tmp_path, ".mcp.json", "{}", 0)
    assert codes(take(tmp_path)) == ["unreadable"]


def test_a_home_and_a_folder_that_may_not_be_listed(tmp_path, monkeypatch):
    config = {"mcpServers": {"a": {"url": "https://a.example/mcp"}}}
    put(tmp_path, "home/ben/project/.mcp.json", json.dumps(config))
    put(tmp_path, "home/ana/project/.mcp.json", json.dumps(config))
    opened = os.open

    def refusing(name, flags, *more, **keys):
        if name in ("ben", "project"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(name, flags, *more, **keys)

    monkeypatch.setattr("callgate.adapters.inventory.disk.os.open", refusing)
    found = take(tmp_path)
    assert codes(found, file="/home/ben") == ["unreadable"]
    assert codes(found, file="/home/ana/project") == ["unreadable"]
    assert not found.complete


def test_a_folder_whose_name_cannot_be_written_is_not_passed_over_in_silence(tmp_path):
    put(tmp_path, "home/ana/.cursor/mcp.json", "{}")
    hidden = os.fsencode(tmp_path / "home/ana") + b"/notes\xff"
    os.mkdir(hidden)
    Path(os.fsdecode(hidden + b"/.mcp.json")).write_text(json.dumps({"mcpServers": {"a": {"command": "x"}}}))
    found = take(tmp_path)
    (one,) = [one for one in found.findings if one.code == "unreadable"]
    assert one.file == "/home/ana"
    assert "not UTF-8" in one.says
    assert not found.complete


def test_a_gates_home_that_others_can_read(tmp_path):
    gate_home(tmp_path)
    (tmp_path / "home/ana/.local/share/callgate").chmod(0o755)
    assert codes(take(tmp_path), file="/home/ana/.local/share/callgate") == ["home_for_others", "home_same_user"]


def test_a_broken_home_is_a_finding(tmp_path):
    put(tmp_path, "home/ana/.local/share/callgate/config.toml", "listen = 3\n")
    assert "bad_file" in codes(take(tmp_path))


def test_names_are_made_visible(tmp_path):
    name = "<script>\u202e\x1b[31m" + "x" * 400
    put(tmp_path, ".mcp.json", json.dumps({"mcpServers": {name: {"command": "x"}}}))
    (one,) = take(tmp_path).servers
    assert "\x1b" not in one.name
    assert "\u202e" not in one.name
    assert len(one.name) <= 170
    assert "misleading_name" in codes(take(tmp_path))


def test_a_server_named_like_the_gates_but_elsewhere(tmp_path):
    gate_home(tmp_path)
    put(tmp_path, "home/ana/.cursor/mcp.json", {"mcpServers": {"git": {"url": "http://127.0.0.1:8700/mcp/git"}}})
    put(tmp_path, "home/ana/web/.cursor/mcp.json", {"mcpServers": {"git": {"url": "https://x.example/mcp"}}})
    assert codes(take(tmp_path), file="/home/ana/web/.cursor/mcp.json") == ["gate_shadowed", "direct_server"]


@pytest.mark.parametrize(
    ("url", "gated"),
    [
        ("http://127.0.0.1:8700/mcp", True),
        ("http://localhost:8700/mcp/git/t/task-1", True),
        ("http://127.0.0.1:8700/mcpx", False),
        ("http://127.0.0.1:8700/mcp/../other", False),
        ("http://127.0.0.1:8701/mcp", False),
        ("https://127.0.0.1:8700/mcp", False),
        ("http://127.0.0.1:8700@evil.example/mcp", False),
        ("http://evil.example/?http://127.0.0.1:8700/mcp", False),
    ],
)
def test_what_counts_as_the_gate(tmp_path, url, gated):
    gate_home(tmp_path)
    put(tmp_path, "home/ana/.cursor/mcp.json", {"mcpServers": {"git": {"url": url}}})
    (one,) = take(tmp_path).servers
    assert one.gated is gated
