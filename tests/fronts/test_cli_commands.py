"""Every command against the real local API over a fake Admin."""

import json
from pathlib import Path

import msgspec
import pytest

from callgate.flow.admin import Ballot, BreadthChange, HaltRequest, NewAccount, NewPassphrase, TaskRequest
from callgate.flow.views.holds import VoteView
from callgate.flow.views.integrations import IntegrationView
from callgate.flow.views.people import AccountView
from callgate.model.terms import HaltScope
from tests.fakes.admin import PASSPHRASE
from tests.fakes.shown import DIGEST, HOLD, INTEGRATION, LEARNED, NOW, PROPOSAL
from tests.fronts.cli_help import FakeGate, run, typed

HOLD_KEYS = "id state sentence integration tool tier asked_by runtime opened_ms expires_ms why waiting_for task ended"
CONTRACT_KEYS = (
    "id name objective team owner state max_tier everyday integrations domains parameters consents preview notes text"
)
TASK_KEYS = (
    "id title contract contract_name initiator runtime state opened_ms deadline_ms calls max_calls parent closed_ms"
)
TOOL_KEYS = (
    "integration tool tier say manifest pinned drifted irreversible shown kept_away method admin money confidence reasons "
    "decided_by own_tier ruled_by ruled_reason ruling_void asked_tier asked_by undone_by aims observed findings needs"
)
INTEGRATION_KEYS = (
    "name kind where actor state tools confirmed_ms stage manifest confined drifted asks prompts templates due "
    "observe_until observe_owner account_problem manifest_problem"
)
EVENT_KEYS = "index id at_ms kind summary call who what effect event"

PINNED: list[tuple[tuple[str, ...], str, str, int]] = [
    (("tools",), "tools", TOOL_KEYS, 0),
    (("integrations", "list"), "integrations", INTEGRATION_KEYS, 0),
    (("contract", "list"), "contracts", CONTRACT_KEYS, 0),
    (("contract", "show", "everyday"), "", CONTRACT_KEYS, 0),
    (("task", "list"), "tasks", TASK_KEYS, 0),
    (("task", "show", "task-1"), "", TASK_KEYS, 0),
    (("holds", "list"), "holds", HOLD_KEYS, 0),
    (
        ("holds", "show", "hold-1"),
        "",
        "hold digest undo questions arguments targets actor contract task_title risk call decision state_pin",
        0,
    ),
    (("events",), "events", EVENT_KEYS, 0),
    (
        ("explain", "ev-0"),
        "",
        (
            "decision call at_ms effect integration tool tier asked_by runtime actor contract task risk risk_parts findings "
            "questions bundle outcome next events hold stage would"
        ),
        0,
    ),
    (("halts",), "halts", "id scope what reason by at_ms", 0),
    (("accounts", "list"), "accounts", "subject name roles team created_ms disabled", 0),
    (("policy", "status"), "", "digest profile files proposals", 0),
    (("policy", "test"), "cases", "name file passed want got", 1),
    (("doctor",), "checks", "code state text todo", 1),
    (
        ("status",),
        "",
        (
            "version tenant profile started_ms home endpoint bundle pending_files integrations open_holds doubts halts "
            "events checkpoint_size checkpoint_ms warnings same_host config spent"
        ),
        0,
    ),
    (("ledger", "verify"), "", "kind ok events root consistency bad_index bad_event problem", 0),
    (("learn",), "", "kind text contract team span tools targets replayed", 0),
    (("ledger", "checkpoint"), "", "origin size root at_ms note", 0),
    (
        ("integrations", "refresh", "git"),
        "",
        (
            "integration digest server_name server_version instructions eras tools confined changes warnings confirmed offers "
            "prompts templates manifest manifest_digest stage rules findings"
        ),
        1,
    ),
]


