"""The smaller nouns of a manifest: conditions, steps, reads, and how a search is confined (docs/reference/manifest.md)."""

import enum
from typing import Any

from callgate.model.base import Fact


class Given(enum.StrEnum):
    """What a condition asks of an argument, whatever its value."""

    PRESENT = "present"
    """There, and not null."""
    ABSENT = "absent"
    """Not there, or null."""
    EMPTY = "empty"
    """Absent, or an empty text, array or object."""
    FILLED = "filled"
    """Not empty."""
    TRUE = "true"
    FALSE = "false"
    OFF = "off"
    """False or absent."""


class Condition(Fact, frozen=True, kw_only=True):
    """One test of one argument; exactly one of the tests is set. A value of an unexpected shape never passes."""

    path: str = ""
    """Dotted argument path; with ``[]`` every value has to pass."""
    values: tuple[Any, ...] = ()
    """There is a value, and it is one of these; true is not 1."""
    without: tuple[str, ...] = ()
    """No value is one of these, whatever its case; an absent one passes."""
    prefix: tuple[str, ...] = ()
    """There is a value, it is a text, and it starts with one of these. A text with ``..`` never passes."""
    given: Given | None = None
    sql: str = ""
    """There is a text, and it is nothing but pure queries in this SQL dialect."""
    sql_shapes: str = ""
    """There is a text, and it makes, changes or drops tables, columns, indexes and views, and does nothing else."""
    http_safe: bool = False
    """There is a text, and it is GET, HEAD or OPTIONS."""


class Step(Fact, frozen=True, kw_only=True):
    """Another tool, and how its arguments are made.

    A value is taken as it is, but for texts with places: ``{path}`` from the call's arguments, ``{receipt:name}``,
    ``{pre_read:path}``; a text that is one place alone keeps the value's type. ``|integer``, ``|text`` and ``|list``
    at the end of a place turn the value into that.
    """

    tool: str
    arguments: dict[str, Any] = {}
    same: tuple[str, ...] = ()
    """Arguments that are passed on under their own names; ``*``: all that stand nowhere else."""
    when: tuple[Condition, ...] = ()
    """It is the way back of calls of which all of these hold; empty: of all."""


class DraftLane(Fact, frozen=True, kw_only=True):
    """The call that prepares what this one would do. Nothing of the original may get lost silently."""

    tool: str
    arguments: dict[str, Any] = {}
    same: tuple[str, ...] = ()
    dropped: dict[str, str] = {}
    """Argument of the original that is not passed on, and why that is right."""
    when: tuple[Condition, ...] = ()
    """It prepares calls of which all of these hold; empty: all."""


class ResultShape(enum.StrEnum):
    """Where the answer of a read is looked at."""

    JSON = "json"
    """``structuredContent``; without it, the JSON of the first text block."""
    TEXT = "text"
    """The first text block, as the one value ``text``."""


class PreRead(Fact, frozen=True, kw_only=True):
    """A read made before the call, whose answer says what was there."""

    tool: str
    arguments: dict[str, Any] = {}
    same: tuple[str, ...] = ()
    result: ResultShape = ResultShape.JSON


class ConfirmRead(Fact, frozen=True, kw_only=True):
    """A read that shows whether a call whose answer was lost did happen."""

    tool: str
    arguments: dict[str, Any] = {}
    same: tuple[str, ...] = ()
    result: ResultShape = ResultShape.JSON
    path: str
    """Where in the answer the proof stands."""
    equals: str = ""
    """``{argument}`` or a text that a value there has to equal; empty: any value proves it."""
    gone: bool = False
    """It is proven by no value there being equal."""


class WhoAmI(Fact, frozen=True, kw_only=True):
    """A read that names the account that the target sees."""

    tool: str
    arguments: dict[str, Any] = {}
    path: str
    result: ResultShape = ResultShape.JSON


class Qualifier(Fact, frozen=True, kw_only=True):
    """The words of a query language that keep a search inside one target."""

    kind: str
    """Kind of target."""
    add: str
    """With one ``{id}``: ``repo:{id}``."""
    also: tuple[str, ...] = ()
    """Other beginnings that say the same: ``user:``."""
    normalise: str = ""
    """As of the targets of this kind: what a query names already becomes the same id."""
    bare: str = ""
    """What ids begin with and the query leaves out, before a letter or digit: ``#``."""


class Beside(Fact, frozen=True, kw_only=True):
    """Arguments beside the query that name where to search, and what they become in it."""

    kind: str
    """Kind of target; one that a qualifier is for."""
    template: str
    """As of targets: ``{owner}/{repo}``."""


class QueryStyle(enum.StrEnum):
    """How a query is put together."""

    WORDS = "words"
    """Words, quoted phrases and ``key:value`` with blanks between; all of them have to match."""
    EXPRESSION = "expression"
    """Comparisons joined by ``and``, ``or`` and ``not``, with parentheses."""


class Narrowing(Fact, frozen=True, kw_only=True):
    """How a query is kept inside targets."""

    argument: str
    """Name of the argument that holds the query."""
    qualifiers: tuple[Qualifier, ...]
    style: QueryStyle = QueryStyle.WORDS
    several: str = ""
    """What stands between the qualifiers of several targets, any of which may match; empty: one target at a time."""
    beside: Beside | None = None
    """Arguments that a server adds to the query, so that nothing is believed of a query next to them. A narrower call has
    their qualifier instead of them.
    """
    wide: tuple[str, ...] = ()
    """Kinds of the tool's targets that keep nothing inside by themselves: whose mailbox it is."""


class Variant(Fact, frozen=True, kw_only=True):
    """One of several servers for the same product."""

    name: str
    title: str
    hosts: tuple[str, ...] = ()
    """Host of the server's URL, exactly."""
    packages: tuple[str, ...] = ()
    """Package that its command starts, without a version."""
    server_names: tuple[str, ...] = ()
    """Name that a local server gives itself; looked at only when its command says nothing."""
    verified: bool = False
    verified_against: str = ""
    verified_on: str = ""
    definitions: str = ""
    """File of recorded definitions, without .json; several with ``+``; empty: the integration's name."""
    partial: bool = False
    """The server has tools beside those of this manifest; they count as execute."""
    whoami: WhoAmI | None = None


class SensitiveScope(enum.StrEnum):
    """What an answer or effect is about, where rules may prohibit it altogether: ``prohibited = ["scope:secrets"]``."""

    SECRETS = "secrets"
    """Passwords, keys, tokens, and settings that hold them."""
    ACCESS = "access"
    """Who may do what: permissions, shares, members, invitations."""
    AUDIT = "audit"
    """Logs and traces of people or systems."""
    PERSONAL = "personal"
    """Contacts, calendars and profiles of people."""
    CORRESPONDENCE = "correspondence"
    """Mail and private messages."""
    FINANCIAL = "financial"
    """Payments, invoices, balances, prices."""
    CUSTOMERS = "customers"
    """Records about customers."""
    CODE = "code"
    """Source code."""
    VULNERABILITIES = "vulnerabilities"
    """Findings that help an attacker."""
    NETWORK = "network"
    """Routes, domains, firewalls, addresses."""
