"""What a server offers, before a person says yes to it."""

import json
import shlex

import typer
from rich.text import Text

from callgate.cli import screens
from callgate.cli.drift_screen import draw_findings
from callgate.cli.outcome import CommandError, Exit
from callgate.cli.people import forget_typed
from callgate.cli.tool_table import counts, draw_tools
from callgate.flow.views.integrations import AddedView, DiscoveryView, IntegrationView, ToolView

MOST_NAMED = 20
"""Prompts, or templates, that a screen names."""


def draw_discovery(found: DiscoveryView) -> None:
    screens.headed(
        f"{found.integration}: what its server offers",
        screens.facts(
            (
                ("Server", f"{found.server_name} {found.server_version}".strip() or "it does not say"),
                ("Speaks", ", ".join(found.eras)),
                ("Confined", "" if found.confined else "no: it runs with all that the gate's user may do"),
                ("Manifest", _manifest(found)),
                ("Tells models", screens.lines(found.instructions)),
                ("Digest", found.digest),
            )
        ),
    )
    draw_tools(found.tools, empty="It offers no tools.", new=any(tool.pinned for tool in found.tools))
    if found.tools:
        screens.say(f"{counts(found.tools)}.")
    for what, names in (("Prompts", found.prompts), ("Resource templates", found.templates)):
        if names:
            more = ", …" if len(names) > MOST_NAMED else ""
            screens.say(f"{what} ({len(names)}): {', '.join(names[:MOST_NAMED])}{more}")
    for change in found.changes:
        screens.say(f"Changed: {change}")
    for warning in found.warnings:
        screens.show(Text.assemble(("Warning: ", "yellow"), screens.cell(warning)))
    draw_findings(found.findings)
    if found.rules is not None:
        _draw_rules(found)


def _manifest(found: DiscoveryView) -> str:
    if found.rules is None:
        return ""
    if not found.manifest:
        by_rules = any(tool.decided_by == "rules" for tool in found.tools)
        return "none: rules propose the tiers" if by_rules else "none"
    without = sum(tool.decided_by == "nobody" for tool in found.tools)
    if not without:
        return found.manifest
    others = f"it does not know {screens.count(without, 'tool')}, so they count as changing things"
    return f"{found.manifest}; {others}. With --manifest none rules propose the tiers of all"


def _draw_rules(found: DiscoveryView) -> None:
    assert found.rules is not None
    screens.say("Rules:")
    for sentence in found.rules.says:
        screens.say(f"- {sentence}")
    for who in found.rules.waits_for:
        screens.say(f"- They wait for the consent of {who}.")


def agreed(question: str) -> bool:
    forget_typed()
    try:
        return typer.confirm(question, default=False, err=True)
    except typer.Abort:
        raise CommandError(
            "Nobody answered, so nothing changed.", "To answer yes without a question add --yes.", Exit.NO
        ) from None


def draw_connected(one: IntegrationView) -> None:
    prompts = f" and {screens.count(one.prompts, 'prompt')}" if one.prompts else ""
    screens.say(f"{one.name} is connected with {screens.count(one.tools, 'tool')}{prompts}.")


def draw_added(added: AddedView, found: DiscoveryView) -> None:
    draw_connected(added.integration)
    for sentence in added.rules:
        screens.say(sentence)
    if added.file:
        screens.say(f"Its settings, with reasons: {added.file}")
    screens.say(_first_call(added.integration.name, found))


def _first_call(name: str, found: DiscoveryView) -> str:
    """A call that can be answered: of what only looks the tool that needs least."""
    looks = sorted((tool for tool in found.tools if tool.tier == "read" and not tool.is_method), key=_needed)
    if not looks:
        return "None of its tools only looks: the first call takes a policy that lets it change things."
    arguments = json.dumps(dict.fromkeys(looks[0].needs, "…"), ensure_ascii=False)
    return f"Try it: callgate call {name} {shlex.quote(looks[0].tool)} {shlex.quote(arguments)}"


def _needed(tool: ToolView) -> int:
    return len(tool.needs)
