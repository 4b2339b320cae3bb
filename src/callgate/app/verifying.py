"""Verifying the ledger of a home on which no gate runs: above all one that no gate starts on any more."""

from pathlib import Path

import uvloop

from callgate.adapters.home.config import read_config
from callgate.adapters.home.place import Home, check
from callgate.adapters.identity.keyring import Keyring
from callgate.adapters.store.lock import HomeLock
from callgate.adapters.store.sqlite import open_sqlite
from callgate.app.build import log_key, origin_of, stored_origin
from callgate.app.system import SystemClock, SystemEntropy
from callgate.core.ledger.note import verifier_key
from callgate.flow.verifying import verified
from callgate.flow.views.ledger import VerifyEnd
from callgate.model.errors import IntegrityError


def verify(home: Path, note: str) -> VerifyEnd:
    """The first tenant's ledger. Raises ConfigError (a gate runs after all, or the home cannot be used) and InputError."""
    return uvloop.run(_verify(Home(home), note))


async def _verify(home: Home, note: str) -> VerifyEnd:
    check(home)
    lock = HomeLock(home.lock)
    lock.acquire()
    try:
        config = read_config(home.config)
        tenant = config.tenants[0]
        keys = Keyring.open(home.keys, config.tenants, SystemEntropy(), create=False)
        sign, public = log_key(keys.tenant(tenant).ledger)
        origin = stored_origin(home, tenant, origin_of(config, tenant))
        store = open_sqlite(
            home.data / tenant,
            tenant,
            sign=sign,
            origin=origin,
            public_key=public,
            clock=SystemClock(),
            create=False,
        )
        try:
            async for line in verified(store, origin, verifier_key(origin, public), note):
                if isinstance(line, VerifyEnd):
                    return line
        finally:
            await store.close()
    finally:
        lock.release()
    raise IntegrityError("The verification broke off.")
