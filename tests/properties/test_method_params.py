"""What goes to a server is what was judged, for every governed method and whatever its params hold."""

import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from callgate.adapters.mcp.headers import decode_value
from callgate.adapters.upstream.wire import header_value, with_stateless_meta
from callgate.core.ledger.canonical import body_bytes
from callgate.flow.methods import meta_of, name_of, params_of
from callgate.model.call import GOVERNED, PROMPTS_GET, RESOURCES_READ, TOOLS_CALL

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
PARAMS = st.dictionaries(TEXT.filter(lambda key: key != "_meta"), VALUES, max_size=4)
METHOD = st.sampled_from((TOOLS_CALL, *GOVERNED))
LEVEL = st.sampled_from(("", "debug", "error"))
PROTOCOL = st.sampled_from(("", "2025-11-25", "2026-07-28"))


def plain(raw):
    """Integers of any size, as msgspec reads none beyond 64 bits exactly."""

    return json.loads(raw)


@given(METHOD, PARAMS, st.booleans(), LEVEL, PROTOCOL)
def test_params_are_the_judged_ones_and_meta_is_ours(method, arguments, progress, level, protocol):
    meta = meta_of("call-1" if progress else "", "", level, protocol)
    sent = params_of(method, "tool", body_bytes(arguments), meta)
    for raw in (sent, with_stateless_meta(sent)):
        params = plain(raw)
        said = params.pop("_meta", {})
        assert params == ({"name": "tool", "arguments": arguments} if method == TOOLS_CALL else arguments)
        assert said.get("progressToken", "") == ("call-1" if progress else "")
        assert said.get("io.modelcontextprotocol/logLevel", "") == (level if protocol == "2026-07-28" else "")
    assert raw.count(b'"_meta"') >= 1


@given(TEXT)
def test_the_name_header_says_what_the_params_say(name):
    assert name_of(RESOURCES_READ, RESOURCES_READ, {"uri": name}) == name
    assert name_of(PROMPTS_GET, PROMPTS_GET, {"name": name}) == name
    assert name_of(TOOLS_CALL, name, {"name": "other"}) == name
    if name:
        assert decode_value(header_value(name)) == name


@given(st.sampled_from(GOVERNED), PARAMS)
def test_a_name_is_a_text_or_nothing(method, arguments):
    assert isinstance(name_of(method, method, arguments), str)
    assert msgspec.json.encode(name_of(method, method, arguments))
