"""Bundles: what is read, what is refused, and what the digest covers."""

from pathlib import Path

import pytest

import callgate.policies
from callgate.core.policy.bundle import bundle_digest, parse_bundle
from callgate.model.bundle import Bundle
from callgate.model.errors import ConfigError
from callgate.model.identity import Runtime
from callgate.model.terms import Ask, LogDepth, Profile, Role, RuntimeKind, Tier
from callgate.policies import starter

FILES = starter("ana")
MANIFESTS = {"git": "1" * 64}


def changed(name, old, new):
    text = FILES[name].decode()
    assert text.count(old) >= 1
    return {**FILES, name: text.replace(old, new, 1).encode()}


def test_the_starter_is_read_from_the_package():
    made = parse_bundle(FILES, MANIFESTS)
    assert made.profile is Profile.SOLO
    assert [p.name for p in made.policies] == ["guards.cedar", "permits.cedar"]
    assert [(d.name, d.owner, d.targets) for d in made.domains] == [
        ("local-work", "ana", ("fs.path:*", "git.repository:*", "mcp.prompt:*"))
    ]
    assert [(d.tier, d.approval) for d in made.duties] == [
        (Tier.READ, None),
        (Tier.DRAFT, None),
        (Tier.EXECUTE, Ask.MEANT),
    ]
    assert {b.role: b.subjects for b in made.roles} == dict.fromkeys(
        (Role.SECURITY, Role.PLATFORM, Role.APP_TEAM), ("ana",)
    )
    assistants = {"codex", "claude-code", "claude-desktop", "cursor", "vscode", "gemini"}
    assert {r.id for r in made.runtimes} == assistants | {"callgate-cli"}
    assert dict(made.stages) == {"git": "production", "filesystem": "production"}
    assert made.manifests == (("git", "1" * 64),)
    assert (made.waiting.expires_ms, made.waiting.grace_ms, made.waiting.quorum) == (8 * 3_600_000, 0, 1)
    assert dict(made.rates.kinds) == {RuntimeKind.UNATTENDED: 120, RuntimeKind.SUBAGENT: 300, RuntimeKind.SERVICE: 300}


def test_the_starter_files_lie_in_one_place_only():
    root = Path(callgate.policies.__file__).parents[3]
    assert not [path for path in (root / "policies").glob("**/*") if path.is_file()]
    assert all(b"@OWNER@" not in data for data in FILES.values())
    assert any(name.startswith("cases/") for name in FILES)


@pytest.mark.parametrize("owner", ["", 'a"b', "a\\b", "a\nb", "a'b"])
def test_an_owner_that_could_break_the_files_is_refused(owner):
    with pytest.raises(ValueError, match="owner"):
        starter(owner)


def test_an_owner_of_another_script_is_written_in():
    assert parse_bundle(starter("åsa@example.org"), {}).domains[0].owner == "åsa@example.org"


def test_defaults_of_a_small_bundle():
    small = {
        "rules.toml": b'profile = "team"\n[duties.read]\n',
        "domains.toml": b"",
        "a.cedar": b'@id("p") permit (principal, action, resource);',
    }
    made = parse_bundle(small, {})
    assert [(d.tier, d.approval, d.log_depth) for d in made.duties] == [(Tier.READ, None, LogDepth.METADATA)]
    assert made.stages == made.roles == made.runtimes == made.domains == ()
    assert made.rates.initiator == 600


def test_a_runtime_with_everything():
    files = {
        **FILES,
        "rules.toml": FILES["rules.toml"]
        + b"""
[runtimes.nightly]
kind = "service"
title = "Nightly job"
owner = "ben"
users = ["ben", "ana"]
client_ids = ["job-1"]
""",
    }
    found = {r.id: r for r in parse_bundle(files, {}).runtimes}["nightly"]
    assert found == Runtime(
        id="nightly",
        kind=RuntimeKind.SERVICE,
        title="Nightly job",
        owner="ben",
        users=("ana", "ben"),
        client_ids=("job-1",),
    )


