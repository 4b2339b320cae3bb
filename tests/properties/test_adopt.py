"""Adopting and taking back is nothing; what is not touched stays as it is; no secret comes out."""

import json
import re
import stat
import tempfile
import tomllib
from pathlib import Path

import msgspec
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from callgate.app.adopting import Adopting
from callgate.app.inventory import InventoryTask
from callgate.app.undoing import Undoing
from callgate.core.adopt.edits import Edit, NotEditable, edited
from callgate.core.adopt.entries import Approvals, GateRoute
from callgate.core.adopt.plan import AdoptWish
from callgate.core.inventory.document import BadDocument
from callgate.core.inventory.jsonc import parse_json
from tests.properties.test_inventory import SECRETS

pytestmark = pytest.mark.usefixtures("no_catalogue")
ROUTE = GateRoute(url="http://127.0.0.1:8700", program="/opt/callgate/bin/callgate", helpers="/opt/helpers")
WORDS = st.sampled_from(["npx", "-y", "uvx", "./server", "--verbose", "mcp-server-git==1.0.0", "/opt/x"])
NAMES = st.sampled_from(["git", "My Server", "a.b", "tracker", "Ünï", "callgate-x", "9lives", "x" * 50, "a_b"])
PLAIN = st.sampled_from(
    ["1", "info", "/tmp/x", "https://a.example/x", "", "Some words, here", "file:db.sqlite", "env:X"]
)
VALUES = st.one_of(PLAIN, SECRETS)
LOCAL = st.fixed_dictionaries(
    {"command": WORDS},
    optional={
        "args": st.lists(WORDS, max_size=3),
        "env": st.dictionaries(st.sampled_from(["TOKEN", "LEVEL", "API_KEY"]), VALUES, max_size=3),
        "cwd": st.just("/tmp"),
    },
)
FAR = st.fixed_dictionaries(
    {"url": st.sampled_from(["https://a.example/mcp", "http://localhost:9/mcp", "https://b.example/x/mcp"])},
    optional={"headers": st.dictionaries(st.sampled_from(["X-Key", "Authorization", "Accept"]), VALUES, max_size=2)},
)
ENTRY = st.one_of(LOCAL, FAR)
SERVERS = st.dictionaries(NAMES, ENTRY, min_size=1, max_size=4)
MORE = st.dictionaries(
    st.sampled_from(["theme", "model", "a", "numStartups"]), st.one_of(st.integers(0, 9), PLAIN), max_size=3
)
STYLES = st.sampled_from([None, 2, 4, "\t"])
COMMENT = re.compile(r"// (?:c|own )[^\r\n]*")
REMARK = re.compile(r"# [^\r\n]*")
QUICK = [Phase.explicit, Phase.reuse, Phase.generate]
"""Each example writes files: making a failing one small takes minutes."""


def commented(text, draw):
    """Comments at the ends of some lines, and on lines of their own."""
    lines = []
    for number, line in enumerate(text.split("\n")):
        lines.append(f"{line} // c{number}" if line and draw(st.booleans()) else line)
        if line and draw(st.booleans()):
            lines.append(f"  // own {number}")
    return "\n".join(lines)


@st.composite
def json_files(draw, key, comments):
    value = draw(MORE)
    servers = draw(SERVERS)
    value = {**value, key: servers} if draw(st.booleans()) else {key: servers, **value}
    text = json.dumps(value, indent=draw(STYLES), ensure_ascii=draw(st.booleans()))
    if comments and "\n" in text:
        text = commented(text, draw)
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    return draw(st.sampled_from(["", "\ufeff"])) + text + draw(st.sampled_from(["", "\n", "\n\n"]))


@st.composite
def toml_files(draw):
    text = "# top\n" + "".join(f"{key} = {json.dumps(value)} # {key}\n" for key, value in draw(MORE).items())
    for name, entry in draw(SERVERS).items():
        entry = dict(entry)
        env = entry.pop("env", None)
        headers = entry.pop("headers", None)
        text += f"\n# before {name}\n[mcp_servers.{json.dumps(name, ensure_ascii=False)}]\n"
        text += "".join(f"{key} = {json.dumps(value)}\n" for key, value in entry.items())
        if headers:
            text += (
                "http_headers = { "
                + ", ".join(f"{json.dumps(k)} = {json.dumps(v)}" for k, v in headers.items())
                + " }\n"
            )
        if env and draw(st.booleans()):
            text += f"[mcp_servers.{json.dumps(name, ensure_ascii=False)}.env]\n"
            text += "".join(f"{key} = {json.dumps(value)}\n" for key, value in env.items())
        if draw(st.booleans()):
            text += f'[mcp_servers.{json.dumps(name, ensure_ascii=False)}.tools.look]\napproval_mode = "prompt"\n'
    text += '\n# projects\n[projects."/x"]\ntrust_level = "trusted"\n'
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


MACHINES = st.fixed_dictionaries(
    {},
    optional={
        ".codex/config.toml": toml_files(),
        ".claude.json": json_files("mcpServers", comments=False),
        ".claude/settings.json": st.sampled_from(["{}", '{"permissions": {"allow": ["x"]}} ', "", "[1]", "{"]),
        ".cursor/mcp.json": json_files("mcpServers", comments=True),
        ".cursor/permissions.json": st.sampled_from(['{"mcpAllowlist": []}', "{}", "// nothing\n{}"]),
        ".config/Code/User/mcp.json": json_files("servers", comments=True),
        ".gemini/settings.json": json_files("mcpServers", comments=True),
        ".config/Claude/claude_desktop_config.json": json_files("mcpServers", comments=False),
    },
)


