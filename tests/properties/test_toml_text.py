"""Whatever stands in a file that the gate writes reads as it was, and nothing in it is invisible."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from callgate.core.toml_text import array, comment, quoted, table
from callgate.core.visible import all_visible

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(TEXT)
def test_a_text_reads_as_it_was(text):
    written = quoted(text)
    assert tomllib.loads(f"a = {written}") == {"a": text}
    assert all_visible(written)


@given(st.lists(TEXT, max_size=4), st.dictionaries(TEXT, TEXT, max_size=4))
def test_arrays_and_tables_too(texts, pairs):
    assert tomllib.loads(f"a = {array(tuple(texts))}") == {"a": texts}
    assert tomllib.loads(f"a = {table(pairs)}") == {"a": pairs}


@given(st.text())
def test_a_comment_is_one_line_and_a_comment(text):
    written = comment(text)
    assert tomllib.loads(f"{written}\na = 1") == {"a": 1}
    assert len(written.splitlines()) == 1


def test_half_a_pair_is_a_mark():
    assert tomllib.loads(f"a = {quoted(chr(0xD800))}") == {"a": chr(0xFFFD)}
