"""One page per integration of the catalogue: what its tools do, how it is taken back, and its runbook."""

import re
from collections.abc import Iterable

from callgate.catalog.loader import RUNBOOK, folder_of, known_manifests, load_manifest
from callgate.core.conditions import tests_of
from callgate.core.variants import variants_of
from callgate.model.manifest import Condition
from callgate.model.tool import Manifest, ToolManifest

FOLDER = "docs/integrations"
_WRITTEN = "<!-- Written by tools/generate.py from src/callgate/catalog/{name}. -->"


def pages() -> dict[str, str]:
    """Path from the root -> Markdown."""
    found = {name: load_manifest(name) for name in known_manifests()}
    return {f"{FOLDER}/README.md": _index(found), **{f"{FOLDER}/{name}.md": _page(one) for name, one in found.items()}}


def _index(found: dict[str, Manifest]) -> str:
    rows = (
        f"| [{one.title}]({name}.md) | {one.vendor} | {len(one.tools)} | {_tiers(one.tools)} | {_verified(one)} |"
        for name, one in found.items()
    )
    said = "What the gate knows by heart. A tool that no manifest names is classified by rules, and a person confirms."
    head = "| integration | vendor | tools | read, draft, execute | verified |\n|---|---|---|---|---|"
    written = "<!-- Written by tools/generate.py from src/callgate/catalog. -->"
    own = "To add one, [write a manifest](../how-to/write-a-manifest.md)."
    return "\n".join(["# Integrations", "", written, "", said, own, "", head, *rows]) + "\n"


def _page(manifest: Manifest) -> str:
    parts = [f"# {manifest.title}", "", _WRITTEN.format(name=manifest.integration), "", _head(manifest), ""]
    parts += ["## Tools", "", *_tools(manifest)]
    parts += _section("Lower tiers by argument", "tool | tier | when", _lowered(manifest))
    parts += _section("What a call touches", "tool | targets | sensitive scopes", _touched(manifest))
    parts += _section("Receipts and ways back", "tool | receipt | taken back by | prepared only by", _backs(manifest))
    parts += _section("Searches", "tool | kept inside by", _searches(manifest))
    text = (folder_of(manifest.integration) / RUNBOOK).read_text(encoding="utf-8")
    parts += ["", "## Runbook", "", re.sub(r"^#(?=#)", "##", text.partition("\n")[2], flags=re.MULTILINE).strip()]
    return "\n".join(parts) + "\n"


def _head(manifest: Manifest) -> str:
    lines = [f"{manifest.vendor}. {_counted(manifest.tools)}."]
    for one in variants_of(manifest):
        name = next((variant.title for variant in manifest.variants if variant.name == one.variant), "")
        state = "not verified: every tool counts as execute"
        if one.verified:
            state = f"verified against {one.verified_against} on {one.verified_on}"
        who = f"; the account is read with `{one.whoami.tool}`" if one.whoami else ""
        lines.append(f"{name + ': ' if name else ''}{state}{who}.")
    return "\n".join(f"- {line[0].upper()}{line[1:]}" for line in lines)


def _counted(tools: tuple[ToolManifest, ...]) -> str:
    return f"{len(tools)} tools: {_tiers(tools)} (read, draft, execute)"


def _tiers(tools: tuple[ToolManifest, ...]) -> str:
    names = [tool.tier.name.lower() for tool in tools]
    return ", ".join(str(names.count(tier)) for tier in ("read", "draft", "execute"))


def _verified(manifest: Manifest) -> str:
    return (
        ", ".join(
            f"{one.variant + ' ' if one.variant else ''}{one.verified_on}"
            for one in variants_of(manifest)
            if one.verified
        )
        or "no"
    )


