"""Everything that must refuse a policy file refuses it at load, with file and policy."""

import pytest

from callgate.core.policy.load import MAX_LINKS, MAX_NESTING, load_policies
from callgate.model.bundle import PolicyFile
from callgate.model.errors import ConfigError
from callgate.model.terms import Ask, Effect

SCOPE = "(principal, action, resource)"


def load(text, name="a.cedar"):
    return load_policies((PolicyFile(name=name, text=text),))


def test_a_permit_and_a_forbid_with_everything():
    permit, forbid = load(
        f'@id("p") @reason("Because.") permit {SCOPE};\n'
        '@id("f") @reason("No.") @owner("security") @effect("hold") @ask("domain") @mode("shadow") @suspendable\n'
        f"forbid {SCOPE} when {{ context.risk > 3 }};"
    )
    assert (permit.id, permit.effect, permit.permit, permit.reason) == ("p", Effect.ALLOW, True, "Because.")
    assert (forbid.id, forbid.effect, forbid.ask, forbid.permit) == ("f", Effect.HOLD, Ask.DOMAIN, False)
    assert (forbid.owner, forbid.shadow, forbid.suspendable) == ("security", True, True)


def test_a_forbid_without_effect_denies_and_is_neither_shadowed_nor_suspendable():
    (forbid,) = load(f'@id("f") @reason("No.") forbid {SCOPE};')
    assert (forbid.effect, forbid.ask, forbid.shadow, forbid.suspendable) == (Effect.DENY, None, False, False)


def test_order_is_that_of_the_file_beyond_ten_policies():
    text = "".join(f'@id("p{n}") permit {SCOPE};' for n in range(12))
    assert [policy.id for policy in load(text)] == [f"p{n}" for n in range(12)]


REFUSED = {
    "no id": (f"permit {SCOPE};", "policy 1", "@id"),
    "empty id": (f'@id("") permit {SCOPE};', "policy 1", "@id"),
    "id with blanks": (f'@id("a b") permit {SCOPE};', "policy 1", "@id"),
    "second without id": (f'@id("a") permit {SCOPE}; permit {SCOPE};', "policy 2", "@id"),
    "same id": (f'@id("a") permit {SCOPE}; @id("a") permit {SCOPE};', "a", "already used"),
    "forbid without reason": (f'@id("a") forbid {SCOPE};', "a", "@reason"),
    "effect on permit": (f'@id("a") @effect("deny") permit {SCOPE};', "a", "cannot stand on a permit"),
    "mode on permit": (f'@id("a") @mode("shadow") permit {SCOPE};', "a", "cannot stand on a permit"),
    "owner on permit": (f'@id("a") @owner("x") permit {SCOPE};', "a", "cannot stand on a permit"),
    "suspendable on permit": (f'@id("a") @suspendable permit {SCOPE};', "a", "cannot stand on a permit"),
    "ask on permit": (f'@id("a") @ask("meant") permit {SCOPE};', "a", "cannot stand on a permit"),
    "unknown annotation": (f'@id("a") @reason("x") @efect("hold") forbid {SCOPE};', "a", "@efect"),
    "unknown effect": (f'@id("a") @reason("x") @effect("allow") forbid {SCOPE};', "a", '@effect("draft")'),
    "unknown mode": (f'@id("a") @reason("x") @mode("dark") forbid {SCOPE};', "a", '@mode("shadow")'),
    "unknown ask": (
        f'@id("a") @reason("x") @effect("hold") @ask("me") forbid {SCOPE};',
        "a",
        '@ask("meant"), @ask("domain"), @ask("acceptable")',
    ),
    "suspendable with a word": (f'@id("a") @reason("x") @suspendable("no") forbid {SCOPE};', "a", "@suspendable"),
    "hold without ask": (f'@id("a") @reason("x") @effect("hold") forbid {SCOPE};', "a", "belong together"),
    "ask without hold": (f'@id("a") @reason("x") @ask("meant") forbid {SCOPE};', "a", "belong together"),
    "not Cedar": ("permit everything", "", "not Cedar"),
    "duplicate annotation": (f'@id("a") @id("b") permit {SCOPE};', "", "duplicate annotation"),
    "template": ('@id("a") permit (principal == ?principal, action, resource);', "", "templates"),
    "unknown attribute": (f'@id("a") permit {SCOPE} when {{ context.riskk > 1 }};', "a", "context.riskk"),
    "has of an unknown attribute": (f'@id("a") permit {SCOPE} when {{ context has riskk }};', "a", "context.riskk"),
    "wrong type": (f'@id("a") permit {SCOPE} when {{ context.risk > "1" }};', "a", "Long"),
    "optional without has": (f'@id("a") permit {SCOPE} when {{ context.domain == "x" }};', "a", "optional"),
    "unknown action": ('@id("a") permit (principal, action == Callgate::Action::"run", resource);', "a", "action"),
    "unknown entity": ('@id("a") permit (principal, action, resource == Callgate::Nope::"x");', "a", "Nope"),
    "principal has no attributes": (f'@id("a") permit {SCOPE} when {{ principal.name == "x" }};', "a", "name"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_name_file_policy_and_what_is_wrong(case):
    text, key, said = REFUSED[case]
    with pytest.raises(ConfigError) as fault:
        load(text, "guards.cedar")
    assert fault.value.file == "guards.cedar"
    assert fault.value.key == key
    assert said in fault.value.message


def test_ids_are_unique_over_all_files():
    text = f'@id("a") permit {SCOPE};'
    with pytest.raises(ConfigError, match="one.cedar") as fault:
        load_policies((PolicyFile(name="one.cedar", text=text), PolicyFile(name="two.cedar", text=text)))
    assert fault.value.file == "two.cedar"


def condition(body):
    return f'@id("a") permit {SCOPE} when {{ {body} }};'


# Without our bounds each of these ends the whole process inside Cedar's parser.
DEEP = {
    "brackets": condition("(" * 20_000 + "true" + ")" * 20_000),
    "open brackets only": condition("(" * 20_000),
    "sets": condition("[" * 20_000 + "1" + "]" * 20_000 + " == []"),
    "records": condition("{a: " * 20_000 + "1" + "}" * 20_000 + " == {}"),
    "and": condition("true && " * 20_000 + "true"),
    "plus": condition("1 + " * 20_000 + "1 == 2"),
    "members": condition("context" + ".a" * 20_000),
    "index": condition("context" + '["a"]' * 20_000),
    "else": condition("if true then true else " * 20_000 + "true"),
    "after a comment": condition("// (\r" + "(" * 20_000),
    "after a string": condition('"\\"" == "" || ' + "(" * 20_000),
}


@pytest.mark.parametrize("case", DEEP)
def test_texts_that_would_overflow_the_parser_are_refused_before_it(case):
    with pytest.raises(ConfigError, match="too large"):
        load(DEEP[case])


def test_the_bounds_are_per_policy_and_safe_for_the_parser():
    near = "(" * (MAX_NESTING - 3) + "true" + ")" * (MAX_NESTING - 3)
    assert len(load("".join(f'@id("p{n}") permit {SCOPE} when {{ {near} }};' for n in range(20)))) == 20
    assert len(load(condition('"((((((" == "))" // [[[[[[\n || true'))) == 1
    with pytest.raises(ConfigError, match="nesting"):
        load(condition("true && " * (MAX_LINKS - 10) + "true"))
