"""The glossary of docs/design.md and the nouns of model/ name the same things."""

import ast
import pathlib
import re

ROOT = pathlib.Path(__file__).parents[2]
MODEL = ROOT / "src" / "callgate" / "model"
DESIGN = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
COMPLETE = ("call", "contract", "decision", "facts", "hold", "identity", "terms")
"""Modules of which every class is a word of the house."""


def table() -> list[list[str]]:
    section = DESIGN.split("## 1. Words", 1)[1].split("\n## ", 1)[0]
    rows = [
        [cell.strip() for cell in line.strip("|\n").split("|")] for line in section.splitlines() if line.startswith("|")
    ]
    return rows[2:]


def classes(module: str) -> set[str]:
    tree = ast.parse((MODEL / f"{module}.py").read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")}


def named() -> list[str]:
    return [name for row in table() for name in re.findall(r"`(\w+)`", row[2])]


def test_rows_are_whole():
    assert len(table()) > 30
    assert [row for row in table() if len(row) != 4 or not row[0] or not row[1]] == []


def test_every_class_that_the_glossary_names_is_there():
    there = set().union(*(classes(path.stem) for path in MODEL.glob("*.py")))
    assert sorted(set(named()) - there) == []


def test_every_word_of_the_model_is_in_the_glossary():
    words = set().union(*(classes(module) for module in COMPLETE))
    assert sorted(words - set(named())) == []


def test_a_word_is_explained_once():
    words = [word.strip() for row in table() for word in row[0].split(",")]
    assert sorted(word for word in set(words) if words.count(word) > 1) == []


def test_every_section_says_what_is_built_or_planned():
    sections = re.split(r"^## ", DESIGN, flags=re.MULTILINE)[3:]
    assert len(sections) == 13
    assert [text.splitlines()[0] for text in sections if "**Built" not in text and "**Planned" not in text] == []


def test_the_gates_are_those_of_the_code():
    section = DESIGN.split("## 4. Gates and policy", 1)[1].split("\n## ", 1)[0]
    listed = re.findall(r"^\| ([a-z]+) \|", section, flags=re.MULTILINE)[1:]
    gates = {path.stem for path in (MODEL.parent / "core" / "gates").glob("*.py")} - {"__init__"}
    assert sorted(listed) == sorted(gates)
