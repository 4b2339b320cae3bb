"""One tenant, put together as the composition root does it, over a fake upstream and a clock that stands still.

The integration ``git`` has the shipped manifest and the real tool definitions, so ``git_status`` is a read,
``git_create_branch`` is allowed and not idempotent, and ``git_commit`` waits and has a state pin.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from callgate.adapters.store.memory import MemoryStore
from callgate.app.build import load
from callgate.catalog.catalogue import Catalogue
from callgate.core.attempts import Attempts
from callgate.core.ledger.events import decode_event
from callgate.core.ledger.seal import Sealer
from callgate.core.policy.bundle import bundle_digest
from callgate.core.rounds import RoundSealer
from callgate.core.sessions import SessionSealer
from callgate.flow.admin import ContractText, HaltRequest, Peer, TaskRequest
from callgate.flow.administration import Administration
from callgate.flow.connect import reconnect
from callgate.flow.desk import DeskTools, GateInfo
from callgate.flow.gatehouse import Gatehouse
from callgate.flow.house import Rooms, rooms
from callgate.flow.live import LIVE_BUNDLE, Live
from callgate.flow.recover import recover, resume_holds
from callgate.flow.rows import noun, put
from callgate.flow.tenancy import Tenancy
from callgate.model.answer import Answer, Request
from callgate.model.call import Claims
from callgate.model.errors import AuthError
from callgate.model.hold import Hold
from callgate.model.identity import Account, Credential, Initiator, Presence, Runtime
from callgate.model.record import Setting
from callgate.model.store import Kind, Unit
from callgate.model.terms import HoldState, Profile, Role, RuntimeKind
from callgate.model.tool import Integration
from callgate.policies import starter
from tests.fakes.catalog import definitions
from tests.fakes.identity import BASE, SeededEntropy
from tests.fakes.stores import ORIGIN, PRIVATE, PUBLIC, HookedStore, StillClock, sqlite_store
from tests.fakes.upstream import FakeUpstream, FakeUpstreams, arguments_of, tool_of

REPOSITORY = "/srv/app"
BOUND_S = 20.0
"""No test waits longer for one step."""
GATE_UID = 500
OTHER_UID = 501
ALL_ROLES = (Role.SECURITY, Role.PLATFORM, Role.APP_TEAM)
TASK_RULES = """
name = "ticket"
objective = "Work on a ticket."
team = "home"
owner = "ana"
max_tier = "execute"
domains = ["local-work"]
{more}
[[scopes]]
integration = "git"
tools = ["*"]
"""


class PlainPassphrases:
    """Fast, for tests: the verifier is the passphrase."""

    def make(self, passphrase: str) -> str:
        return passphrase

    def check(self, verifier: str, passphrase: str) -> bool:
        return bool(verifier) and verifier == passphrase


class CredentialTokens:
    """A token is the JSON of a credential."""

    def verify(self, token: str, now_ms: int) -> Credential:
        with suppress(msgspec.MsgspecError):
            return msgspec.json.decode(token, type=Credential)
        raise AuthError("This is no token.", code="malformed")


class NoIssuer:
    issuer = BASE

    def issue(self, account: Account, runtime: str, **_: Any) -> tuple[str, str]:
        return f"token-{account.subject}-{runtime}", f"cred-{account.subject}-{runtime}"


class House:
    """``upstream.sent`` holds what reached the target; ``events()`` what the ledger says."""

    def __init__(self, store: Any, clock: StillClock, upstream: FakeUpstream, *, tenant: str = "acme") -> None:
        self.tenant = tenant
        self.clock = clock
        self.store = HookedStore(store)
        self.upstream = upstream
        self.entropy = SeededEntropy(f"house-{tenant}")
        self.files: dict[str, bytes] = {}
        self.logged: list[tuple[str, dict[str, object]]] = []
        self.rooms: Rooms
        self.admin: Administration
        self.gatehouse: Gatehouse

    # Making and restarting.

    async def start(self) -> int:
        """Build everything over the store as it is; returns how many calls recovery found in doubt."""
        tenancy = Tenancy(
            tenant=self.tenant,
            store=self.store,
            live=Live(),
            sealer=Sealer(b"k" * 32, b"c" * 32, b"p" * 32),
            clock=self.clock,
            entropy=self.entropy,
            upstreams=FakeUpstreams(git=self.upstream),
            catalogue=Catalogue(),
            profile=Profile.SOLO,
            log=lambda event, fields: self.logged.append((event, fields)),
        )
        await load(tenancy, lambda: {name: data for name, data in self.files.items() if "/" not in name})
        self.rooms = rooms(tenancy)
        self.admin = Administration(self._tools())
        self.gatehouse = Gatehouse(
            {self.tenant: self.rooms},
            CredentialTokens(),
            SessionSealer(b"s" * 32),
            self.clock,
            self.entropy,
            same_host=False,
            rounds=RoundSealer(b"r" * 32),
        )
        lost = await recover(tenancy)
        reconnect(tenancy)
        await resume_holds(tenancy, self.rooms.holds, self.rooms.redeemer)
        return lost

    def _tools(self) -> DeskTools:
        info = GateInfo(
            version="0",
            started_ms=0,
            home="/home",
            endpoint=f"{BASE}/mcp",
            origin=ORIGIN,
            uid=GATE_UID,
            same_host=False,
        )
        return DeskTools(
            rooms=self.rooms,
            issuer=NoIssuer(),
            passphrases=PlainPassphrases(),
            attempts=Attempts(),
            info=info,
            bundle_files=lambda: {name: data for name, data in self.files.items() if "/" not in name},
            case_files=lambda: {name: data for name, data in self.files.items() if name.startswith("cases/")},
            write_export=lambda folder, files: None,
            verifier_source=lambda: b"",
            ledger_public=PUBLIC,
            hygiene=lambda: (),
        )

    async def crash(self) -> int:
        """Everything in memory is lost, the store stays; then start again."""
        current = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not current]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        return await self.start()

    # Acting.

    @property
    def live(self) -> Live:
        return self.rooms.tenancy.live

    def credential(self, subject: str = "ana", runtime: str = "codex", **more: Any) -> Credential:
        values: dict[str, Any] = {
            "id": f"cred-{subject}-{runtime}",
            "initiator": Initiator(tenant=self.tenant, issuer=BASE, subject=subject),
            "runtime": self.live.runtimes.get(runtime, Runtime(id=runtime, kind=RuntimeKind.ATTENDED)),
            "chain": (),
            "issued_ms": self.clock.ms - 1000,
            "expires_ms": self.clock.ms + 86_400_000,
        }
        return Credential(**{**values, **more})

    def request(self, tool: str, arguments: dict[str, Any] | None = None, **more: Any) -> Request:
        values: dict[str, Any] = {
            "credential": self.credential(),
            "integration": "git",
            "tool": tool,
            "arguments": {"repo_path": REPOSITORY, **(arguments or {})},
            "claims": Claims(),
        }
        return Request(**{**values, **more})

    async def call(self, tool: str, arguments: dict[str, Any] | None = None, **more: Any) -> Answer:
        relayed: list[bytes] = []
        async with asyncio.timeout(BOUND_S):
            return await self.gatehouse.call(self.request(tool, arguments, **more), relayed.append)

    async def status(self, **more: Any) -> Answer:
        return await self.call("git_status", **more)

    async def branch(self, name: str = "topic", **more: Any) -> Answer:
        return await self.call("git_create_branch", {"branch_name": name}, **more)

    async def commit(self, message: str = "Fix it", **more: Any) -> Answer:
        return await self.call("git_commit", {"message": message}, **more)

    def presence(
        self, subject: str = "ana", *, same_host: bool = False, roles: tuple[Role, ...] | None = None
    ) -> Presence:
        bound = self.live.bundle.roles if self.live.bundle else ()
        found = tuple(binding.role for binding in bound if subject in binding.subjects)
        return Presence(
            subject=subject,
            issuer=BASE,
            method="passphrase",
            at_ms=self.clock.ms,
            same_host=same_host,
            roles=found if roles is None else roles,
        )

    async def vote(
        self, hold_id: str, subject: str = "ana", *, yes: bool = True, questions: tuple[str, ...] = (), **more: Any
    ) -> Hold:
        found = await self.hold(hold_id)
        digest = more.pop("digest", found.digest)
        return await self.rooms.voting.vote(
            hold_id, questions, yes=yes, digest=digest, presence=self.presence(subject, **more)
        )

    async def approve(self, hold_id: str, subject: str = "ana", **more: Any) -> Hold:
        """Vote yes and let the redemption end."""
        done = await self.vote(hold_id, subject, **more)
        await self.settle()
        return done

    async def deny(self, hold_id: str, subject: str = "ana", **more: Any) -> Hold:
        return await self.vote(hold_id, subject, yes=False, **more)

    async def settle(self) -> None:
        async with asyncio.timeout(BOUND_S):
            await self.rooms.redeemer.drain()

    async def hold(self, hold_id: str) -> Hold:
        found = await self.rooms.holds.find(hold_id)
        assert found is not None
        return found

    async def halt(self, scope: Any, what: str = "") -> str:
        return (await self.admin.halt(HaltRequest(scope=scope, what=what), Peer(uid=OTHER_UID, pid=1))).id

    async def open_task(self, contract: str, subject: str = "ana", **more: Any) -> str:
        return (await self.admin.open_task(self.presence(subject), TaskRequest(contract=contract, **more))).id

    async def add_contract(self, text: str) -> str:
        view = await self.admin.add_contract(self.presence(), ContractText(text=text))
        return view.id

    async def use_bundle(self, **changes: Any) -> None:
        """Make another bundle live, as an approved proposal does."""
        bundle = msgspec.structs.replace(self.live.bundle, **changes)
        bundle = msgspec.structs.replace(bundle, digest=bundle_digest(bundle))
        setting = put(
            LIVE_BUNDLE,
            Setting(name=LIVE_BUNDLE, value=bundle.digest),
            expect=self.live.version(Kind.SETTING, LIVE_BUNDLE),
        )
        await self.rooms.tenancy.write(Unit(changes=(put(bundle.digest, bundle, expect=None), setting)))
        self.live.use(bundle)
        reconnect(self.rooms.tenancy)

    async def waiting(self, **more: Any) -> Any:
        """``**more``: fields of the bundle's ``waiting``."""
        await self.use_bundle(waiting=msgspec.structs.replace(self.live.bundle.waiting, **more))

    # Looking.

    async def events(self, kind: str = "", call: str = "") -> list[Any]:
        """Bodies in the order of the ledger."""
        return [event.data.body for event in await self.envelopes(kind, call)]

    async def envelopes(self, kind: str = "", call: str = "") -> list[Any]:
        head = await self.store.head()
        leaves = await self.store.leaves(0, head.size)
        return [
            decode_event(leaf.data)
            for leaf in leaves
            if (not kind or leaf.kind == kind) and (not call or leaf.call == call)
        ]

    async def kinds(self, call: str) -> list[str]:
        return [type(body).__name__ for body in await self.events(call=call)]

    def sent(self, tool: str = "") -> list[dict[str, Any]]:
        """Arguments of the requests that reached the target."""
        return [arguments_of(one) for one in self.upstream.sent if not tool or tool_of(one) == tool]

    async def holds_in(self, *states: HoldState) -> list[Hold]:
        found = [noun(row) for row in await self.store.list(Kind.HOLD)]
        return [hold for hold in found if not states or hold.state in states]

    def doubts(self) -> set[str]:
        return {call.call_id for call in self.live.open_calls.values() if call.unknown}


