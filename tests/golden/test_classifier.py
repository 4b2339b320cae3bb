"""The classifier on names and arguments as other systems have them, and on the labelled catalogue where it is kept."""

import json
import os
import pathlib
import re

import pytest
from benchmarks.classifier import TIERS, Score, flags, scores

from callgate.core.classify import classify
from callgate.model.terms import Tier

ROOT = pathlib.Path(__file__).parents[2]
CATALOG = pathlib.Path(os.environ.get("CALLGATE_CATALOG") or ROOT.parent / "shared" / "catalog")
INVENTED = (pathlib.Path(__file__).parent / "classifier" / "invented.jsonl").read_text().splitlines()
"""Tools of invented servers, labelled execute by somebody who did not see the rules."""
LINE = re.compile(r"(read|draft|execute) +([-!$]+) (\S+) ([\w.-]+)\((.*)\)")
NAMES = (pathlib.Path(__file__).parent / "classifier" / "names.txt").read_text().splitlines()
CASES = [LINE.fullmatch(line).groups() for line in NAMES if line and not line.startswith("#")]


def argument(said):
    key, _, values = said.partition("=")
    return key, {"type": "string", "enum": values.split("|")} if values else {}


def judged(integration, name, arguments):
    properties = dict(argument(said) for said in arguments.split(", ") if said)
    definition = {"name": name, "inputSchema": {"type": "object", "properties": properties}}
    return classify(definition, integration=integration)


def test_no_tool_is_called_less_than_it_is():
    less = {
        f"{integration} {name}"
        for tier, _, integration, name, arguments in CASES
        if TIERS.index(judged(integration, name, arguments).tier.name.lower()) < TIERS.index(tier)
    }
    assert less == set()


def test_most_tools_are_called_what_they_are():
    score = Score()
    for tier, _, integration, name, arguments in CASES:
        score.add(tier, judged(integration, name, arguments).tier.name.lower())
    assert sum(score.counts.values()) >= 300
    assert score.accuracy >= 0.95
    assert score.over <= 0.05


@pytest.mark.parametrize(("sign", "least"), [("!", 0.9), ("$", 0.9)])
def test_most_of_what_cannot_be_undone_or_is_about_rights_and_money_is_flagged(sign, least):
    said = [judged(*case[2:]) for case in CASES if sign in case[1]]
    flagged = [one.irreversible if sign == "!" else one.admin or one.money for one in said]
    assert sum(flagged) / len(flagged) >= least


@pytest.mark.skipif(not (CATALOG / "labels.json").is_file(), reason="the labelled catalogue is not beside the checkout")
class TestLabelled:
    def test_the_four_thresholds(self):
        found = scores(CATALOG)["rules"]["all"]
        assert found.execute_as_read == 0
        assert found.execute_as_draft <= 0.03
        assert found.accuracy >= 0.9
        assert found.over <= 0.08

    def test_it_is_better_than_either_baseline(self):
        found = {way: by_server["all"] for way, by_server in scores(CATALOG).items()}
        for way in ("vendor hints alone", "verb prefixes alone"):
            assert found["rules"].accuracy > found[way].accuracy
            assert found["rules"].execute_as_read <= found[way].execute_as_read

    def test_flags_are_rather_set_than_missed(self):
        for recall, precision in flags(CATALOG).values():
            assert recall >= 0.9
            assert precision >= 0.5


def test_no_invented_tool_that_changes_something_is_called_less():
    said = {
        (server, tool["name"]): classify(tool, integration=server).tier for server, tool in map(json.loads, INVENTED)
    }
    assert len(said) > 300
    assert {name: tier for name, tier in said.items() if tier is not Tier.EXECUTE} == {}
