"""Adopting for real: clients' files, a gate, servers; a call through what was rewritten; and back, byte for byte."""

import json
import stat
import subprocess

import pytest

from tests.e2e.harness import PASSPHRASE, ROOT, STOP_S, effects_in, gate_in
from tests.e2e.stand_ins import configs
from tests.e2e.stand_ins.claude_code import ClaudeCode
from tests.e2e.stand_ins.codex import Codex
from tests.practice.running import Kept

pytestmark = pytest.mark.e2e
TOKEN = "ghp_" + "A1b2C3d4E5" * 4
GREETING = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "editor", "version": "1"}}
STATUS = {"name": "git_status", "arguments": {"repo_path": "/srv/app"}}
ACT = ("--yes", "--passphrase-fd", "0")


def written(path, text, mode=0o600):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def machine(folder, url, command):
    """A person's home with two clients that know the same server, a local one, and one that cannot move."""
    home = folder / "home/ana"
    program, *args = command.split()
    codex = f"""\
# mine
model = "gpt-5"  # fast

[mcp_servers.Work_Tracker]  # the tracker
url = "{url}"
tool_timeout_sec = 120
# who I am
http_headers = {{ "X-Key" = "{TOKEN}" }}

# projects
[projects."{home}/web"]
trust_level = "trusted"
"""
    claude = {
        "numStartups": 3,
        "mcpServers": {
            "tracker": {"type": "http", "url": url, "headers": {"X-Key": TOKEN}},
            "hub": {"command": program, "args": args, "env": {"PLACE": str(ROOT / "src"), "HUB_TOKEN": TOKEN}},
            "far": {"command": "npx", "args": ["-y", "x", "--token", TOKEN]},
        },
    }
    cursor = f"""{{
  // servers
  "mcpServers": {{
    "tracker": {{ "url": "{url}", "headers": {{ "X-Key": "{TOKEN}" }} }}, // as in Codex
  }},
}}
"""
    return home, {
        "codex": written(home / ".codex/config.toml", codex, 0o640),
        "claude": written(home / ".claude.json", json.dumps(claude, indent=2) + "\n"),
        "settings": written(home / ".claude/settings.json", '{"permissions": {"allow": ["Bash(ls:*)"]}}\n', 0o644),
        "cursor": written(home / ".cursor/mcp.json", cursor),
    }


def looked(files):
    return {name: (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) for name, path in files.items()}


def test_adopt_call_and_undo(tmp_path):
    worlds = tmp_path / "worlds"
    worlds.mkdir()
    hub = Kept(worlds, "github")
    with effects_in(tmp_path, "both") as server, gate_in(tmp_path) as gate:
        _, files = machine(tmp_path / "m", server.url, hub.command)
        before = looked(files)
        root = ("--root", str(tmp_path / "m"))

        shown = gate.command("adopt", *root, "--dry-run")
        assert shown.returncode == 0, shown.stderr
        assert TOKEN not in shown.stdout + shown.stderr
        assert "secret_argument" not in shown.stdout
        assert looked(files) == before
        assert gate.get("integrations")["integrations"] == []

        done = gate.command("adopt", *root, *ACT, "--json", stdin=PASSPHRASE)
        assert done.returncode == 0, done.stdout + done.stderr
        made = json.loads(done.stdout)
        assert TOKEN not in done.stdout + done.stderr
        assert [(one["client"], one["server"], one["integration"]) for one in made["moves"]] == [
            ("claude-code", "tracker", "tracker"),
            ("claude-code", "hub", "hub"),
            ("codex", "Work_Tracker", "tracker"),
            ("cursor", "tracker", "tracker"),
        ]
        assert [one["code"] for one in made["left"]] == ["secret_argument"]
        rows = {row["name"]: row for row in gate.get("integrations")["integrations"]}
        assert {name: row["stage"] for name, row in rows.items()} == {"hub": "observe", "tracker": "observe"}
        keys = sorted(path for path in (gate.home / "secrets").rglob("*") if path.is_file())
        assert [path.name for path in keys] == ["env-HUB_TOKEN", "header-x-key"]
        assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in keys)
        for name in ("codex", "cursor"):
            assert TOKEN not in files[name].read_text()
        assert files["cursor"].read_text().startswith("{\n  // servers\n")
        assert stat.S_IMODE(files["codex"].stat().st_mode) == 0o640

        signed = gate.command(
            "login", "--runtime", "codex", "--runtime", "claude-code", "--passphrase-fd", "0", stdin=PASSPHRASE
        )
        assert signed.returncode == 0, signed.stderr
        codex = configs.codex(files["codex"].read_text(), "Work_Tracker", gate.environment)
        with Codex(codex) as assistant:
            assert assistant.call("git_status", {"repo_path": "/srv/app"}).startswith("git_status at head")
        claude = configs.claude_code(files["claude"].read_text(), "hub", gate.environment)
        with ClaudeCode(claude) as assistant:
            said = assistant.call("create_issue", {"owner": "acme", "repo": "web", "title": "Observed"})
        assert hub.changes() == [("made", "issue")], said

        again = gate.command("adopt", *root, *ACT, "--json", stdin=PASSPHRASE)
        assert json.loads(again.stdout)["changes"] == []

        undone = gate.command("adopt", "--undo", *ACT, stdin=PASSPHRASE)
        assert undone.returncode == 0, undone.stderr
        assert looked(files) == before
        assert gate.get("integrations")["integrations"] == []
        assert not list((gate.home / "secrets").iterdir())
        assert gate.stop() == 0


