"""Rules of a gate before it starts: a contract that lets whole integrations through, and stages."""

import json
from collections.abc import Collection

from tests.e2e.harness import Gate


def everyday(integrations: Collection[str], *, domains: Collection[str] = ("local-work",), more: str = "") -> str:
    """TOML of everyday rules for everything of some integrations. ``more``: further lines of it."""
    text = f"""
name = "everyday"
objective = "Work with everything here."
team = "home"
owner = "ana"
everyday = true
max_tier = "execute"
domains = {json.dumps(list(domains))}
{more}
"""
    return text + "".join(f'[[scopes]]\nintegration = "{name}"\ntools = ["*"]\n' for name in integrations)


def produce(gate: Gate, integrations: Collection[str]) -> None:
    """Their stage is production."""
    stages = "".join(f'{name} = "production"\n' for name in integrations)
    gate.files["rules.toml"] = gate.files["rules.toml"].replace("[stages]\n", f"[stages]\n{stages}", 1)