@pytest.mark.parametrize(("words", "name", "keys", "code"), PINNED, ids=["-".join(words) for words, *_ in PINNED])
def test_json_has_stable_keys(gate: FakeGate, words: tuple[str, ...], name: str, keys: str, code: int) -> None:
    result = gate.run(*words, "--json")
    assert result.exit_code == code, result.stderr
    found = json.loads(result.stdout)
    row = found[name][0] if name else found
    assert list(row) == keys.split()


@pytest.mark.parametrize(("words", "code"), [(words, code) for words, _, _, code in PINNED])
def test_screens_are_plain_when_piped(gate: FakeGate, words: tuple[str, ...], code: int) -> None:
    result = gate.run(*words)
    assert result.exit_code == code, result.stderr
    assert result.stdout.strip()
    assert "\x1b" not in result.stdout
    assert not set("╭│─┃━┏") & set(result.stdout)
    assert all(line == line.rstrip() for line in result.stdout.splitlines())


def test_hold_screen_says_the_call_first(gate: FakeGate) -> None:
    lines = gate.run("holds", "show", "hold-1", "--account", "ana").stdout.splitlines()
    assert lines[0] == 'Commit to /srv/app with the message "Fix the typo"'
    assert lines[1].startswith("Why it waits")
    assert lines[2].startswith("Who asks")
    assert "Ana, through codex, as local" in lines[2]
    assert lines[3].startswith("Can it be undone")
    start = next(number for number, line in enumerate(lines) if line.startswith("Every argument (* is not in the"))
    assert [line.split()[0] for line in lines[start + 1 : start + 4]] == ["message", "repo_path", "sign"]
    assert lines[start + 3] == "sign *     false"
    assert any(DIGEST in line for line in lines)
    assert gate.admin.acts == [("hold", "hold-1", "ana")]


def test_nothing_to_list_says_so(gate: FakeGate) -> None:
    gate.admin.hold_list = ()
    assert gate.run("holds", "list").stdout == "Nothing waits for anybody.\n"
    assert json.loads(gate.run("holds", "list", "--json").stdout) == {"holds": []}


def test_list_all_shows_ended_holds(gate: FakeGate) -> None:
    gate.admin.hold_list = (msgspec.structs.replace(HOLD, id="hold-2", state="denied", ended="not_meant"),)
    assert "Nothing waits" in gate.run("holds", "list").stdout
    assert "denied not_meant" in gate.run("holds", "list", "--all").stdout


def test_approve_shows_then_sends_what_was_shown(gate: FakeGate) -> None:
    result = gate.run("holds", "approve", "hold-1", passphrase=PASSPHRASE)
    assert result.exit_code == 3
    assert result.stdout.startswith('Commit to /srv/app with the message "Fix the typo"\n')
    assert result.stdout.endswith("1 question answered; the hold is open. Wait for Ben.\n")
    assert gate.admin.acts == [
        ("hold", "hold-1", "ana"),
        ("approve_hold", "ana", "hold-1", Ballot(digest=DIGEST)),
    ]


def test_approve_ends_with_zero_when_nobody_is_missing(gate: FakeGate) -> None:
    gate.admin.vote = VoteView(
        hold="hold-1", state="executed", answered=("q-1", "q-2"), open=(), alone=True, next="It ran."
    )
    result = gate.run("holds", "approve", "hold-1", "--question", "q-1", passphrase=PASSPHRASE)
    assert result.exit_code == 0
    assert "alone" in result.stdout
    assert gate.admin.acts[-1] == ("approve_hold", "ana", "hold-1", Ballot(digest=DIGEST, questions=("q-1",)))


def test_approve_with_another_digest_sends_nothing(gate: FakeGate) -> None:
    result = gate.run("holds", "approve", "hold-1", "--digest", "0" * 64, passphrase=PASSPHRASE)
    assert result.exit_code == 2
    assert [act[0] for act in gate.admin.acts] == ["hold"]
    assert gate.admin.tries == []