def test_a_no_a_server_that_is_gone_and_a_gate_that_is_stopped(tmp_path):
    with effects_in(tmp_path, "both") as server, gate_in(tmp_path) as gate:
        home = tmp_path / "m/home/ana"
        entries = {
            "here": {"url": server.url, "headers": {"X-Key": TOKEN}},
            "gone": {"url": "http://127.0.0.1:9/mcp", "headers": {"X-Key": TOKEN}},
        }
        file = written(home / ".cursor/mcp.json", json.dumps({"mcpServers": entries}, indent=2), 0o644)
        before = looked({"file": file})
        root = ("--root", str(tmp_path / "m"))

        said_no = gate.command("adopt", *root, stdin="n")
        assert said_no.returncode == 1
        assert "Nothing was changed" in said_no.stderr
        wrong = gate.command("adopt", *root, *ACT, stdin="not the passphrase")
        assert wrong.returncode == 1, wrong.stderr
        only_gone = gate.command("adopt", *root, "--server", "gone", *ACT, stdin=PASSPHRASE)
        assert only_gone.returncode == 1, only_gone.stdout
        assert "Sign in" not in only_gone.stdout
        assert "Start the assistants again" not in only_gone.stdout
        assert looked({"file": file}) == before
        assert gate.get("integrations")["integrations"] == []
        assert not [path for path in (gate.home / "secrets").rglob("*") if path.is_file()]
        rules = (gate.home / "policies/rules.toml").read_text()
        assert rules == gate.files["rules.toml"]

        done = gate.command("adopt", *root, *ACT, stdin=PASSPHRASE)
        assert done.returncode == 0, done.stderr
        assert "gone" in done.stdout
        assert "1 server behind the gate" in done.stdout
        assert "Start the assistants again." in done.stdout
        assert TOKEN not in done.stdout + done.stderr
        found = json.loads(file.read_text())["mcpServers"]
        assert found["gone"] == entries["gone"]
        assert found["here"]["args"] == ["stdio", "here", "--runtime", "cursor"]
        assert gate.stop() == 0

        undone = gate.command("adopt", "--undo", "--yes")
        assert undone.returncode == 0, undone.stderr
        assert "here stays connected" in undone.stdout
        assert looked({"file": file}) == before
        assert gate.command("adopt", "--undo", "--yes").returncode == 2


