"""Every benchmark runs and prints rows: their gates are made from the same pieces as anybody's. No figure is judged."""

import argparse
import importlib
import json
import pathlib
import subprocess
import sys

import pytest
from benchmarks import peers, ratios
from benchmarks.calls import begin, row_of, text_of
from benchmarks.paths import Started
from benchmarks.running import Bench

ROOT = pathlib.Path(__file__).parents[2]
SHORT = ("--seconds", "0.1", "--warm", "0", "--many", "2")


def rows_of(monkeypatch, folder, name, *arguments):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", [name, *SHORT, "--raw", str(folder), *arguments])
    importlib.import_module(f"benchmarks.{name}").main()
    return json.loads((folder / f"{name}.json").read_text())


def loaded(row):
    return row["calls/s"] > 0 and row["p50 ms"] > 0 and row["calls"] > 0


def test_paths_are_measured_side_by_side(monkeypatch, tmp_path, capsys):
    rows = rows_of(monkeypatch, tmp_path, "calls", "--only", "direct,sdk,cold", "--many", "16,64")
    assert [(row["path"], row["many"]) for row in rows[::2]] == [(name, 16) for name in ("direct", "sdk", "cold")]
    assert all(row["calls"] > 0 and row["failed"] == 0 for row in rows)
    said = capsys.readouterr().out
    assert "CPU to sdk" in said
    assert "Callgate (cold) at least 5 times the SDK proxy's calls/s at 16 and 64: " in said


def test_both_answers_over_stdio(monkeypatch, tmp_path):
    rows = rows_of(monkeypatch, tmp_path, "answers", "--only", "stdio")
    assert [(row["upstream"], row["answer"]) for row in rows] == [("gate, stdio", "JSON"), ("gate, stdio", "SSE")]
    assert all(map(loaded, rows))


def test_lists_in_both_eras(monkeypatch, tmp_path):
    rows = rows_of(monkeypatch, tmp_path, "lists", "--tools", "3", "--many", "1")
    assert [(row["server"], row["era"]) for row in rows] == [
        (server, era) for server in ("SDK server", "gate") for era in ("2025-11-25", "2026-07-28")
    ]
    assert all(map(loaded, rows))
    assert all(row["bytes"] > 3 * 300 for row in rows)


def test_a_ledger_that_was_grown_is_gone_on_with(monkeypatch, tmp_path):
    rows = rows_of(monkeypatch, tmp_path, "growth", "--events", "2000")
    assert [row["events before"] for row in rows] == [2000]
    assert all(map(loaded, rows))
    assert rows[0]["disk MiB"] > 2


def test_memory_is_sampled_and_sessions_are_held(monkeypatch, tmp_path, capsys):
    first, *rows = rows_of(monkeypatch, tmp_path, "memory", "--sessions", "20")
    assert len(first["samples"]) > 3
    assert all(mib > 1 for _, mib in first["samples"])
    assert [(row["count"], row["MiB"] > 1) for row in rows] == [(0, True), (20, True), (20, True), (20, True)]
    assert rows[1]["open"] == 20
    assert "MiB an hour" in capsys.readouterr().out


def test_stages_know_their_functions(monkeypatch, tmp_path):
    (row,) = rows_of(monkeypatch, tmp_path, "stages", "--seconds", "0.5")
    assert row["missing"] == []
    assert row["calls"] > 0
    assert sum(row["stages"].values()) > 50
    assert row["stages"]["writer thread"] > 0


def test_all_of_it_is_one_text(tmp_path):
    earlier = "# Calls, side by side\nof another day\n"
    stale = "# One integration's endpoint and the one for all\nof another day, too\n"
    (tmp_path / "results.txt").write_text(f"head\n\n{stale}\n{earlier}")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.all", *SHORT, "--only", "endpoints", "--raw", str(tmp_path)]
        + ["--results", str(tmp_path / "results.txt")],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "results.txt").read_text()
    assert text.startswith("python -m benchmarks.all --seconds 0.1")
    assert "fdatasync of 4 KiB" in text
    assert earlier in text
    assert text.index(earlier) < text.index("# One integration's endpoint")
    assert "of another day, too" not in text
    assert str(tmp_path) not in text
    rows = json.loads((tmp_path / "endpoints.json").read_text())
    assert [row["endpoint"] for row in rows] == ["/mcp/bench", "/mcp"]
    assert all(map(loaded, rows))


@pytest.mark.parametrize("name", sorted(peers.PEERS))
def test_a_peer_that_is_not_installed_is_skipped(name, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(peers, "WHERE", tmp_path)
    with Bench(argparse.Namespace(cores="0,0", folder=tmp_path, raw=tmp_path)) as bench:
        assert begin(bench, name, Started(None, 1, "/mcp", {}, {}, {})) is None
    assert capsys.readouterr().out == f"{name:14} skipped: not installed (make peers)\n"


def figures(path, many, rate, **more):
    return {"path": path, "many": many, "rate": rate, "cpu_us": 1e6 / rate, "calls": 9, "added_p50": 1.0, **more}


def test_the_aim_is_said_from_the_figures_of_the_run():
    rows = [figures("sdk", 16, 100), figures("sdk", 64, 100), figures("warm", 16, 600), figures("warm", 64, 500)]
    assert "16 and 64: met (600 / 100 = 6.00 at 16, 500 / 100 = 5.00 at 64)" in ratios.ratios(rows)
    rows[-1] |= {"rate": 499}
    assert "16 and 64: not met (600 / 100 = 6.00 at 16, 499 / 100 = 4.99 at 64)" in ratios.ratios(rows)
    assert "16 and 64" not in ratios.ratios(rows[:3])
    assert ratios.ratios([figures("direct", 16, 100)]) == ""


def test_the_aims_of_one_core_are_scaled_by_the_hop_of_the_run():
    rows = [figures("hop", 64, 3_873), figures("warm", 64, 1_500), figures("cold", 64, 1_249)]
    rows += [figures("hop", 16, 1, added_p50=3.52), figures("warm", 16, 1, added_p50=11.9)]
    said = ratios.ratios(rows)
    assert "(warm) at least 3,000 calls/s at 64 where the hop makes 7,746: met (3,000; here 1,500 and 3,873)" in said
    assert "(cold) at least 2,500 calls/s at 64 where the hop makes 7,746: not met (2,498; here" in said
    assert "(warm) adds under 6 ms at 16 where the hop adds 1.76: met (5.95; here 11.90 and 3.52)" in said
    assert "at 1 where" not in said


def test_a_row_is_the_median_of_its_rounds():
    rounds = [
        {"rate": rate, "p50": 1, "p90": 2, "p99": 3, "cpu_us": 4, "calls": 5, "failed": 0, "seconds": 1}
        for rate in (9, 2, 4)
    ]
    row = row_of("warm", 16, rounds, 0.25)
    assert (row["rate"], row["added_p50"], row["calls"], row["rates"]) == (4, 0.75, 15, [9, 2, 4])
    assert text_of(row, {}).endswith("2 to 9")


def test_a_peer_without_answers_has_a_row():
    row = figures("litellm", 64, 1.0) | {"calls": 0, "rate": 0.0, "p50": 0.0, "p99": 0.0, "failed": 64, "rates": [0.0]}
    assert text_of(row, {}).endswith("64 failed")
    assert "litellm" not in ratios.ratios([figures("sdk", 64, 100), row])
