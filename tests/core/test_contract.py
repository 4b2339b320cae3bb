"""Contract files, ids, templates and narrowing."""

from importlib import resources

import msgspec
import pytest

from callgate.core.contract import compile_contract, content_id, instantiate, narrows, parse_contract
from callgate.model.contract import Contract, Retry, Scope
from callgate.model.errors import ConfigError
from callgate.model.terms import Breadth, Effect, Tier
from callgate.policies import __name__ as policies
from tests.fakes.catalog import contract

GOOD = """
name = "work"
objective = "Work."
team = "home"
owner = "ana"
max_tier = "draft"
domains = ["local-work"]
[[scopes]]
integration = "git"
tools = ["git_status", "git_log"]
targets = ["git.repository:/srv/app"]
"""


def shipped(name):
    text = (resources.files(policies) / "contracts" / f"{name}.toml").read_bytes()
    return parse_contract(text.replace(b"@OWNER@", b"ana"), f"{name}.toml")


def parse(text, file="work.toml"):
    return parse_contract(text.encode(), file)


def test_a_good_file():
    made = parse(GOOD)
    assert made.max_tier is Tier.DRAFT
    assert made.scopes[0].tools == ("git_status", "git_log")
    assert made.outside is Effect.HOLD
    assert made.id == content_id(made)
    assert len(made.id) == 34


def test_the_id_covers_the_content_and_nothing_else():
    made = parse(GOOD)
    assert parse(GOOD, "another.toml").id == made.id
    assert parse("# comment\n" + GOOD).id == made.id
    for changed in ('objective = "Work!"', 'objective = "Work."\nmax_calls = 1'):
        assert parse(GOOD.replace('objective = "Work."', changed)).id != made.id
    assert content_id(msgspec.structs.replace(made, id="c-other")) == made.id
    assert content_id(msgspec.structs.replace(made, parent="c-other")) != made.id
    breadths = {parse(f'{GOOD.rstrip()}\nbreadth = "{breadth}"\n').id for breadth in Breadth}
    assert len(breadths | {made.id}) == 3


def test_the_id_is_stable():
    assert parse(GOOD).id == "c-9293b9fb4a8179affc2a82a63c1cb203"


@pytest.mark.parametrize(
    ("old", "new", "key", "says"),
    [
        ('owner = "ana"', 'ownr = "ana"', "ownr", "Did you mean owner?"),
        ('owner = "ana"', "", "owner", "missing"),
        ('"draft"', '"exekute"', "max_tier", "Did you mean execute?"),
        ('"draft"', "2", "max_tier", "read, draft, execute"),
        ('name = "work"', "name = 7", "name", "Text in quotes"),
        ('name = "work"', 'name = "my work"', "name", "letters, digits"),
        ('objective = "Work."', 'objective = " "', "objective", "1 to 500"),
        ('domains = ["local-work"]', 'domains = "local-work"', "domains", "array"),
        ('domains = ["local-work"]', 'domains = ["*"]', "domains[0]", "letters"),
        ('integration = "git"', 'integration = "git"\ntier = "read"', "scopes[0].tier", "Did you mean max_tier?"),
        ('integration = "git"', "", "scopes[0].integration", "missing"),
        ('tools = ["git_status", "git_log"]', "tools = []", "scopes[0].tools", "At least one"),
        ('tools = ["git_status", "git_log"]', 'tools = ["git_*"]', "scopes[0].tools[0]", "whole tool name"),
        ("/srv/app", "/srv/../app", "scopes[0].targets[0]", "not normalised"),
        ('targets = ["git.repository:/srv/app"]', 'targets = ["/srv/app"]', "scopes[0].targets[0]", "kind"),
        ('tools = ["git_status", "git_log"]', 'max_tier = "execute"', "scopes[0].max_tier", "only narrow"),
        ('owner = "ana"', 'owner = "ana"\noutside = "allow"', "outside", "hold, deny"),
        ('owner = "ana"', 'owner = "ana"\nretry = { attempts = 9 }', "retry.attempts", "1 to 5"),
        ('owner = "ana"', 'owner = "ana"\nmax_calls = -1', "max_calls", "0 to"),
        ('owner = "ana"', 'owner = "ana"\nmax_calls = true', "max_calls", "whole number"),
        ('owner = "ana"', 'owner = "ana"\neveryday = 1', "everyday", "true or false"),
        ('owner = "ana"', 'owner = "ana"\nid = "c-1"', "id", "no such key"),
        ('owner = "ana"', 'owner = "ana"\nruntimes = ["codex*"]', "runtimes[0]", "other stars"),
        ('owner = "ana"', 'owner = "ana"\nprohibited = ["k"]', "prohibited[0]", "kind:id"),
        ('owner = "ana"', 'owner = "ana"\nparameters = ["Ticket"]', "parameters[0]", "lower-case"),
        ('owner = "ana"', 'owner = "ana"\nparameters = ["ticket"]', "parameters[0]", "place {ticket}"),
        (
            'objective = "Work."',
            'objective = "{tiket} {ticket}"\nparameters = ["ticket"]',
            "objective",
            "Did you mean ticket?",
        ),
    ],
)
def test_each_mistake_names_file_key_and_what_is_allowed(old, new, key, says):
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        parse(GOOD.replace(old, new, 1))
    assert (caught.value.file, caught.value.key) == ("work.toml", key)
    assert says in caught.value.message


