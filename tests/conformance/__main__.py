"""``make conformance``: both columns of every scenario; fails where they differ.

Run: ``python -m tests.conformance FOLDER [--json] [--only SCENARIO] [--show]``. FOLDER is what the Makefile fills:
``nodejs/bin/node`` and ``node_modules``.
"""

import argparse
import json
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from tests.conformance import inspector
from tests.conformance.columns import INTEGRATION, bare, through_gate
from tests.conformance.suites import SUITES, outcome, run

EXPECTED = Path(__file__).with_name("expected.toml")
Row = dict[str, Any]
Found = dict[str, list[dict[str, Any]]]
"""Scenario to its checks."""


def measure(node: Path, only: str) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="conformance-") as place, bare() as url:
        folder = Path(place)
        with through_gate(url, folder) as (gated, gate):
            rows = []
            for number, suite in enumerate(SUITES):
                columns = [
                    run(node, suite, address, folder / f"{number}-{name}")
                    for name, address in (("bare", url), ("gate", gated))
                ]
                rows += _rows(suite.name, *columns)
            plain = inspector.ask(node, url, folder)
            governed = inspector.ask(node, gate.url(INTEGRATION), folder, gate.token())
            rows += _rows(inspector.NAME, inspector.checks(plain, plain), inspector.checks(governed, plain))
            assert gate.stop() == 0
            assert "Traceback" not in gate.stderr.read_text()
    return [row for row in rows if only in ("", row["scenario"])]


def _rows(suite: str, bare: Found, gate: Found) -> list[Row]:
    return [_row(suite, scenario, bare, gate) for scenario in sorted({*bare, *gate})]


def _row(suite: str, scenario: str, bare: Found, gate: Found) -> Row:
    columns = {name: outcome(found.get(scenario, [])) for name, found in (("bare", bare), ("gate", gate))}
    return {
        "suite": suite,
        "scenario": scenario,
        **{name: {"passed": found.passed, "total": found.total} for name, found in columns.items()},
        "equal": columns["bare"] == columns["gate"],
        "differences": differences(columns["bare"].checks, gate.get(scenario, [])),
    }


def differences(bare: tuple[tuple[str, str, int], ...], gate: list[dict[str, Any]]) -> list[str]:
    """What the gate's column says that the other does not, and what it no longer says."""
    here = outcome(gate).checks
    why = {(one["id"], one["status"]): one.get("errorMessage") or "" for one in gate}
    new = [f"{check}: {status} ({times}) {why[check, status]}".strip() for check, status, times in here]
    return [
        *(line for line, one in zip(new, here, strict=True) if one not in bare),
        *(f"{check}: no {status} ({times})" for check, status, times in bare if (check, status, times) not in here),
    ]


def _expected() -> dict[tuple[str, str], str]:
    return {
        (suite, scenario): entry["reason"]
        for suite, entries in tomllib.loads(EXPECTED.read_text()).items()
        for entry in entries
        for scenario in entry["scenarios"]
    }


def draw(rows: list[Row], expected: dict[tuple[str, str], str], *, show: bool) -> None:
    suite = ""
    for row in rows:
        if row["suite"] != suite:
            suite = row["suite"]
            print(f"\n{suite:<52} {'bare':>7} {'gate':>7}")
        mark = "" if row["equal"] else ("  expected" if (suite, row["scenario"]) in expected else "  DIFFERS")
        cells = (f"{row[name]['passed']}/{row[name]['total']}" for name in ("bare", "gate"))
        print(f"  {row['scenario']:<50} " + " ".join(f"{cell:>7}" for cell in cells) + mark)
        for line in row["differences"] if show and not row["equal"] else ():
            print(f"      {line[:300]}")
        if mark == "  expected":
            print(f"      {expected[suite, row['scenario']]}")
    print()
    for suite in dict.fromkeys(row["suite"] for row in rows):
        totals = [
            f"{name} {sum(row[name]['passed'] for row in rows if row['suite'] == suite)}"
            f"/{sum(row[name]['total'] for row in rows if row['suite'] == suite)}"
            for name in ("bare", "gate")
        ]
        print(f"{suite}: {', '.join(totals)}")


def judge(rows: list[Row], expected: dict[tuple[str, str], str]) -> list[str]:
    """What is wrong: a difference that is not expected, an expected one that is gone."""
    differ = {(row["suite"], row["scenario"]) for row in rows if not row["equal"]}
    known = {(row["suite"], row["scenario"]) for row in rows}
    return [
        *(
            f"{suite}, {scenario}: the gate is not like the bare server"
            for suite, scenario in sorted(differ - expected.keys())
        ),
        *(
            f"{suite}, {scenario}: no difference any more, take it out of {EXPECTED.name}"
            for suite, scenario in sorted((expected.keys() & known) - differ)
        ),
        *(f"{suite}, {scenario}: there is no such scenario" for suite, scenario in sorted(expected.keys() - known)),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.conformance")
    parser.add_argument("folder", type=Path, help="with nodejs/bin/node and node_modules")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="the same JSON in a file, beside the table")
    parser.add_argument("--only", default="", metavar="SCENARIO", help="show only this one")
    parser.add_argument("--show", action="store_true", help="say what differs")
    options = parser.parse_args()
    rows = measure(options.folder.resolve(), options.only)
    expected = _expected()
    if options.only:
        expected = {key: reason for key, reason in expected.items() if key[1] == options.only}
    wrong = judge(rows, expected)
    said = json.dumps({"rows": rows, "wrong": wrong}, indent=1)
    if options.keep:
        options.keep.parent.mkdir(parents=True, exist_ok=True)
        options.keep.write_text(said)
    if options.json:
        print(said)
    else:
        draw(rows, expected, show=options.show)
        print("\n".join(wrong) or f"The gate is like the bare server; {len(expected)} differences are expected.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
