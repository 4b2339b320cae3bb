"""Reading ``config.toml``: strictly, once, with errors that say file, key and what is allowed."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

from callgate.core.settings import check_config
from callgate.core.strict import MAX_FILE_BYTES, nearest, read_toml
from callgate.model.config import Config, LoadedConfig
from callgate.model.errors import ConfigError
from callgate.model.terms import Profile

_SHAPE = inspect.type_info(Config)
_WHERE = re.compile(r"(?P<what>.*) - at `\$(?P<path>[^`]*)`\Z", re.DOTALL)


def read_config(path: Path) -> Config:
    """Raises ConfigError."""
    return load_config(path).config


def load_config(path: Path) -> LoadedConfig:
    """Raises ConfigError."""
    data = config_bytes(path)
    return LoadedConfig(config=parse_config(data, str(path)), digest=hashlib.sha256(data).hexdigest())


def config_bytes(path: Path) -> bytes:
    """The file as it is; more than the most that is read shows as one byte too many. Raises ConfigError."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as fault:
        raise ConfigError("There is no configuration; run `callgate init`.", file=str(path)) from fault
    except OSError as fault:
        raise ConfigError(f"The configuration cannot be read: {fault.strerror}.", file=str(path)) from fault


def parse_config(data: bytes, file: str) -> Config:
    """``file`` stands in the errors. Raises ConfigError."""
    raw = read_toml(data, file)
    for key, message in _unknown(raw, _SHAPE, ""):
        raise ConfigError(message, file=file, key=key)
    try:
        config = msgspec.convert(raw, Config, strict=True)
    except msgspec.ValidationError as fault:
        key, message = _explained(str(fault))
        raise ConfigError(message, file=file, key=key) from fault
    check_config(config, file)
    return config


def _unknown(value: Any, shape: inspect.Type, path: str) -> Iterator[tuple[str, str]]:
    """(key, message) of every key the shape does not have."""
    if isinstance(shape, inspect.StructType) and isinstance(value, dict):
        fields = {field.encode_name: field.type for field in shape.fields}
        for key, inner in value.items():
            here = f"{path}.{key}" if path else key
            if key in fields:
                yield from _unknown(inner, fields[key], here)
            else:
                yield here, f"There is no such key.{nearest(key, fields)} Allowed: {', '.join(sorted(fields))}."
    elif isinstance(shape, inspect.VarTupleType) and isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _unknown(inner, shape.item_type, f"{path}[{place}]")


def _explained(message: str) -> tuple[str, str]:
    """(key, message for people) of a msgspec error."""
    found = _WHERE.match(message)
    what, path = (found["what"], found["path"].lstrip(".")) if found else (message, "")
    shape = _at(path)
    if isinstance(shape, inspect.EnumType):
        return path, f"Allowed: {', '.join(str(one.value) for one in shape.cls)}."
    if isinstance(shape, inspect.StrType) and shape.pattern and "matching" in what:
        return path, "Allowed: small letters, digits and dashes, beginning with a letter or digit, at most 32."
    return path, f"{what.replace('`', '')}."


def _at(path: str) -> inspect.Type | None:
    shape: inspect.Type | None = _SHAPE
    for step in re.findall(r"[^.\[\]]+", path):
        if isinstance(shape, inspect.VarTupleType) and step.isdigit():
            shape = shape.item_type
        elif isinstance(shape, inspect.StructType):
            shape = next((field.type for field in shape.fields if field.encode_name == step), None)
        else:
            return None
    return shape


def default_config_text(
    *,
    host: str = "127.0.0.1",
    port: int = 8700,
    profile: Profile = Profile.SOLO,
    peers: tuple[int, ...] = (),
    socket: str = "",
) -> str:
    """A starter file: what is set, and what could be, as comments."""
    local = f'[local]\npeers = {list(peers)}\npath = "{socket}"' if peers else _NO_PEERS
    return _STARTER.format(host=host, port=port, profile=profile.value, local=local)


_NO_PEERS = """\
# [local]
# peers = [1001]  # their user ids
# path = "/run/callgate/gate.sock"  # a socket in a folder they can reach"""


_STARTER = """\
# Configuration of the gate. Every key is optional; a typo is refused with its line of what is allowed.
# Keys and passphrases never stand here. listen, allowed_hosts, allowed_origins, limits and log can change while the gate
# runs (callgate reload); for everything else start it again.

# Profile of the first policy bundle: solo (one person) or team. Later the live bundle's own profile counts.
profile = "{profile}"

# URL under which assistants reach the gate: OAuth resource and issuer of its own tokens. Needed, with https, when
# the gate listens beyond this host (put a TLS proxy in front). Changing it ends every token that was issued.
# base_url = "https://callgate.example"

# Further values taken in the Host header, and origins of web pages that may call.
# allowed_hosts = ["callgate.internal:8700"]
# allowed_origins = ["https://tools.example"]

# Tenants: strictly separate, each with its own ledger. The gate's own accounts live in the first.
tenants = ["main"]

[listen]
host = "{host}"
port = {port}

[log]
format = "plain"  # or "json"
level = "info"  # debug, info, warning, error
# calls = true  # one line per call; the ledger is the record

# Prometheus metrics without a token, on this host alone (docs/how-to/operate.md).
# [metrics]
# listen = "127.0.0.1:9464"

# OpenTelemetry spans, with the extra: pip install 'callgate[otel]'
# [telemetry]
# otlp_endpoint = "http://127.0.0.1:4318/v1/traces"
# service_name = "callgate"
# sample = 1.0  # share of calls
# relay_to = []  # integrations that get a client's own traceparent while no endpoint is set

# People who answer from users of their own on this machine (docs/how-to/two-people.md).
{local}

# [limits]
# body_bytes = 4194304  # one request
# header_bytes = 32768
# result_bytes = 10485760  # one answer of a target system
# results_bytes = 268435456  # all answers held at one time
# calls = 1024  # in flight
# body_seconds = 30

# A company issuer whose tokens are taken too (RFC 9068 access tokens). Its people belong to its tenant, whatever
# their tokens say; their subjects get the prefix, so that corp:ana and the local account ana stay two people.
# [[issuers]]
# issuer = "https://login.example"
# tenant = "main"
# subject_prefix = "corp:"
# jwks_url = "https://login.example/keys"  # or jwks_file = "login-keys.json"
# algorithms = ["RS256", "ES256"]
# audiences = ["api://callgate"]  # beside the gate's own URL
"""
