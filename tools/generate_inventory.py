"""The reference of the inventory: its codes and its JSON, from the code."""

import json

import msgspec

from callgate.core.inventory.codes import CODES
from callgate.core.inventory.places import HOME, LOGINS, MACHINE, PROJECT
from callgate.model.inventory import Inventory, Severity

_HEAD = """\
# Inventory

Made from the code by `tools/generate.py`; change it there. How to use it: [see what is connected](../how-to/inventory.md).

`callgate inventory --json` prints one object by [this JSON Schema](inventory-schema.json). `schema` is {schema}; keys stay, new ones may
come. Findings, servers, logins and unseen sources are sorted, so that equal disks give equal bytes. Lines begin at 1; 0 is
the file as a whole. Paths begin at the root that was read.

## Findings

A code is stable: a later version may leave it out, but it never means something else.
"""


def inventory_page() -> str:
    """The text of docs/reference/inventory.md."""
    parts = [_HEAD.format(schema=1), "| code | severity | says | fix |", "|---|---|---|---|"]
    for severity in sorted(Severity, reverse=True):
        for code, kind in CODES.items():
            if kind.severity is severity:
                parts.append(f"| `{code}` | {severity.name.lower()} | {kind.says} | {kind.fix} |")
    parts += ["", "## Files that are looked at", ""]
    for title, places in (("Of the machine", MACHINE), ("Of a home", HOME), ("Of a project", PROJECT)):
        parts += [f"### {title}", "", "| client | file |", "|---|---|"]
        parts += [f"| {place.client} | `{place.path}` |" for place in places]
        parts.append("")
    parts += ["### Logins, by presence", "", "| login | file | opened |", "|---|---|---|"]
    parts += [f"| {login.kind} | `{login.path}` | {'for names of keys' if login.words else 'no'} |" for login in LOGINS]
    return "\n".join(parts) + "\n"


def inventory_schema() -> str:
    """JSON Schema 2020-12 of the JSON output."""
    schema = msgspec.json.schema(Inventory)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Callgate inventory", **schema}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
