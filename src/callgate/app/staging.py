"""Where integrations that were adopted start: the one place that writes a stage into the home's ``rules.toml``."""

import datetime as dt
import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from callgate.adapters.home.place import Home
from callgate.adapters.inventory.rewrite import CannotRewrite, OnDisk, read_whole, replace, sweep
from callgate.core.adopt.codes import left_kind
from callgate.core.adopt.edits import Edit, NotEditable, edited
from callgate.model.errors import ConfigError
from callgate.model.terms import Stage

_TITLES = {
    "codex": "Codex",
    "claude-code": "Claude Code",
    "claude-desktop": "Claude Desktop",
    "cursor": "Cursor",
    "vscode": "VS Code",
    "gemini": "Gemini CLI",
    "windsurf": "Windsurf",
    "zed": "Zed",
    "opencode": "opencode",
}
DAYS = 14
"""How long calls are observed unless somebody says otherwise."""


def starting_stage(days: int, owner: str) -> Any:
    """The value under ``[stages]``."""
    until = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=days)
    return {"stage": Stage.OBSERVE.value, "observe_until": until.isoformat(), "owner": owner}


def rules_file(home: Path) -> Path:
    """Where it really stands."""
    return Path(os.path.realpath(Home(home).policies)) / "rules.toml"


def rules_text(home: Path) -> bytes | None:
    """None: it cannot be read, or is not there."""
    try:
        return read_whole("/", str(rules_file(home))).data
    except CannotRewrite:
        return None


def write_stages(
    home: Path,
    integrations: Sequence[str],
    runtimes: Sequence[str],
    stage: Any,
    *,
    settled: Sequence[str] = (),
    keep: Callable[[str, OnDisk, bytes], None] | None = None,
) -> bool:
    """Stages for the integrations, and entries for runtimes that ``rules.toml`` does not have. False: nothing changed.

    The file is a proposal, as always. ``settled``: those whose stage stays when they have one. ``keep`` is told the
    file, how it is and what it is to be, before it is written. Raises ConfigError.
    """
    rules = rules_file(home)
    sweep("/", str(rules))
    try:
        before = read_whole("/", str(rules))
        text = (before.data or b"").decode("utf-8")
        found = tomllib.loads(text)
        registered, stages = _table(found.get("runtimes")), _table(found.get("stages"))
        new = [name for name in integrations if name not in settled or name not in stages]
        edits = [Edit(path=("stages", name), value=stage) for name in new]
        for runtime in runtimes:
            if runtime not in registered:
                edits.append(Edit(path=("runtimes", runtime, "kind"), value="attended"))
                edits.append(Edit(path=("runtimes", runtime, "title"), value=_TITLES[runtime]))
        after = edited("codex-config", text, edits)
        if after == text:
            return False
        if keep is not None:
            keep(str(rules), before, after.encode("utf-8"))
        replace("/", str(rules), before.data, before._replace(data=after.encode("utf-8")))
    except (NotEditable, CannotRewrite) as fault:
        raise ConfigError(left_kind(fault.code).says, file=str(rules)) from fault
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise ConfigError("It cannot be read.", file=str(rules)) from fault
    return True


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
