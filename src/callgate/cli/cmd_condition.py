"""``callgate status`` and ``callgate doctor``: how the gate is."""

import time

import typer
from rich.text import Text

from callgate.cli import screens
from callgate.cli.client import Gate, decode, listed
from callgate.cli.options import HomeOption, JsonOption, sub_app
from callgate.cli.outcome import Exit
from callgate.flow.views.gate import CheckView, ConfigView, StatusView
from callgate.flow.views.integrations import IntegrationView

_DOUBTS = 10
"""Calls in doubt that are shown one by one, the newest."""

app = sub_app("The gate's condition.")


@app.command("status")
def status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """What runs, what waits, what is in doubt."""
    reply = Gate(home).get("status")
    if as_json:
        screens.dump(reply)
        return
    found = decode(reply, StatusView)
    screens.headed(f"Callgate {found.version}", screens.facts(_facts(found)))
    integrations(found.integrations)
    for halt in found.halts:
        screens.say(f"Stopped: {screens.halted(halt.scope, halt.what)} ({halt.reason or 'no reason given'}). {halt.id}")
    for doubt in sorted(found.doubts, key=lambda one: one.at_ms)[-_DOUBTS:]:
        when = screens.moment(doubt.at_ms)
        look = f" {doubt.look} shows whether it did." if doubt.look else ""
        screens.say(f"In doubt: {doubt.integration}/{doubt.tool} at {when} may have happened.{look} {doubt.call}")
    if len(found.doubts) > _DOUBTS:
        screens.say(f"In doubt besides: {len(found.doubts) - _DOUBTS} older calls. See: callgate status --json")
    for warning in found.warnings:
        screens.show(Text.assemble(("Warning: ", "yellow"), screens.cell(f"{warning.text} {warning.todo}")))


def _facts(found: StatusView) -> list[tuple[str, str | Text]]:
    checkpoint = f"{screens.count(found.checkpoint_size, 'event')}, {screens.moment(found.checkpoint_ms)}"
    pending = f"not live: {', '.join(found.pending_files)}"
    return [
        ("Endpoint", f"{found.endpoint}/<integration>"),
        ("Running for", screens.span(int(time.time() * 1000) - found.started_ms)),
        ("Home", found.home),
        ("Config", _config(found.config)),
        ("Tenant", f"{found.tenant}, profile {found.profile}"),
        ("Policy", f"bundle {found.bundle[:12]}"),
        ("", pending if found.pending_files else ""),
        ("Waiting", f"{found.open_holds} for people: callgate holds list" if found.open_holds else "nothing"),
        ("In doubt", screens.count(len(found.doubts), "call") if found.doubts else ""),
        ("Spent", _spent(found)),
        ("Ledger", screens.count(found.events, "event")),
        ("Checkpoint", checkpoint if found.checkpoint_size else "none yet"),
        ("Same host", "assistants may run as the gate's own user; acts are marked" if found.same_host else ""),
    ]


def _spent(found: StatusView) -> str:
    """Since the start, as manifests price calls."""
    if not found.spent:
        return ""
    each = ", ".join(f"{name} ${cost / 1_000_000:.2f}" for name, cost in found.spent)
    return f"${sum(cost for _, cost in found.spent) / 1_000_000:.2f} since the start, as manifests price calls: {each}"


def _config(found: ConfigView) -> str:
    live = f"sha256 {found.digest[:12]}"
    if found.state == "unusable":
        return f"{live}; the file on disk cannot be used: {found.problem}"
    if found.state == "live":
        return live
    changed = f"the file on disk differs: {', '.join(found.keys) or 'comments only'}"
    return f"{live}; {changed}. {found.problem or 'Make it live with: callgate reload'}"


def integrations(found: tuple[IntegrationView, ...]) -> None:
    screens.table(
        ("Integration", "State", "Tools", "Where", "As", "Notes"),
        ((row.name, screens.mark(row.state), str(row.tools), row.where, row.actor, _notes(row)) for row in found),
        empty="No integration is connected. Connect one with: callgate add",
        copied=True,
    )


_MANIFEST = {
    "broken": "its manifest cannot be used: everything counts as execute",
    "unapproved": "its manifest is not policy: everything counts as execute",
    "unrecognised": "none of the servers its manifest knows: everything counts as execute",
}
_ACCOUNT = {"changed": "acts as another account than confirmed", "unknown": "does not say whose account it uses"}


def _notes(row: IntegrationView) -> str:
    notes = (
        "" if row.confirmed_ms else "not confirmed",
        "changed since it was confirmed" if row.drifted else "",
        _ACCOUNT.get(row.account_problem, ""),
        "confirm again for prompts and resources" if row.due else "",
        screens.count(row.prompts, "prompt") if row.prompts else "",
        "" if row.confined else "unconfined",
        f"may ask for {', '.join(row.asks)}" if row.asks else "",
        "" if row.manifest else "no manifest",
        _MANIFEST.get(row.manifest_problem, ""),
        _stage(row),
    )
    return ", ".join(note for note in notes if note)


def _stage(row: IntegrationView) -> str:
    if row.stage == "observe":
        return f"only observed until {row.observe_until}, {row.observe_owner} answers for it"
    over = f", observed until {row.observe_until}" if row.observe_until else ""
    return "" if row.stage == "production" else f"stage {row.stage}{over}"


@app.command("metrics")
def metrics(home: HomeOption = None) -> None:
    """Print what Prometheus would scrape.

    Counts, times and states of the whole gate, in the text format of Prometheus.
    """
    typer.echo(Gate(home).get("metrics").decode(), nl=False)


@app.command("doctor")
def doctor(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Check the gate and say what to do.

    Exit code 1 when a check failed.
    """
    reply = Gate(home).get("doctor")
    checks = listed(reply, "checks", CheckView)
    if as_json:
        screens.dump(reply)
    else:
        screens.table(
            ("", "Check", "Found", "To do"),
            ((screens.mark(check.state), check.code, check.text, check.todo) for check in checks),
            empty="There is nothing to check.",
        )
    if any(check.state == "fail" for check in checks):
        raise typer.Exit(Exit.NO)
