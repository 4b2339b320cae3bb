"""What a configuration must hold beyond its types. Pure: reads no file and no name service."""

import ipaddress
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from callgate.model.base import Fact
from callgate.model.config import Config, IssuerConfig
from callgate.model.errors import ConfigError

LIVE_KEYS = ("listen", "allowed_hosts", "allowed_origins", "limits", "log")
"""What may change while the gate runs: where it listens, how much it takes, what it writes down of itself. Everything
else says who is trusted with what, and needs a restart: being able to edit the file is then not enough to change it
unseen."""
_PREFIX = re.compile(r"[a-z0-9][a-z0-9-]{0,31}:\Z")


def is_loopback(host: str) -> bool:
    """An address of this host alone, or ``localhost`` (RFC 6761 section 6.3)."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_url(url: str, key: str, *, allow_http: bool, file: str = "") -> None:
    """ConfigError unless ``url`` is ``https``, or ``http`` on a loopback address where that is allowed."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        odd = parts.port == 0
    except ValueError:
        host, odd = "", True
    if not host or odd or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise ConfigError("This is no URL; write it as https://host[:port]/path.", file=file, key=key)
    if parts.username is not None or parts.password is not None or parts.fragment or "#" in url:
        raise ConfigError("The URL must have no user name, password or fragment.", file=file, key=key)
    if parts.scheme == "https" or (parts.scheme == "http" and allow_http and is_loopback(host)):
        return
    raise ConfigError("The URL must be https; http is taken only for a loopback address.", file=file, key=key)


def check_config(config: Config, file: str) -> None:
    """ConfigError with file, key and what is allowed, for the first thing that does not fit."""
    _check_addresses(config, file)
    if len(set(config.tenants)) != len(config.tenants):
        raise ConfigError("A tenant is listed twice.", file=file, key="tenants")
    for place, issuer in enumerate(config.issuers):
        _check_issuer(issuer, config, file, f"issuers[{place}]")
    _check_prefixes(config, file)
    if bool(config.local.peers) != bool(config.local.path):
        raise ConfigError(
            "Further people on the local socket need both peers (their user ids) and path.", file=file, key="local"
        )
    if config.local.path and not config.local.path.startswith("/"):
        raise ConfigError("The socket's path must be absolute.", file=file, key="local.path")
    _check_operators(config, file)


def host_and_port(listen: str) -> tuple[str, int]:
    """Of ``127.0.0.1:9464`` or ``[::1]:9464``. ConfigError for anything else."""
    host, colon, port = listen.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise ConfigError("This is no address; write it as 127.0.0.1:9464.", key="metrics.listen")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _check_operators(config: Config, file: str) -> None:
    if config.metrics.listen:
        try:
            host, _ = host_and_port(config.metrics.listen)
        except ConfigError as fault:
            raise ConfigError(fault.message, file=file, key=fault.key) from fault
        if not is_loopback(host):
            raise ConfigError(
                "Metrics are served on a loopback address only: they need no token.",
                file=file,
                key="metrics.listen",
                hint="Let a collector on this host scrape them, or read the local socket: callgate metrics",
            )
    if config.telemetry.otlp_endpoint:
        check_url(config.telemetry.otlp_endpoint, "telemetry.otlp_endpoint", allow_http=True, file=file)


def _check_addresses(config: Config, file: str) -> None:
    local = is_loopback(config.listen.host)
    if config.base_url:
        check_url(config.base_url, "base_url", allow_http=local, file=file)
        if config.base_url.endswith("/") or "?" in config.base_url:
            raise ConfigError("The URL must have no query and no slash at its end.", file=file, key="base_url")
    elif not local:
        raise ConfigError(
            "A gate that listens beyond this host needs its public https URL here.", file=file, key="base_url"
        )
    for place, origin in enumerate(config.allowed_origins):
        scheme, _, authority = origin.partition("://")
        if scheme not in {"http", "https"} or not authority or set(authority) & set("/?#@ "):
            raise ConfigError(
                "An origin is http(s)://host[:port], without a path.", file=file, key=f"allowed_origins[{place}]"
            )


def _check_issuer(issuer: IssuerConfig, config: Config, file: str, key: str) -> None:
    check_url(issuer.issuer, f"{key}.issuer", allow_http=issuer.allow_http, file=file)
    if issuer.tenant not in config.tenants:
        allowed = ", ".join(config.tenants)
        raise ConfigError(f"There is no such tenant; allowed: {allowed}.", file=file, key=f"{key}.tenant")
    if bool(issuer.jwks_file) == bool(issuer.jwks_url):
        raise ConfigError("Give exactly one of jwks_file and jwks_url.", file=file, key=key)
    if issuer.jwks_url:
        check_url(issuer.jwks_url, f"{key}.jwks_url", allow_http=issuer.allow_http, file=file)
    if "" in issuer.audiences:
        raise ConfigError("An audience must not be empty.", file=file, key=f"{key}.audiences")
    if issuer.issuer == config.resource or issuer.issuer.startswith(f"{config.resource}/"):
        raise ConfigError("This is the gate's own issuer; it needs no entry.", file=file, key=f"{key}.issuer")
    if not _PREFIX.match(issuer.subject_prefix):
        raise ConfigError(
            "A prefix is small letters, digits and dashes and ends with a colon, such as corp:.",
            file=file,
            key=f"{key}.subject_prefix",
        )


def _check_prefixes(config: Config, file: str) -> None:
    """Two issuers of one tenant never vouch for the same subject; the gate's own accounts have no prefix."""
    named: set[str] = set()
    taken: set[tuple[str, str]] = set()
    for place, issuer in enumerate(config.issuers):
        key = f"issuers[{place}]"
        if issuer.issuer in named:
            raise ConfigError("This issuer is listed twice.", file=file, key=f"{key}.issuer")
        if (issuer.tenant, issuer.subject_prefix) in taken:
            raise ConfigError(
                "Another issuer of this tenant has the same prefix; equal subjects must stay two people.",
                file=file,
                key=f"{key}.subject_prefix",
            )
        named.add(issuer.issuer)
        taken.add((issuer.tenant, issuer.subject_prefix))


def changed_keys(old: Config, new: Config) -> tuple[str, ...]:
    """Dotted names of the settings that differ, sorted; lists count as one setting."""
    return tuple(sorted(_different(old, new, "")))


def _different(old: Fact, new: Fact, prefix: str) -> Iterator[str]:
    for field in old.__struct_fields__:
        before, after = getattr(old, field), getattr(new, field)
        if before == after:
            continue
        if isinstance(before, Fact) and isinstance(after, Fact):
            yield from _different(before, after, f"{prefix}{field}.")
        else:
            yield f"{prefix}{field}"


def check_live(old: Config, new: Config, file: str) -> tuple[str, ...]:
    """The changed keys. ConfigError naming the first that cannot change while the gate runs."""
    keys = changed_keys(old, new)
    for key in keys:
        if key.split(".", 1)[0] not in LIVE_KEYS and (key != "base_url" or new.resource != old.resource):
            raise ConfigError(
                f"This cannot change while the gate runs; what can: {', '.join(LIVE_KEYS)}.",
                file=file,
                key=key,
                hint="Nothing was changed. Restart the gate to change it.",
            )
    if new.resource != old.resource:
        raise ConfigError(
            "Without base_url the address is the gate's URL, which every token names.",
            file=file,
            key=next(key for key in keys if key.startswith("listen.")),
            hint=f'Nothing was changed. Set base_url = "{old.resource}" to keep the URL, or restart the gate.',
        )
    return keys
