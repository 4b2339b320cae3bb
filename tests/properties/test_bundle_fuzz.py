"""Whatever lies in the policy folder, reading it ends in a bundle or in a ConfigError that names a file."""

from hypothesis import given, settings
from hypothesis import strategies as st

from callgate.core.policy.bundle import parse_bundle
from callgate.core.policy.cases import run_cases
from callgate.model.errors import ConfigError
from callgate.policies import starter

FILES = starter("ana")
BUNDLE = parse_bundle(FILES, {})
NAMES = st.sampled_from(sorted(FILES))

scalars = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.sampled_from(
        ("true", "inf", "nan", "1.5", "1979-05-27", "07:32:00", "[]", "{}", '[["a"]]', '"@OWNER@"', "{ a = 1 }")
        + ('"observe"', '{ stage = "observe", observe_until = "2027-01-31", owner = "ana" }')
    ),
    st.text(st.characters(codec="utf-8", exclude_characters='"\\', exclude_categories=("Cc",)), max_size=12).map(
        '"{}"'.format
    ),
)
keys = st.sampled_from(
    "profile duties risk rates waiting stages roles runtimes read draft execute ask log_depth admin many_from kinds "
    "attended quorum expires_minutes git security codex kind owner users client_ids local-work title targets case name "
    "call want tier effect tool facts stage observe_until".split()
)
tables = st.lists(
    st.one_of(
        st.tuples(keys, scalars).map(lambda pair: f"{pair[0]} = {pair[1]}"),
        st.lists(keys, min_size=1, max_size=3).map(lambda path: f"[{'.'.join(path)}]"),
        keys.map("[[{}]]".format),
    ),
    max_size=12,
).map("\n".join)
words = st.lists(
    st.sampled_from(
        'permit forbid ( ) { } [ ] principal action resource context when unless && || ! == in is has like . , ; "x" 1 - '
        '@id("a") @id("b") @reason("r") @effect("hold") @ask("meant") @mode("shadow") context.risk context.domain // \n '
        'Callgate::Action::"read" Callgate::Tool::"a/b" Callgate::Role::"x" ?principal \\" "'.split(" ")
    ),
    max_size=40,
).map(" ".join)


def read(files):
    try:
        made = parse_bundle(files, {})
        run_cases(made, {name: data for name, data in files.items() if name.startswith("cases/")})
    except ConfigError as fault:
        assert fault.file
        assert fault.message


@settings(deadline=None, max_examples=150)
@given(NAMES, st.binary(max_size=200))
def test_any_bytes(name, data):
    read({**FILES, name: data})


@settings(deadline=None, max_examples=150)
@given(NAMES, st.data())
def test_a_starter_file_with_bytes_changed(name, data):
    content = bytearray(FILES[name])
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(start, min(len(content), start + 20)))
        content[start:end] = data.draw(st.binary(max_size=4))
    read({name: FILES[name] for name in FILES if not name.startswith("cases/")} | {name: bytes(content)})


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(("rules.toml", "domains.toml", "cases/x.toml")), tables)
def test_any_tables(name, text):
    read({name: FILES[name] for name in FILES if not name.startswith("cases/")} | {name: text.encode()})


@settings(deadline=None, max_examples=300)
@given(words)
def test_any_policy_words(text):
    read({**{name: FILES[name] for name in ("rules.toml", "domains.toml")}, "a.cedar": text.encode()})


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(st.text(min_size=1, max_size=12), st.binary(max_size=8), max_size=3))
def test_any_file_names(extra):
    read({**FILES, **extra})
