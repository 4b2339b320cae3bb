"""The small part of Figma's plugin API that scripts may use here, one statement a line.

``const a = figma.createFrame()``, ``a.name = "…"``, ``a.characters = "…"``, ``a.remove()``,
``const b = figma.getNodeById("1:2")`` and comments. Anything else is refused before anything runs.
"""

import re

from callgate_practice.figma import files
from callgate_practice.reply import JSON, ToolFailure
from callgate_practice.world import World

MAKE = re.compile(r"(?:const|let)\s+(\w+)\s*=\s*figma\.create(Frame|Text|Rectangle|Component|Page)\(\)")
TAKE = re.compile(r"""(?:const|let)\s+(\w+)\s*=\s*(?:await\s+)?figma\.getNodeById(?:Async)?\(["']([\d:]+)["']\)""")
SET = re.compile(r"""(\w+)\.(name|characters)\s*=\s*["'](.*)["']""")
REMOVE = re.compile(r"(\w+)\.remove\(\)")
SKIP = re.compile(r"(//.*|return\b.*|)")
MEMBERS = {"name": "name", "characters": "text"}


def run(world: World, home: JSON, code: str) -> JSON:
    """Ids of the nodes it made, changed and removed."""
    done: dict[str, list[str]] = {"created": [], "changed": [], "removed": []}
    held: dict[str, JSON] = {}
    for line in code.splitlines():
        _statement(world, home, line.strip().rstrip(";"), held, done)
    if any(done.values()):
        files.changed(world, home)
    return dict(done)


def _statement(world: World, home: JSON, line: str, held: dict[str, JSON], done: dict[str, list[str]]) -> None:
    if made := MAKE.fullmatch(line):
        held[made[1]] = files.add_node(world, home, made[2].upper(), made[2])
        done["created"].append(held[made[1]]["id"])
    elif taken := TAKE.fullmatch(line):
        held[taken[1]] = files.node(world, {"fileKey": home["key"], "nodeId": taken[2]})
    elif change := SET.fullmatch(line):
        one = _named(held, change[1])
        one[MEMBERS[change[2]]] = change[3]
        world.put("node", f"{home['key']}/{one['id']}", one)
        if one["id"] not in done["created"] + done["changed"]:
            done["changed"].append(one["id"])
    elif removed := REMOVE.fullmatch(line):
        one = _named(held, removed[1])
        world.drop("node", f"{home['key']}/{one['id']}")
        done["removed"].append(one["id"])
    elif not SKIP.fullmatch(line):
        raise ToolFailure(f"Error: this statement is not known to the practice server: {line[:80]}")


def _named(held: dict[str, JSON], name: str) -> JSON:
    if name not in held:
        raise ToolFailure(f"ReferenceError: {name} is not defined")
    return held[name]
