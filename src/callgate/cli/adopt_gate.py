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
from callgate.model.adopt import KeptConnection
from callgate.model.errors import CallgateError
from callgate.model.terms import Profile

if TYPE_CHECKING:
    from callgate.app.adopting import Adopting
    from callgate.app.undoing import Undoing


_RULES = "rules.toml"


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
        self._run.begin()
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
        self._new += [name for name in sorted(wanted) if name in self._run.journal.stopped()]
        for found in self.found:
            name = found.integration
            want = NewIntegration(integration=wanted[name], everyday="none", digest=found.digest)
            self._run.journal.mark(name, "connecting")
            try:
                self._gate.act("integrations", by=self._by, act=want, slow=True)
            except CommandError as fault:
                # An answer may be lost: then it is connected, or nobody can tell, and what it needs stays.
                there = self._there(name)
                if not there:
                    self._refuse(name, fault, known=there is None)
                    continue
            self._run.journal.mark(name, "connected")
            self._new.append(name)

    def _there(self, name: str) -> bool | None:
        """None: the gate does not say."""
        try:
            return any(row.name == name for row in _rows(self._gate))
        except CommandError:
            return None

    def leave(self) -> None:
        """Nobody wants them: nothing of them stays."""
        self._run.journal.leave()

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
        waiting = [file.name for file in before.files if file.state != "live"]
        ours = waiting == [_RULES] and machinery.rules_wait(os.environ, home, self._run.journal)
        if waiting and not ours:
            return (
                f"Files in policies wait for a proposal. Give {names} the stage observe in rules.toml, and propose it."
            )
        owner = self._by.account
        journal = self._run.journal
        changed = machinery.write_stages(
            os.environ, home, names=self._new, runtimes=runtimes, days=days, owner=owner, journal=journal
        )
        if not (changed or ours):
            return ""
        proposal = decode(self._gate.act("policy", "propose", by=self._by, act={}), ProposalView)
        if before.profile == Profile.SOLO.value and owner in proposal.who:
            self._gate.act("policy", "approve", by=self._by, act={"digest": proposal.digest})
            return ""
        return f"{' or '.join(proposal.who)} approves the stage: callgate policy approve {proposal.digest}"


class Disconnection:
    """The gate's part in taking an adoption back. ``gone``: what was disconnected; ``stays``: what was not, in words."""

    def __init__(self, gate: Gate, run: "Undoing") -> None:
        self._gate = gate
        self._run = run
        self.gone: list[str] = []
        self.stays: list[str] = []

    def work(self, account: str, passphrase_fd: int | None) -> None:
        """Without a running gate everything that it may have connected stays."""
        asked = []
        for one in self._run.connections():
            if one.state == "wanted":
                self._run.forget(one)
            else:
                asked.append(one)
        if not (asked or self._run.record.rules):
            return
        try:
            there = {row.name: row.where for row in _rows(self._gate)}
            policy = decode(self._gate.get("policy"), PolicyView)
        except CommandError:
            if not self._run.record.files:
                raise  # there is nothing else to take back, and it can be done when the gate runs
            self.stays += [f"{one.integration} stays connected to the gate: {_by_hand(one)}" for one in asked]
            return
        if any(file.name == _RULES and file.state != "live" for file in policy.files):
            self._run.rules_back()
        mine = [one for one in asked if self._is_ours(one, there)]
        by = person(self._gate, account, passphrase_fd) if mine else None
        for one in mine:
            if by is not None:
                self._remove(one, by)

    def _is_ours(self, one: KeptConnection, there: dict[str, str]) -> bool:
        name = one.integration
        if name not in there:
            self._run.forget(one)
            return False
        if one.where and there[name] != one.where:
            self.stays.append(f"{name} stays: it is connected to another server by now.")
            self._run.forget(one)
            return False
        return True

    def _remove(self, one: KeptConnection, by: Person) -> None:
        try:
            self._gate.act("integrations", one.integration, "remove", by=by, act={})
        except CommandError as fault:
            self.stays.append(f"{one.integration} stays connected to the gate: {fault}")
            return
        self._run.forget(one)
        self.gone.append(one.integration)


def _by_hand(one: KeptConnection) -> str:
    return f"callgate integrations remove {one.integration}"
