"""Which entries move, under which names, and what each file comes to say. Pure: the disk and the gate are others'."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from callgate.core.adopt.codes import left_kind
from callgate.core.adopt.connection import CannotMove, Connection, connection_of, family
from callgate.core.adopt.edits import Edit, NotEditable, edited, parse, value_at
from callgate.core.adopt.entries import Approvals, GateRoute, edits_beside, entry_edits, gate_entry, words_of_entry
from callgate.core.adopt.masking import diff
from callgate.core.inventory.document import BadDocument
from callgate.core.inventory.judge import Judged
from callgate.core.inventory.matching import is_blocked
from callgate.core.inventory.reading import Allowlist, ConfigFile, shown_key
from callgate.core.inventory.secrecy import shown
from callgate.core.names import integration_name_problem
from callgate.model.adopt import AdoptLeft, FileChange
from callgate.model.base import Fact
from callgate.model.errors import IntegrityError
from callgate.model.inventory import ConnectionState
from callgate.model.tool import Integration

REWRITTEN = frozenset(
    {"codex-config", "claude-servers", "claude-state", "claude-desktop", "servers", "code-servers", "code-settings"}
    | {"code-workspace", "gemini", "zed", "opencode"}
)
"""Forms of files that are changed; of ``servers`` those of CLIENTS alone."""
CLIENTS = frozenset(
    {"codex", "claude-code", "claude-desktop", "cursor", "vscode", "gemini", "windsurf", "zed", "opencode"}
)
_OWN_LAYERS = frozenset({"user", "project", "local"})
_SILENT = frozenset({"cursor", "vscode", "gemini", "windsurf", "zed", "opencode"})
"""Clients whose files do not say which of a project's servers their user approved."""
_STATES = {
    ConnectionState.OFF: "switched_off",
    ConnectionState.BLOCKED: "blocked",
    ConnectionState.WAITS: "waits",
}
_MAX_NAME = 40


class Move(Fact, frozen=True):
    """One entry that moves. Holds secrets: it never leaves memory."""

    judged: Judged
    form: str
    connection: Connection
    integration: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """(file, path of the entry): no two entries share it."""
        entry = self.judged.entry
        return (entry.place, shown_key(entry.path))


class AdoptWish(Fact, frozen=True):
    """What was asked for. Empty: everything."""

    clients: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    approvals: Approvals = Approvals.KEEP


class Names(Fact, frozen=True):
    """Names in the gate: ``taken`` all there are, ``known`` those of which the connection's digest is known."""

    taken: frozenset[str] = frozenset()
    known: dict[str, str] = {}
    """Digest to name."""


class ChangedFile(Fact, frozen=True):
    """``before`` None: there is no such file. Holds secrets."""

    place: str
    form: str
    before: bytes | None
    after: bytes
    shown: FileChange


class Change(Fact, frozen=True):
    """Everything that is to be written, and what cannot be."""

    files: tuple[ChangedFile, ...]
    left: tuple[AdoptLeft, ...]
    moves: tuple[Move, ...]
    """Those whose files can be changed."""


def left(judged: Judged, code: str, says: str = "") -> AdoptLeft:
    """``says`` adds to the code's own sentence."""
    kind, server = left_kind(code), judged.server
    return AdoptLeft(
        code=code,
        client=server.client,
        server=server.name,
        file=server.file,
        line=server.line,
        says=f"{kind.says} {says}" if says else kind.says,
        fix=kind.fix,
    )


def choose(
    judged: Sequence[Judged], files: Mapping[str, ConfigFile], wish: AdoptWish, root: str
) -> tuple[list[Move], list[AdoptLeft]]:
    """``files`` by place, below ``root``."""
    moves, stay = [], []
    for one in judged:
        file = files.get(one.entry.place)
        code = _why_not(one, file, wish)
        if not code:
            assert file is not None
            try:
                moves.append(_move(one, file, root))
                continue
            except CannotMove as fault:
                code = fault.code
        stay.append(left(one, code))
    return moves, stay


def _why_not(one: Judged, file: ConfigFile | None, wish: AdoptWish) -> str:
    entry = one.entry
    wanted = (not wish.clients or family(entry.client) in wish.clients or entry.client in wish.clients) and (
        not wish.servers or entry.name in wish.servers
    )
    if one.gated:
        return "gated"
    if not wanted:
        return "not_chosen"
    if entry.layer in ("plugin", "extension"):
        return "plugin"
    if entry.layer not in _OWN_LAYERS:
        return "managed"
    if file is None or family(entry.client) not in CLIENTS or not entry.path:
        return "other_client"
    if file.form == "devcontainer":
        return "container"
    if file.form not in REWRITTEN:
        return "other_client"
    if not entry.program and not entry.url:
        return "no_target"
    if one.server.state in _STATES:
        return _STATES[one.server.state]
    unseen = entry.program and entry.layer != "user" and family(entry.client) in _SILENT
    return "unapproved" if unseen and entry.name not in wish.servers else ""


def absolute(root: str, folder: str) -> str:
    """Of a folder as it is named below the root, or by a file itself."""
    if not folder or folder.startswith(f"{root.rstrip('/')}/"):
        return folder
    return f"{root.rstrip('/')}/{folder.lstrip('/')}"


def below(root: str, folder: str) -> str:
    """The other way round, without a slash in front."""
    inside = folder.removeprefix(root.rstrip("/")) if folder.startswith(f"{root.rstrip('/')}/") else folder
    return inside.strip("/")