def test_approve_with_a_wrong_passphrase_is_a_no(gate: FakeGate) -> None:
    result = gate.run("holds", "approve", "hold-1", passphrase="guess")
    assert result.exit_code == 1
    assert result.stderr == "callgate: The account or the passphrase is wrong.\n"


def test_deny(gate: FakeGate) -> None:
    result = gate.run("holds", "deny", "hold-1", "--reason", "wrong_target", passphrase=PASSPHRASE)
    assert result.exit_code == 0
    assert gate.admin.acts[-1] == ("deny_hold", "ana", "hold-1", Ballot(digest=DIGEST, reason="wrong_target"))
    assert "Nothing will run." in result.stdout


def test_unknown_ids_end_with_the_next_step(gate: FakeGate) -> None:
    result = gate.run("holds", "show", "hold-9")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "callgate: There is no such hold. List them: callgate holds list\n"


def test_ids_cannot_leave_their_place_in_the_path(gate: FakeGate) -> None:
    result = gate.run("holds", "show", "../status?x=1#y")
    assert result.exit_code == 2
    assert "no such" in result.stderr


def test_halting_asks_for_nothing(gate: FakeGate) -> None:
    assert gate.run("halt").exit_code == 0
    assert gate.run("halt", "integration", "git", "--reason", "odd").exit_code == 0
    assert gate.admin.acts == [
        ("halt", HaltRequest(scope=HaltScope.TENANT)),
        ("halt", HaltRequest(scope=HaltScope.INTEGRATION, what="git", reason="odd")),
    ]
    assert gate.admin.tries == []
    assert gate.run("halt", "tool").exit_code == 2
    assert gate.run("halt", "tenant", "git").exit_code == 2
    assert gate.run("halt", "moon").exit_code == 2
    assert len(gate.admin.acts) == 2


def test_resuming_asks_for_a_person(gate: FakeGate) -> None:
    assert gate.run("resume", "halt-1", passphrase="guess").exit_code == 1
    assert gate.admin.acts == []
    assert gate.run("resume", "halt-1", passphrase=PASSPHRASE).exit_code == 0
    assert gate.admin.acts == [("resume", "ana", "halt-1")]


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--url", "https://x.example", "--stdio", "x"),
        ("--url", "https://x.example", "--header", "Authorization=Bearer abc"),
        ("--url", "https://x.example", "--header", "Authorization"),
        ("--stdio", "open 'quote"),
        ("--stdio", "x", "--env", "=1"),
    ],
)
def test_adding_badly_asks_nobody(gate: FakeGate, words: tuple[str, ...]) -> None:
    result = gate.run("add", "x", *words)
    assert result.exit_code == 2
    assert result.stderr.startswith("callgate: ")
    assert len(result.stderr.splitlines()) == 1
    assert "Bearer" not in result.stderr
    assert gate.admin.acts == []


def test_adding_where_nobody_can_answer_says_what_to_do(gate: FakeGate) -> None:
    result = gate.run("add", "git", "--stdio", "mcp-server-git", passphrase=PASSPHRASE)
    assert result.exit_code == 1
    assert "add --yes" in result.stderr and "Aborted" not in result.stderr
    assert [act[0] for act in gate.admin.acts] == ["look_at_integration"]


def test_integrations(gate: FakeGate) -> None:
    assert gate.run("integrations", "refresh", "git").exit_code == 1
    assert gate.run("integrations", "confirm", "git", "--yes", passphrase=PASSPHRASE).exit_code == 0
    assert gate.run("integrations", "remove", "git", passphrase=PASSPHRASE).exit_code == 0
    assert [act[0] for act in gate.admin.acts] == [
        "refresh_integration",
        "refresh_integration",
        "confirm_integration",
        "remove_integration",
    ]


def test_tools_of_one_integration(gate: FakeGate) -> None:
    assert json.loads(gate.run("tools", "nothing", "--json").stdout) == {"tools": []}
    assert "git_status" in gate.run("tools", "git").stdout