def test_nothing_moves_before_its_stage_is_approved(tmp_path):
    with effects_in(tmp_path, "both") as server, gate_in(tmp_path) as gate:
        file = written(
            tmp_path / "m/home/ana/.cursor/mcp.json",
            json.dumps({"mcpServers": {"here": {"url": server.url}}}, indent=2),
        )
        before = looked({"file": file})
        words = ("adopt", "--root", str(tmp_path / "m"), *ACT, "--json")
        rules = gate.home / "policies/rules.toml"
        rules.write_text(rules.read_text().replace("initiator = 600", "initiator = 601"))
        waits = gate.command(*words, stdin=PASSPHRASE)
        assert waits.returncode == 1
        assert [one["code"] for one in json.loads(waits.stdout)["left"]] == ["waits_for_policy"]
        assert looked({"file": file}) == before

        rules.write_text(rules.read_text().replace("[stages]\n", '[stages]\nhere = "production"\n'))
        proposal = gate.act("policy", "propose", act={})
        gate.act("policy", "approve", act={"digest": proposal["digest"]})
        done = gate.command(*words, stdin=PASSPHRASE)
        assert done.returncode == 0, done.stdout + done.stderr
        assert [one["integration"] for one in json.loads(done.stdout)["moves"]] == ["here"]
        assert "callgate" in file.read_text()

        for _ in range(2):
            undone = gate.command("adopt", "--undo", *ACT, stdin=PASSPHRASE)
            assert undone.returncode == 0, undone.stderr
        assert looked({"file": file}) == before
        assert gate.get("integrations")["integrations"] == []


def test_a_name_that_means_another_server_by_now_is_not_used(tmp_path):
    with effects_in(tmp_path, "both") as server, gate_in(tmp_path) as gate:
        text = json.dumps({"mcpServers": {"here": {"url": server.url, "headers": {"K": TOKEN}}}}, indent=2)
        file = written(tmp_path / "m/home/ana/.cursor/mcp.json", text)
        words = ("adopt", "--root", str(tmp_path / "m"), *ACT, "--json")
        assert gate.command(*words, stdin=PASSPHRASE).returncode == 0
        file.write_text(text)
        gate.act("integrations", "here", "remove", act={})
        gate.add("here", url=server.url, allow_private=True)
        other = gate.command(*words, stdin=PASSPHRASE)
        assert other.returncode == 1, other.stdout
        left = json.loads(other.stdout)["left"]
        assert [one["code"] for one in left] == ["gate_refused"]
        assert "connected otherwise" in left[0]["says"]
        assert file.read_text() == text
        assert (gate.home / "secrets/here/header-k").is_file()


def test_a_call_through_what_windsurf_zed_and_opencode_start(tmp_path):
    with effects_in(tmp_path, "both") as server, gate_in(tmp_path) as gate:
        home, headers = tmp_path / "m/home/ana", {"X-Key": TOKEN}
        files = {
            "windsurf": (".codeium/windsurf/mcp_config.json", "mcpServers", {"serverUrl": server.url}),
            "zed": (".config/zed/settings.json", "context_servers", {"url": server.url}),
            "opencode": (".config/opencode/opencode.json", "mcp", {"type": "remote", "url": server.url}),
        }
        written_files = {
            client: written(home / place, json.dumps({key: {"tracker": {**entry, "headers": headers}}}, indent=2))
            for client, (place, key, entry) in files.items()
        }
        before = looked(written_files)
        done = gate.command("adopt", "--root", str(tmp_path / "m"), *ACT, stdin=PASSPHRASE)
        assert done.returncode == 0, done.stdout + done.stderr
        signed = gate.command(
            "login", *(word for one in files for word in ("--runtime", one)), "--passphrase-fd", "0", stdin=PASSPHRASE
        )
        assert signed.returncode == 0, signed.stderr
        for client, (_, key, _) in files.items():
            entry = json.loads(written_files[client].read_text())[key]["tracker"]
            words = entry["command"] if client == "opencode" else [entry["command"], *entry["args"]]
            assert asked_over_stdio(words, gate.environment).startswith("git_status at head")
        principals = [one["event"]["data"]["principal"] for one in gate.events(kind="decided")]
        assert {principal["runtime"] for principal in principals} == set(files)
        assert gate.command("adopt", "--undo", *ACT, stdin=PASSPHRASE).returncode == 0
        assert looked(written_files) == before


def asked_over_stdio(words, environment):
    messages = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": GREETING},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": STATUS},
    ]
    with subprocess.Popen(words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as front:
        for message in messages:
            front.stdin.write(json.dumps(message) + "\n")
            front.stdin.flush()
        front.stdout.readline()
        answer = json.loads(front.stdout.readline())
        front.stdin.close()
        assert front.wait(STOP_S) == 0
    return answer["result"]["content"][0]["text"]
