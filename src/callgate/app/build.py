"""Builds the rooms of each tenant from a home: keys, store, live state, policy."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from callgate.adapters.home.files import read_folder
from callgate.adapters.home.place import Home
from callgate.adapters.identity.keyring import Keyring
from callgate.adapters.secrets.refs import resolve
from callgate.adapters.store.sqlite import SqliteStore, open_sqlite
from callgate.adapters.upstream.pool import Pool
from callgate.app.system import SystemClock, SystemEntropy
from callgate.catalog.catalogue import Catalogue
from callgate.core.contract import content_id
from callgate.core.ledger.note import verify_note
from callgate.core.ledger.seal import Sealer
from callgate.core.policy.bundle import bundle_digest, parse_bundle
from callgate.flow.house import Rooms, rooms
from callgate.flow.live import LIVE_BUNDLE, Live
from callgate.flow.ports import Store
from callgate.flow.rows import STRUCTS, noun, put
from callgate.flow.tenancy import Tenancy
from callgate.model.bundle import Bundle
from callgate.model.config import Config
from callgate.model.errors import ConfigError, IntegrityError
from callgate.model.event import PolicyApproved
from callgate.model.record import Setting
from callgate.model.store import Kind, Unit

PAGE = 1000
_log = logging.getLogger("callgate.gate")


class ChangedNames:
    """Integrations whose servers said that a list changed, each once and in turn: one that says so all the time keeps
    none of the others from being looked at.
    """

    def __init__(self) -> None:
        self._names: dict[str, None] = {}
        self._came = asyncio.Event()

    def put(self, name: str) -> None:
        self._names[name] = None
        self._came.set()

    async def get(self) -> str:
        while not self._names:
            self._came.clear()
            await self._came.wait()
        name = next(iter(self._names))
        del self._names[name]
        return name


class Built:
    """One tenant, and what the composition root still needs of it."""

    def __init__(
        self, house: Rooms, store: Store, pool: Pool, origin: str, public_key: bytes, drift: ChangedNames
    ) -> None:
        self.house = house
        self.store = store
        self.pool = pool
        self.origin = origin
        self.public_key = public_key
        self.drift = drift
        """Names of integrations whose servers say that their tools changed."""


def log_key(seed: bytes) -> tuple[Callable[[bytes], bytes], bytes]:
    """(signer, public key) of a tenant's log."""
    signer = Ed25519PrivateKey.from_private_bytes(seed)
    return signer.sign, signer.public_key().public_bytes_raw()


def issuer_of(config: Config, tenant: str) -> str:
    """Issuer of a tenant's own tokens: the tenant follows from it, so each has one of its own."""
    return config.resource if tenant == config.tenants[0] else f"{config.resource}/tenants/{tenant}"


def socket_of(home: Home, config: Config, tenant: str) -> Path:
    """The local socket of a tenant's administration; the first tenant's is the home's."""
    return home.socket if tenant == config.tenants[0] else home.run / f"{tenant}.sock"


def origin_of(config: Config, tenant: str) -> str:
    """Origin line of a tenant's checkpoints (C2SP tlog-checkpoint: a schema-less URL)."""
    return f"{config.resource.split('://', 1)[1]}/ledger/{tenant}"


async def build_tenant(home: Home, config: Config, keys: Keyring, tenant: str) -> Built:
    """Open the tenant's store and load its live state. ConfigError, StoreError."""
    clock, entropy = SystemClock(), SystemEntropy()
    mine = keys.tenant(tenant)
    sign, public = log_key(mine.ledger)
    origin = stored_origin(home, tenant, origin_of(config, tenant))
    store = open_sqlite(home.data / tenant, tenant, sign=sign, origin=origin, public_key=public, clock=clock)
    drift, live = ChangedNames(), Live()
    await _check_signed(store, origin, public, home)
    pool = Pool(
        resolve,
        clock,
        logging.getLogger("callgate.upstream"),
        folder=home.children / tenant,
        hidden=(home.root,),
        changed=partial(_changed, live, drift),
        answers=config.limits.results_bytes,
        answer=config.limits.result_bytes,
    )
    tenancy = Tenancy(
        tenant=tenant,
        store=store,
        live=live,
        sealer=Sealer(mine.kek, mine.correlation, mine.pseudonym),
        clock=clock,
        entropy=entropy,
        upstreams=pool,
        catalogue=Catalogue(home.manifests),
        profile=config.profile,
        log=_logged,
    )
    await load(tenancy, bundle_files(home))
    return Built(rooms(tenancy), store, pool, origin, public, drift)


