"""The gate's part in adopting: connects what is to move, asks for the stage, and takes it back."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from callgate.cli import machinery
from callgate.cli.acting import person
from callgate.cli.client import Gate, decode
from callgate.cli.outcome import CommandError, Exit, NoGateError
from callgate.cli.people import Person
from callgate.core.adopt.connection import family
from callgate.flow.admin import NewIntegration
from callgate.flow.views.gate import StatusView
from callgate.flow.views.integrations import DiscoveryView, IntegrationView
from callgate.flow.views.policy import PolicyView, ProposalView
from callgate.model.errors import CallgateError
from callgate.model.terms import Profile

if TYPE_CHECKING:
    from callgate.app.adopting import Adopting
    from callgate.app.undoing import Undoing


def _rows(gate: Gate) -> tuple[IntegrationView, ...]:
    return decode(gate.get("integrations"), dict[str, tuple[IntegrationView, ...]])["integrations"]


def gate_url(home: Path | None) -> str:
    """Where the gate listens: as it runs, which ``serve --port`` may have changed; else as its configuration says."""
    try:
        endpoint = decode(Gate(home).get("status"), StatusView).endpoint
    except NoGateError:
        return machinery.gate_url(os.environ, home).rstrip("/")
    return endpoint.removesuffix("/mcp").rstrip("/")


class Registration:
    """By one person, for one run. ``found`` has what new servers offer; they are connected with ``connect``."""

    def __init__(self, gate: Gate, by: Person, run: "Adopting") -> None:
        self._gate = gate
        self._by = by
        self._run = run
        self.found: list[DiscoveryView] = []
        self._new: list[str] = []

    def look(self) -> None:
        """A server that the gate cannot reach is left where it is, and so is one whose name in the gate means another by
        now; a person who may not connect any ends it.
        """
        known = {row.name for row in _rows(self._gate)}
        for name, integration in sorted(self._run.integrations().items()):
            if name not in known:
                self._run.keep_secrets(name)
            want = NewIntegration(integration=integration, everyday="none")
            try:
                reply = self._gate.act("integrations", "look", by=self._by, act=want, slow=True)
            except CommandError as fault:
                self._refuse(name, fault, known=name in known)
                if isinstance(fault, NoGateError) or fault.exit_code is Exit.NO:
                    self.leave()
                    raise
                continue
            if name not in known:
                self.found.append(decode(reply, DiscoveryView))

    def connect(self) -> None:
        """What was shown, and only that."""
        wanted = self._run.integrations()
        for found in self.found:
            name = found.integration
            want = NewIntegration(integration=wanted[name], everyday="none", digest=found.digest)
            try:
                self._gate.act("integrations", by=self._by, act=want, slow=True)
            except CommandError as fault:
                self._refuse(name, fault)
                continue
            self._new.append(name)

    def leave(self) -> None:
        """Nobody wants them: nothing of them stays."""
        for found in self.found:
            self._run.refuse(found.integration, "")

    def _refuse(self, name: str, fault: CommandError, *, known: bool = False) -> None:
        self._run.refuse(name, " ".join(part for part in (str(fault), fault.hint) if part), known=known)

    def stage(self, home: Path | None, *, days: int) -> list[str]:
        """New integrations start at observe; until that is live their entries stay. What is left to do, in words."""
        if not self._new:
            return []
        runtimes = sorted({family(move.client) for move in self._run.view(stage="").moves})
        try:
            step = self._propose(home, runtimes, days)
        except (CommandError, CallgateError) as fault:
            step = f"The stage is not live: {fault}"
        if step:
            self._run.hold(self._new)
            return [step, "Then run callgate adopt again: nothing of these was moved so far."]
        return []

    def _propose(self, home: Path | None, runtimes: list[str], days: int) -> str:
        """Empty: it is live. Raises CommandError and CallgateError."""
        before = decode(self._gate.get("policy"), PolicyView)
        names = ", ".join(self._new)
        if any(file.state != "live" for file in before.files):
            return (
                f"Files in policies wait for a proposal. Give {names} the stage observe in rules.toml, and propose it."
            )
        owner = self._by.account
        if not machinery.write_stages(os.environ, home, names=self._new, runtimes=runtimes, days=days, owner=owner):
            return ""
        proposal = decode(self._gate.act("policy", "propose", by=self._by, act={}), ProposalView)
        if before.profile == Profile.SOLO.value and owner in proposal.who:
            self._gate.act("policy", "approve", by=self._by, act={"digest": proposal.digest})
            return ""
        return f"{' or '.join(proposal.who)} approves the stage: callgate policy approve {proposal.digest}"


def disconnect(
    gate: Gate, run: "Undoing", account: str, passphrase_fd: int | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(disconnected, what stays in words). Without a running gate everything stays."""
    wanted = run.integrations()
    if not wanted:
        return (), ()
    try:
        there = {row.name for row in _rows(gate)}
    except CommandError:
        return (), tuple(f"{name} stays connected to the gate: callgate integrations remove {name}" for name in wanted)
    by = person(gate, account, passphrase_fd) if there.intersection(wanted) else None
    gone, stays = [], []
    for name in wanted:
        if name not in there or by is None:
            run.forget(name)
            continue
        try:
            gate.act("integrations", name, "remove", by=by, act={})
        except CommandError as fault:
            stays.append(f"{name} stays connected to the gate: {fault}")
            continue
        run.forget(name)
        gone.append(name)
    return tuple(gone), tuple(stays)
