"""What each assistant's model sees of the gate: Codex 0.169 and Claude Code 2.1.330 as they were measured.

Codex shows structuredContent alone, Claude Code the text of an error: both must say the same, and a model that reads
only what is shown must be able to go on.
"""

import contextlib
import json
import os
import re
import textwrap
import time
from pathlib import Path

import pytest

from callgate.adapters.identity.issuer import TokenIssuer
from callgate.adapters.identity.keyring import Keyring
from callgate.app.system import SystemEntropy
from callgate.model.identity import Account
from tests.conformance.columns import bare, through_gate
from tests.e2e.harness import MODERN, PASSPHRASE, Gate, effects_in, gate_in, git_server
from tests.e2e.rules import produce
from tests.e2e.stand_ins import configs
from tests.e2e.stand_ins.claude_code import ClaudeCode
from tests.e2e.stand_ins.codex import Codex
from tests.e2e.stand_ins.configs import Configured
from tests.e2e.stand_ins.wire import NotConnected
from tests.e2e.test_clients import EVERYDAY, practice_server

pytestmark = pytest.mark.e2e
SERVED = ("old", "new", "practice")
REPOSITORY = "/srv/app"


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("g")
    (folder / "o").mkdir()
    (folder / "n").mkdir()

    def widened(gate: Gate) -> None:
        produce(gate, SERVED)
        gate.contracts["everyday.toml"] = EVERYDAY

    with (
        effects_in(folder / "o", "handshake") as old,
        effects_in(folder / "n", "stateless") as new,
        practice_server() as practice,
        gate_in(folder, prepare=widened) as gate,
    ):
        gate.add("old", url=old.url, allow_private=True, manifest="git")
        gate.add("new", url=new.url, allow_private=True, manifest="git")
        gate.add("practice", url=practice, allow_private=True)
        gate.effects = {"old": old, "new": new}
        yield gate
        assert gate.stop() == 0
        assert "Traceback" not in gate.stderr.read_text()


KINDS = {
    "codex": ("codex", Codex, "old"),
    "claude-code": ("claude-code", ClaudeCode, "new"),
    "claude-code, falling back": ("claude-code", ClaudeCode, "old"),
}


class Seat:
    """One kind of assistant before one gate."""

    def __init__(self, gate: Gate, kind: str) -> None:
        self.gate = gate
        self.runtime, self.made, self.integration = KINDS[kind]
        self.token = gate.token(self.runtime)

    def assistant(self, integration: str = "", token: str | None = None, **more):
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
        configured = Configured(self.gate.url(integration or self.integration), headers, approval="approve")
        for name, value in more.items():
            assert hasattr(configured, name)
            setattr(configured, name, value)
        return self.made(configured)

    @property
    def effects(self):
        return self.gate.effects[self.integration]


@pytest.fixture(params=KINDS)
def seat(gate, request):
    return Seat(gate, request.param)


def approval_in(seen: str) -> str:
    """The approval's id, as a model would read it."""
    found = set(re.findall(r"hold-[0-9a-f]+", seen))
    assert len(found) == 1, seen
    return found.pop()


def test_an_allowed_read(seat):
    with seat.assistant() as assistant:
        seen = assistant.call("git_status", {"repo_path": REPOSITORY})
    assert seen.startswith("git_status at head"), seen


def test_a_result_with_structured_content(seat):
    with seat.assistant("practice") as assistant:
        hold = approval_in(assistant.call("add", {"a": 2, "b": 40}))
        seat.gate.approve(hold)
        seen = assistant.call("callgate_await_approval", {"approval_id": hold, "wait_seconds": 20})
    assert json.loads(seen) == {"result": 42}, "the tool's own answer, for a tool with an output schema"


def test_a_refusal_says_why_and_what_not_to_do(seat):
    with seat.assistant() as assistant:
        seen = assistant.call("git_status", {"repo_path": REPOSITORY, "force": True})
        assert "undeclared" in seen, seen
        assert "does not declare" in seen, "the reason, in words"
        assert "Correct the call" in seen, "and what to do next"
        decision = re.search(r'(?:Decision: |"decision_id": ")([a-z]+-[0-9a-f]+)', seen)
        assert decision is not None, seen
        told = assistant.call("callgate_explain", {"decision_id": decision[1]})
    assert "undeclared" in told, told


def test_a_call_that_waits(seat):
    message = f"by {seat.runtime}, {time.monotonic_ns()}"
    with seat.assistant() as assistant:
        seen = assistant.call("git_commit", {"repo_path": REPOSITORY, "message": message})
        hold = approval_in(seen)
        assert "Did you mean this?" in seen or "no tested way back" in seen, seen
        assert "callgate_await_approval" in seen, "it says what to do next"
        again = assistant.call("git_commit", {"repo_path": REPOSITORY, "message": message})
        assert approval_in(again) == hold, "a repeated call attaches"
        still = assistant.call("callgate_await_approval", {"approval_id": hold, "wait_seconds": 0})
        assert approval_in(still) == hold
        assert not [one for one in seat.effects.seen() if one.get("message") == message]
        seat.gate.approve(hold)
        done = assistant.call("callgate_await_approval", {"approval_id": hold, "wait_seconds": 20})
    assert "committed successfully" in done, done
    assert len([one for one in seat.effects.seen() if one.get("message") == message]) == 1