def _changed(live: Live, drift: ChangedNames, name: str) -> None:
    """Nothing more is sent there before its definitions were looked at, which is soon."""
    live.unsettle(name)
    drift.put(name)


async def _check_signed(store: SqliteStore, origin: str, public: bytes, home: Home) -> None:
    """ConfigError when the ledger was signed by another key than the one that is here now."""
    newest = await store.checkpoint()
    if newest is None or store.fault:
        return
    try:
        verify_note(newest.note, origin, public)
    except IntegrityError as fault:
        await store.close()
        raise ConfigError(
            "The ledger's newest checkpoint was not signed by the key that is here.",
            file=str(home.keys),
            hint="Put the keys back from a backup; to look at the ledger: callgate ledger verify",
        ) from fault


def bundle_files(home: Home) -> Callable[[], dict[str, bytes]]:
    return lambda: read_folder(home.policies, ".toml", ".cedar")


def case_files(home: Home) -> Callable[[], dict[str, bytes]]:
    def read() -> dict[str, bytes]:
        return {f"cases/{name}": data for name, data in read_folder(home.policies / "cases", ".toml").items()}

    return read


async def load(tenancy: Tenancy, files: Callable[[], dict[str, bytes]]) -> None:
    """Mirror every row; make the stored bundle live, or at the very first start the one on disk."""
    bundles: dict[str, Bundle] = {}
    for kind in STRUCTS:
        after = ""
        while True:
            page = await tenancy.store.list(kind, after=after, limit=PAGE)
            if kind is Kind.CONTRACT:
                for row in page:
                    _must_be(row.key, content_id(noun(row)))
            if kind is Kind.BUNDLE:
                bundles.update((row.key, noun(row)) for row in page)
            tenancy.live.load(page)
            if len(page) < PAGE:
                break
            after = page[-1].key
    wanted = tenancy.live.settings.get(LIVE_BUNDLE, "")
    if not wanted:
        await _first_bundle(tenancy, files)
        return
    if wanted not in bundles:
        raise ConfigError("The live policy bundle is missing from the store.", hint="Restore a backup of the home.")
    _must_be(wanted, bundle_digest(bundles[wanted]))
    tenancy.live.use(bundles[wanted])


def _must_be(name: str, found: str) -> None:
    """ConfigError when rules are not what every decision under them says they are: their name is their content's."""
    if name != found:
        raise ConfigError(
            f"The rules {name} in the store were changed under their name, so nothing is decided by them.",
            hint="Restore a backup of the home.",
        )


async def _first_bundle(tenancy: Tenancy, files: Callable[[], dict[str, bytes]]) -> None:
    bundle = parse_bundle(files(), tenancy.catalogue.digests())
    event = tenancy.event(PolicyApproved(bundle=bundle.digest, base="", by="gate", alone=True, first=True))
    changes = (
        put(bundle.digest, bundle, expect=0),
        put(LIVE_BUNDLE, Setting(name=LIVE_BUNDLE, value=bundle.digest), expect=0),
    )
    await tenancy.write(Unit(events=(event,), changes=changes))
    tenancy.live.use(bundle)


def stored_origin(home: Home, tenant: str, wanted: str) -> str:
    """The log keeps the origin it was born with, whatever the address is later."""
    path = Path(home.data / f"{tenant}.origin")
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        home.data.mkdir(mode=0o700, exist_ok=True)
        path.write_text(wanted + "\n")
        path.chmod(0o600)
        return wanted


def _logged(event: str, fields: dict[str, object]) -> None:
    _log.warning(event, extra=fields)
