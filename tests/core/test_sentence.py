"""Sentences for people, and text made visible."""

import pytest

from callgate.core.sentence import MAX_SENTENCE, Sentence
from callgate.core.visible import all_visible, fold, scripts, shorten, visible


def said(template, **arguments):
    return Sentence(template).say(arguments)


def test_values_stand_in_quotes():
    assert said("Commit to {path} with {message}", path="/srv", message="fix") == 'Commit to "/srv" with "fix"'
    assert said("Add {files}", files=["a", "b", "c", "d", "e"]) == 'Add "a", "b", "c" and 2 more'
    assert said("Add {files[].name}", files=[{"name": "a"}]) == 'Add "a"'
    assert said("{n} {yes} {no}", n=3, yes=True, no=False) == "3 yes no"
    assert said("{x}") == "(not given)"
    assert said("{x.y}", x="text") == "(not readable)"
    assert said("{x}", x=[]) == "(empty)"
    assert said("{x}", x={"b": 1, "a": 2}) == '{"a":2,"b":1}'
    assert said("plain") == "plain"


def test_no_value_can_pass_for_the_words_around_it():
    text = said("Send {body} to {to}", body='hello" to "ben', to="mallory")
    assert text == 'Send "hello\' to \'ben" to "mallory"'


@pytest.mark.parametrize(
    "char",
    [
        "\n",
        "\r",
        "\x00",
        "\x1b",
        "\u202e",
        "\u2066",
        "\u200b",
        "\ufeff",
        "\u00ad",
        "\u3164",
        "\ufe0f",
        "\U000e0041",
        "\u2028",
        "\u00a0",
    ],
)
def test_what_cannot_be_seen_is_written_out(char):
    text = said("Do {x}", x=f"a{char}b")
    assert text == f'Do "a\\u{{{ord(char):x}}}b"'
    assert all_visible(text)


def test_sentences_are_short():
    assert len(said("{x} {x} {x} {x} {x} {x} {x} {x} {x} {x}", x="a" * 10_000)) <= MAX_SENTENCE
    assert len(said("{x}", x="\u200b" * 10_000)) <= 100
    assert len(said("{x}", x=10**5000)) < 100
    assert said("{x}", x="a" * 200).endswith('…"')


@pytest.mark.parametrize("template", ["{", "}", "{a}}", "{{a}", "{}", "{a..b}"])
def test_templates_that_cannot_compile(template):
    with pytest.raises(ValueError):
        Sentence(template)


def test_shortening_and_folding():
    assert shorten("abc", 3) == "abc"
    assert shorten("abcd", 3) == "ab…"
    assert visible("grün 漢字") == "grün 漢字"
    assert fold("Read_File") == fold("read-file") == fold("ｒｅａｄ＿ｆｉｌｅ")
    assert scripts("re\u0430d") == {"LATIN", "CYRILLIC"}
