"""docs/dependencies.md is the list of pyproject.toml, and each package is imported where it says."""

import ast
import pathlib
import re
import sys
import tomllib

ROOT = pathlib.Path(__file__).parents[2]
SOURCE = ROOT / "src" / "callgate"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
EVERYWHERE = "everywhere"
COMPANIONS = {"yarl": "aiohttp", "multidict": "aiohttp"}
"""Part of another package's interface: allowed where that one is."""


NAMESPACES = {"opentelemetry_sdk": "opentelemetry", "opentelemetry_exporter_otlp_proto_http": "opentelemetry"}
"""Packages that are imported under another name."""


def declared() -> list[str]:
    """With those of the extras."""
    project = PROJECT["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    return [re.split(r"[<>=!~ \[;]", line, maxsplit=1)[0] for line in lines]


def imported(package: str) -> str:
    return NAMESPACES.get(package, package)


def rooms() -> dict[str, tuple[str, ...]]:
    """Import name -> the places below src/callgate that may import it."""
    rows = re.findall(r"^\| ([a-z0-9-]+) \| [^|]+ \| ([^|]+) \|$", PAGE, flags=re.MULTILINE)
    places = {}
    for name, where in rows:
        if name != "package":
            places[name.replace("-", "_")] = (
                (EVERYWHERE,) if where.strip() == EVERYWHERE else tuple(re.findall(r"`([^`]+)`", where))
            )
    return places | {name: places[host] for name, host in COMPANIONS.items() if f"`{name}`" in PAGE}


def imports() -> set[tuple[str, str]]:
    """(top-level package that is neither ours nor Python's, file below src/callgate)."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for name in names:
                top = name.split(".")[0]
                if top != "callgate" and top not in sys.stdlib_module_names:
                    found.add((top, str(path.relative_to(SOURCE))))
    return found


def test_the_page_lists_what_the_project_declares():
    assert sorted(rooms().keys() - COMPANIONS) == sorted(name.replace("-", "_") for name in declared())


def test_each_package_is_imported_only_where_the_page_says():
    allowed = {imported(package): places for package, places in rooms().items()}
    strays = [
        f"{file} imports {package}"
        for package, file in sorted(imports())
        if allowed.get(package) != (EVERYWHERE,)
        and not any(file == place or file.startswith(f"{place}/") for place in allowed.get(package, ()))
    ]
    assert strays == []


def test_each_place_of_the_page_does_import_it():
    found = imports()
    idle = [
        f"{package}: {place}"
        for package, places in rooms().items()
        if package not in COMPANIONS
        for place in places
        if place != EVERYWHERE
        and not any(
            name == imported(package) and (file == place or file.startswith(f"{place}/")) for name, file in found
        )
    ]
    assert idle == []
