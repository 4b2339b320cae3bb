"""Loaders complain by name and survive anything; nothing outside of its place; any schema is judged."""

import string
import tomllib
from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callgate.catalog.loader import parse_manifest
from callgate.core.contract import content_id, instantiate, parse_contract
from callgate.core.patterns import pattern_problem
from callgate.core.schemas import PinnedSchema, SchemaError
from callgate.core.sentence import Sentence
from callgate.core.visible import all_visible
from callgate.model.contract import Scope
from callgate.model.errors import ConfigError
from callgate.model.terms import Effect
from tests.core.test_catalog_loader import GOOD as MANIFEST
from tests.core.test_contract import GOOD as CONTRACT
from tests.fakes.catalog import contract

TOML_VALUES = st.recursive(
    st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.dates()
    | st.sampled_from(["*", "read", "k:*", "{id}", "a[]"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(string.ascii_letters + "_é", max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def set_somewhere(data, table, value):
    """Replace, add or remove one value at a random place of a parsed file."""
    here = table
    for _ in range(6):
        keys = sorted(here) if isinstance(here, dict) else list(range(len(here)))
        if not keys:
            break
        key = data.draw(st.sampled_from(keys))
        if isinstance(here[key], dict | list) and data.draw(st.booleans()):
            here = here[key]
            continue
        if data.draw(st.booleans()):
            here[key] = value
        else:
            del here[key]
        return
    if isinstance(here, dict):
        here[data.draw(st.text(max_size=6))] = value


@pytest.mark.parametrize(
    ("good", "parse"),
    [(CONTRACT, lambda text: parse_contract(text, "f")), (MANIFEST, lambda text: parse_manifest(text, "f"))],
)
@settings(max_examples=300)
@given(data=st.data(), value=TOML_VALUES)
def test_loaders_only_ever_complain_by_name(good, parse, data, value):
    table = tomllib.loads(good)
    for _ in range(data.draw(st.integers(1, 3))):
        set_somewhere(data, table, deepcopy(value))
    try:
        made = parse(to_toml(table))
    except ConfigError as fault:
        assert fault.file == "f"
        assert fault.message
    else:
        assert made == parse(to_toml(table))


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_loaders_survive_any_bytes(data):
    for parse in (parse_contract, parse_manifest):
        with pytest.raises(ConfigError):
            parse(data, "f")


@given(st.integers(0, len(MANIFEST)), st.text("{}[]\"'=,.*\n#\\x ", max_size=5))
def test_loaders_survive_any_slip_of_the_pen(at, slip):
    for good, parse in ((CONTRACT, parse_contract), (MANIFEST, parse_manifest)):
        try:
            parse((good[:at] + slip + good[at:]).encode(), "f")
        except ConfigError as fault:
            assert fault.file == "f"


def to_toml(value):
    """TOML of plain values: everything inline, which is all the loaders need."""
    return "\n".join(f"{quoted(key)} = {inline(inner)}" for key, inner in value.items()).encode()


def quoted(text):
    return '"' + "".join(c if c.isalnum() and c.isascii() else f"\\U{ord(c):08x}" for c in text) + '"'


def inline(value):
    match value:
        case bool():
            return str(value).lower()
        case str():
            return quoted(value)
        case list():
            return "[" + ", ".join(map(inline, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{quoted(key)} = {inline(inner)}" for key, inner in value.items()) + "}"
        case _:
            return str(value)


TEMPLATE = contract(
    everyday=False,
    parameters=("ticket", "repo:path"),
    objective="{ticket}",
    prohibited=("k:/{repo}/secret",),
    scopes=(Scope(integration="git", targets=("k:/{repo}", "k:/work/{ticket}/*", "k:/work/x{ticket}")),),
)


@settings(max_examples=300)
@given(
    st.text(max_size=6) | st.text("ab./*:\\{}~ ", max_size=6), st.text(max_size=6) | st.text("ab./*:\\{}~ ", max_size=8)
)
def test_no_parameter_reaches_outside_of_its_place(ticket, repo):
    try:
        made = instantiate(TEMPLATE, {"ticket": ticket, "repo": repo})
    except ConfigError:
        return
    assert made.id == content_id(made)
    assert made.parameters == ()
    whole, below, beside = made.scopes[0].targets
    assert "*" not in whole + beside
    assert below.startswith("k:/work/")
    assert below.count("*") == 1
    assert below.count("/") == 3
    assert beside.count("/") == 2
    for pattern in (whole, below, beside, *made.prohibited):
        assert pattern_problem(pattern) == ""


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda i: st.lists(i, max_size=3) | st.dictionaries(st.text(max_size=3), i, max_size=3),
            max_leaves=6,
        ),
        max_size=3,
    )
)
def test_sentences_are_always_visible(arguments):
    said = Sentence("Do {a} to {b.c} and {list[].x}").say({**arguments, "a": arguments})
    assert all_visible(said)
    assert len(said) <= 600


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["object", "string", "#", "#/$defs/a", "array"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "properties",
                    "type",
                    "items",
                    "$ref",
                    "$defs",
                    "a",
                    "anyOf",
                    "additionalProperties",
                    "required",
                    "patternProperties",
                    "enum",
                    "if",
                    "then",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=400)
@given(JSON, st.dictionaries(st.sampled_from(["a", "b"]), JSON, max_size=2))
def test_any_schema_is_refused_or_judges(schema, arguments):
    try:
        compiled = PinnedSchema(schema, with_manifest=True)
    except SchemaError:
        return
    for finding in compiled.findings(arguments):
        assert finding.effect is Effect.DENY
        assert finding.reason
