"""What one policy bundle changes against another, line by line: whoever approves sees what they approve."""

import difflib
from collections.abc import Iterator
from typing import Any

import msgspec

from callgate.model.bundle import Bundle

MOST_LINES = 500
_RULES = ("profile", "duties", "risk", "rates", "waiting", "roles", "runtimes", "stages", "observing")
_LABELS = ("name", "role", "id", "tier")


def parts(bundle: Bundle) -> dict[str, tuple[str, ...]]:
    """Name of each part (a file's, or ``manifests``) to its lines."""
    found = {file.name: tuple(file.text.splitlines()) for file in bundle.policies}
    fields = msgspec.to_builtins(bundle)
    found["domains.toml"] = tuple(_lines(fields["domains"], ""))
    found["manifests"] = tuple(_lines(fields["manifests"], ""))
    found["rules.toml"] = tuple(line for name in _RULES for line in _lines(fields[name], name))
    return found


def changes(live: Bundle, wanted: Bundle) -> tuple[str, ...]:
    """One sentence for each part that differs, each followed by its lines: ``+`` comes, ``-`` goes."""
    before, now = parts(live), parts(wanted)
    said: list[str] = []
    for name in dict.fromkeys((*now, *before)):
        if before.get(name) == now.get(name):
            continue
        verb = "is new" if name not in before else ("changes" if name in now else "is gone")
        differing = _differing(before.get(name, ()), now.get(name, ()))
        said += [f"{name} {verb}.", *differing[:MOST_LINES]]
        if len(differing) > MOST_LINES:
            said.append(f"  … and {len(differing) - MOST_LINES} further lines of {name}")
    return tuple(said)


def _differing(before: tuple[str, ...], now: tuple[str, ...]) -> list[str]:
    found = difflib.unified_diff(before, now, n=0, lineterm="")
    return [f"  {line[0]} {line[1:]}" for line in list(found)[2:] if not line.startswith("@@")]


def _lines(value: Any, path: str) -> Iterator[str]:
    """``path.to.value = JSON``; members of lists go by their name."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _lines(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list | tuple) and any(isinstance(item, dict | list | tuple) for item in value):
        for item in value:
            if isinstance(item, dict):
                label = next(str(item[key]) for key in _LABELS if key in item)
                yield from _lines({k: v for k, v in item.items() if k not in _LABELS}, f"{path}.{label}".lstrip("."))
            else:
                yield from _lines(item[1] if len(item) == 2 else list(item[1:]), f"{path}.{item[0]}".lstrip("."))
    else:
        yield f"{path} = {msgspec.json.encode(value).decode()}"
