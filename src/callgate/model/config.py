"""The operator's configuration, parsed once from ``config.toml`` (see adapters/home/config.py).

No secret stands here: keys are files of their own, upstream credentials are references.
"""

import enum
from typing import Annotated

from msgspec import Meta

from callgate.model.base import Fact
from callgate.model.terms import Profile

Port = Annotated[int, Meta(ge=0, le=65_535)]
Bytes = Annotated[int, Meta(ge=1_024, le=1 << 30)]
Seconds = Annotated[int, Meta(ge=1, le=86_400)]
TenantName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,31}\Z")]


class LogFormat(enum.StrEnum):
    PLAIN = "plain"
    JSON = "json"


class LogLevel(enum.StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Algorithm(enum.StrEnum):
    """Signature algorithms a company issuer may use: asymmetric only (RFC 7518, RFC 8037, RFC 9864)."""

    RS256 = "RS256"
    RS384 = "RS384"
    RS512 = "RS512"
    PS256 = "PS256"
    PS384 = "PS384"
    PS512 = "PS512"
    ES256 = "ES256"
    ES384 = "ES384"
    ES512 = "ES512"
    ED25519 = "Ed25519"
    EDDSA = "EdDSA"
    """The older name of Ed25519 and Ed448 (RFC 8037), still what most issuers write."""


class Listen(Fact, frozen=True):
    """Where assistants reach the gate. Beyond this host it needs ``base_url`` and a TLS proxy in front."""

    host: str = "127.0.0.1"
    """An address or name; ``0.0.0.0`` for all."""
    port: Port = 8700


class Limits(Fact, frozen=True):
    """What the front takes in and holds at most."""

    body_bytes: Bytes = 4 << 20
    """One request body."""
    header_bytes: Bytes = 32 << 10
    """All headers of one request."""
    result_bytes: Bytes = 10 << 20
    """One answer of an upstream; a larger one is not delivered."""
    results_bytes: Bytes = 256 << 20
    """All answers held at one time."""
    calls: Annotated[int, Meta(ge=1, le=100_000)] = 1_024
    """Calls in flight over all integrations."""
    body_seconds: Seconds = 30
    """Time a client has to send one request."""


class Log(Fact, frozen=True):
    format: LogFormat = LogFormat.PLAIN
    level: LogLevel = LogLevel.INFO
    calls: bool = False
    """One line per call at level info. The ledger is the record; this is for people who watch a terminal."""


class Metrics(Fact, frozen=True):
    """Prometheus metrics on a listener of their own, beside those on the local socket."""

    listen: str = ""
    """Loopback address and port, such as ``127.0.0.1:9464``; empty: there is no such listener."""


class Telemetry(Fact, frozen=True):
    """OpenTelemetry spans; needs the extra ``otel``."""

    otlp_endpoint: str = ""
    """URL that takes spans by OTLP over HTTP, such as ``http://127.0.0.1:4318/v1/traces``; empty: no spans are made."""
    service_name: str = "callgate"
    """``service.name`` of the spans."""
    sample: Annotated[float, Meta(ge=0, le=1)] = 1.0
    """Share of calls that get a span. What a client says of its own sampling changes nothing."""
    relay_to: tuple[str, ...] = ()
    """Integrations that get a client's own ``traceparent`` while no spans are made."""


class LocalSocket(Fact, frozen=True):
    """The way in for the callgate command."""

    peers: tuple[int, ...] = ()
    """User ids that may speak beside the gate's own and root. With any, the gate counts as running as a user of its
    own, and what these people answer counts as a second person's."""
    path: str = ""
    """Absolute path of the socket, in a folder these people can reach; empty: in the home."""


class IssuerConfig(Fact, frozen=True):
    """A company issuer whose tokens are taken. Exactly one of ``jwks_file`` and ``jwks_url`` is set."""

    issuer: str
    """Exactly the ``iss`` of its tokens."""
    subject_prefix: str
    """Put before ``sub``, e.g. ``corp:``: its subjects never meet local accounts or another issuer's."""
    tenant: TenantName = "main"
    """Everyone this issuer vouches for belongs to this tenant; no claim changes that."""
    jwks_file: str = ""
    """Path; a relative one starts at the home folder."""
    jwks_url: str = ""
    """Where its keys are fetched."""
    allow_http: bool = False
    """``jwks_url`` may be ``http`` on a loopback address; anywhere else it must be ``https``."""
    algorithms: Annotated[tuple[Algorithm, ...], Meta(min_length=1)] = (Algorithm.RS256, Algorithm.ES256)
    audiences: tuple[str, ...] = ()
    """Values of ``aud`` that mean this gate, beside its own URLs (e.g. ``api://callgate``)."""


class Config(Fact, frozen=True):
    """The whole file. What may change while the gate runs stands in core/settings.py: LIVE_KEYS."""

    listen: Listen = Listen()
    base_url: str = ""
    """Public URL without a trailing slash, the OAuth resource and issuer; empty: made of ``listen``."""
    allowed_hosts: tuple[str, ...] = ()
    """Further values of the Host header, beside the base URL's and the listening address's own."""
    allowed_origins: tuple[str, ...] = ()
    """Values of the Origin header that may call; requests of programs carry none."""
    profile: Profile = Profile.SOLO
    """Profile of the first policy bundle; afterwards the live bundle's own counts."""
    tenants: Annotated[tuple[TenantName, ...], Meta(min_length=1)] = ("main",)
    """The first one is where the gate's own accounts live."""
    limits: Limits = Limits()
    log: Log = Log()
    metrics: Metrics = Metrics()
    telemetry: Telemetry = Telemetry()
    local: LocalSocket = LocalSocket()
    issuers: tuple[IssuerConfig, ...] = ()

    @property
    def resource(self) -> str:
        """The gate's URL as clients know it (RFC 8707 resource, RFC 8414 issuer)."""
        if self.base_url:
            return self.base_url
        host = f"[{self.listen.host}]" if ":" in self.listen.host else self.listen.host
        return f"http://{host}:{self.listen.port}"


class LoadedConfig(Fact, frozen=True):
    """A configuration and the bytes it was read from."""

    config: Config
    digest: str
    """SHA-256 of the file, hex: what ``sha256sum config.toml`` prints."""
