"""``callgate contract``: what work may touch."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from callgate.cli import screens
from callgate.cli.acting import person
from callgate.cli.client import Gate, decode, listed
from callgate.cli.options import AccountOption, HomeOption, JsonOption, PassphraseOption, sub_app
from callgate.cli.outcome import CommandError, Exit
from callgate.flow.admin import BreadthChange, ContractText
from callgate.flow.views.contracts import ConsentView, ContractCheckView, ContractView
from callgate.flow.views.integrations import BreadthView

app = sub_app("Contracts.")
contracts = sub_app("Check, add, list and consent to contracts, and say how far searches reach.")
app.add_typer(contracts, name="contract")

_MAX_BYTES = 256 * 1024
File = Annotated[Path, typer.Argument(metavar="FILE", help="The contract, TOML.")]
Contract = Annotated[str, typer.Argument(metavar="CONTRACT", help="Its id or name.")]


def _text(file: Path) -> ContractText:
    try:
        with file.open("rb") as opened:
            data = opened.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise CommandError(f"{file} is larger than 256 KiB.", "A contract is a page of TOML.")
        return ContractText(text=data.decode(), file=file.name)
    except OSError as fault:
        raise CommandError(f"{file} cannot be read: {fault.strerror}.") from None
    except UnicodeDecodeError:
        raise CommandError(f"{file} is not UTF-8.", "Save it as UTF-8.") from None


@contracts.command("check")
def check(file: File, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Check a contract file and show what it would allow; changes nothing.

    Exit code 1 when it has a problem.
    """
    reply = Gate(home).post("contracts", "check", body=_text(file))
    found = decode(reply, ContractCheckView)
    if as_json:
        screens.dump(reply)
    elif found.contract is not None:
        _draw(found.contract)
    for problem in () if as_json else found.problems:
        screens.say(": ".join(part for part in (problem.file, problem.key, problem.message) if part))
    if found.problems:
        raise typer.Exit(Exit.NO)


@contracts.command("add")
def add(
    file: File, account: AccountOption = "", passphrase_fd: PassphraseOption = None, home: HomeOption = None
) -> None:
    """Add a contract; it is active when everyone it names consented."""
    gate = Gate(home)
    text = _text(file)
    found = decode(gate.act("contracts", by=person(gate, account, passphrase_fd), act=text), ContractView)
    _draw(found)
    screens.say(f"Contract {found.name} is added: {found.id}")
    _say_consents(found)


@contracts.command("consent")
def consent(
    contract: Contract,
    capacity: Annotated[
        str, typer.Option("--capacity", help="domain:<name> or security; otherwise all that are yours.")
    ] = "",
    account: AccountOption = "",
    passphrase_fd: PassphraseOption = None,
    home: HomeOption = None,
) -> None:
    """Consent to a contract as a domain's owner or as Security."""
    gate = Gate(home)
    _draw(decode(gate.get("contracts", contract), ContractView))
    by = person(gate, account, passphrase_fd)
    found = decode(gate.act("contracts", contract, "consent", by=by, act={"capacity": capacity}), ContractView)
    _say_consents(found)


@contracts.command("breadth")
def breadth(
    integration: Annotated[str, typer.Argument(metavar="INTEGRATION", help="Its name, e.g. github.")],
    how: Annotated[
        str, typer.Argument(metavar="HOW", help="targets: only what is named; global: all that the account sees.")
    ],
    account: AccountOption = "",
    passphrase_fd: PassphraseOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how far searches in an integration may reach under your team's everyday rules.

    The rules need the consents that any change of them needs.
    """
    gate = Gate(home)
    by = person(gate, account, passphrase_fd)
    reply = gate.act("contracts", "breadth", by=by, act=BreadthChange(integration=integration, breadth=how))
    if as_json:
        screens.dump(reply)
        return
    for sentence in decode(reply, BreadthView).says:
        screens.say(sentence)


@contracts.command("list")
def list_contracts(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the contracts."""
    reply = Gate(home).get("contracts")
    if as_json:
        screens.dump(reply)
        return
    screens.cards(
        (
            (
                f"{row.name}, everyday rules" if row.everyday else row.name,
                (
                    row.id,
                    row.objective,
                    f"{row.state.replace('_', ' ')}; team {row.team}; at most it {screens.tier(row.max_tier).plain}",
                ),
            )
            for row in listed(reply, "contracts", ContractView)
        ),
        empty="There is no contract. Add one with: callgate contract add FILE",
    )


@contracts.command("show")
def show(contract: Contract, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show one contract whole."""
    reply = Gate(home).get("contracts", contract)
    if as_json:
        screens.dump(reply)
        return
    found = decode(reply, ContractView)
    _draw(found)
    if found.text:
        screens.show(screens.lines(found.text))


def _draw(found: ContractView) -> None:
    screens.headed(
        found.name,
        screens.facts(
            (
                ("Objective", found.objective),
                ("Owner", f"{found.owner}, team {found.team}"),
                ("State", screens.mark(found.state)),
                ("At most it", screens.tier(found.max_tier)),
                ("Integrations", ", ".join(found.integrations)),
                ("Data domains", ", ".join(found.domains)),
                ("Parameters", ", ".join(found.parameters)),
                ("Id", found.id),
            )
        ),
    )
    for sentence in found.preview:
        screens.say(f"- {sentence}")
    for given in found.consents:
        screens.say(f"- {_consent(given)}")
    for note in found.notes:
        screens.show(Text.assemble(("Note: ", "yellow"), screens.cell(note)))


def _consent(given: ConsentView) -> str:
    if given.by:
        alone = ", alone" if given.alone else ""
        return f"{given.capacity}: consent by {given.by} at {screens.moment(given.at_ms)}{alone}"
    return f"{given.capacity}: waits for {' or '.join(given.who) or 'an owner'}"


def _say_consents(found: ContractView) -> None:
    if any(not given.by for given in found.consents):
        screens.say(f"It waits for consent: callgate contract consent {found.name}")
    else:
        screens.say(f"{found.name} is {found.state.replace('_', ' ')}.")
