"""The rules of the house that a machine can check (docs/design.md, ARCHITECTURE.md)."""

import ast
import collections
import pathlib
import re

ROOT = pathlib.Path(__file__).parents[2]
SOURCE = ROOT / "src" / "callgate"
FILES = sorted((*SOURCE.rglob("*.py"), *(ROOT / "src" / "callgate_practice").rglob("*.py")))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
MAX_LINES = 400
MAX_FUNCTION = 60
ALONE = {SOURCE / "offline" / "verify_ledger.py"}
"""One file by purpose: it is read, kept and run apart from everything."""


def name(path: pathlib.Path) -> str:
    return str(path.relative_to(ROOT))


def test_files_end():
    lines = {name(path): path.read_text().count("\n") for path in FILES if path not in ALONE}
    assert {file: count for file, count in lines.items() if count > MAX_LINES} == {}


def test_functions_fit_on_a_screen():
    long = {}
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = node.end_lineno - node.lineno + 1
                if length > MAX_FUNCTION:
                    long[f"{name(path)}:{node.name}"] = length
    assert long == {}


def test_every_file_says_what_it_is():
    assert [name(path) for path, tree in TREES.items() if not ast.get_docstring(tree)] == []


def test_one_class_per_noun():
    seen = collections.defaultdict(list)
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                seen[node.name].append(name(path))
    assert {noun: places for noun, places in seen.items() if len(places) > 1} == {}


def test_no_imports_of_ours_inside_functions():
    found = []
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for inner in ast.walk(node):
                    module = getattr(inner, "module", "") or ""
                    names = (
                        [alias.name for alias in getattr(inner, "names", [])] if isinstance(inner, ast.Import) else []
                    )
                    if isinstance(inner, ast.ImportFrom) and module.startswith("callgate"):
                        found.append(f"{name(path)}:{inner.lineno}")
                    if any(one.startswith("callgate") for one in names):
                        found.append(f"{name(path)}:{inner.lineno}")
    assert found == []


def passes_on(handler):
    """It cleans up and raises what it caught."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_broad_excepts_stand_where_they_must():
    """The fronts' last resort, worker loops, and the fold that must deny when a gate breaks."""
    found = set()
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler) and not passes_on(node):
                kinds = [node.type] if not isinstance(node.type, ast.Tuple) else node.type.elts
                if node.type is None or any(
                    isinstance(k, ast.Name) and k.id in ("Exception", "BaseException") for k in kinds
                ):
                    found.add(name(path))
    assert found <= {
        "src/callgate/adapters/mcp/app.py",
        "src/callgate/adapters/http/routes_base.py",
        "src/callgate/adapters/store/writer.py",
        "src/callgate/app/serving.py",
        "src/callgate/core/decide.py",
    }


def test_environment_is_read_by_the_command_and_the_secrets_alone():
    readers = set()
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Attribute)
                and node.attr in ("environ", "getenv")
                and getattr(node.value, "id", "") == "os"
            ):
                readers.add(name(path).split("/")[2] + "/" + name(path).split("/")[3])
    assert readers <= {"cli/" + path.name for path in (SOURCE / "cli").glob("*.py")} | {
        "adapters/secrets",
        "adapters/upstream",
        "app/making.py",
        "app/serving.py",
    }


def test_no_machine_paths_or_registries():
    words = re.compile(re.escape(str(ROOT)) + "|py" + r"pi\.org|python" + r"hosted|registry\.npm" + "js")
    tracked = [
        path
        for folder in ("src", "docs", "tests", "benchmarks", "requirements", "tools")
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
    ]
    tracked += [ROOT / one for one in ("README.md", "ARCHITECTURE.md", "Makefile", "pyproject.toml")]
    hits = [
        name(path)
        for path in tracked
        if "__pycache__" not in str(path)
        and path.suffix not in (".pyc",)
        and words.search(path.read_text(errors="replace"))
    ]
    assert hits == []