def test_a_no(seat):
    message = f"never, {time.monotonic_ns()}"
    # The no stands for this tool and this target, so it has a target of its own.
    repository = f"/srv/no-{time.monotonic_ns()}"
    with seat.assistant() as assistant:
        hold = approval_in(assistant.call("git_commit", {"repo_path": repository, "message": message}))
        seat.gate.deny(hold)
        seen = assistant.call("callgate_await_approval", {"approval_id": hold, "wait_seconds": 20})
    assert "denied" in seen or "said no" in seen, seen
    assert not [one for one in seat.effects.seen() if one.get("message") == message]


def test_an_unknown_outcome(seat):
    branch = f"die-{time.monotonic_ns()}"
    with seat.assistant() as assistant:
        seen = assistant.call("git_create_branch", {"repo_path": REPOSITORY, "branch_name": branch})
        assert "not known" in seen or '"unknown"' in seen, seen
        assert re.search(r"call-[0-9a-f]+", seen)
        seat.effects.stop()
        seat.effects.start()
        # A gated server that came back is used again.
        assert assistant.call("git_status", {"repo_path": REPOSITORY}).startswith("git_status at head")
    assert len([one for one in seat.effects.seen() if one.get("branch") == branch]) == 1


def expired(gate: Gate, runtime: str) -> str:
    keys = Keyring.open(gate.home / "keys", ("main",), SystemEntropy(), create=False)
    base = f"http://{gate.host}"
    account = Account(subject="ana", name="ana", team="", verifier="", created_ms=0)
    then = int(time.time() * 1000) - 7_200_000
    issuer = TokenIssuer(base, base, keys.issuer, SystemEntropy())
    return issuer.issue(account, runtime, task="", integrations=(), now_ms=then, expires_ms=then + 3_600_000)[0]


def test_an_expired_token(seat):
    with pytest.raises(NotConnected, match="rejected the Authorization header"):
        seat.assistant(token=expired(seat.gate, seat.runtime)).start()


def test_a_token_that_ends_while_the_assistant_works(seat):
    made = seat.gate.act("tokens", act={"runtime": seat.runtime})
    with contextlib.ExitStack() as ended:
        assistant = seat.assistant(token=made["token"])
        assistant.start()
        ended.callback(_left_anyhow, assistant)
        assert assistant.call("git_status", {"repo_path": REPOSITORY}).startswith("git_status")
        seat.gate.api.post("tokens", "revoke", body={"credential": made["credential"]})
        seen = assistant.call("git_status", {"repo_path": REPOSITORY})
    assert seen == "The server rejected the Authorization header"


def _left_anyhow(assistant) -> None:
    with contextlib.suppress(AssertionError):
        assistant.stop()


def test_without_a_token(seat):
    assistant = seat.assistant()
    assistant.configured.headers.clear()
    with pytest.raises(NotConnected, match="Authentication required"):
        assistant.start()


def test_an_assistant_that_stops_waiting(seat):
    """Codex says so (notifications/cancelled), Claude Code closes the stream, which is a cancel in 2026-07-28 and none
    in a handshake era: there the call goes on.
    """
    branch = f"gated-{time.monotonic_ns()}"
    go = Path(f"{seat.effects.records}.go")
    with seat.assistant(**({"silence_s": 1.0} if seat.runtime == "codex" else {"limit_s": 1.0})) as assistant:
        seen = assistant.call("git_create_branch", {"repo_path": REPOSITORY, "branch_name": branch})
        assert seen == ("timed out awaiting tools/call after 1s" if seat.runtime == "codex" else "timed out after 1s")
        goes_on = seat.runtime == "claude-code" and assistant.protocol != MODERN
        try:
            if not goes_on:
                _settled(seat.gate, "unknown")
        finally:
            go.touch()
        if goes_on:
            _settled(seat.gate, "finished")
    go.unlink()
    assert len([one for one in seat.effects.seen() if one.get("branch") == branch]) == 1


def _settled(gate: Gate, kind: str) -> None:
    """The newest event is of that kind, within twenty seconds."""
    ends = time.monotonic() + 20
    while (newest := gate.events()[-1]["kind"]) != kind:
        assert time.monotonic() < ends, newest
        time.sleep(0.1)


def test_codex_runs_what_reads_without_asking_and_nothing_else(gate):
    """In `codex exec` with approval mode auto, the gate's annotations decide what Codex even sends."""
    seat = Seat(gate, "codex")
    with seat.assistant(approval="auto") as codex:
        reads = {name for name, tool in codex.tools.items() if tool["annotations"]["readOnlyHint"]}
        assert {"git_status", "git_log", "callgate_await_approval", "callgate_explain"} <= reads
        assert not reads & {"git_commit", "git_reset", "git_create_branch"}
        assert codex.call("git_status", {"repo_path": REPOSITORY}).startswith("git_status")
        assert "requires approval" in codex.call("git_commit", {"repo_path": REPOSITORY, "message": "m"})


