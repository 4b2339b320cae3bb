"""The reference pages of contract and manifest files name every key there is, and no other."""

import json
import re
import tomllib
from pathlib import Path

import jsonschema_rs
import msgspec
import pytest

from callgate.catalog.cases import ToolCase, parse_cases
from callgate.catalog.loader import parse_manifest
from callgate.core.contract import parse_contract
from callgate.core.parsers import PARSERS
from callgate.core.selectors import NORMALISERS
from callgate.core.sql import DIALECTS
from callgate.model.contract import Contract, Retry, Scope
from callgate.model.manifest import (
    Condition,
    ConfirmRead,
    DraftLane,
    Given,
    Narrowing,
    PreRead,
    Qualifier,
    SensitiveScope,
    Step,
    Variant,
    WhoAmI,
)
from callgate.model.tool import (
    Confinement,
    ItemFilter,
    Manifest,
    PinRead,
    ReceiptRule,
    TargetRule,
    TierRule,
    ToolManifest,
)

PAGES = Path(__file__).parents[2] / "docs" / "reference"
ROOT = PAGES.parents[1]
FOLDERS = (ROOT / "src" / "callgate" / "catalog", ROOT / "tests" / "golden" / "manifests")
CONTRACT = (PAGES / "contract.md").read_text()
MANIFEST = (PAGES / "manifest.md").read_text()


def keys(*nouns):
    return {field.name for noun in nouns for field in msgspec.structs.fields(noun)}


def first_cells(page):
    cells = re.findall(r"^\| ([^|]+) \|", page, flags=re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def code(page, number=0):
    return re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL)[number].encode()


def test_the_contract_page():
    assert first_cells(CONTRACT) == keys(Contract, Scope) - {"id", "parent"}
    assert all(f"`{name}`" in CONTRACT for name in keys(Retry))


def test_the_manifest_page():
    tables = keys(Manifest, Variant, ToolManifest, Condition, TargetRule, ReceiptRule)
    tables |= keys(Step, DraftLane, PreRead, ConfirmRead, WhoAmI, Confinement, ToolCase)
    assert first_cells(MANIFEST) == tables - {"digest", "variant"} | {"variant"}
    assert all(f"`{name}`" in MANIFEST for name in keys(TierRule, PinRead, Narrowing, Qualifier, ItemFilter))
    assert all(f"`{name}`" in MANIFEST for name in [*PARSERS, *DIALECTS, *SensitiveScope, *Given])
    assert all(f"`{name}`" in MANIFEST for name in NORMALISERS if name)


def test_the_examples_of_the_manifest_page_are_manifests():
    whole, *parts, cases = re.findall(r"```toml\n(.*?)```", MANIFEST, flags=re.DOTALL)
    assert len(parts) == 3
    names = ["update_pull_request", "list_pull_requests", "create_pull_request", "t"]
    tiers = {"list_pull_requests": "read"}
    for number, part in enumerate(parts):
        tools = [f'[[tools]]\nname = "{name}"\ntier = "{tiers.get(name, "execute")}"\nsay = "Do"' for name in names]
        if number == 2:
            tools[-1] = '[[tools]]\nname = "t"\ntier = "read"\nsay = "Do"\nretrieval = true'
        head = whole.partition("[[tools]]")[0]
        assert parse_manifest((head + "\n".join(tools) + "\n" + part).encode(), "page").tools
    assert parse_cases(cases.encode(), "page")[0].tool == "git_add"


def test_the_examples_can_be_used():
    assert parse_contract(code(CONTRACT), "page").everyday
    assert len(parse_manifest(code(MANIFEST), "page").tools) == 2


def schema_of(name):
    return jsonschema_rs.validator_for(json.loads((PAGES / name).read_text()))


def test_the_schemas_for_editors_take_what_the_gate_takes():
    manifests, cases = schema_of("manifest-schema.json"), schema_of("cases-schema.json")
    found = [path for folder in FOLDERS for path in sorted(folder.glob("*/*.toml"))]
    assert len(found) >= 3
    for path in found:
        schema = manifests if path.name == "manifest.toml" else cases
        errors = [error.message for error in schema.iter_errors(tomllib.loads(path.read_text()))]
        assert errors == [], path


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('tier = "read"', 'tier = "reed"'),
        ("vendor =", "vendr ="),
        ("title =", "# title ="),
        ('tier = "read"', "tier = 1"),
    ],
)
def test_the_schemas_for_editors_refuse_mistakes(old, new):
    text = (FOLDERS[1] / "tracker" / "manifest.toml").read_text()
    assert old in text
    assert not schema_of("manifest-schema.json").is_valid(tomllib.loads(text.replace(old, new, 1)))


@pytest.mark.parametrize(("page", "most"), [(CONTRACT, 130), (MANIFEST, 290)])
def test_pages_are_short(page, most):
    assert len(page.splitlines()) < most