def test_accounts(gate: FakeGate) -> None:
    with typed(PASSPHRASE, "new one") as fd:
        result = run(
            "accounts", "add", "ben", "--name", "Ben", "--team", "web", "--home", gate.home,
            "--passphrase-fd", fd, "--new-passphrase-fd", fd,
        )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    new = NewAccount(subject="ben", passphrase="new one", name="Ben", team="web")
    assert gate.admin.acts == [("add_account", "ana", new)]
    assert gate.run("accounts", "disable", "ben", passphrase=PASSPHRASE).exit_code == 0
    with typed(PASSPHRASE, "newer") as fd:
        words = ("accounts", "passphrase", "ana", "--home", gate.home, "--passphrase-fd", fd, "--new-passphrase-fd", fd)
        assert run(*words).exit_code == 0
    assert gate.admin.acts[-1] == ("change_passphrase", "ana", "ana", NewPassphrase(passphrase="newer"))
    with typed(PASSPHRASE, "") as fd:
        words = ("accounts", "passphrase", "ana", "--home", gate.home, "--passphrase-fd", fd, "--new-passphrase-fd", fd)
        assert run(*words).exit_code == 2


def test_who_acts(gate: FakeGate, monkeypatch: pytest.MonkeyPatch) -> None:
    import getpass

    ana = gate.admin.account_list[0]
    ben = AccountView(subject="ben", name="Ben", roles=(), team="", created_ms=NOW)
    gate.admin.account_list = (ana, ben)
    monkeypatch.setattr(getpass, "getuser", lambda: "carl")
    result = gate.run("resume", "halt-1", passphrase=PASSPHRASE)
    assert result.exit_code == 2
    assert "ana, ben" in result.stderr
    assert gate.run("resume", "halt-1", "--account", "ben", passphrase=PASSPHRASE).exit_code == 0
    monkeypatch.setattr(getpass, "getuser", lambda: "ana")
    assert gate.run("resume", "halt-1", passphrase=PASSPHRASE).exit_code == 0
    gate.admin.account_list = (msgspec.structs.replace(ana, disabled=True), ben)
    monkeypatch.setattr(getpass, "getuser", lambda: "carl")
    assert gate.run("resume", "halt-1", passphrase=PASSPHRASE).exit_code == 0
    assert [account for account, _ in gate.admin.tries] == ["ben", "ana", "ben"]