def test_they_hold_the_streams_they_open(gate):
    """Codex and an older Claude Code a GET stream of their session, a newer one subscriptions/listen."""
    with Seat(gate, "codex").assistant() as codex:
        assert codex.stream is not None
        assert codex.call("git_status", {"repo_path": REPOSITORY}).startswith("git_status"), "beside the held stream"
    with Seat(gate, "claude-code").assistant() as claude:
        assert (claude.protocol, claude.session) == (MODERN, "")
        assert claude.stream is not None
        first = claude.stream.wait_for(lambda message: True)
        assert first["method"] == "notifications/subscriptions/acknowledged"
    with Seat(gate, "claude-code, falling back").assistant() as claude:
        assert claude.protocol == "2025-11-25"
        assert claude.session
        assert claude.stream is not None


# Servers that ask back.


@pytest.fixture(scope="module")
def asking(tmp_path_factory):
    with bare() as url, through_gate(url, tmp_path_factory.mktemp("asking")) as (_, gate):
        yield gate
        assert gate.stop() == 0


def test_codex_without_a_person_declines_what_a_server_asks(asking):
    configured = Configured(asking.url("everything"), bearing(asking, "codex"), approval="approve")
    with Codex(configured) as codex:
        seen = codex.call("test_elicitation", {"message": "Who are you?"})
        assert "action=decline" in seen
        assert [one["params"]["message"] for one in codex.asked] == ["Who are you?"]
        assert "LLM response" not in codex.call("test_sampling", {"prompt": "Say it."}), "it cannot be asked for that"
        assert len(codex.asked) == 1


def test_claude_code_without_a_person_cancels_what_a_server_asks(asking):
    with ClaudeCode(Configured(asking.url("everything"), bearing(asking, "claude-code"))) as claude:
        seen = claude.call("test_input_required_result_elicitation", {})
        assert seen == "Nobody said a name: cancel."
        assert [one["method"] for one in claude.asked] == ["elicitation/create"]


def bearing(gate: Gate, runtime: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {gate.token(runtime)}"}


# Their configuration, as the gate prints it.


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("printed")
    with gate_in(folder, git=True) as gate:
        done = gate.command(
            "login", "--runtime", "codex", "--runtime", "claude-code", "--passphrase-fd", "0", stdin=PASSPHRASE
        )
        assert done.returncode == 0, done.stderr
        yield gate
        assert gate.stop() == 0


def blocks(banner: str) -> tuple[str, str]:
    """The TOML for Codex and the JSON for Claude Code, as a person copies them."""
    toml = re.search(r"^ *\[mcp_servers.*?(?=\n\s*\n)", banner, re.DOTALL | re.MULTILINE)
    json_ = re.search(r"^ *\{\"mcpServers.*?(?=\n\s*\n)", banner, re.DOTALL | re.MULTILINE)
    assert toml is not None, banner
    assert json_ is not None, banner
    return textwrap.dedent(toml[0]), textwrap.dedent(json_[0])


def test_what_the_gate_prints_is_their_configuration(printed):
    """Strictly read, with the header helper that `callgate login` has left, and used at once."""
    git_server()
    toml, json_ = blocks(printed.banner)
    repository = str(printed.folder / "h-scratch")
    environment = {**printed.environment, "PATH": os.environ["PATH"]}
    for assistant in (
        Codex(configs.codex(toml, "git", environment)),
        ClaudeCode(configs.claude_code(json_, "git", environment)),
    ):
        assert "Authorization" in assistant.configured.headers
        with assistant:
            assert "branch" in assistant.call("git_status", {"repo_path": repository})


def test_the_pages_show_what_they_can_read():
    """The how-to pages' examples, with a token in the environment where there is no helper."""
    pages = Path(__file__).parents[2] / "docs" / "how-to"
    found = re.findall(r"```toml\n(.*?)```", (pages / "connect-codex.md").read_text(), re.DOTALL)
    assert len(found) >= 2
    for text in found:
        entry = re.sub(r"^http_headers_helper.*$", "", text, flags=re.MULTILINE)
        if "url" in entry:
            read = configs.codex(entry, "git", {"CALLGATE_TOKEN": "t"})
            assert read.url.endswith("/mcp/git")
    text = re.search(r"```json\n(\{.*?)```", (pages / "connect-claude-code.md").read_text(), re.DOTALL)
    assert text is not None
    read = configs.claude_code(text[1], "git", {})
    assert read.url.endswith("/mcp/git")
    assert not read.headers, "its helper is not here, and Claude Code connects without"


def test_a_helper_that_fails_leaves_claude_code_outside(printed):
    _, json_ = blocks(printed.banner)
    broken = json_.replace("/helpers/claude-code", "/helpers/nobody")
    assert broken != json_
    claude = ClaudeCode(configs.claude_code(broken, "git", printed.environment))
    with pytest.raises(NotConnected, match="Authentication required"):
        claude.start()
