"""What every part of the administration shares."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from callgate.core.attempts import Attempts
from callgate.flow.house import Rooms
from callgate.flow.ports import HomeFiles, Issuer, Passphrases
from callgate.flow.tenancy import Tenancy
from callgate.flow.views.gate import ConfigView, ReloadView
from callgate.model.errors import AuthError, InputError
from callgate.model.identity import Presence
from callgate.model.store import NameRow
from callgate.model.terms import Profile, Role


@dataclass(frozen=True)
class GateInfo:
    """Facts about the running process, fixed at start."""

    version: str
    started_ms: int
    home: str
    endpoint: str
    """URL of the gate up to the integration's name."""
    origin: str
    """Origin line of the tenant's checkpoints."""
    uid: int
    same_host: bool
    """Assistants may run as the gate's own operating-system user."""


class Operations(Protocol):
    """The process as its administration sees it; built by the composition root."""

    async def reload(self, by: str) -> ReloadView:
        """``by``: ``signal`` or ``command``. ConfigError, StoreError: nothing was changed."""

    def config(self) -> ConfigView: ...


@dataclass
class DeskTools:
    """Handles the administration needs beside the rooms."""

    rooms: Rooms
    issuer: Issuer
    passphrases: Passphrases
    attempts: Attempts
    info: GateInfo
    bundle_files: Callable[[], Mapping[str, bytes]]
    """The policy files as they are on disk now."""
    case_files: Callable[[], Mapping[str, bytes]]
    write_export: Callable[[str, Mapping[str, bytes]], None]
    """Creates an empty folder and writes files into it, or raises InputError."""
    verifier_source: Callable[[], bytes]
    """The offline verifier, as it goes with an export."""
    ledger_public: bytes
    """Ed25519 public key of the tenant's log."""
    hygiene: Callable[[], tuple[tuple[str, str, str, str], ...]]
    """Checks of the machine for ``doctor``: (code, state, text, todo)."""
    metrics: Callable[[], Awaitable[bytes]] | None = None
    """Prometheus text of the process; None: no gate runs."""
    operations: Operations | None = None
    """None: no gate runs, a home is being made."""
    files: HomeFiles | None = None
    """None: nothing is written to the home."""
    integration_files: str = "integrations"
    """Folder of the files about integrations."""
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held from reading what a file shall say until it says so."""


class Desk:
    """Base of the parts."""

    def __init__(self, tools: DeskTools) -> None:
        self._tools = tools
        self._rooms = tools.rooms
        self._tenancy: Tenancy = tools.rooms.tenancy
        self._live = self._tenancy.live

    def _person(self, subject: str, names: list[NameRow]) -> str:
        """The pseudonym of a local account."""
        return self._tenancy.name("person", f"{self._tools.issuer.issuer}|{subject}", names)

    def _roles(self, subject: str) -> tuple[Role, ...]:
        """Role bindings of the live bundle."""
        bindings = self._live.bundle.roles if self._live.bundle else ()
        return tuple(binding.role for binding in bindings if subject in binding.subjects)

    def _holders(self, role: Role) -> tuple[str, ...]:
        """Accounts in a role that may act."""
        return tuple(
            subject
            for subject, account in sorted(self._live.accounts.items())
            if not account.disabled and role in self._roles(subject)
        )

    def _profile(self) -> Profile:
        return self._live.bundle.profile if self._live.bundle else Profile.TEAM

    def _alone(self, by: Presence, asked_by: str) -> bool:
        """May this person answer for a second one? Raises AuthError when two are needed and these are not two."""
        if self._profile() is Profile.SOLO:
            return by.subject == asked_by
        if by.subject == asked_by:
            raise AuthError("Another person must do this: the one who asked for it cannot.", code="second_person")
        if by.same_host:
            raise AuthError(
                "This comes from the gate's own operating-system user, which never counts as a second person.",
                code="same_host",
                hint="Act from your own user of this machine: docs/how-to/two-people.md",
            )
        return False


def need(by: Presence, *roles: Role) -> None:
    """AuthError unless the person has one of the roles."""
    if not any(role in by.roles for role in roles):
        words = " or ".join(role.value for role in roles)
        raise AuthError(f"This needs somebody in the role {words}.", code="missing_role")


def missing(what: str, listing: str) -> InputError:
    return InputError(f"There is no such {what}.", code=f"unknown_{what}", hint=f"List them with: callgate {listing}")
