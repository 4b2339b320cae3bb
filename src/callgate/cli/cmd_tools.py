"""``callgate tools``: what tools there are, and what a person says they count as."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from callgate.cli import screens
from callgate.cli.acting import person
from callgate.cli.client import Gate, decode, listed
from callgate.cli.options import AccountOption, HomeOption, JsonOption, PassphraseOption, sub_app
from callgate.cli.tool_drift import confirm, diff
from callgate.cli.tool_table import classified, draw_tools
from callgate.flow.admin import ToolRuling
from callgate.flow.views.integrations import ToolView

_LIST = "list"


class ListUnlessNamed(TyperGroup):
    """``callgate tools git`` is ``callgate tools list git``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = [_LIST, *args]
        return super().parse_args(ctx, args)


app = sub_app("Tools.")
tools = typer.Typer(
    cls=ListUnlessNamed,
    help="List tools with their tiers, see what changed, confirm it, classify.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(tools, name="tools")
tools.command("diff")(diff)
tools.command("confirm")(confirm)


@tools.command(_LIST)
def list_tools(
    integration: Annotated[str, typer.Argument(metavar="INTEGRATION", help="Only its tools.")] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List tools with their tiers; also without the word list."""
    reply = Gate(home).get("tools", integration=integration)
    if as_json:
        screens.dump(reply)
        return
    draw_tools(listed(reply, "tools", ToolView), empty="There is no tool. Connect an integration: callgate add")


@tools.command("classify")
def classify(
    integration: Annotated[str, typer.Argument(metavar="INTEGRATION", help="Its name, e.g. git.")],
    tool: Annotated[str, typer.Argument(metavar="TOOL", help="The tool's name.")],
    tier: Annotated[
        str, typer.Option("--tier", metavar="TIER", help="read, draft or execute; own: as manifest or rules say.")
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why; it is recorded with your name.")],
    despite_schema: Annotated[
        bool, typer.Option("--despite-schema", help="Also below what the tool's arguments and hints say.")
    ] = False,
    account: AccountOption = "",
    passphrase_fd: PassphraseOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decide what a tool counts as, at once and until its definition changes.

    Raising needs the role security, platform or app-team, lowering security, under team two people of it, who say the
    same. What was raised stays raised.
    """
    gate = Gate(home)
    wanted = ToolRuling(integration=integration, tool=tool, tier=tier, reason=reason, despite=despite_schema)
    reply = gate.act("tools", "classify", by=person(gate, account, passphrase_fd), act=wanted)
    if as_json:
        screens.dump(reply)
        return
    found = decode(reply, ToolView)
    screens.say(classified(found))