def looked(home):
    return {
        str(path.relative_to(home)): (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
        for path in sorted(home.rglob("*"))
        if path.is_file()
    }


def adopting(folder, approvals=Approvals.KEEP):
    task = InventoryTask(folder / "m", home=None, gates=(ROUTE.url,))
    run = Adopting(folder / "gate", task, ROUTE, AdoptWish(approvals=approvals), unconfined=())
    run.name([])
    return run


def planted(machine):
    """Secrets as the generator made them: they begin with a known prefix."""
    return set(
        re.findall(
            r"(?:ghp_|xoxb-|sk-proj-|AKIA|glpat-|ntn_|figd_|sk_live_|npm_|hf_)[A-Za-z0-9]{36,48}",
            "\n".join(machine.values()),
        )
    )


@settings(max_examples=25, deadline=None, phases=QUICK)
@given(machine=MACHINES, mode=st.sampled_from([0o600, 0o644, 0o640]), approvals=st.sampled_from(Approvals))
def test_taking_back_is_as_if_nothing_had_been(machine, mode, approvals):
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch).resolve()
        home = folder / "m/home/ana"
        (folder / "gate").mkdir(mode=0o700)
        home.mkdir(parents=True)
        for name, text in machine.items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_bytes(text.encode())
            (home / name).chmod(mode)
        before = looked(home)
        run = adopting(folder, approvals)
        shown = msgspec.json.encode(run.view(stage="observe")).decode()
        for name in run.integrations():
            run.keep_secrets(name)
        assert looked(home) == before
        made = run.write()
        assert bool(made) == bool(run.view(stage="observe").changes or looked(home) != before)
        done = msgspec.json.encode(run.view(stage="observe", id_=made)).decode()
        for secret in planted(machine):
            assert secret not in shown + done
        if not made:
            assert looked(home) == before
            return
        for name, (_, kept) in looked(home).items():
            assert kept == (mode if name in before else 0o600)
        again = adopting(folder, approvals)
        assert again.write() == "", "a second run has nothing to do"
        undo = Undoing(folder / "gate")
        assert undo.edited() == ()
        view = undo.restore(force=False)
        assert view.stays == ()
        assert looked(home) == before


@settings(max_examples=80, deadline=None)
@given(text=json_files("mcpServers", comments=True), name=NAMES, data=st.data())
def test_json_outside_of_an_edit_stays(text, name, data):
    top = parse_json(text.removeprefix("\ufeff"), comments=True).value
    old = data.draw(st.sampled_from(sorted(top["mcpServers"])))
    after = edited(
        "servers",
        text,
        [Edit(path=("mcpServers", old), value={"url": "http://x"}), Edit(path=("new", "list"), value=1, how="add")],
    )
    found = parse_json(after.removeprefix("\ufeff"), comments=True)
    assert found.value == {**top, "mcpServers": {**top["mcpServers"], old: {"url": "http://x"}}, "new": {"list": [1]}}
    spans = parse_json(text.removeprefix("\ufeff"), comments=True).spans[("mcpServers", old)]
    body = text.removeprefix("\ufeff")
    outside = COMMENT.findall(body[: spans[0]]) + COMMENT.findall(body[spans[1] :])
    kept = COMMENT.findall(after)
    assert outside == kept
    back = edited("servers", after, [Edit(path=("new",), how="drop")])
    assert "new" not in parse_json(back.removeprefix("\ufeff"), comments=True).value


@settings(max_examples=80, deadline=None)
@given(text=toml_files(), data=st.data())
def test_toml_outside_of_an_edit_stays(text, data):
    top = tomllib.loads(text)
    old = data.draw(st.sampled_from(sorted(top["mcp_servers"])))
    path = ("mcp_servers", old)
    gone = [key for key in top["mcp_servers"][old] if key in ("command", "args", "env", "cwd", "http_headers")]
    edits = [
        Edit(path=(*path, "url"), value="http://x"),
        Edit(path=(*path, "tools", "wait", "approval_mode"), value="approve"),
        *(Edit(path=(*path, key), how="drop") for key in gone),
    ]
    after = edited("codex-config", text, edits)
    assert REMARK.findall(text) == REMARK.findall(after)
    assert ("\r\n" in text) == ("\r\n" in after)


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.sampled_from('{}[]",:/*\n\t a1\\'), max_size=40), comments=st.booleans())
def test_whatever_the_text_an_edit_is_right_or_refused(text, comments):
    form = "servers" if comments else "claude-servers"
    edit = Edit(path=("mcpServers", "x"), value={"a": [1]})
    try:
        after = edited(form, text, [edit])
    except NotEditable:
        return
    assert parse_json(after, comments=comments).value["mcpServers"]["x"] == {"a": [1]}
    try:
        before = parse_json(text, comments=comments).value
    except BadDocument:
        assert not text.strip()
        return
    before.setdefault("mcpServers", {})["x"] = {"a": [1]}
    assert parse_json(after, comments=comments).value == before
