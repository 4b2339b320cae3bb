"""Cases of a manifest: one that does not hold says what came out instead."""

import pytest

from callgate.catalog.cases import failed_cases, parse_cases
from callgate.model.errors import ConfigError
from tests.core.test_catalog_check import GOOD
from tests.fakes.catalog import changed, parsed

CASE = """
[[cases]]
tool = "change"
arguments = { id = "#7", text = "x" }
tier = "execute"
targets = ["named:#7"]
say = 'Change "#7"'
answer = { structured = { made = { id = "9" } } }
receipt = { id = "9" }
before = { text = '{"text": "former"}' }
pre_read = { id = "#7" }
compensation = { id = "9", text = "former" }
draft = { text = "x" }
confirm = { id = "#7" }
confirm_answer = { text = '{"text": "x"}' }
happened = true
"""


def failures(text):
    return failed_cases(parsed(GOOD), parse_cases(text.encode(), "things/cases.toml"), {})


def test_a_case_that_holds():
    assert failures(CASE) == ()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('tool = "change"', 'tool = "chang"', "Did you mean change?"),
        ('tier = "execute"', 'tier = "read"', "the tier is execute"),
        ('"named:#7"', '"thing:#7"', 'the targets are ["named:#7"]'),
        ('Change "#7"\'', "Change it'", "it says: Change"),
        ('receipt = { id = "9" }', "receipt = {}", 'the receipt is {"id":"9"}'),
        ('pre_read = { id = "#7" }', "pre_read = {}", 'arguments for pre_read are {"id":"#7"}'),
        ('compensation = { id = "9"', 'compensation = { id = "8"', "arguments for compensation are"),
        ("before = ", "# before = ", "compensation cannot be made"),
        ('draft = { text = "x" }', "draft = {}", "arguments for draft are"),
        ("happened = true", "happened = false", "the confirm read says yes"),
        ('tier = "execute"', 'tier = "execute"\nproblem = "bad_target"', "no such problem"),
        ('tier = "execute"', 'tier = "execute"\nirreversible = true', "it can be taken back"),
        ('compensation = { id = "9", text = "former" }', "compensation = {}", "arguments for compensation are"),
        ('tier = "execute"', 'tier = "execute"\nnarrowed = {}', "does not narrow"),
        ('tier = "execute"', 'tier = "execute"\nremoved = 0', "does not filter"),
    ],
)
def test_a_case_that_does_not(old, new, says):
    found = failures(changed(CASE, old, new))
    assert any(says in problem for problem in found), found


def test_cases_are_read_strictly():
    with pytest.raises(ConfigError) as caught:
        failures(CASE.replace("tier =", "teir ="))
    assert (caught.value.key, "Did you mean tier?" in caught.value.message) == ("cases[0].teir", True)
