"""Which manifest an integration has: the one it names, else the one of its own name, when the live bundle holds it."""

from pathlib import Path

import msgspec

from callgate.catalog.catalogue import Catalogue
from callgate.model.bundle import Bundle
from callgate.model.tool import NO_MANIFEST, Integration
from tests.fakes.judging import bundle

_TEXT = """
integration = "notes"
title = "Notes"
vendor = "Example"
verified = true
verified_against = "notes 1"
verified_on = "2026-11-22"
stateful = false
per_person = false

[[tools]]
name = "read_note"
tier = "read"
say = "Read the note {id}"
"""


def _of(catalogue: Catalogue, manifest: str, live: Bundle | None) -> str:
    found = catalogue.of(Integration(name="notes", actor="local", manifest=manifest), live)
    return found.integration if found else ""


def test_a_manifest_written_after_the_integration_was_added_counts_once_it_is_policy(tmp_path: Path) -> None:
    catalogue, before = Catalogue(tmp_path), bundle()
    assert _of(catalogue, "", before) == ""
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "manifest.toml").write_text(_TEXT)
    assert _of(catalogue, "", before) == ""
    after = msgspec.structs.replace(before, manifests=tuple(catalogue.digests().items()))
    assert _of(catalogue, "", after) == "notes"
    assert _of(catalogue, NO_MANIFEST, after) == ""
    assert _of(catalogue, "git", after) == "git"
    assert _of(catalogue, "", None) == ""


def test_a_broken_manifest_gives_nothing_and_spoils_no_other(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path)
    (tmp_path / "notes").mkdir()
    path = tmp_path / "notes" / "manifest.toml"
    path.write_text(_TEXT)
    digests = catalogue.digests()
    live = msgspec.structs.replace(bundle(), manifests=tuple(digests.items()))
    path.write_text(_TEXT.replace("read_note", "read_note\n"))
    assert _of(catalogue, "", live) == ""
    assert _of(catalogue, "git", live) == "git"
    notes = Integration(name="notes", actor="local")
    fault = catalogue.fault_of(notes)
    assert fault is not None
    assert fault.file == str(path)
    assert catalogue.fault_of(Integration(name="git", actor="local")) is None
    assert catalogue.fault_of(Integration(name="other", actor="local")) is None
    assert catalogue.name_of(notes) == "notes"
    assert "notes" not in catalogue.digests()
    assert catalogue.digests()["git"] == digests["git"]
    assert catalogue.digests(digests) == digests
    path.write_text(_TEXT)
    assert _of(catalogue, "", live) == "notes"


def test_what_may_be_asked_for(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path)
    assert catalogue.knows("git")
    assert catalogue.knows("gmail/workspace")
    assert not any(catalogue.knows(asked) for asked in ("gti", "gmail/", "gmail/other", "git/x", "", "../git"))
    assert "gmail/workspace" in catalogue.offers("gmail/other")
    assert catalogue.offers("git/x") == ("git",)
    assert set(catalogue.offers("gti")) == set(catalogue.names())