REFUSED = {
    "unknown profile": (changed("rules.toml", '"solo"', '"duo"'), "rules.toml", "profile", "solo, team"),
    "unknown key": (changed("rules.toml", "\nhold_from", "\nhold_form"), "rules.toml", "risk.hold_form", "hold_from"),
    "unknown section": (changed("rules.toml", "[rates]", "[rate]"), "rules.toml", "rate", "rates"),
    "unknown tier": (changed("rules.toml", "[duties.read]", "[duties.look]"), "rules.toml", "duties.look", "read"),
    "unknown ask": (
        changed("rules.toml", 'ask = "meant"', 'ask = "sure"'),
        "rules.toml",
        "duties.execute.ask",
        "meant",
    ),
    "unknown depth": (changed("rules.toml", '"metadata"', '"some"'), "rules.toml", "duties.read.log_depth", "full"),
    "text for number": (
        changed("rules.toml", "initiator = 600", 'initiator = "600"'),
        "rules.toml",
        "rates.initiator",
        "number",
    ),
    "risk over 100": (changed("rules.toml", "admin = 40", "admin = 400"), "rules.toml", "risk.admin", "0 to 100"),
    "negative risk": (changed("rules.toml", "admin = 40", "admin = -40"), "rules.toml", "risk.admin", "0 to 100"),
    "hold from 0": (
        changed("rules.toml", "hold_from = 60", "hold_from = 0"),
        "rules.toml",
        "risk.hold_from",
        "1 to 101",
    ),
    "negative rate": (
        changed("rules.toml", "service = 300", "service = -1"),
        "rules.toml",
        "rates.kinds.service",
        "0 to",
    ),
    "no expiry": (
        changed("rules.toml", "expires_minutes = 480", "expires_minutes = 0"),
        "rules.toml",
        "waiting.expires_minutes",
        "1 to",
    ),
    "quorum alone": (changed("rules.toml", "quorum = 1 ", "quorum = 2 "), "rules.toml", "waiting.quorum", "solo"),
    "unknown stage": (
        changed("rules.toml", 'git = "production"', 'git = "live"'),
        "rules.toml",
        "stages.git",
        "read, production",
    ),
    "odd integration": (
        changed("rules.toml", 'git = "production"', '"g*" = "read"'),
        "rules.toml",
        "stages.g*",
        "integration",
    ),
    "unknown role": (changed("rules.toml", "platform =", "plattform ="), "rules.toml", "roles.plattform", "app-team"),
    "placeholder owner": (changed("domains.toml", '"ana"', '"@OWNER@"'), "domains.toml", "local-work.owner", "init"),
    "placeholder role": (changed("rules.toml", '["ana"]', '["@OWNER@"]'), "rules.toml", "roles.security", "init"),
    "empty owner": (changed("domains.toml", '"ana"', '" "'), "domains.toml", "local-work.owner", "subject"),
    "service without owner": (
        changed("rules.toml", 'kind = "attended"', 'kind = "service"'),
        "rules.toml",
        "runtimes.codex.owner",
        "owner",
    ),
    "client twice": (
        changed("rules.toml", 'title = "Cursor"', 'title = "Cursor"\nclient_ids = ["codex"]'),
        "rules.toml",
        "runtimes.cursor.client_ids",
        "codex",
    ),
    "runtime name": (
        changed("rules.toml", "[runtimes.codex]", '[runtimes."Co dex"]'),
        "rules.toml",
        "runtimes.Co dex",
        "lower case",
    ),
    "domain name": (changed("domains.toml", "[local-work]", '["Local"]'), "domains.toml", "Local", "lower case"),
    "bad pattern": (
        changed("domains.toml", '"fs.path:*"', '"fs.path"'),
        "domains.toml",
        "local-work.targets",
        "kind:id",
    ),
    "domain key": (changed("domains.toml", "\ntitle", "\ntitel"), "domains.toml", "local-work.titel", "title"),
    "pattern in two domains": (
        {
            **FILES,
            "domains.toml": FILES["domains.toml"] + b'[z]\ntitle = "Z"\nowner = "ana"\ntargets = ["fs.path:*"]\n',
        },
        "domains.toml",
        "targets",
        "fs.path:*",
    ),
    "domain without table": ({**FILES, "domains.toml": b"x = 1"}, "domains.toml", "x", "table"),
    "not TOML": ({**FILES, "rules.toml": b"profile = "}, "rules.toml", "", "TOML"),
    "not UTF-8": ({**FILES, "guards.cedar": b"// \xff"}, "guards.cedar", "", "UTF-8"),
    "too large": ({**FILES, "guards.cedar": b" " * 300_000}, "guards.cedar", "", "larger"),
    "no rules": ({k: v for k, v in FILES.items() if k != "rules.toml"}, "rules.toml", "", "missing"),
    "no domains": ({k: v for k, v in FILES.items() if k != "domains.toml"}, "domains.toml", "", "missing"),
    "another file": ({**FILES, "notes.md": b""}, "notes.md", "", "not part"),
    "a path out": ({**FILES, "../x.cedar": b""}, "../x.cedar", "", "not part"),
    "no permit": ({**FILES, "permits.cedar": b""}, "*.cedar", "", "permit"),
    "bad policy": ({**FILES, "z.cedar": b"permit(principal, action, resource);"}, "z.cedar", "policy 1", "@id"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_name_file_key_and_what_is_allowed(case):
    files, file, key, said = REFUSED[case]
    with pytest.raises(ConfigError) as fault:
        parse_bundle(files, MANIFESTS)
    assert (fault.value.file, fault.value.key) == (file, key)
    assert said in fault.value.message


def test_the_digest_covers_every_field_and_no_more():
    base = parse_bundle(FILES, MANIFESTS)
    assert base.digest == bundle_digest(base) == parse_bundle(dict(reversed(FILES.items())), MANIFESTS).digest
    others = [
        changed("rules.toml", "admin = 40", "admin = 41"),
        changed("rules.toml", "initiator = 600", "initiator = 601"),
        changed("rules.toml", "max_open = 20", "max_open = 21"),
        changed("rules.toml", 'git = "production"', 'git = "read"'),
        changed("rules.toml", "state_pin = true", "state_pin = false"),
        changed("rules.toml", '"solo"', '"team"'),
        changed("rules.toml", 'title = "Codex"', 'title = "The codex"'),
        changed("rules.toml", 'security = ["ana"]', 'security = ["ben"]'),
        changed("domains.toml", '"fs.path:*"', '"fs.path:/srv/*"'),
        changed("guards.cedar", "context.admin ||", "context.admin &&"),
    ]
    digests = {base.digest, *(parse_bundle(files, MANIFESTS).digest for files in others)}
    assert len(digests) == len(others) + 1
    assert parse_bundle(FILES, {"git": "2" * 64}).digest != base.digest
    assert (
        parse_bundle(changed("rules.toml", "# Calls per minute", "# Calls a minute"), MANIFESTS).digest == base.digest
    )
    assert parse_bundle({n: d for n, d in FILES.items() if "cases/" not in n}, MANIFESTS).digest == base.digest


def test_the_digest_names_every_field_of_a_bundle():
    assert set(Bundle.__struct_fields__) == {
        *("digest", "profile", "policies", "domains", "duties", "risk", "rates", "waiting", "roles", "runtimes"),
        *("stages", "manifests", "observing"),
    }
