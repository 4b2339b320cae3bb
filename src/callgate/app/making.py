"""Makes a home: config, keys, first account, starter policies and rules, and a first integration to try."""

import os
import shutil
import subprocess
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import uvloop

from callgate.adapters.home.config import default_config_text, read_config
from callgate.adapters.home.files import read_folder
from callgate.adapters.home.place import Home, prepare
from callgate.adapters.identity.issuer import TokenIssuer
from callgate.adapters.identity.keyring import Keyring
from callgate.adapters.identity.passphrase import ScryptPassphrases, suggest
from callgate.adapters.store.lock import HomeLock
from callgate.app.build import Built, build_tenant, issuer_of
from callgate.app.desk import administration
from callgate.app.serving import same_host
from callgate.app.system import SystemEntropy
from callgate.core.policy.bundle import OWNER
from callgate.flow.admin import ContractText
from callgate.flow.administration import Administration
from callgate.flow.people import check_passphrase
from callgate.flow.rows import put
from callgate.flow.views.home import InitReport
from callgate.model.config import Config
from callgate.model.errors import AuthError, CallgateError, ConfigError
from callgate.model.event import AccountChanged
from callgate.model.identity import Account, Presence
from callgate.model.store import NameRow, Unit
from callgate.model.terms import Profile, Role
from callgate.model.tool import Integration

_GIT_TIMEOUT_S = 30
_EVERYWHERE = '"git.repository:*", "fs.path:*"'
"""The starter domain of the package, which ``init`` narrows to the person's own folders."""


def init(
    home: Path,
    *,
    account: str,
    passphrase: str | None,
    profile: str,
    git_server: str = "",
    peers: tuple[int, ...] = (),
    socket: str = "",
) -> InitReport:
    """Make what is missing; what is there is kept. ``passphrase`` None: one is made up and shown once.

    ``git_server`` is the command of an MCP server for Git to connect, with a scratch repository beside the home.
    ``peers`` and ``socket``: the further people of a new configuration. Raises ConfigError and InputError.
    """
    text = default_config_text(profile=Profile(profile), peers=peers, socket=socket)
    return uvloop.run(_init(Home(home), account, passphrase, Profile(profile), git_server, text))


async def _init(
    home: Home, account: str, passphrase: str | None, profile: Profile, git_server: str, config_text: str
) -> InitReport:
    made: list[str] = []
    prepare(home)
    lock = HomeLock(home.lock)
    lock.acquire()
    try:
        made += _files(home, account, profile, config_text)
        config = read_config(home.config)
        _no_lost_keys(home, config)
        keys = Keyring.open(home.keys, config.tenants, SystemEntropy())
        chosen = passphrase or suggest(SystemEntropy().bytes(10))
        for tenant in config.tenants:
            made += await _tenant(home, config, keys, tenant, account, chosen, git_server)
        if passphrase is None and any(line.startswith("Account") for line in made):
            made.append(f"The passphrase of {account}, shown this once, keep it: {chosen}")
    finally:
        lock.release()
    return InitReport(
        home=str(home.root),
        account=account,
        profile=profile.value,
        endpoint=f"{config.resource}/mcp",
        made=tuple(made),
        next=("Start the gate with: callgate serve",) if made else (),
    )


def _no_lost_keys(home: Home, config: Config) -> None:
    """New keys beside an old ledger would end its proofs and make what is sealed unreadable."""
    for tenant in config.tenants:
        keys = home.keys / "tenants" / tenant
        if (home.data / tenant).exists() and not keys.exists():
            raise ConfigError(
                "The keys of this tenant's ledger are missing; restore them from a backup.", file=str(keys)
            )


async def _tenant(
    home: Home, config: Config, keys: Keyring, tenant: str, account: str, passphrase: str, git_server: str
) -> list[str]:
    built = await build_tenant(home, config, keys, tenant)
    try:
        issuer = TokenIssuer(issuer_of(config, tenant), config.resource, keys.issuer, SystemEntropy())
        admin = administration(home, config, built, issuer, same_host=same_host(config))
        made = await _people(home, built, admin, issuer.issuer, account, passphrase)
        if git_server and tenant == config.tenants[0] and not built.house.tenancy.live.integrations:
            made += await _git(home, built, admin, issuer.issuer, account, git_server)
        return made
    finally:
        await built.pool.close()
        await built.store.close()


def _files(home: Home, account: str, profile: Profile, config_text: str) -> list[str]:
    made: list[str] = []
    if not home.config.exists():
        _write(home.config, config_text.encode())
        made.append(f"Configuration: {home.config}")
    if not any(home.policies.iterdir()):
        _copy(files("callgate.policies"), home.policies, account, profile)
        made.append(f"Starter policies with their cases: {home.policies}")
    if not any(home.contracts.iterdir()):
        _copy(files("callgate.policies") / "contracts", home.contracts, account, profile)
        made.append(f"Everyday rules and a template: {home.contracts}")
    return made