def _move(one: Judged, file: ConfigFile, root: str) -> Move:
    entry = one.entry
    try:
        document = parse(file.form, file.text.decode("utf-8"))
        table = value_at(document.value, entry.path)
        if not isinstance(table, dict):
            raise CannotMove("bad_value")
        connection = connection_of(entry, table, person=absolute(root, entry.home), folder=absolute(root, entry.folder))
        connection.digest  # noqa: B018 - text that is no Unicode has none
    except BadDocument:
        raise CannotMove("bad_file") from None
    except (IntegrityError, UnicodeError):
        raise CannotMove("bad_value") from None
    return Move(judged=one, form=file.form, connection=connection)


def named(moves: Iterable[Move], names: Names) -> list[Move]:
    """Equal connections share one integration; others of the same name get a number."""
    taken = set(names.taken) | set(names.known.values())
    given = dict(names.known)
    found = []
    for move in moves:
        digest = move.connection.digest
        if digest not in given:
            given[digest] = _free(_base(move.judged.entry.name), taken)
            taken.add(given[digest])
        found.append(_with_name(move, given[digest]))
    return found


def allowed(moves: Iterable[Move], lists: list[Allowlist], link: GateRoute) -> tuple[list[Move], list[AdoptLeft]]:
    """Without those whose place a managed list keeps for the server itself."""
    kept, stay = [], []
    for move in moves:
        entry = move.judged.entry
        new = gate_entry(entry.client, move.integration, link)
        program, *args = words_of_entry(new)
        gated = msgspec.structs.replace(entry, program=program, args=tuple(args), url=new.get("url", ""))
        if is_blocked(gated, lists):
            stay.append(left(move.judged, "list_blocks"))
        else:
            kept.append(move)
    return kept, stay


def _with_name(move: Move, name: str) -> Move:
    return Move(judged=move.judged, form=move.form, connection=move.connection, integration=name)


def _base(server: str) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", server.lower()).strip("-")[:_MAX_NAME].strip("-")
    if not name or not name[0].isalpha() or integration_name_problem(name):
        name = f"mcp-{name}"[:_MAX_NAME].strip("-")
    return name


def _free(base: str, taken: set[str]) -> str:
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base[: _MAX_NAME - len(str(number)) - 1].rstrip('-')}-{number}"
    return name


def integrations(moves: Iterable[Move], folder: str) -> dict[str, tuple[Integration, Connection]]:
    """By name. ``folder``: where secrets are kept, one folder per integration."""
    found: dict[str, tuple[Integration, Connection]] = {}
    for move in moves:
        name = move.integration
        if name not in found:
            known = move.judged.integration
            found[name] = (move.connection.integration(name, f"{folder}/{name}", manifest=known), move.connection)
    return found


class _File:
    """A file that is being changed."""

    def __init__(self, place: str, form: str, before: bytes | None) -> None:
        self.place = place
        self.form = form
        self.before = before
        self.text = (before or b"").decode("utf-8")
        self.moves: list[Move] = []

    def try_edits(self, edits: Sequence[Edit]) -> None:
        """Raises NotEditable, and is as it was."""
        self.text = edited(self.form, self.text, edits)


def change(
    moves: Sequence[Move], files: Mapping[str, ConfigFile], link: GateRoute, wish: AdoptWish, root: str
) -> Change:
    """``files`` holds every file that is there, broken ones too."""
    texts: dict[str, _File] = {}
    stay: list[AdoptLeft] = []
    done: list[Move] = []
    for move in moves:
        entry = move.judged.entry
        if entry.place not in texts:
            texts[entry.place] = _File(entry.place, move.form, files[entry.place].text)
        file = texts[entry.place]
        try:
            top = parse(file.form, file.text).value
            new = gate_entry(entry.client, move.integration, link)
            file.try_edits(entry_edits(entry.client, entry.path, top, new, wish.approvals))
        except NotEditable as fault:
            stay.append(left(move.judged, fault.code, f"Line {fault.line}." if fault.line else ""))
            continue
        file.moves.append(move)
        done.append(move)
        _beside(move, texts, files, wish, root)
    secrets: dict[str, list[str]] = defaultdict(list)
    for move in done:
        secrets[move.judged.entry.place] += [*move.connection.secret_files().values()]
    changed = tuple(found for file in texts.values() if (found := _changed(file, secrets[file.place])) is not None)
    return Change(files=changed, left=tuple(stay), moves=tuple(done))


def _beside(move: Move, texts: dict[str, _File], files: Mapping[str, ConfigFile], wish: AdoptWish, root: str) -> None:
    """Files beside that cannot be changed are left: then the client asks once more than it needs to."""
    entry = move.judged.entry
    folder = below(root, entry.folder)
    for one in edits_beside(entry.client, entry.name, home=entry.home, folder=folder, approvals=wish.approvals):
        known = files.get(one.place)
        if known is None and not one.make:
            continue
        if one.form == "cursor-permissions" and known is not None and not _has(known, one.edit):
            continue
        file = texts.get(one.place) or _File(one.place, one.form, None if known is None else known.text)
        try:
            file.try_edits([one.edit])
        except NotEditable:
            continue
        texts[one.place] = file


def _has(file: ConfigFile, edit: Edit) -> bool:
    """The list is there: where Cursor's files have none, its own settings count, and a list would override them."""
    try:
        document = parse(file.form, file.text.decode("utf-8"))
    except (BadDocument, UnicodeError):
        return False
    return isinstance(value_at(document.value, edit.path), list)


def _changed(file: _File, secrets: Sequence[str]) -> ChangedFile | None:
    before = (file.before or b"").decode("utf-8")
    if file.text == before:
        return None
    path = shown(f"/{file.place}", 400)
    drawn = diff(file.form, path, before, file.text, secrets)
    return ChangedFile(
        place=file.place,
        form=file.form,
        before=file.before,
        after=file.text.encode("utf-8"),
        shown=FileChange(file=path, diff=drawn, new=file.before is None),
    )
