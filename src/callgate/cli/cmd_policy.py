"""``callgate policy``: the bundle that decides."""

from typing import Annotated

import typer

from callgate.cli import screens
from callgate.cli.acting import person
from callgate.cli.client import Gate, decode
from callgate.cli.options import AccountOption, HomeOption, JsonOption, PassphraseOption, sub_app
from callgate.cli.outcome import Exit
from callgate.flow.views.policy import CasesView, PolicyView, ProposalView

app = sub_app("Policy.")
policy = sub_app("See, test, propose and approve the policy bundle.")
app.add_typer(policy, name="policy")


@policy.command("status")
def status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show the live bundle, what differs on disk, and what is proposed."""
    reply = Gate(home).get("policy")
    if as_json:
        screens.dump(reply)
        return
    found = decode(reply, PolicyView)
    screens.say(f"Live bundle {found.digest}, profile {found.profile}")
    screens.table(
        ("File", "State", "Problem"),
        ((row.name, screens.mark(row.state), row.problem) for row in found.files),
        empty="There is no policy file.",
    )
    for proposal in found.proposals:
        _draw(proposal)


@policy.command("test")
def run_cases(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Run the cases over the files as they are on disk.

    Exit code 1 when a case fails.
    """
    reply = Gate(home).post("policy", "test", body={})
    found = decode(reply, CasesView)
    if as_json:
        screens.dump(reply)
    else:
        _draw_cases(found)
    if found.failed or found.problem:
        raise typer.Exit(Exit.NO)


@policy.command("propose")
def propose(
    account: AccountOption = "",
    passphrase_fd: PassphraseOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Propose the files as they are on disk; nothing changes before somebody approves."""
    gate = Gate(home)
    reply = gate.act("policy", "propose", by=person(gate, account, passphrase_fd), act={})
    if as_json:
        screens.dump(reply)
        return
    found = decode(reply, ProposalView)
    _draw(found)
    screens.say(f"Approve it with: callgate policy approve {found.digest}")


@policy.command("approve")
def approve(
    digest: Annotated[str, typer.Argument(metavar="DIGEST", help="The proposal's.")],
    account: AccountOption = "",
    passphrase_fd: PassphraseOption = None,
    home: HomeOption = None,
) -> None:
    """Show a proposal and make it the live bundle."""
    gate = Gate(home)
    for proposal in decode(gate.get("policy"), PolicyView).proposals:
        if proposal.digest == digest:
            _draw(proposal)
    by = person(gate, account, passphrase_fd)
    found = decode(gate.act("policy", "approve", by=by, act={"digest": digest}), ProposalView)
    screens.say(f"Bundle {found.digest} is {found.state}.")


def _draw(found: ProposalView) -> None:
    screens.headed(
        f"Proposal {found.digest}",
        screens.facts(
            (
                ("By", f"{found.by} at {screens.moment(found.at_ms)}"),
                ("State", screens.mark(found.state)),
                ("Waits for", " or ".join(found.who) if found.state == "open" else ""),
                ("Changes", screens.lines("\n".join(found.changes))),
                ("Cases", "" if found.cases is None else f"{found.cases.passed} passed, {found.cases.failed} failed"),
            )
        ),
    )


def _draw_cases(found: CasesView) -> None:
    if found.problem:
        screens.say(found.problem)
        return
    screens.table(
        ("", "Case", "File", "Want", "Got"),
        (
            (
                screens.mark("pass" if row.passed else "fail"),
                row.name,
                row.file,
                "" if row.passed else row.want,
                "" if row.passed else row.got,
            )
            for row in found.cases
        ),
        empty="There is no case.",
    )
    screens.say(f"{found.passed} passed, {found.failed} failed")
