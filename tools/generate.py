"""Write the parts of the docs that are made from code: ``python tools/generate.py [--check]``.

With ``--check`` nothing is written; exit code 1 names the files that differ from what the code says.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from callgate.core.ledger.schema import event_schema

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.codes import errors_page  # noqa: E402 - the path above makes the folder importable for a script
from tools.generate_cli import render as cli_page  # noqa: E402
from tools.generate_config import config_page  # noqa: E402
from tools.generate_integrations import pages  # noqa: E402
from tools.generate_inventory import inventory_page, inventory_schema  # noqa: E402
from tools.generate_manifest import cases_schema, manifest_schema  # noqa: E402


def _event_schema() -> str:
    return json.dumps(event_schema(), indent=2, ensure_ascii=False) + "\n"


FILES: dict[str, Callable[[], str]] = {
    "docs/reference/event-schema.json": _event_schema,
    "docs/reference/errors.md": errors_page,
    "docs/reference/cli.md": cli_page,
    "docs/reference/config.md": config_page,
    "docs/reference/inventory.md": inventory_page,
    "docs/reference/inventory-schema.json": inventory_schema,
    "docs/reference/manifest-schema.json": manifest_schema,
    "docs/reference/cases-schema.json": cases_schema,
}
"""Path from the root of the checkout -> its text."""


def main(arguments: list[str]) -> int:
    """The exit code: 0 all written or all equal, 1 a file differs, 2 unknown arguments."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write(f"{__doc__}\n")
        return 2
    texts = {path: make() for path, make in FILES.items()} | pages()
    different = [path for path, text in texts.items() if _read(ROOT / path) != text]
    for path in different:
        if arguments:
            sys.stderr.write(f"{path} is not what the code says; run python tools/generate.py\n")
        else:
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_text(texts[path], "utf-8")
            sys.stdout.write(f"{path} written\n")
    return 1 if arguments and different else 0


def _read(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