def _tools(manifest: Manifest) -> Iterable[str]:
    several = bool(manifest.variants)
    yield f"| tool |{' variants |' if several else ''} tier | what it does | marks |"
    yield f"|---|{'---|' if several else ''}---|---|---|"
    for tool in manifest.tools:
        variants = f" {', '.join(tool.variants) or 'all'} |" if several else ""
        yield f"| `{tool.name}` |{variants} {tool.tier.name.lower()} | {_cell(tool.say)} | {', '.join(_marks(tool))} |"


def _marks(tool: ToolManifest) -> Iterable[str]:
    for mark in ("irreversible", "admin", "money", "idempotent"):
        if getattr(tool, mark):
            yield mark
    if tool.retrieval:
        yield "search"
    if tool.sets_session_target:
        yield "sets the session's target"
    if tool.price_micro_usd:
        yield f"{tool.price_micro_usd} micro-USD a call"
    if tool.concurrency:
        yield f"{tool.concurrency} at once"


def _lowered(manifest: Manifest) -> Iterable[str]:
    for tool in manifest.tools:
        for rule in tool.tier_by:
            conditions = (*((rule,) if rule.path else ()), *rule.when)
            yield f"`{tool.name}` | {rule.tier.name.lower()} | {' and '.join(map(_condition, conditions))}"


def _condition(condition: Condition) -> str:
    test = tests_of(condition)[0]
    value = getattr(condition, test)
    path = f"`{condition.path}`"
    if test == "given":
        return f"{path} is {value.value}"
    if test == "sql":
        return f"{path} only reads ({value})"
    if test == "sql_shapes":
        return f"{path} changes nothing but tables, columns, indexes and views ({value})"
    if test == "http_safe":
        return f"{path} is GET, HEAD or OPTIONS"
    words = {"values": "is", "without": "is not", "prefix": "begins with"}[test]
    return f"{path} {words} {' or '.join(f'`{_cell(_value(one))}`' for one in value)}"


def _value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _touched(manifest: Manifest) -> Iterable[str]:
    for tool in manifest.tools:
        kinds = dict.fromkeys(
            kind
            for rule in tool.targets
            for kind in (rule.kind, *rule.prefixes.values(), *(rule.kind_by.kinds.values() if rule.kind_by else ()))
        )
        if kinds or tool.scopes:
            yield f"`{tool.name}` | {', '.join(f'`{kind}`' for kind in kinds)} | {', '.join(tool.scopes)}"


def _backs(manifest: Manifest) -> Iterable[str]:
    for tool in manifest.tools:
        names = dict.fromkeys(rule.name for rule in tool.receipt)
        if not (names or tool.undone_by or tool.draft_lane or tool.irreversible):
            continue
        back = _way_back(tool)
        lane = ", ".join(dict.fromkeys(f"`{lane.tool}`" for lane in tool.lanes))
        yield f"`{tool.name}` | {', '.join(names)} | {back} | {lane}"


def _way_back(tool: ToolManifest) -> str:
    otherwise = "nothing" if tool.irreversible else "hand"
    if not tool.undone_by:
        return otherwise
    names = ", ".join(f"`{name}`" for name in tool.undone_by.split(", "))
    return f"{names}, or {otherwise}" if tool.ways_back and all(way.when for way in tool.ways_back) else names


def _searches(manifest: Manifest) -> Iterable[str]:
    for tool in manifest.tools:
        if not tool.retrieval:
            continue
        rule = tool.confine
        if rule is not None and rule.narrow is not None:
            how = "its query: " + ", ".join(f"`{_cell(one.add)}`" for one in rule.narrow.qualifiers)
        elif rule is not None and rule.filter is not None:
            how = "taking out items whose target lies outside"
        elif rule is not None:
            how = f"refused without a target: {_cell(rule.refuse)}"
        else:
            how = "refused without a target"
        yield f"`{tool.name}` | {how}"


def _section(title: str, columns: str, rows: Iterable[str]) -> list[str]:
    found = [f"| {row} |" for row in rows]
    if not found:
        return []
    return ["", f"## {title}", "", f"| {columns} |", "|" + "---|" * (columns.count("|") + 1), *found]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
