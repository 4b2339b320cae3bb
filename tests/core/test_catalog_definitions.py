"""Recorded definitions that a manifest is compared with."""

import json
from pathlib import Path

from callgate.catalog.report import check_catalogue

MANIFEST = """
integration = "acme"
title = "Acme"
vendor = "Acme"
stateful = false
per_person = false
definitions = "one+two"

[[tools]]
name = "look"
tier = "read"
say = "Look"

[[tools]]
name = "change"
tier = "execute"
say = "Change"
"""


def _tools(*names: str) -> str:
    return json.dumps({"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in names]})


def test_one_list_of_tools_may_be_kept_in_several_files(tmp_path: Path) -> None:
    home = tmp_path / "catalog" / "acme"
    home.mkdir(parents=True)
    (home / "manifest.toml").write_text(MANIFEST, "utf-8")
    (home / "runbook.md").write_text("# Acme", "utf-8")
    kept = tmp_path / "definitions"
    kept.mkdir()
    (kept / "one.json").write_text(_tools("look"), "utf-8")

    (without_second,) = check_catalogue(("acme",), tmp_path / "catalog", kept)
    (kept / "two.json").write_text(_tools("change"), "utf-8")
    (both,) = check_catalogue(("acme",), tmp_path / "catalog", kept)
    (kept / "two.json").write_text(_tools("change", "delete"), "utf-8")
    (more,) = check_catalogue(("acme",), tmp_path / "catalog", kept)

    assert (without_second.compared, without_second.problems) == ((), ())
    assert (both.compared, both.problems) == (("acme",), ())
    assert [problem.reason for problem in more.problems] == [
        "delete: the server has this tool and the manifest does not."
    ]
