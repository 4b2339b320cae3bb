"""An approver sees every line that a proposal changes."""

import msgspec
import pytest

from callgate.core.policy.bundle import parse_bundle
from callgate.core.policy.changes import MOST_LINES, changes, parts
from callgate.model.bundle import PolicyFile, RoleBinding
from callgate.model.terms import Profile, Role
from callgate.policies import starter

LIVE = parse_bundle({name: data for name, data in starter("ana").items() if "/" not in name}, {"git": "d" * 64})


def changed(**fields):
    return changes(LIVE, msgspec.structs.replace(LIVE, **fields))


def test_nothing_changes_nothing():
    assert changes(LIVE, LIVE) == ()


def test_a_new_holder_of_a_role_is_seen():
    roles = tuple(
        msgspec.structs.replace(one, subjects=(*one.subjects, "mallory")) if one.role is Role.SECURITY else one
        for one in LIVE.roles
    )
    said = changed(roles=roles)
    assert said[0] == "rules.toml changes."
    assert '  + roles.security.subjects = ["ana","mallory"]' in said
    assert len(said) == 3


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"profile": Profile.TEAM}, '  + profile = "team"'),
        ({"stages": (("git", "read"),)}, '  + stages.git = "read"'),
        ({"manifests": (("git", "e" * 64),)}, f'  + git = "{"e" * 64}"'),
        ({"roles": (*LIVE.roles, RoleBinding(Role.AUDIT, ("eve",)))}, '  + roles.audit.subjects = ["eve"]'),
        ({"risk": msgspec.structs.replace(LIVE.risk, hold_from=101)}, "  + risk.hold_from = 101"),
    ],
)
def test_each_field_is_seen(fields, line):
    assert line in changed(**fields)


def test_lines_of_policies_and_domains_are_seen():
    first, *others = LIVE.policies
    said = changed(policies=(PolicyFile(first.name, f"{first.text}permit (principal, action, resource);"), *others))
    assert said == (f"{first.name} changes.", "  + permit (principal, action, resource);")
    said = changed(policies=(*LIVE.policies, PolicyFile("z.cedar", "permit (principal, action, resource);")))
    assert said == ("z.cedar is new.", "  + permit (principal, action, resource);")
    assert changed(policies=tuple(others))[0] == f"{first.name} is gone."
    domain = LIVE.domains[0]
    moved = msgspec.structs.replace(domain, owner="mallory")
    assert f'  + {domain.name}.owner = "mallory"' in changed(domains=(moved, *LIVE.domains[1:]))


def test_every_field_of_a_bundle_is_in_a_part():
    named = {"digest", "policies", "domains", "manifests"} | {
        line.partition(".")[0].partition(" ")[0] for line in parts(LIVE)["rules.toml"]
    }
    assert named == set(LIVE.__struct_fields__)


def test_very_many_lines_are_counted():
    said = changed(policies=(*LIVE.policies, PolicyFile("z.cedar", "// x\n" * (MOST_LINES + 7))))
    assert said[-1] == "  … and 7 further lines of z.cedar"
