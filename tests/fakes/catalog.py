"""Toolboxes, calls and facts from small parts, for tests of gates and of what is compiled per load."""

import hashlib
import json
from pathlib import Path

import msgspec
import pytest

from callgate.catalog.loader import load_manifest, parse_manifest
from callgate.core.contract import content_id
from callgate.core.domains import DomainMap
from callgate.core.toolbox import Toolbox, compile_toolbox
from callgate.model.bundle import Domain
from callgate.model.call import Call
from callgate.model.contract import Contract, Scope, Task
from callgate.model.errors import ConfigError
from callgate.model.facts import Facts
from callgate.model.identity import Actor, Initiator, Principal, Runtime
from callgate.model.terms import Profile, Stage, Tier
from callgate.model.tool import Integration, IntegrationPin, Manifest, Target, ToolManifest, ToolPin

DEFINITIONS = Path(__file__).parent.parent / "golden" / "catalog"
DOMAINS = DomainMap(
    (
        Domain(name="local-work", title="Local work", owner="ana", targets=("git.repository:/srv/*", "thing:*")),
        Domain(name="finance", title="Finance", owner="ben", targets=("git.repository:/srv/books*",)),
    )
)


def definitions(name):
    return json.loads((DEFINITIONS / f"{name}.json").read_text())


def changed(text, old, new):
    """With another word at one place, which must be there."""
    assert old in text
    return text.replace(old, new, 1)


def parsed(text, name="things") -> Manifest:
    return parse_manifest(text.encode(), f"{name}/manifest.toml", name)


def refused(text, name="things") -> ConfigError:
    """What is said of a manifest with a mistake."""
    with pytest.raises(ConfigError) as caught:
        parsed(text, name)
    assert caught.value.file == f"{name}/manifest.toml"
    return caught.value


def tool_pin(tool):
    data = msgspec.json.encode(tool)
    return ToolPin(integration="x", name=tool["name"], digest=hashlib.sha256(data).hexdigest(), definition=data)


def toolbox(tools, manifest=None, domains=DOMAINS) -> Toolbox:
    pin = IntegrationPin(
        integration="x",
        server_name="x",
        server_version="1",
        instructions="",
        eras=(),
        tools=tuple(tool_pin(tool) for tool in tools),
        digest="d",
        origin="o",
    )
    return compile_toolbox(Integration(name="x", actor="local"), pin, manifest, domains)


def shipped(name) -> Toolbox:
    return toolbox(definitions(name), load_manifest(name))


def manifest(*tools, verified=True) -> Manifest:
    return Manifest(
        integration="x",
        title="X",
        vendor="V",
        verified=verified,
        verified_against="x 1",
        verified_on="2026-11-22",
        stateful=False,
        per_person=False,
        tools=tools,
    )


def profile(schema=None, *, name="t", known=True, verified=True, domains=DOMAINS, tool=None, **rules):
    """One tool with ``rules`` of its ToolManifest; ``known`` False: without a manifest."""
    defined = {"name": name, "inputSchema": schema or {"type": "object"}, **(tool or {})}
    rules = {"tier": Tier.READ, "say": "Do it", **rules}
    found = manifest(ToolManifest(name=name, **rules), verified=verified) if known else None
    return toolbox([defined], found, domains).tools[name]


def contract(**changed) -> Contract:
    made = Contract(
        **{
            "id": "",
            "name": "work",
            "objective": "Work.",
            "team": "home",
            "owner": "ana",
            "scopes": (Scope(integration="git"),),
            "max_tier": Tier.EXECUTE,
            "domains": ("local-work",),
            "everyday": True,
            **changed,
        }
    )
    return msgspec.structs.replace(made, id=content_id(made))


def task(of, **changed) -> Task:
    values = {
        "id": "task-1",
        "contract": of if isinstance(of, str) else of.id,
        "initiator": "ana",
        "issuer": "https://gate.example",
        "runtime": "codex",
        "title": "A task",
        "opened_ms": 0,
        "deadline_ms": 10_000,
    }
    return Task(**{**values, **changed})


def call(tool, arguments, of, **changed) -> Call:
    values = {
        "id": "call-1",
        "tenant": "local",
        "principal": Principal(
            initiator=Initiator(tenant="local", issuer="https://gate.example", subject="ana"),
            runtime=Runtime(id="codex"),
            actor=Actor(integration="git", name="local"),
        ),
        "credential": "cred",
        "contract": of.id,
        "task": "",
        "integration": "git",
        "tool": tool.name if tool else "nothing",
        "tier": tool.tier_of(arguments) if tool else Tier.EXECUTE,
        "arguments": arguments,
        "body": b"{}",
        "targets": tool.targets_of(arguments) if tool else (),
        "pin": tool.pin.digest if tool else "",
        "at_ms": 1000,
        "deadline_ms": 5000,
    }
    return Call(**{**values, **changed})


def facts(tool=None, **changed) -> Facts:
    values = {
        "now_ms": 1000,
        "stage": Stage.PRODUCTION,
        "profile": Profile.SOLO,
        "bundle": "b",
        "pinned": tool.pin.digest if tool else "",
    }
    return Facts(**{**values, **changed})


def target(text, domain="") -> Target:
    kind, _, name = text.partition(":")
    return Target(kind=kind, id=name, domain=domain)
