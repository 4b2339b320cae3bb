"""``callgate task``: work under way."""

from typing import Annotated

import typer

from callgate.cli import screens
from callgate.cli.acting import person
from callgate.cli.client import Gate, decode, listed
from callgate.cli.options import AccountOption, HomeOption, JsonOption, PassphraseOption, sub_app
from callgate.cli.outcome import CommandError
from callgate.flow.admin import TaskRequest
from callgate.flow.views.contracts import TaskView

app = sub_app("Tasks.")
tasks = sub_app("Open, close and list tasks.")
app.add_typer(tasks, name="task")

TaskId = Annotated[str, typer.Argument(metavar="TASK", help="Its id.")]


@tasks.command("open", context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
def open_task(
    ctx: typer.Context,
    contract: Annotated[str, typer.Argument(metavar="CONTRACT", help="Id or name of a contract or template.")],
    runtime: Annotated[str, typer.Option("--runtime", metavar="NAME", help="For this runtime only.")] = "*",
    title: Annotated[str, typer.Option("--title", help="What it is, for people.")] = "",
    minutes: Annotated[int, typer.Option("--minutes", min=0, help="How long; 0: as long as the contract lets.")] = 0,
    parent: Annotated[str, typer.Option("--parent", metavar="TASK", help="The task it narrows.")] = "",
    account: AccountOption = "",
    passphrase_fd: PassphraseOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open a task. A template's parameters follow as --ticket ENG-412 or ticket=ENG-412."""
    if contract.startswith("-"):
        raise CommandError("The contract comes first.", "Write: callgate task open CONTRACT --name value")
    gate = Gate(home)
    want = TaskRequest(
        contract=contract,
        parameters=_parameters(ctx.args),
        runtime=runtime,
        title=title,
        minutes=minutes,
        parent=parent,
    )
    reply = gate.act("tasks", by=person(gate, account, passphrase_fd), act=want)
    if as_json:
        screens.dump(reply)
        return
    found = decode(reply, TaskView)
    screens.say(f"Task {found.id} is open until {screens.until(found.deadline_ms)}, under {found.contract_name}.")


def _parameters(words: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        name, equals, value = word.removeprefix("--").partition("=")
        if not equals and word.startswith("--"):
            following = next(rest, None)
            if following is None:
                raise CommandError(f"{word} has no value.", "Write --name value or name=value.")
            value = following
        elif not equals or (word.startswith("-") and not word.startswith("--")):
            raise CommandError(f"{word} is no parameter.", "Write --name value or name=value.")
        if not name or name in found:
            raise CommandError(f"{word} is given twice or has no name.", "Write --name value or name=value.")
        found[name] = value
    return found


@tasks.command("close")
def close_task(
    task: TaskId, account: AccountOption = "", passphrase_fd: PassphraseOption = None, home: HomeOption = None
) -> None:
    """Close a task; calls under it are refused from now on."""
    gate = Gate(home)
    gate.act("tasks", task, "close", by=person(gate, account, passphrase_fd), act={})
    screens.say(f"Task {task} is closed.")


@tasks.command("list")
def list_tasks(
    every: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the open tasks."""
    reply = Gate(home).get("tasks", state="" if every else "open")
    if as_json:
        screens.dump(reply)
        return
    screens.cards(
        ((row.title or row.contract_name, _lines(row)) for row in listed(reply, "tasks", TaskView)),
        empty="No task is open. Open one with: callgate task open CONTRACT",
    )


def _lines(row: TaskView) -> tuple[str, ...]:
    through = "any runtime" if row.runtime == "*" else row.runtime
    closed = (
        f"closed at {screens.moment(row.closed_ms)}" if row.closed_ms else f"until {screens.until(row.deadline_ms)}"
    )
    return row.id, f"{row.contract_name}, for {row.initiator} through {through}; calls {_calls(row)}; {closed}"


def _calls(row: TaskView) -> str:
    return f"{row.calls} of {row.max_calls}" if row.max_calls else str(row.calls)


@tasks.command("show")
def show_task(task: TaskId, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show one task."""
    reply = Gate(home).get("tasks", task)
    if as_json:
        screens.dump(reply)
        return
    found = decode(reply, TaskView)
    screens.headed(
        found.title or found.id,
        screens.facts(
            (
                ("Task", found.id),
                ("State", screens.mark(found.state)),
                ("Rules", f"{found.contract_name} ({found.contract})"),
                ("For", found.initiator),
                ("Through", "any runtime" if found.runtime == "*" else found.runtime),
                ("Opened", screens.moment(found.opened_ms)),
                ("Until", screens.until(found.deadline_ms)),
                ("Closed", screens.moment(found.closed_ms)),
                ("Calls", _calls(found)),
                ("Narrows", found.parent),
            )
        ),
    )
