"""The reference pages of contract and manifest files name every key there is, and no other."""

import re
from pathlib import Path

import msgspec
import pytest

from callgate.catalog.loader import parse_manifest
from callgate.core.contract import parse_contract
from callgate.core.selectors import NORMALISERS
from callgate.model.contract import Contract, Retry, Scope
from callgate.model.tool import Manifest, PinRead, ReceiptRule, TargetRule, TierRule, ToolManifest

PAGES = Path(__file__).parents[2] / "docs" / "reference"
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
    assert first_cells(MANIFEST) == keys(Manifest, ToolManifest, TargetRule, ReceiptRule) - {"digest"}
    assert all(f"`{name}`" in MANIFEST for name in keys(TierRule, PinRead))
    assert all(f"`{name}`" in MANIFEST for name in NORMALISERS if name)


def test_the_examples_can_be_used():
    assert parse_contract(code(CONTRACT), "page").everyday
    assert len(parse_manifest(code(MANIFEST), "page").tools) == 2


@pytest.mark.parametrize("page", [CONTRACT, MANIFEST])
def test_pages_are_short(page):
    assert len(page.splitlines()) < 130
