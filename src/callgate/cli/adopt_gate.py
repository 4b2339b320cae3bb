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
from callgate.flow.policy_views import PolicyView, ProposalView
from callgate.flow.views import DiscoveryView, IntegrationView
from callgate.model.terms import Profile

if TYPE_CHECKING:
    from callgate.app.adopting import Adopting
    from callgate.app.undoing import Undoing


class Registration:
    """By one person, for one run. ``found`` has what new servers offer."""

    def __init__(self, gate: Gate, by: Person, run: "Adopting") -> None:
        self._gate = gate
        self._by = by
        self._run = run
        self.found: list[DiscoveryView] = []
        self._new: list[str] = []

    def connect(self) -> None:
        """A server that the gate cannot connect is left where it is; a person who may not connect any ends it."""
        known = {
            row.name
            for row in decode(self._gate.get("integrations"), dict[str, tuple[IntegrationView, ...]])["integrations"]
        }
        for name, integration in sorted(self._run.integrations().items()):
            self._run.keep_secrets(name)
            try:
                found = decode(self._gate.act("integrations", by=self._by, act=integration), DiscoveryView)
            except CommandError as fault:
                if name not in known:
                    self._run.refuse(name, " ".join(part for part in (str(fault), fault.hint) if part))
                if isinstance(fault, NoGateError) or fault.exit_code is Exit.NO:
                    self.take_back()
                    raise
                continue
            if name not in known:
                self._new.append(name)
            if not found.confirmed:
                self.found.append(found)

    def confirm(self) -> None:
        """A server that says something else by now is disconnected again, and its entries stay."""
        for found in self.found:
            name = found.integration
            try:
                self._gate.act("integrations", name, "confirm", by=self._by, act={"digest": found.digest})
            except CommandError as fault:
                self._disconnect(name, str(fault))

    def _disconnect(self, name: str, says: str) -> None:
        if name in self._new:
            self._new.remove(name)
            self._gate.act("integrations", name, "remove", by=self._by, act={})
        self._run.refuse(name, says)

    def take_back(self) -> None:
        """Nobody wants them: the gate is as it was."""
        for name in tuple(self._new):
            self._disconnect(name, "")

    def stage(self, home: Path | None, *, days: int) -> list[str]:
        """New integrations start at observe. What a person has to do about it still, in words."""
        if not self._new:
            return []
        before = decode(self._gate.get("policy"), PolicyView)
        runtimes = sorted({family(move.client) for move in self._run.view(stage="").moves})
        if any(file.state != "live" for file in before.files):
            names = ", ".join(self._new)
            return [f"Files in policies wait for a proposal. Give {names} the stage observe in rules.toml yourself."]
        if not machinery.write_stages(
            os.environ, home, names=self._new, runtimes=runtimes, days=days, owner=self._by.account
        ):
            return []
        try:
            proposal = decode(self._gate.act("policy", "propose", by=self._by, act={}), ProposalView)
            if before.profile == Profile.SOLO.value and self._by.account in proposal.who:
                self._gate.act("policy", "approve", by=self._by, act={"digest": proposal.digest})
                return []
        except CommandError as fault:
            return [f"The stage is in rules.toml and not live: {fault} Run callgate policy propose, and approve it."]
        who = " or ".join(proposal.who)
        return [f"Until {who} has run callgate policy approve {proposal.digest}, what changes something is refused."]


def disconnect(
    gate: Gate, run: "Undoing", account: str, passphrase_fd: int | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(disconnected, what stays in words). Without a running gate everything stays."""
    wanted = run.integrations()
    if not wanted:
        return (), ()
    try:
        rows = decode(gate.get("integrations"), dict[str, tuple[IntegrationView, ...]])["integrations"]
    except CommandError:
        return (), tuple(f"{name} stays connected to the gate: callgate integrations remove {name}" for name in wanted)
    there = {row.name for row in rows}
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
