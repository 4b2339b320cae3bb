"""The benchmark of calls runs: its gate is made from the same pieces as anybody's."""

import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]


def test_the_paths_without_the_sdk_are_measured(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.calls", "--seconds", "0.2", "--only", "direct,hop,warm,cold"]
        + ["--many", "4", "--raw", str(tmp_path), "--warm", "0.2"],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "calls.json").read_text())
    assert [row["path"] for row in rows] == ["direct", "hop", "warm", "cold"]
    assert all(row["calls"] > 0 and row["failed"] == 0 for row in rows)
