"""The starter bundle: the policies, rules, domains and cases that a new home begins with."""

from importlib import resources
from importlib.resources.abc import Traversable


def starter(owner: str) -> dict[str, bytes]:
    """Name in the policy folder to content, with ``owner`` (an account subject) where the files say ``@OWNER@``.

    ``owner`` stands inside TOML strings, so it must be free of quotes, backslashes and control characters.
    """
    if not owner.isprintable() or not owner or set(owner) & set("\"'\\"):
        raise ValueError("the owner's subject cannot stand in a TOML string")
    found: dict[str, bytes] = {}
    _collect(resources.files(__name__), "", found)
    return {name: data.replace(b"@OWNER@", owner.encode()) for name, data in sorted(found.items())}


def _collect(folder: Traversable, prefix: str, found: dict[str, bytes]) -> None:
    for entry in folder.iterdir():
        if entry.name.endswith((".toml", ".cedar")):
            found[prefix + entry.name] = entry.read_bytes()
        elif entry.name == "cases":
            _collect(entry, "cases/", found)
