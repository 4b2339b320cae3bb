"""Builds the administration of the gate's first tenant, where its own accounts live."""

import os
from collections.abc import Awaitable, Callable
from importlib.resources import files

from callgate import __version__
from callgate.adapters.home.files import FolderFiles
from callgate.adapters.home.place import Home
from callgate.adapters.identity.issuer import TokenIssuer
from callgate.adapters.identity.passphrase import ScryptPassphrases
from callgate.app.build import Built, bundle_files, case_files
from callgate.app.hygiene import hygiene
from callgate.app.system import SystemClock, SystemEntropy, write_export
from callgate.core.attempts import Attempts
from callgate.flow.administration import Administration
from callgate.flow.desk import DeskTools, GateInfo, Operations
from callgate.model.config import Config


def administration(
    home: Home,
    config: Config,
    built: Built,
    issuer: TokenIssuer,
    *,
    same_host: bool,
    operations: Operations | None = None,
    metrics: Callable[[], Awaitable[bytes]] | None = None,
) -> Administration:
    info = GateInfo(
        version=__version__,
        started_ms=SystemClock().now_ms(),
        home=str(home.root),
        endpoint=f"{config.resource}/mcp",
        origin=built.origin,
        uid=os.geteuid(),
        same_host=same_host,
    )
    first = built.house.tenancy.tenant == config.tenants[0]
    tools = DeskTools(
        rooms=built.house,
        issuer=issuer,
        passphrases=ScryptPassphrases(SystemEntropy()),
        attempts=Attempts(),
        info=info,
        bundle_files=bundle_files(home),
        case_files=case_files(home),
        write_export=write_export,
        verifier_source=(files("callgate.offline") / "verify_ledger.py").read_bytes,
        ledger_public=built.public_key,
        hygiene=lambda: hygiene(home, peers=config.local.peers),
        operations=operations,
        metrics=metrics,
        files=FolderFiles(home.root),
        integration_files="integrations" if first else f"integrations/{built.house.tenancy.tenant}",
    )
    return Administration(tools)