def _copy(source: Traversable, target: Path, account: str, profile: Profile) -> None:
    for entry in source.iterdir():
        if entry.is_dir() and entry.name == "cases":
            (target / entry.name).mkdir(mode=0o700, exist_ok=True)
            _copy(entry, target / entry.name, account, profile)
        elif entry.is_file() and entry.name.endswith((".toml", ".cedar")):
            text = entry.read_text(encoding="utf-8").replace(OWNER, account)
            if entry.name == "domains.toml":
                text = text.replace(_EVERYWHERE, _places(target))
            if entry.name == "rules.toml":
                text = text.replace(f'profile = "{Profile.SOLO.value}"', f'profile = "{profile.value}"', 1)
            _write(target / entry.name, text.encode())


def _places(policies: Path) -> str:
    """Target patterns of the starter domain: what lies in the person's home folder, and the scratch repository."""
    folders = dict.fromkeys((str(Path.home()), str(_scratch_of(policies.parent))))
    return ", ".join(
        f'"{kind}:{folder}{rest}"'
        for kind in ("git.repository", "fs.path")
        for folder in folders
        for rest in ("", "/*")
    )


def _scratch_of(home: Path) -> Path:
    return home.with_name(home.name + "-scratch")


def _write(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)


async def _people(
    home: Home, built: Built, admin: Administration, issuer: str, account: str, passphrase: str
) -> list[str]:
    tenancy = built.house.tenancy
    if tenancy.live.accounts:
        return []
    check_passphrase(passphrase)
    names: list[NameRow] = []
    person = Account(
        subject=account,
        name=account,
        team="home",
        verifier=ScryptPassphrases(tenancy.entropy).make(passphrase),
        created_ms=tenancy.clock.now_ms(),
    )
    pseudonym = tenancy.name("person", f"{issuer}|{account}", names)
    event = tenancy.event(AccountChanged(account=pseudonym, change="added", by=pseudonym), same_host=True)
    await tenancy.write(Unit(events=(event,), changes=(put(account, person, expect=0),), names=tuple(names)))
    made = [f"Account {account} of tenant {tenancy.tenant}, with the roles security, platform and app-team"]
    by = _founder(issuer, tenancy.clock.now_ms(), account)
    for name, text in read_folder(home.contracts, ".toml").items():
        try:
            contract = await admin.add_contract(by, ContractText(text=text.decode(), file=name))
            if contract.state == "awaiting_consent":
                await admin.consent_contract(by, contract.id, "")
        except (ConfigError, AuthError) as fault:
            # A further tenant with people of its own: they add and consent to its rules themselves.
            made.append(f"Not added to tenant {tenancy.tenant}: {fault}")
    return made


def _founder(issuer: str, now_ms: int, account: str) -> Presence:
    """Whoever makes the home holds it already: the first acts are theirs and marked so."""
    return Presence(
        subject=account,
        issuer=issuer,
        method="init",
        at_ms=now_ms,
        same_host=True,
        roles=(Role.SECURITY, Role.PLATFORM, Role.APP_TEAM),
        team="home",
    )


async def _git(home: Home, built: Built, admin: Administration, issuer: str, account: str, server: str) -> list[str]:
    if shutil.which("git") is None:
        return ["No git program here, so no integration to try was connected. Install git and run init again."]
    scratch = _scratch_of(home.root)
    _scratch(scratch)
    integration = Integration(
        name="git", actor="local", command=(server, "--repository", str(scratch)), writable=(str(scratch),)
    )
    by = _founder(issuer, built.house.tenancy.clock.now_ms(), account)
    try:
        found = await admin.add_integration(by, integration)
        await admin.confirm_integration(by, "git", found.digest)
    except CallgateError as fault:
        return [f"The Git server could not be connected: {fault.message}"]
    tools = sum(not tool.is_method for tool in found.tools)
    return [f"Integration git ({tools} tools, confined) on the scratch repository {scratch}"]


def _scratch(folder: Path) -> None:
    """A repository with one commit and one change that waits to be committed."""
    if (folder / ".git").exists():
        return
    folder.mkdir(mode=0o700, exist_ok=True)
    _git_command(folder, "init", "-q", "-b", "main")
    _git_command(folder, "config", "user.name", "Scratch")
    _git_command(folder, "config", "user.email", "scratch@localhost")
    (folder / "README.md").write_text("A place to try things.\n")
    _git_command(folder, "add", "README.md")
    _git_command(folder, "commit", "-q", "-m", "Begin")
    (folder / "notes.txt").write_text("This change waits to be committed.\n")
    _git_command(folder, "add", "notes.txt")


def _git_command(folder: Path, *arguments: str) -> None:
    try:
        subprocess.run(  # noqa: S603
            ["git", *arguments],  # noqa: S607
            cwd=folder,
            check=True,
            capture_output=True,
            timeout=_GIT_TIMEOUT_S,
            env={"PATH": os.environ.get("PATH", ""), "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"},
        )
    except (OSError, subprocess.SubprocessError) as fault:
        raise ConfigError("The scratch repository cannot be made with git.", file=str(folder)) from fault
