"""Golden cases: what the bundle must say to calls that somebody wrote down. ``callgate policy test`` runs these.

A file holds ``[[case]]`` tables; docs/reference/policy-cases.md lists their keys. Each case goes through the whole
``decide``, with a tool, a contract and facts built from what it says and harmless values for the rest.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from callgate.core.contract import ContractRules, compile_contract
from callgate.core.decide import Rules, compile_rules, decide
from callgate.core.domains import DomainMap
from callgate.core.ledger.canonical import body_bytes
from callgate.core.strict import StrictReader, read_toml
from callgate.core.toolbox import ToolProfile, compile_toolbox
from callgate.model.base import Fact
from callgate.model.bundle import Bundle
from callgate.model.call import GOVERNED, Call
from callgate.model.contract import Contract, Scope, Task
from callgate.model.decision import Decision, Finding
from callgate.model.errors import ConfigError
from callgate.model.facts import Facts
from callgate.model.hold import Approval
from callgate.model.identity import Actor, Delegate, Initiator, Principal, Runtime
from callgate.model.terms import Breadth, Effect, RuntimeKind, Stage, Tier
from callgate.model.tool import Integration, IntegrationPin, Manifest, PinRead, Target, ToolManifest, ToolPin

FOLDER = "cases/"
_NOW_MS = 1_750_000_000_000
_PIN = "0" * 64


class CaseResult(Fact, frozen=True):
    """``want`` and ``got`` are one line each, in the words of the case file."""

    file: str
    name: str
    passed: bool
    want: str
    got: str


class _TargetRow(msgspec.Struct, frozen=True):
    kind: str
    id: str
    domain: str = ""
    """As if it belonged to this domain; empty: what domains.toml says."""


class _CallRow(msgspec.Struct, frozen=True):
    tier: Tier
    integration: str = "git"
    tool: str = "a_tool"
    arguments: dict[str, Any] = {}
    targets: tuple[_TargetRow, ...] = ()
    initiator: str = "ana"
    issuer: str = "callgate"
    runtime: str = "codex"
    runtime_kind: RuntimeKind | None = None
    delegated: bool = False
    same_host: bool = False
    in_task: bool = False


class _ToolRow(msgspec.Struct, frozen=True):
    manifest: bool = True
    verified: bool = True
    compensation: str = ""
    irreversible: bool = False
    admin: bool = False
    money: bool = False
    idempotent: bool = False
    retrieval: bool = False
    state_pin: bool = False


class _ContractRow(msgspec.Struct, frozen=True):
    exists: bool = True
    everyday: bool = True
    max_tier: Tier = Tier.EXECUTE
    domains: tuple[str, ...] | None = None
    tools: tuple[str, ...] = ("*",)
    targets: tuple[str, ...] = ()
    prohibited: tuple[str, ...] = ()
    outside: Effect = Effect.HOLD
    breadth: Breadth = Breadth.TARGETS
    irreversible: bool = False


class _FactsRow(msgspec.Struct, frozen=True):
    stage: Stage | None = None
    drifted: bool = False
    contract_problem: str = ""
    task_problem: str = ""
    credential_problem: str = ""
    halted: bool = False
    exhausted: tuple[str, ...] = ()
    twin: str = ""
    denied_before: bool = False
    approved: tuple[str, ...] = ()


class _WantRow(msgspec.Struct, frozen=True):
    effect: Effect
    findings: tuple[str, ...] = ()
    permits: tuple[str, ...] | None = None
    shadow: tuple[str, ...] | None = None
    asks: tuple[str, ...] | None = None
    risk: int | None = None


class _CaseRow(msgspec.Struct, frozen=True):
    name: str
    call: _CallRow
    want: _WantRow
    tool: _ToolRow = _ToolRow()
    contract: _ContractRow = _ContractRow()
    facts: _FactsRow = _FactsRow()


class _CaseFile(msgspec.Struct, frozen=True):
    case: tuple[_CaseRow, ...]


def run_cases(bundle: Bundle, cases: Mapping[str, bytes]) -> tuple[CaseResult, ...]:
    """Runs the files whose names start with ``cases/``; others are left alone, so a whole policy folder may be given.

    Raises ConfigError for a case that cannot be read.
    """
    rules = compile_rules(bundle)
    domains = DomainMap(bundle.domains)
    return tuple(
        _result(file, row, _decision(row, rules, domains))
        for file in sorted(cases)
        if file.startswith(FOLDER)
        for row in _read(file, cases[file])
    )


def _read(file: str, data: bytes) -> tuple[_CaseRow, ...]:
    rows = StrictReader(file).read(_CaseFile, read_toml(data, file)).case
    names = [row.name for row in rows]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise ConfigError("Another case of this file has this name.", file=file, key=f"case[{number}].name")
    return rows


def _result(file: str, row: _CaseRow, decision: Decision) -> CaseResult:
    want, got = _wanted(row.want), _said(decision, row.want)
    return CaseResult(file=file, name=row.name, passed=want == got, want=want, got=got)


def _line(effect: Effect, parts: list[tuple[str, Any]]) -> str:
    return "; ".join([effect.name.lower(), *(f"{name} {_words(value)}" for name, value in parts if value is not None)])


def _words(value: Any) -> str:
    return str(value) if isinstance(value, int) else ", ".join(sorted(value)) or "none"


def _wanted(want: _WantRow) -> str:
    parts = [("findings", want.findings), ("permits", want.permits), ("shadow", want.shadow)]
    return _line(want.effect, [*parts, ("asks", want.asks), ("risk", want.risk)])


def _said(decision: Decision, want: _WantRow) -> str:
    counting = [f for f in decision.findings if f.effect is not Effect.ALLOW and not (f.shadow or f.discharged)]
    permits = [f.path for f in decision.findings if f.effect is Effect.ALLOW and f.code == "permit"]
    shadow = [_name(f) for f in decision.findings if f.shadow]
    parts: list[tuple[str, Any]] = [
        ("findings", [_name(f) for f in counting]),
        ("permits", permits if want.permits is not None else None),
        ("shadow", shadow if want.shadow is not None else None),
        ("asks", [q.id for q in decision.questions] if want.asks is not None else None),
        ("risk", decision.risk if want.risk is not None else None),
    ]
    return _line(decision.effect, parts)


def _name(finding: Finding) -> str:
    return finding.key.rstrip("/")


def _decision(row: _CaseRow, rules: Rules, domains: DomainMap) -> Decision:
    contract = _contract(row, rules.bundle) if row.contract.exists else None
    call = _call(row, rules.bundle, domains, contract)
    return decide(call, _tool(row, domains), contract, rules, _facts(row, call, rules.bundle))


def _contract(row: _CaseRow, bundle: Bundle) -> ContractRules:
    said = row.contract
    known = tuple(domain.name for domain in bundle.domains)
    return compile_contract(
        Contract(
            id="c-case",
            name="case",
            objective="Try the policies",
            team="case",
            owner=row.call.initiator,
            scopes=(Scope(integration=row.call.integration, tools=said.tools, targets=said.targets),),
            max_tier=said.max_tier,
            domains=known if said.domains is None else said.domains,
            prohibited=said.prohibited,
            outside=said.outside,
            breadth=said.breadth,
            irreversible=said.irreversible,
            everyday=said.everyday and not row.call.in_task,
        )
    )


def _call(row: _CaseRow, bundle: Bundle, domains: DomainMap, contract: ContractRules | None) -> Call:
    said = row.call
    registered = {runtime.id: runtime for runtime in bundle.runtimes}
    runtime = registered.get(said.runtime, Runtime(id=said.runtime))
    if said.runtime_kind is not None:
        runtime = msgspec.structs.replace(runtime, kind=said.runtime_kind)
    return Call(
        id="call-case",
        tenant="case",
        principal=Principal(
            initiator=Initiator(tenant="case", issuer=said.issuer, subject=said.initiator),
            runtime=runtime,
            actor=Actor(integration=said.integration, name="local"),
            chain=(Delegate(subject="planner"),) if said.delegated else (),
        ),
        credential="case",
        contract=contract.contract.id if contract else "",
        task="task-case" if said.in_task else "",
        integration=said.integration,
        tool=said.tool,
        tier=said.tier,
        arguments=said.arguments,
        body=body_bytes(said.arguments),
        targets=tuple(Target(kind=t.kind, id=t.id, domain=t.domain or domains.of(t.kind, t.id)) for t in said.targets),
        pin=_PIN,
        at_ms=_NOW_MS,
        deadline_ms=_NOW_MS + 60_000,
        same_host=said.same_host,
    )


def _tool(row: _CaseRow, domains: DomainMap) -> ToolProfile:
    said, call = row.tool, row.call
    schema = {"type": "object", "properties": {name: {} for name in call.arguments}}
    definition = msgspec.json.encode({"name": call.tool, "inputSchema": schema})
    pin = IntegrationPin(
        integration=call.integration,
        server_name="case",
        server_version="1",
        instructions="",
        eras=("2025-06-18",),
        tools=(ToolPin(integration=call.integration, name=call.tool, digest=_PIN, definition=definition),),
        digest=_PIN,
        origin="case",
    )
    manifest = _manifest(row) if said.manifest else None
    made = compile_toolbox(Integration(name=call.integration, actor="local"), pin, manifest, domains).tools[call.tool]
    if call.tool in GOVERNED:
        # No server's tool has this name: it stands for the method.
        made.quarantine = ""
    return made


def _manifest(row: _CaseRow) -> Manifest:
    said, call = row.tool, row.call
    tool = ToolManifest(
        name=call.tool,
        tier=call.tier,
        say="Try the policies",
        state_pin=(PinRead(tool=call.tool),) if said.state_pin else (),
        compensation=said.compensation,
        irreversible=said.irreversible,
        admin=said.admin,
        money=said.money,
        idempotent=said.idempotent,
        retrieval=said.retrieval,
    )
    return Manifest(
        integration=call.integration,
        title=call.integration,
        vendor="case",
        verified=said.verified,
        verified_against="case",
        verified_on="2026-01-01",
        stateful=False,
        per_person=False,
        tools=(tool,),
    )


def _facts(row: _CaseRow, call: Call, bundle: Bundle) -> Facts:
    said = row.facts
    stages = dict(bundle.stages)
    stage = said.stage or Stage(stages.get(call.integration, stages.get("*", Stage.READ.value)))
    if said.stage is None and stage is Stage.OBSERVE:
        # Cases are about what the policies do, and at stage observe they do it later.
        stage = Stage.PRODUCTION
    return Facts(
        now_ms=_NOW_MS,
        stage=stage,
        profile=bundle.profile,
        bundle=bundle.digest,
        pinned=_PIN,
        drifted=said.drifted,
        contract_problem=said.contract_problem,
        task=_task(call) if call.task else None,
        task_problem=said.task_problem,
        credential_problem=said.credential_problem,
        halts=("halt-case",) if said.halted else (),
        exhausted=said.exhausted,
        twin=said.twin,
        denied_until_ms=_NOW_MS + 1 if said.denied_before else 0,
        approval=Approval(hold="hold-case", findings=_keys(said.approved), alone=False) if said.approved else None,
    )


def _keys(names: tuple[str, ...]) -> tuple[str, ...]:
    """A finding without a path may be written without its last slash."""
    return tuple(name if name.count("/") > 1 else f"{name}/" for name in names)


def _task(call: Call) -> Task:
    return Task(
        id=call.task,
        contract=call.contract,
        initiator=call.principal.initiator.subject,
        issuer=call.principal.initiator.issuer,
        runtime=call.principal.runtime.id,
        title="case",
        opened_ms=_NOW_MS - 1,
        deadline_ms=_NOW_MS + 3_600_000,
    )
