"""Small worlds for the tests of gates, policies and decide: harmless values everywhere, each open to change."""

import msgspec

from callgate.core.contract import ContractRules, compile_contract
from callgate.core.domains import DomainMap
from callgate.core.policy.bundle import bundle_digest, parse_bundle
from callgate.core.policy.schema import PolicyContext
from callgate.core.toolbox import ToolProfile, compile_toolbox
from callgate.model.bundle import Bundle, PolicyFile
from callgate.model.call import Call
from callgate.model.contract import Contract, Scope
from callgate.model.facts import Facts
from callgate.model.identity import Actor, Initiator, Principal, Runtime
from callgate.model.terms import Profile, RuntimeKind, Stage, Tier
from callgate.model.tool import Integration, IntegrationPin, Manifest, Target, ToolManifest, ToolPin
from callgate.policies import starter

NOW = 1_750_000_000_000
PIN = "a" * 64
REPOSITORY = Target(kind="git.repository", id="/srv/app", domain="local-work")

PERMIT_ALL = '@id("all") permit (principal, action, resource);'


def starter_bundle() -> Bundle:
    return parse_bundle(starter("ana"), {"git": "0" * 64})


def bundle(cedar: str = PERMIT_ALL, **changes: object) -> Bundle:
    """The starter bundle with other policies and fields."""
    made = msgspec.structs.replace(starter_bundle(), policies=(PolicyFile(name="a.cedar", text=cedar),), **changes)
    return msgspec.structs.replace(made, digest=bundle_digest(made))


def context(**changes: object) -> PolicyContext:
    base = {
        "tier": 1,
        "stage": "production",
        "profile": "solo",
        "integration": "git",
        "issuer": "callgate",
        "runtime": "codex",
        "runtime_kind": "attended",
        "attended": True,
        "delegated": False,
        "same_host": False,
        "contract_everyday": True,
        "in_task": False,
        "inside_contract": True,
        "targets_inside": True,
        "has_targets": True,
        "targets": 1,
        "domains_known": True,
        "domain": "local-work",
        "has_manifest": True,
        "manifest_verified": True,
        "drifted": False,
        "irreversible": False,
        "reversible": False,
        "admin": False,
        "money": False,
        "idempotent": False,
        "retrieval": False,
        "risk": 0,
    }
    return PolicyContext(**{**base, **changes})


def manifest(**changes: object) -> ToolManifest:
    return msgspec.structs.replace(ToolManifest(name="a_tool", tier=Tier.EXECUTE, say="Do it"), **changes)


def tool(known: ToolManifest | None = None, *, verified: bool = True) -> ToolProfile:
    """Without a manifest: a tool that the catalogue does not know."""
    definition = msgspec.json.encode({"name": "a_tool", "inputSchema": {"type": "object"}})
    pin = IntegrationPin(
        integration="git",
        server_name="s",
        server_version="1",
        instructions="",
        eras=("2025-06-18",),
        tools=(ToolPin(integration="git", name="a_tool", digest=PIN, definition=definition),),
        digest=PIN,
        origin="o",
    )
    catalogue = Manifest(
        integration="git",
        title="Git",
        vendor="v",
        verified=verified,
        verified_against="s",
        verified_on="2026-01-01",
        stateful=False,
        per_person=False,
        tools=(known,) if known else (),
    )
    made = compile_toolbox(Integration(name="git", actor="local"), pin, catalogue if known else None, DomainMap(()))
    return made.tools["a_tool"]


def contract(**changes: object) -> ContractRules:
    made = Contract(
        id="c-1",
        name="everyday",
        objective="Daily work",
        team="eng",
        owner="ana",
        scopes=(Scope(integration="git"),),
        max_tier=Tier.EXECUTE,
        domains=("local-work",),
        everyday=True,
    )
    return compile_contract(msgspec.structs.replace(made, **changes))


def call(tier: Tier = Tier.EXECUTE, kind: RuntimeKind = RuntimeKind.ATTENDED, **changes: object) -> Call:
    made = Call(
        id="call-1",
        tenant="t",
        principal=Principal(
            initiator=Initiator(tenant="t", issuer="callgate", subject="ana"),
            runtime=Runtime(id="codex", kind=kind),
            actor=Actor(integration="git", name="local"),
        ),
        credential="k",
        contract="c-1",
        task="",
        integration="git",
        tool="a_tool",
        tier=tier,
        arguments={},
        body=b"{}",
        targets=(REPOSITORY,),
        pin=PIN,
        at_ms=NOW,
        deadline_ms=NOW + 60_000,
    )
    return msgspec.structs.replace(made, **changes)


def facts(digest: str, **changes: object) -> Facts:
    made = Facts(now_ms=NOW, stage=Stage.PRODUCTION, profile=Profile.SOLO, bundle=digest, pinned=PIN)
    return msgspec.structs.replace(made, **changes)