def said(text: str = "ok", **more: Any) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}], "isError": False, **more}


def git_answers(request: Any) -> dict[str, Any]:
    """Plausible answers; the state stays as it is."""
    match tool_of(request):
        case "git_commit":
            return said(f"Changes committed successfully with hash {'ab' * 20}")
        case "git_create_branch":
            return said(f"Created branch '{arguments_of(request)['branch_name']}' from 'main'")
        case name:
            return said(f"{name} of {arguments_of(request).get('repo_path', '')}")


async def open_house(
    store: Any = None,
    *,
    clock: StillClock | None = None,
    answer: Any = git_answers,
    profile: Profile = Profile.SOLO,
    people: tuple[str, ...] = ("ana",),
    tenant: str = "acme",
    **bundle: Any,
) -> House:
    """A house with its first bundle, accounts, everyday rules, and ``git`` connected and pinned."""
    clock = clock or StillClock()
    if store is None:
        store = MemoryStore(tenant, clock=clock, sign=PRIVATE.sign, origin=ORIGIN, public_key=PUBLIC)
    house = House(store, clock, FakeUpstream(definitions("git"), answer), tenant=tenant)
    house.files = starter("ana")
    await house.start()
    if profile is not Profile.SOLO or bundle:
        await house.use_bundle(profile=profile, **bundle)
    tenancy = house.rooms.tenancy
    accounts = tuple(
        put(name, Account(subject=name, name=name, team="home", verifier=f"{name}-passphrase", created_ms=0), expect=0)
        for name in people
    )
    await tenancy.write(Unit(changes=accounts))
    contract = files_of_contracts()["everyday.toml"]
    view = await house.admin.add_contract(house.presence(), ContractText(text=contract))
    if view.state == "awaiting_consent":
        await house.admin.consent_contract(house.presence(), view.id, "")
    git = Integration(name="git", actor="local", command=("git-server",))
    found = await house.admin.add_integration(house.presence(roles=ALL_ROLES), git)
    await house.admin.confirm_integration(house.presence(roles=ALL_ROLES), "git", found.digest)
    return house


def files_of_contracts() -> dict[str, str]:
    folder = files("callgate.policies") / "contracts"
    return {entry.name: entry.read_text().replace("@OWNER@", "ana") for entry in folder.iterdir()}


def disk_store(folder: Path, clock: StillClock) -> Any:
    return sqlite_store(folder, clock)


def run(coroutine: Awaitable[Any]) -> Any:
    """Run a test's coroutine; nothing may run longer than the bound."""

    async def bounded() -> Any:
        async with asyncio.timeout(60):
            return await coroutine

    return asyncio.run(bounded())


def codes(answer: Any) -> set[str]:
    """Of what was found."""
    return {finding.code for finding in answer.findings}
