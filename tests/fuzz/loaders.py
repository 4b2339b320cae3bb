"""Files of people: manifests, contracts, policies, domains, settings. Read strictly, or refused with file and reason."""

import contextlib
import json
from typing import Any

from callgate.adapters.home.config import parse_config
from callgate.catalog.loader import parse_manifest
from callgate.core.contract import compile_contract, content_id, instantiate, narrows, parse_contract
from callgate.core.decide import compile_rules
from callgate.core.domains import DomainMap
from callgate.core.policy.bundle import parse_bundle
from callgate.core.policy.cases import run_cases
from callgate.core.policy.load import load_policies
from callgate.core.toolbox import ToolProfile
from callgate.model.bundle import PolicyFile
from callgate.model.errors import ConfigError
from callgate.model.terms import Tier
from callgate.model.tool import ToolPin
from callgate.policies import starter
from tests.fuzz.taking import Taking

FILES = {name: data for name, data in starter("ana").items() if not name.startswith("cases/")}
GIVEN: tuple[dict[str, Any], ...] = (
    {},
    {"repo_path": "/srv/app", "message": "m", "files": ["a", "b"], "mode": "x", "edits": [{"path": "/a"}]},
    {"repo_path": ["/srv"], "path": "/../x", "a": {"b": {"c": [1, None, True]}}, "n": 1.5},
)


def manifest(data: bytes) -> None:
    """What loads compiles, aims and tells tiers for any arguments, the manifest's own or higher by none."""
    try:
        found = parse_manifest(data, "x/manifest.toml")
    except ConfigError as fault:
        assert fault.file == "x/manifest.toml"
        assert fault.message
        return
    assert parse_manifest(data, "y").digest == found.digest
    for tool in found.tools:
        pin = ToolPin(integration="git", name=tool.name, digest="d", definition=b'{"inputSchema":{"type":"object"}}')
        profile = ToolProfile(pin, tool, DomainMap(()), "", verified=True)
        for given in GIVEN:
            tier = profile.tier_of(given)
            assert tier is tool.tier or any(rule.tier is tier for rule in tool.tier_by)
            assert tier <= profile.tier
            problems = profile.target_findings(given)
            targets = profile.targets_of(given)
            assert all(target.id and target.id.isprintable() for target in targets)
            assert problems or targets or not tool.targets or not given or len(given) > 2
            assert profile.sentence(given)
            profile.receipt_of(given, b'{"content":[{"type":"text","text":"abc"}]}')
            [read.arguments(given) for read in profile.state_reads(given)]


def contract(data: bytes) -> None:
    """What loads is within its own bounds, keeps its id, and is filled without getting wider than it says."""
    try:
        found = parse_contract(data, "x.toml")
    except ConfigError as fault:
        assert fault.file == "x.toml"
        assert fault.message
        return
    assert found.id == content_id(found)
    assert narrows(found, found) == ()
    names = [text.partition(":")[0] for text in found.parameters]
    if names:
        for value in ("app", "srv/app", "*", "../x", ""):
            with contextlib.suppress(ConfigError):
                made = instantiate(found, dict.fromkeys(names, value))
                assert value in ("app", "srv/app")
                assert not made.parameters
                rules = compile_contract(made)
                assert sum(text.count("*") for text in rules.prohibited.texts) <= sum(
                    text.count("*") for text in found.prohibited
                )
        return
    rules = compile_contract(found)
    for scope in found.scopes:
        assert rules.scopes[scope.integration].max_tier <= found.max_tier
        assert rules.scopes[scope.integration].max_tier <= Tier.EXECUTE


def policies(data: bytes) -> None:
    """A bundle loads and compiles, or is refused with its file; it never ends the process."""
    taking = Taking(data)
    name = taking.pick(("rules.toml", "domains.toml", "cases/x.toml", "more.cedar"))
    place, size = taking.number(65_535), taking.number(255)
    patch = taking.rest()
    old = FILES.get(name, b"") if place else b""
    place %= len(old) + 1
    files = {**FILES, name: old[:place] + patch + old[place + size :]}
    try:
        bundle = parse_bundle(files, {})
        run_cases(bundle, {name: text for name, text in files.items() if name.startswith("cases/")})
    except ConfigError as fault:
        assert fault.file
        assert fault.message
        return
    assert parse_bundle(dict(reversed(files.items())), {}) == bundle
    compile_rules(bundle)


def cedar(data: bytes) -> None:
    """Any text of policies, on its own."""
    text = data.decode("utf-8", "replace")
    try:
        loaded = load_policies((PolicyFile(name="x.cedar", text=text),))
    except ConfigError as fault:
        assert fault.file == "x.cedar"
        return
    assert len({policy.id for policy in loaded}) == len(loaded)


def settings(data: bytes) -> None:
    """``config.toml``."""
    try:
        found = parse_config(data, "config.toml")
    except ConfigError as fault:
        assert fault.file == "config.toml"
        assert fault.message
        return
    assert found.tenants
    assert 0 < found.listen.port < 65_536
    json.dumps(found.listen.host)
