"""``callgate catalog check``: no gate runs, and the exit code says whether all is well."""

import json
import shutil
from pathlib import Path

from typer.testing import CliRunner

from callgate.cli.index import app

OWN = Path(__file__).parents[1] / "golden" / "manifests"


def check(*words: str):
    return CliRunner().invoke(app, ["catalog", "check", *words])


def test_all_is_well():
    done = check("tracker", "git", "--folder", str(OWN))
    assert done.exit_code == 0, done.output
    lines = [line.split() for line in done.output.splitlines()]
    assert [line[0] for line in lines[1:]] == ["tracker", "git"]


def test_a_manifest_of_which_one_variant_is_verified_says_so():
    lines = {line.split()[0]: line for line in check("figma", "git").output.splitlines()}
    assert "in part" in lines["figma"]
    assert "in part" not in lines["git"]


def test_a_problem_is_named_with_its_file_and_key(tmp_path):
    shutil.copytree(OWN / "tracker", tmp_path / "tracker")
    file = tmp_path / "tracker" / "manifest.toml"
    file.write_text(file.read_text().replace('tool = "drop_note"', 'tool = "drop_nte"', 1))
    done = check("tracker", "--folder", str(tmp_path))
    assert done.exit_code == 1
    said = " ".join(done.output.split())
    assert "tools[4] write_note.compensation" in said
    assert "Did you mean drop_note?" in said
    found = json.loads(check("tracker", "--folder", str(tmp_path), "--json").output)
    assert found[0]["problems"][0]["key"] == "tools[4] write_note.compensation"


def test_a_name_that_there_is_not(tmp_path):
    done = check("trakcer", "--folder", str(OWN))
    assert done.exit_code == 2
