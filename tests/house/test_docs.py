"""The pages are true where a machine can tell: links, files, tests and commands that they name exist."""

import ast
import functools
import json
import pathlib
import re
import tomllib
import xml.etree.ElementTree as ET

import pytest
import typer

from callgate.catalog.loader import known_manifests
from callgate.cli.index import app
from callgate.core.contract import parse_contract

ROOT = pathlib.Path(__file__).parents[2]
TOP = ("README.md", "ARCHITECTURE.md", "SECURITY.md", "CHANGELOG.md")
PAGES = sorted([*(ROOT / name for name in TOP), *(ROOT / "docs").rglob("*.md")])
WRITTEN = [page for page in PAGES if "reference" not in page.parts]
KNOWN = {
    *("callgate", "make", "git", "cd", "python", "sudo", "adduser", "install", "export", "ssh"),
    *(".venv/bin/python",),
}
"""First words of commands in code blocks."""
ANSWERS = re.compile(
    r"^(?:\$ )?(?:REPO=|CALLGATE_TOKEN=|[A-Z][a-z]+ |\d\d:\d\d:|\d question|    |[A-Z][a-z ]+:|Your )|^\s*$"
)
"""Lines of a block that are no command: what a command says, and settings before one."""


def page_name(page: pathlib.Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(text: str, kind: str = "") -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[str]:
    """Command lines of plain blocks; in a block with prompts only those behind one."""
    found = []
    for block in blocks(text):
        lines = block.splitlines()
        prompted = [line[2:] for line in lines if line.startswith("$ ")]
        if prompted or any(line.split(" ")[0] in KNOWN for line in lines):
            found += prompted or [line for line in lines if not ANSWERS.match(line)]
    return found


def anchors(page: pathlib.Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def test_links_lead_somewhere():
    broken = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"", text):
            link = target[0] or target[1]
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = link.partition("#")
            there = (page.parent / path).resolve() if path else page
            if not there.exists() or (anchor and anchor not in anchors(there)):
                broken.append(f"{page_name(page)}: {link}")
    assert broken == []


def test_every_page_is_linked():
    linked = {
        page.parent.joinpath(link).resolve()
        for page in PAGES
        for link in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    }
    assert [page_name(page) for page in PAGES if page.resolve() not in linked and page.name != "README.md"] == []


def test_files_that_are_named_exist():
    folders = "src|tests|docs|tools(?!/list)|benchmarks|requirements|policies"
    missing = []
    for page in WRITTEN:
        for name in re.findall(rf"`((?:{folders})/[\w./*-]+)(?:::\w+)?`", page.read_text(encoding="utf-8")):
            place = ROOT / "src" / "callgate" / name if name.startswith("policies/") else ROOT / name
            if not (list(place.parent.glob(place.name)) if "*" in name else place.exists()):
                missing.append(f"{page_name(page)}: {name}")
    assert missing == []


def test_short_paths_of_the_design_are_rooms_of_the_source():
    rooms = {path.name for path in (ROOT / "src" / "callgate").iterdir() if path.is_dir()} - {"policies"}
    missing = []
    for page in WRITTEN:
        for name in re.findall(r"`(\w+/[\w./]*)`", page.read_text(encoding="utf-8")):
            if name.split("/")[0] in rooms and not (ROOT / "src" / "callgate" / name).exists():
                missing.append(f"{page_name(page)}: {name}")
    assert missing == []


def test_every_invariant_names_tests_that_exist():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rows = [line for line in text.split("## What always holds", 1)[1].splitlines() if line.startswith("|")][2:]
    assert len(rows) > 20
    assert [row for row in rows if "::" not in row] == []
    assert missing_tests(text) == []


def test_every_fault_names_tests_that_exist():
    text = (ROOT / "docs" / "reference" / "faults.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.endswith("held by |")]
    assert len(rows) > 60
    assert [row for row in rows if row.count(" | ") != 6 or "::" not in row.rsplit(" | ", 1)[1]] == []
    assert missing_tests(text) == []


def missing_tests(text: str) -> list[str]:
    """Of those that a page names."""
    missing = []
    for path, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text):
        if name not in names_in(ROOT / path):
            missing.append(f"{path}::{name}")
    return missing


@functools.cache
def names_in(path: pathlib.Path) -> set[str]:
    """What a file defines or assigns."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assigned = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return defined | assigned


def test_blocks_hold_known_commands():
    strange = [
        f"{page_name(page)}: {line}"
        for page in WRITTEN
        for line in commands(page.read_text(encoding="utf-8"))
        if line.split(" ")[0] not in KNOWN
    ]
    assert strange == []


def named_commands() -> list[tuple[str, list[str]]]:
    """(page, words) of every callgate command in a block or in backticks."""
    found = []
    for page in WRITTEN:
        text = page.read_text(encoding="utf-8")
        lines = commands(text) + re.findall(r"`(callgate [^`]+)`", text)
        for line in lines:
            at = re.search(r"(?:^|bin/|\(|gate )callgate (?=[a-z-])", line)
            if at:
                found.append((page_name(page), re.split(r"[\s)\"]+", line[at.end() :])))
    return found


def test_commands_and_their_options_exist():
    index = typer.main.get_command(app)
    wrong = []
    for page, words in named_commands():
        command, context = index, typer.Context(index, info_name="callgate")
        rest = list(words)
        while rest and hasattr(command, "get_command"):
            inner = command.get_command(context, rest[0])
            if inner is None:
                break
            command, context = inner, typer.Context(inner, info_name=rest.pop(0), parent=context)
        if command is index:
            if not words[0].startswith("--version"):
                wrong.append(f"{page}: {' '.join(words)}")
            continue
        options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)} | {
            "--help",
            "--json",
            "--home",
        }
        strange = [word for word in rest if word.startswith("--") and word.split("=")[0].rstrip(",.`") not in options]
        if "task open" in " ".join(words):
            strange = [word for word in strange if word not in ("--repository", "--ticket")]
        if strange:
            wrong.append(f"{page}: {' '.join(words)}: {strange}")
    assert len(named_commands()) > 40
    assert wrong == []


def test_the_readme_names_both_commands():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    named = {word for page in WRITTEN for word in re.findall(r"`make ([a-z]+)`", page.read_text(encoding="utf-8"))}
    assert {"run", "test"} <= set(re.findall(r"`make ([a-z]+)`", text))
    assert sorted(named - targets) == []


def test_the_readme_counts_the_integrations_that_there_are():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"\[(\d+) integrations\]", text) == [str(len(known_manifests()))]


@pytest.mark.parametrize("page", WRITTEN, ids=page_name)
def test_settings_in_blocks_can_be_read(page):
    text = page.read_text(encoding="utf-8")
    for block in blocks(text, "toml"):
        tomllib.loads(block)
        if "objective" in block:
            parse_contract(block.encode(), page.name)
    for block in blocks(text, "json"):
        json.loads(block if block.lstrip().startswith("{") else "{" + block + "}")


def test_the_picture_is_small_and_stands_alone():
    picture = ROOT / "docs" / "overview.svg"
    tree = ET.parse(picture)
    assert picture.stat().st_size < 6_000
    assert tree.getroot().get("viewBox")
    assert "prefers-color-scheme: dark" in picture.read_text(encoding="utf-8")
    assert not re.search(r"https?://(?!www\.w3\.org)", picture.read_text(encoding="utf-8"))


def test_decisions_are_numbered_and_fit_a_screen():
    pages = sorted((ROOT / "docs" / "adr").glob("0*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {int(page.name[:4])}. "), page.name
        assert all(f"**{part}.**" in text for part in ("Context", "Decision", "Consequences")), page.name
        assert len(text.splitlines()) <= 40, page.name


def test_the_licence_is_whole():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