@pytest.mark.parametrize("text", [b"\xff", b"a = [", b"x" * (1 << 21), b"a = " + b"[" * 5000, b"a = 1\na = 2"])
def test_files_that_are_no_toml(text):
    with pytest.raises(ConfigError) as caught:
        parse_contract(text, "bad.toml")
    assert caught.value.file == "bad.toml"


def test_two_scopes_of_one_integration_are_refused():
    with pytest.raises(ConfigError) as caught:
        parse(GOOD + '[[scopes]]\nintegration = "git"\n')
    assert caught.value.key == "scopes[1].integration"


def test_the_shipped_contracts():
    everyday = shipped("everyday")
    assert everyday.everyday
    assert compile_contract(everyday).scopes["git"].tools is None
    template = shipped("branch-work")
    made = instantiate(template, {"repository": "srv/app", "ticket": "ENG-412"})
    assert made.scopes[0].targets == ("git.repository:/srv/app",)
    assert made.objective == "Work on ticket ENG-412 in one repository."
    assert (made.parent, made.parameters) == (template.id, ())
    assert made.id == content_id(made) != template.id
    assert narrows(made, everyday) == ()


def test_a_template_cannot_be_used_itself():
    with pytest.raises(ConfigError):
        compile_contract(shipped("branch-work"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ticket", "*"),
        ("ticket", "ENG-*"),
        ("ticket", "a/b"),
        ("ticket", "a\\b"),
        ("ticket", ".."),
        ("ticket", ""),
        ("ticket", "a\n"),
        ("ticket", "{repository}"),
        ("ticket", "a:b"),
        ("ticket", "x" * 129),
        ("ticket", "\u202eabc"),
        ("repository", "srv/../etc"),
        ("repository", "srv/*"),
        ("repository", "srv//app"),
        ("repository", "srv/app/"),
        ("repository", "."),
        ("repository", "/srv/app"),
        ("repository", "a\n"),
    ],
)
def test_no_parameter_can_widen_a_template(name, value):
    values = {"repository": "srv/app", "ticket": "ENG-412", name: value}
    with pytest.raises(ConfigError) as caught:
        instantiate(shipped("branch-work"), values)
    assert caught.value.message
    assert value not in caught.value.message or len(value) < 3


def test_parameters_have_to_be_exactly_those_of_the_template():
    for values in ({"ticket": "A"}, {"ticket": "A", "repository": "r", "branch": "b"}):
        with pytest.raises(ConfigError):
            instantiate(shipped("branch-work"), values)


