"""What the fake gate shows, one of each."""

from callgate.flow.views.contracts import ConsentView, ContractView, TaskView
from callgate.flow.views.drift import ChangeView, DefinitionFindingView, DriftView
from callgate.flow.views.gate import DoubtView, HaltView, StatusView, WarningView
from callgate.flow.views.holds import ArgumentView, HoldDetail, HoldView, QuestionView
from callgate.flow.views.integrations import DiscoveryView, IntegrationView, ToolView
from callgate.flow.views.learning import LearnEnd
from callgate.flow.views.ledger import (
    CheckpointView,
    EventView,
    ExplainView,
    FindingView,
)
from callgate.flow.views.policy import CasesView, CaseView, ProposalView
from callgate.model.learned import LearnedSpan, ReplayedRow

NOW = 1_750_000_000_000
DIGEST = "d" * 64
QUESTION = QuestionView(id="q-1", ask="meant", text="Did you mean this?", who=("ana",), quorum=1)
OTHER = QuestionView(id="q-2", ask="acceptable", text="Is this acceptable?", who=("ben",), quorum=1)
HOLD = HoldView(
    id="hold-1",
    state="open",
    sentence='Commit to /srv/app with the message "Fix the typo"',
    integration="git",
    tool="git_commit",
    tier="execute",
    asked_by="Ana",
    runtime="codex",
    opened_ms=NOW - 60_000,
    expires_ms=NOW + 8 * 3_600_000,
    why=("The commit changes things and has no tested way back.",),
    waiting_for=("ana", "ben"),
    task="task-1",
)
DETAIL = HoldDetail(
    hold=HOLD,
    digest=DIGEST,
    undo="Yes, by git_reset; nobody has rehearsed it.",
    questions=(QUESTION, OTHER),
    arguments=(
        ArgumentView(path="message", value='"Fix the typo"', shown=True),
        ArgumentView(path="repo_path", value='"/srv/app"', shown=True),
        ArgumentView(path="sign", value="false"),
    ),
    targets=("git.repository:/srv/app",),
    actor="local",
    contract="everyday",
    task_title="Typos",
    risk=40,
    call="call-1",
    decision="ev-1",
    state_pin="The repository's status and head commit.",
)
TOOLS = (
    ToolView(
        integration="git",
        tool="git_commit",
        tier="execute",
        say="Commit to {repo_path} with the message {message}",
        manifest="git",
        pinned=True,
        decided_by="manifest",
        own_tier="execute",
        aims=True,
    ),
    ToolView(
        integration="git",
        tool="git_status",
        tier="read",
        say="Look at {repo_path}",
        manifest="git",
        pinned=True,
        decided_by="manifest",
        own_tier="read",
        aims=True,
    ),
)
DRIFT = DriftView(
    integration="git",
    pinned="1" * 64,
    seen=DIGEST,
    confirmed=False,
    changes=(
        ChangeView(
            name="",
            field="instructions",
            kind="noted",
            means="Models go on reading what was confirmed.",
            old="Be kind.",
            new="Be kind.\nAnd quick.",
        ),
        ChangeView(
            name="git_commit",
            field="description",
            kind="noted",
            means="Models go on reading what was confirmed.",
            old="Records changes to the repository",
            new="Records changes to the \u202erepository and \x1b[31mpushes",
        ),
        ChangeView(
            name="git_commit",
            field="inputSchema.properties.message.type",
            kind="held",
            means="Calls that rest on it wait until it is confirmed.",
            old="string",
            new="array",
        ),
        ChangeView(
            name="git_push",
            field="",
            kind="new",
            means="Nobody is offered it before it is confirmed.",
            old="",
            new='{"name":"git_push"}',
        ),
    ),
    findings=(
        DefinitionFindingView(
            code="invisible_text",
            severity="high",
            name="git_commit",
            field="description",
            says="It has characters that nobody sees and a model reads, or that turn the order of text.",
            excerpt="changes to the \u202erepository",
        ),
    ),
    warnings=("git_push would count as execute; it counts as execute.",),
)
DISCOVERY = DiscoveryView(
    integration="git",
    digest=DIGEST,
    server_name="mcp-git",
    server_version="1.0",
    instructions="",
    eras=("2025-06-18",),
    tools=TOOLS,
    confined=True,
)
INTEGRATION = IntegrationView(
    name="git",
    kind="stdio",
    where="mcp-server-git",
    actor="local",
    state="ready",
    tools=2,
    confirmed_ms=NOW,
    stage="production",
    manifest="git",
)
CONTRACT = ContractView(
    id="c-" + "1" * 32,
    name="everyday",
    objective="Everyday work on our repositories",
    team="web",
    owner="ana",
    state="active",
    max_tier="execute",
    everyday=True,
    integrations=("git",),
    domains=("eng-code",),
    consents=(ConsentView(capacity="domain:eng-code", who=("ana",), by="ana", at_ms=NOW, alone=True),),
    preview=("Calls to git may change things.", "Anything else waits for a person."),
    text='name = "everyday"\n',
)
LEARNED = LearnEnd(
    text='# Proposed.\nname = "everyday"\n',
    contract="c-" + "2" * 32,
    team="web",
    span=LearnedSpan(calls=3, first_ms=NOW, last_ms=NOW, busiest=2),
    tools=(),
    targets=(),
    replayed=(
        ReplayedRow(integration="git", tool="git_status", effect="allow", reason="", code="", calls=2),
        ReplayedRow(integration="git", tool="git_commit", effect="hold", reason="It waits.", code="a/b", calls=1),
    ),
)
TASK = TaskView(
    id="task-1",
    title="Typos",
    contract=CONTRACT.id,
    contract_name="everyday",
    initiator="ana",
    runtime="codex",
    state="open",
    opened_ms=NOW,
    deadline_ms=NOW + 3_600_000,
    calls=3,
    max_calls=50,
)
EVENTS = tuple(
    EventView(
        index=index,
        id=f"ev-{index}",
        at_ms=NOW + index,
        kind=kind,
        summary=summary,
        call="call-1",
        who="Ana",
        what="git/git_commit",
        effect=effect,
        event={"id": f"ev-{index}"},
    )
    for index, (kind, summary, effect) in enumerate(
        [("decided", "git/git_commit waits for Ana and Ben", "hold"), ("asked", "Two questions were asked", "")]
    )
)
EXPLAIN = ExplainView(
    decision="ev-0",
    call="call-1",
    at_ms=NOW,
    effect="hold",
    integration="git",
    tool="git_commit",
    tier="execute",
    asked_by="Ana",
    runtime="codex",
    actor="local",
    contract="everyday",
    task="task-1",
    risk=40,
    risk_parts=(("irreversible", 40),),
    findings=(
        FindingView(gate="duty", code="approval", effect="hold", reason="The commit changes things."),
        FindingView(gate="schema", code="ok", effect="allow", reason=""),
    ),
    questions=(QUESTION, OTHER),
    bundle="b" * 64,
    outcome="held",
    next="Wait for Ana and Ben, or withdraw the call.",
    events=EVENTS,
    hold="hold-1",
)
HALT = HaltView(id="halt-1", scope="integration", what="git", reason="odd commits", by="ana", at_ms=NOW)
CASES = CasesView(
    cases=(
        CaseView(name="reads are allowed", file="git.cases.toml", passed=True, want="allow", got="allow"),
        CaseView(name="pushes wait", file="git.cases.toml", passed=False, want="hold", got="allow"),
    ),
    passed=1,
    failed=1,
)
PROPOSAL = ProposalView(
    digest="e" * 64,
    base="b" * 64,
    by="ana",
    at_ms=NOW,
    changes=("git.cedar changed.",),
    state="open",
    who=("ben",),
    cases=CasesView(cases=(), passed=2, failed=0),
)
CHECKPOINT = CheckpointView(
    origin="callgate/main", size=2, root="a" * 64, at_ms=NOW, note="callgate/main\n2\nqqqq\n\n— callgate/main AAAA\n"
)
STATUS = StatusView(
    version="0.1.0",
    tenant="main",
    profile="solo",
    started_ms=NOW - 3_600_000,
    home="/srv/home",
    endpoint="http://127.0.0.1:8700/mcp",
    bundle="b" * 64,
    pending_files=("git.cedar",),
    integrations=(INTEGRATION,),
    open_holds=1,
    doubts=(DoubtView(call="call-9", integration="git", tool="git_commit", at_ms=NOW),),
    halts=(HALT,),
    events=2,
    checkpoint_size=2,
    checkpoint_ms=NOW,
    warnings=(WarningView(code="checkpoint_stays", text="No checkpoint has left this machine.", todo="Copy one."),),
    same_host=True,
)
