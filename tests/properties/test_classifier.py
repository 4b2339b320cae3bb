"""What may only raise a tier never lowers it, whatever the tool is."""

from hypothesis import given
from hypothesis import strategies as st

from callgate.core.classify import classify
from callgate.core.classifying.lexicon import (
    CHANGES,
    CODE_KEYS,
    COMPUTES,
    LOOKS,
    LOOKS_OR_NAMES,
    MOSTLY_NAMES,
    NAMES_TOO,
    TELLS,
    THINGS,
)
from callgate.model.terms import Tier

WORDS = sorted(CHANGES | LOOKS | LOOKS_OR_NAMES | THINGS | TELLS | {"draft", "pending", "and", "or", "by", "api"})
SURE = sorted(CHANGES - NAMES_TOO)
CERTAIN = sorted(CHANGES - NAMES_TOO - COMPUTES - MOSTLY_NAMES)
KEYS = [
    "action", "method", "mode", "path", "url", "to", "body", "query", "id", "params", "branch", "repo_path", "amount",
    "role", "local_path", "code", "variables", "state", "function",
]  # fmt: skip
words = st.sampled_from(WORDS) | st.text("abcdefghijklmnopqrstuvwxyz", min_size=2, max_size=8)
names = st.lists(words, min_size=1, max_size=4).flatmap(
    lambda parts: st.sampled_from(["_".join(parts), "-".join(parts), "".join(part.title() for part in parts)])
)
argument = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["string", "boolean", "array", "object", ["string", "null"]]),
        "enum": st.lists(names, max_size=3),
        "description": st.text(max_size=20),
    },
)
schemas = st.dictionaries(st.sampled_from(KEYS) | names, argument, max_size=4).map(
    lambda properties: {"type": "object", "properties": properties}
)
hints = st.fixed_dictionaries(
    {}, optional={"readOnlyHint": st.booleans(), "destructiveHint": st.booleans(), "title": st.text(max_size=20)}
)
definitions = st.fixed_dictionaries(
    {"name": names, "inputSchema": schemas},
    optional={"description": st.lists(words, max_size=8).map(" ".join), "annotations": hints},
)
integrations = st.sampled_from(["", "git", "mail", "memory", "browser"]) | names


def with_argument(definition, key, schema):
    inner = definition["inputSchema"]
    return {**definition, "inputSchema": {**inner, "properties": {**inner["properties"], key: schema}}}


def tier(definition, integration):
    return classify(definition, integration=integration).tier


@given(definitions, integrations)
def test_a_destructive_hint_never_lowers(definition, integration):
    plain = definition.get("annotations", {})
    for more in ({"destructiveHint": True}, {"readOnlyHint": False}, {"readOnlyHint": False, "destructiveHint": True}):
        without = {**definition, "annotations": {k: v for k, v in plain.items() if k not in more}}
        raised = {**definition, "annotations": {**plain, **more}}
        assert tier(raised, integration) >= tier(without, integration)


@given(definitions, integrations, st.sampled_from(CERTAIN), st.booleans())
def test_that_it_only_reads_lowers_nothing_beside_a_word_that_only_changes(definition, integration, verb, first):
    name = definition["name"]
    bare = {key: value for key, value in definition.items() if key != "annotations"}
    bare["name"] = f"{verb}_{name}" if first else f"{name}_{verb}"
    assert tier({**bare, "annotations": {"readOnlyHint": True}}, integration) >= tier(bare, integration)


@given(definitions, integrations, st.sampled_from(sorted(CODE_KEYS)))
def test_code_as_an_argument_never_lowers(definition, integration, key):
    if key not in definition["inputSchema"]["properties"]:
        assert tier(with_argument(definition, key, {"type": "string"}), integration) >= tier(definition, integration)


@given(
    definitions,
    integrations,
    st.sampled_from(["action", "method", "operation", "mode", "event"]),
    st.lists(names, min_size=1, max_size=3),
    st.sampled_from(SURE),
)
def test_a_further_action_that_changes_something_never_lowers(definition, integration, key, values, verb):
    fewer = with_argument(definition, key, {"type": "string", "enum": values})
    more = with_argument(definition, key, {"type": "string", "enum": [*values, verb]})
    assert tier(more, integration) >= tier(fewer, integration)


@given(definitions, integrations, st.text(max_size=200) | st.lists(words, max_size=12).map(" ".join))
def test_a_description_never_lowers(definition, integration, text):
    bare = {key: value for key, value in definition.items() if key != "description"}
    assert tier({**bare, "description": text}, integration) >= tier(bare, integration)


@given(st.lists(st.text("qxzjkvw", min_size=3, max_size=6), min_size=1, max_size=4), hints, st.text(max_size=100))
def test_unknown_words_give_execute(parts, said, text):
    said = {**said, "readOnlyHint": False}
    definition = {"name": "_".join(parts), "annotations": said, "description": text}
    assert classify(definition).tier is Tier.EXECUTE


@given(definitions, integrations, st.randoms())
def test_the_order_of_keys_says_nothing(definition, integration, random):
    def shuffled(value):
        if not isinstance(value, dict):
            return value
        keys = list(value)
        random.shuffle(keys)
        return {key: shuffled(value[key]) for key in keys}

    assert classify(shuffled(definition), integration=integration) == classify(definition, integration=integration)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["name", "inputSchema", "properties", "enum", "type", "anyOf", "items", "action"])
                | st.text(),
                inner,
            )
        ),
    )
)
def test_any_object_is_classified(value):
    classify(value if isinstance(value, dict) else {"name": "get_x", "inputSchema": value, "annotations": value})