SCOPE = Scope(integration="git", tools=("a", "b"), max_tier=Tier.DRAFT, targets=("k:/srv/*",))
WIDE = contract(
    scopes=(SCOPE,), prohibited=("k:/srv/x",), initiators=("ana",), runtimes=("codex",), everyday=False,
    max_seconds=100, max_calls=10, call_timeout_ms=1000, domains=("d",), max_tier=Tier.DRAFT,
)  # fmt: skip


def scope(**changed):
    return (msgspec.structs.replace(SCOPE, **changed),)


@pytest.mark.parametrize(
    "change",
    [
        {"team": "other"},
        {"max_tier": Tier.EXECUTE},
        {"domains": ("d", "e")},
        {"initiators": ("*",)},
        {"initiators": ("ana", "ben")},
        {"runtimes": ("cursor",)},
        {"prohibited": ()},
        {"prohibited": ("k:/srv/x/*",)},
        {"breadth": Breadth.GLOBAL},
        {"irreversible": True},
        {"everyday": True},
        {"assistant_may_open": True},
        {"max_seconds": 101},
        {"max_seconds": 0},
        {"max_calls": 11},
        {"max_calls": 0},
        {"call_timeout_ms": 1001},
        {"retry": Retry(attempts=2)},
        {"scopes": (SCOPE, Scope(integration="other"))},
        {"scopes": scope(tools=("*",))},
        {"scopes": scope(tools=("a", "c"))},
        {"scopes": scope(targets=())},
        {"scopes": scope(targets=("k:/srv/a", "k:/etc"))},
        {"scopes": scope(targets=("k:/*",))},
        {"scopes": scope(max_tier=None), "max_tier": Tier.EXECUTE},
        {"scopes": scope(breadth=Breadth.GLOBAL)},
        {"scopes": scope(breadth=Breadth.TARGETS), "breadth": Breadth.GLOBAL},
    ],
)
def test_every_way_of_being_wider_is_named(change):
    assert narrows(msgspec.structs.replace(WIDE, **change), WIDE)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"name": "other", "objective": "Other.", "owner": "ben", "parent": "c-1"},
        {"max_tier": Tier.READ},
        {"domains": ()},
        {"prohibited": ("k:/srv/x*", "k:/srv/y")},
        {"max_seconds": 99},
        {"max_calls": 9},
        {"outside": Effect.DENY},
        {"scopes": scope(tools=("a",))},
        {"scopes": scope(targets=("k:/srv/a", "k:/srv/b/*"))},
        {"scopes": scope(max_tier=Tier.READ)},
        {"scopes": scope(breadth=Breadth.TARGETS)},
        {"scopes": ()},
    ],
)
def test_narrower_or_equal(change):
    assert narrows(msgspec.structs.replace(WIDE, **change), WIDE) == ()


def test_held_outside_is_wider_than_denied_outside():
    strict = msgspec.structs.replace(WIDE, outside=Effect.DENY)
    assert narrows(WIDE, strict)
    assert not narrows(strict, WIDE)


def test_tasks_under_everyday_rules_may_last():
    everyday = msgspec.structs.replace(WIDE, everyday=True, max_seconds=1)
    assert narrows(WIDE, everyday) == ()


def test_every_field_of_a_contract_is_compared_or_named_here():
    """A new field has to be thought of in ``narrows``."""
    powerless = {"id", "name", "objective", "owner", "parent", "parameters"}
    compared = {
        "team", "scopes", "max_tier", "domains", "initiators", "runtimes", "prohibited", "outside", "breadth",
        "irreversible", "everyday", "assistant_may_open", "max_seconds", "max_calls", "call_timeout_ms", "retry",
    }  # fmt: skip
    assert {field.name for field in msgspec.structs.fields(Contract)} == powerless | compared
    of_scope = {"integration", "tools", "max_tier", "targets", "breadth"}
    assert {field.name for field in msgspec.structs.fields(Scope)} == of_scope