def test_contracts(gate: FakeGate, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text('name = "fix"\n')
    bad.write_text("# problem\n")
    assert gate.run("contract", "check", good).exit_code == 0
    strange = tmp_path / "strange.toml"
    strange.write_text("# gti")
    assert "Note: No integration gti is connected." in gate.run("contract", "check", strange).stdout
    result = gate.run("contract", "check", bad)
    assert result.exit_code == 1
    assert "bad.toml: max_teir: unknown key; did you mean max_tier?" in result.stdout
    assert gate.run("contract", "check", bad, "--json").exit_code == 1
    assert gate.run("contract", "check", tmp_path / "none.toml").exit_code == 2
    assert gate.run("contract", "add", good, passphrase=PASSPHRASE).exit_code == 0
    words = ("contract", "consent", "everyday", "--capacity", "domain:eng-code")
    assert gate.run(*words, passphrase=PASSPHRASE).exit_code == 0
    assert gate.admin.acts[0][2].text == 'name = "fix"\n'
    assert gate.admin.acts[1] == ("consent_contract", "ana", "everyday", "domain:eng-code")
    assert gate.run("contract", "show", "none").exit_code == 2


def test_how_far_searches_reach_is_one_line(gate: FakeGate) -> None:
    words = ("contract", "breadth", "github", "global")
    result = gate.run(*words, passphrase=PASSPHRASE)
    assert result.exit_code == 0, result.stderr
    assert gate.admin.acts == [("change_breadth", "ana", BreadthChange(integration="github", breadth="global"))]
    assert "let searches go on" in result.stdout
    assert "wait for ben" in result.stdout
    found = json.loads(gate.run(*words, "--json", passphrase=PASSPHRASE).stdout)
    assert (found["breadth"], found["waits_for"]) == ("global", ["ben as security"])


@pytest.mark.parametrize(
    "words",
    [
        ("--ticket", "ENG-412", "--title", "Typos", "branch=main"),
        ("ticket=ENG-412", "--branch=main", "--title=Typos"),
    ],
)
def test_task_open_takes_a_templates_parameters(gate: FakeGate, words: tuple[str, ...]) -> None:
    result = gate.run("task", "open", "fix", *words, "--minutes", "30", passphrase=PASSPHRASE)
    assert result.exit_code == 0, result.stderr
    wanted = TaskRequest(contract="fix", parameters={"ticket": "ENG-412", "branch": "main"}, title="Typos", minutes=30)
    assert gate.admin.acts == [("open_task", "ana", wanted)]


@pytest.mark.parametrize("words", [("--ticket",), ("loose",), ("a=1", "--a", "2"), ("-x",), ("=1",)])
def test_task_open_refuses_what_is_no_parameter(gate: FakeGate, words: tuple[str, ...]) -> None:
    assert gate.run("task", "open", "fix", *words).exit_code == 2
    assert gate.admin.acts == []


def test_tasks(gate: FakeGate) -> None:
    assert gate.run("task", "close", "task-1", passphrase=PASSPHRASE).exit_code == 0
    assert gate.admin.acts == [("close_task", "ana", "task-1")]
    assert "Typos" in gate.run("task", "list", "--all").stdout


def test_policy(gate: FakeGate) -> None:
    assert gate.run("policy", "propose", passphrase=PASSPHRASE).exit_code == 0
    result = gate.run("policy", "approve", PROPOSAL.digest, passphrase=PASSPHRASE)
    assert result.exit_code == 0
    assert "git.cedar changed." in result.stdout
    result = gate.run("policy", "approve", "0" * 64, passphrase=PASSPHRASE)
    assert (result.exit_code, result.stderr) == (
        2,
        "callgate: git.cedar: @id: The files changed since. Propose again.\n",
    )


def test_an_observed_integration_says_until_when_and_who_answers(
    gate: FakeGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    for stage, said in (
        ("observe", "only observed until 2027-02-10, ana answers for it"),
        ("read", "stage read, observed until 2027-02-10"),
    ):
        row = msgspec.structs.replace(INTEGRATION, stage=stage, observe_until="2027-02-10", observe_owner="ana")

        async def rows(row: IntegrationView = row) -> tuple[IntegrationView, ...]:
            return (row,)

        monkeypatch.setattr(gate.admin, "integrations", rows)
        assert said in gate.run("integrations", "list").stdout


def test_learned_rules_are_printed_or_kept_and_never_written_over(gate: FakeGate, tmp_path: Path) -> None:
    result = gate.run("learn", "--integration", "git", "--owner", "ana")
    assert (result.exit_code, result.stdout) == (0, LEARNED.text)
    assert "Of 3 calls, 2 would run under these rules, 1 would wait for people" in result.stderr
    assert gate.admin.acts[-1] == ("learn", ("git",), "ana")
    file = tmp_path / "learned.toml"
    assert gate.run("learn", "--output", file).stdout == ""
    assert file.read_text() == LEARNED.text
    result = gate.run("learn", "-o", file)
    assert (result.exit_code, "is there already" in result.stderr) == (2, True)
    assert gate.run("learn", "-o", tmp_path / "no" / "x").exit_code == 2
    assert gate.run("learn", "--team", "other").exit_code == 2
    assert gate.run("learn", "--since", "soon").exit_code == 2
