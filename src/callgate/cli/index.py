"""All commands: finds the one that is named, loads it, and ends with its exit code."""

from typing import Annotated, Any, cast

import typer
from typer.core import TyperGroup

from callgate import __version__
from callgate.cli.lazy import load
from callgate.cli.options import HomeOption
from callgate.cli.outcome import CommandError, complain
from callgate.model.errors import CallgateError

SECTIONS: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "The gate",
        (
            ("init", "gate", "Make a home: config, keys, first account, starter policies."),
            ("serve", "gate", "Run the gate until Ctrl-C."),
            ("reload", "operate", "Make the settings of config.toml live, all of them or none."),
            ("backup", "operate", "Write the home into one file, while the gate runs or not."),
            ("restore", "operate", "Make a home from a backup."),
            ("service", "service", "Run the gate as a service of this machine, with a user of its own."),
            ("status", "condition", "What runs, what waits, what is in doubt."),
            ("doctor", "condition", "Check the gate and say what to do."),
            ("metrics", "condition", "Print what Prometheus would scrape."),
        ),
    ),
    (
        "Working with it",
        (
            ("login", "access", "Sign in and keep a token for an assistant runtime."),
            ("logout", "access", "Revoke a runtime's token and forget it."),
            ("token", "token", "Print a runtime's token, or the headers for it."),
            ("stdio", "stdio", "Speak MCP on stdin and stdout with the running gate, for assistants without HTTP."),
            ("call", "call", "Call a tool through the gate, as any client would."),
            ("add", "add", "Connect an integration: look, show, ask once."),
            ("tools", "tools", "List tools with their tiers, see what changed, confirm it, classify."),
            ("integrations", "integrations", "List, refresh, confirm, apply and remove integrations."),
            ("inventory", "inventory", "See what assistants here are connected to, and what goes past the gate."),
            ("adopt", "adopt", "Move what assistants here are connected to behind the gate, under the same names."),
            ("export", "export", "Write the configuration of an assistant that leaves only the gate, or check one."),
            ("hook", "hook", "Say whether a call that an assistant is about to make goes to the gate."),
            ("catalog", "catalog", "Check the manifests and their cases."),
            ("practice", "practice", "Start a practice server, or compare what one held before and after."),
            ("learn", "learn", "Propose everyday rules from calls that ran."),
            ("contract", "contracts", "Check, add, list and consent to contracts, and say how far searches reach."),
            ("task", "tasks", "Open, close and list tasks."),
        ),
    ),
    (
        "Deciding",
        (
            ("holds", "holds", "See and answer what waits for people."),
            ("halt", "halts", "Stop everything, or one thing, at once."),
            ("halts", "halts", "List what is stopped."),
            ("resume", "halts", "Lift a halt."),
            ("policy", "policy", "See, test, propose and approve the policy bundle."),
            ("accounts", "access", "List, add and disable local accounts."),
        ),
    ),
    (
        "What happened",
        (
            ("events", "events", "List events, or follow them."),
            ("explain", "events", "Why a call was decided as it was."),
            ("ledger", "ledger", "Verify, prove, export; the signed checkpoint."),
        ),
    ),
)
_MODULES = {name: module for _, rows in SECTIONS for name, module, _ in rows}


class CommandIndex(TyperGroup):
    """The commands of SECTIONS. Each module has an ``app`` that holds its own; only the named one is loaded."""

    def list_commands(self, _ctx: Any) -> list[str]:
        return list(_MODULES)

    def get_command(self, _ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in _MODULES:
            return None
        module = load(f"callgate.cli.cmd_{_MODULES[cmd_name]}")
        return typer.main.get_group(module.app).commands[cmd_name]

    def format_commands(self, _ctx: Any, formatter: Any) -> None:
        """The table of SECTIONS, without loading anything."""
        width = max(len(name) for name in _MODULES)
        for title, rows in SECTIONS:
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), summary) for name, _, summary in rows])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        self.commands = cast("Any", dict.fromkeys(_MODULES))  # the names to suggest from after a typo
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (CommandError, CallgateError) as fault:
            raise typer.Exit(complain(fault)) from None


app = typer.Typer(
    cls=CommandIndex,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"callgate {__version__}")
        raise typer.Exit


@app.callback()
def root(
    _home: HomeOption = None,
    _show: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """The gate that every tool call of an assistant passes."""
