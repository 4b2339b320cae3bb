"""Reads a policy bundle strictly: ``rules.toml``, ``domains.toml`` and any number of ``*.cedar`` files.

Everything that must refuse a bundle refuses it here, with file, key and what is allowed. ``cases/*.toml`` may lie
beside them; they change no verdict and are no part of the bundle (see cases.py).
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from callgate.core.domains import DomainMap
from callgate.core.ledger.canonical import digest
from callgate.core.observe import ends_ms
from callgate.core.patterns import pattern_problem
from callgate.core.policy.load import load_policies
from callgate.core.strict import StrictReader, read_toml
from callgate.model.bundle import (
    Bundle,
    Domain,
    Duty,
    Observing,
    PolicyFile,
    Rates,
    RiskTable,
    RoleBinding,
    Waiting,
)
from callgate.model.errors import ConfigError
from callgate.model.identity import Runtime
from callgate.model.terms import Ask, LogDepth, Profile, Role, RuntimeKind, Stage, Tier

RULES = "rules.toml"
DOMAINS = "domains.toml"
OWNER = "@OWNER@"
"""Stands in the starter files for the subject of the first account; ``callgate init`` writes the name in."""
MAX_POLICY_FILE = 256 * 1024
MINUTE_MS = 60_000

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_CEDAR = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}\.cedar")


class _DutyRow(msgspec.Struct, frozen=True):
    ask: Ask | None = None
    log_depth: LogDepth = LogDepth.METADATA
    state_pin: bool = True


class _DutyRows(msgspec.Struct, frozen=True):
    read: _DutyRow | None = None
    draft: _DutyRow | None = None
    execute: _DutyRow | None = None


class _KindRates(msgspec.Struct, frozen=True):
    attended: int = 0
    unattended: int = 0
    subagent: int = 0
    service: int = 0


class _RateRows(msgspec.Struct, frozen=True):
    initiator: int = 600
    kinds: _KindRates = _KindRates()


class _WaitingRow(msgspec.Struct, frozen=True):
    expires_minutes: int = 480
    grace_seconds: int = 0
    max_open: int = 20
    quorum: int = 1
    denial_sticks_minutes: int = 1440


class _RuntimeRow(msgspec.Struct, frozen=True):
    kind: RuntimeKind = RuntimeKind.ATTENDED
    title: str = ""
    owner: str = ""
    users: tuple[str, ...] = ("*",)
    client_ids: tuple[str, ...] = ()


class _StageRow(msgspec.Struct, frozen=True):
    stage: Stage
    observe_until: str = ""
    owner: str = ""


class _RulesFile(msgspec.Struct, frozen=True):
    profile: Profile
    duties: _DutyRows
    risk: RiskTable = RiskTable()
    rates: _RateRows = _RateRows()
    waiting: _WaitingRow = _WaitingRow()
    stages: dict[str, Stage | _StageRow] = {}
    roles: dict[str, tuple[str, ...]] = {}
    runtimes: dict[str, _RuntimeRow] = {}


class _DomainRow(msgspec.Struct, frozen=True):
    title: str
    owner: str
    targets: tuple[str, ...]


_RANGES = {
    "risk.*": (0, 100),
    "risk.many_from": (1, 10_000),
    "risk.hold_from": (1, 101),
    "rates.*": (0, 1_000_000),
    "waiting.expires_minutes": (1, 43_200),
    "waiting.grace_seconds": (0, 300),
    "waiting.max_open": (1, 10_000),
    "waiting.quorum": (1, 10),
    "waiting.denial_sticks_minutes": (0, 43_200),
}
"""Lowest and highest value; ``*`` stands for every other key below."""


def parse_bundle(files: Mapping[str, bytes], manifests: Mapping[str, str]) -> Bundle:
    """``files``: name in the policy folder to content. ``manifests``: name to digest of those in use.

    Raises ConfigError.
    """
    for name in sorted(files):
        if name not in (RULES, DOMAINS) and not name.startswith("cases/") and not _CEDAR.fullmatch(name):
            raise ConfigError(
                f"This file is not part of a bundle: {RULES}, {DOMAINS}, *.cedar and cases/ are.", file=name
            )
    for name in (RULES, DOMAINS):
        if name not in files:
            raise ConfigError("This file is missing.", file=name)
    policies = tuple(
        PolicyFile(name=name, text=_text(files[name], name)) for name in sorted(files) if name.endswith(".cedar")
    )
    if not any(policy.permit for policy in load_policies(policies)):
        raise ConfigError(
            "No policy permits anything, so every call would be denied; write at least one permit.", file="*.cedar"
        )
    rules = _rules(files[RULES])
    bundle = Bundle(
        digest="",
        profile=rules.profile,
        policies=policies,
        domains=_domains(files[DOMAINS]),
        duties=_duties(rules.duties),
        risk=rules.risk,
        rates=_rates(rules.rates),
        waiting=_waiting(rules.waiting),
        roles=_roles(rules.roles),
        runtimes=_runtimes(rules.runtimes),
        stages=tuple((name, row.stage.value) for name, row in _stages(rules)),
        manifests=tuple(sorted(manifests.items())),
        observing=tuple(_observing(name, row) for name, row in _stages(rules) if row.stage is Stage.OBSERVE),
    )
    return msgspec.structs.replace(bundle, digest=bundle_digest(bundle))


def bundle_digest(bundle: Bundle) -> str:
    """SHA-256 hex over the canonical form of every field but ``digest``; ``observing`` only where there is one, so
    that other bundles keep the digest they always had.
    """
    fields = msgspec.to_builtins(bundle)
    del fields["digest"]
    if not fields["observing"]:
        del fields["observing"]
    return digest(fields)


def _text(data: bytes, file: str) -> str:
    if len(data) > MAX_POLICY_FILE:
        raise ConfigError(f"The file is larger than {MAX_POLICY_FILE // 1024} KiB.", file=file)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise ConfigError(f"The file is not UTF-8 (byte {fault.start}).", file=file) from None


def _rules(data: bytes) -> _RulesFile:
    table = read_toml(data, RULES)
    rules = StrictReader(RULES).read(_RulesFile, table)
    for section in ("risk", "rates", "waiting"):
        _check_ranges(table.get(section, {}), section)
    if rules.profile is Profile.SOLO and rules.waiting.quorum != 1:
        raise _wrong("waiting.quorum", "Under the profile solo there is one person: the quorum is 1.")
    for name in rules.stages:
        if name != "*" and not _NAME.fullmatch(name):
            raise _wrong(f"stages.{name}", "Write the name of an integration, or * for every other one.")
    for name, row in _stages(rules):
        if row.stage is not Stage.OBSERVE and (row.observe_until or row.owner):
            raise _wrong(f"stages.{name}", "Only the stage observe has an end and an owner.")
    return rules


def _check_ranges(table: dict[str, Any], section: str) -> None:
    for key, value in table.items():
        if isinstance(value, dict):
            _check_ranges(value, f"{section}.{key}")
        else:
            low, high = _RANGES.get(f"{section}.{key}") or _RANGES[f"{section.partition('.')[0]}.*"]
            if not low <= value <= high:
                raise _wrong(f"{section}.{key}", f"The number is outside of what is allowed: {low} to {high}.")


def _stages(rules: _RulesFile) -> list[tuple[str, _StageRow]]:
    rows = {name: said if isinstance(said, _StageRow) else _StageRow(said) for name, said in rules.stages.items()}
    return sorted(rows.items())


def _observing(name: str, row: _StageRow) -> Observing:
    if name == "*":
        raise _wrong("stages.*", "Only integrations that are named can be observed, never every other one.")
    if not (row.observe_until and row.owner):
        raise _wrong(
            f"stages.{name}",
            'Observing ends, and somebody answers for it: { stage = "observe", observe_until = "YYYY-MM-DD", owner = "…" }.',
        )
    _check_subject(row.owner, RULES, f"stages.{name}.owner")
    try:
        ends_ms(row.observe_until)
    except ValueError:
        raise _wrong(f"stages.{name}.observe_until", "Write the last day as YYYY-MM-DD.") from None
    return Observing(name=name, until=row.observe_until, owner=row.owner)


def _duties(rows: _DutyRows) -> tuple[Duty, ...]:
    named = ((Tier.READ, rows.read), (Tier.DRAFT, rows.draft), (Tier.EXECUTE, rows.execute))
    return tuple(
        Duty(tier=tier, approval=row.ask, log_depth=row.log_depth, state_pin=row.state_pin)
        for tier, row in named
        if row is not None
    )


def _rates(rows: _RateRows) -> Rates:
    kinds = ((kind, getattr(rows.kinds, kind.value)) for kind in RuntimeKind)
    return Rates(initiator=rows.initiator, kinds=tuple((kind, limit) for kind, limit in kinds if limit))


def _waiting(row: _WaitingRow) -> Waiting:
    return Waiting(
        expires_ms=row.expires_minutes * MINUTE_MS,
        grace_ms=row.grace_seconds * 1000,
        max_open=row.max_open,
        quorum=row.quorum,
        denial_sticks_ms=row.denial_sticks_minutes * MINUTE_MS,
    )


def _roles(rows: dict[str, tuple[str, ...]]) -> tuple[RoleBinding, ...]:
    allowed = [role.value for role in Role]
    for name, subjects in rows.items():
        if name not in allowed:
            raise _wrong(f"roles.{name}", f"There is no such role. Allowed: {', '.join(allowed)}.")
        for subject in subjects:
            _check_subject(subject, RULES, f"roles.{name}")
    return tuple(RoleBinding(role=role, subjects=tuple(sorted(set(rows[role])))) for role in Role if rows.get(role))


def _runtimes(rows: dict[str, _RuntimeRow]) -> tuple[Runtime, ...]:
    meant: dict[str, str] = {}
    for name in sorted(rows):
        row, key = rows[name], f"runtimes.{name}"
        _check_name(name, RULES, key)
        if row.kind is RuntimeKind.SERVICE and not row.owner:
            raise _wrong(f"{key}.owner", "A service has an accountable owner: the subject of an account.")
        for subject in (*row.users, *((row.owner,) if row.owner else ())):
            _check_subject(subject, RULES, key)
        for client in {name, *row.client_ids}:
            other = meant.setdefault(client, name)
            if other != name:
                raise _wrong(f"{key}.client_ids", f"This client already means the runtime {other}.")
    return tuple(
        Runtime(
            id=name,
            kind=row.kind,
            title=row.title or name,
            owner=row.owner,
            users=tuple(sorted(set(row.users))),
            client_ids=tuple(sorted(set(row.client_ids))),
        )
        for name, row in sorted(rows.items())
    )


def _domains(data: bytes) -> tuple[Domain, ...]:
    reader = StrictReader(DOMAINS)
    found = []
    for name, table in sorted(read_toml(data, DOMAINS).items()):
        _check_name(name, DOMAINS, name)
        row = reader.read(_DomainRow, table, name)
        _check_subject(row.owner, DOMAINS, f"{name}.owner")
        for pattern in row.targets:
            problem = pattern_problem(pattern)
            if problem:
                raise ConfigError(problem, file=DOMAINS, key=f"{name}.targets")
        targets = tuple(sorted(set(row.targets)))
        found.append(Domain(name=name, title=row.title or name, owner=row.owner, targets=targets))
    domains = tuple(found)
    problems = DomainMap(domains).problems
    if problems:
        raise ConfigError(problems[0], file=DOMAINS, key="targets")
    return domains


def _check_name(name: str, file: str, key: str) -> None:
    if not _NAME.fullmatch(name):
        raise ConfigError(
            "A name has lower case letters, digits, dashes and underscores, at most 63.", file=file, key=key
        )


def _check_subject(subject: str, file: str, key: str) -> None:
    if not subject or subject != subject.strip() or not subject.isprintable():
        raise ConfigError("Write the subject of an account.", file=file, key=key)
    if OWNER in subject:
        raise ConfigError(
            f"{OWNER} stands for the first account; callgate init writes its subject here.", file=file, key=key
        )


def _wrong(key: str, message: str) -> ConfigError:
    return ConfigError(message, file=RULES, key=key)
