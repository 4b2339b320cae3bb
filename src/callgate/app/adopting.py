"""Adopting: the disk, the inventory and the pure plan put together. The gate itself is asked by the command."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from callgate.adapters.home.adopted import AdoptionStore
from callgate.adapters.home.config import read_config
from callgate.adapters.home.place import Home
from callgate.adapters.inventory.rewrite import CannotRewrite, OnDisk, read_whole, replace
from callgate.app.adopt_journal import AdoptJournal, sha256
from callgate.app.inventory import InventoryTask, look
from callgate.core.adopt.codes import left_kind
from callgate.core.adopt.connection import Connection
from callgate.core.adopt.entries import GateRoute
from callgate.core.adopt.plan import (
    AdoptWish,
    Change,
    ChangedFile,
    Move,
    Names,
    allowed,
    change,
    choose,
    integrations,
    left,
    named,
)
from callgate.core.inventory.judge import Judge
from callgate.core.inventory.reading import ConfigFile, Reading
from callgate.flow.wanted import origin
from callgate.model.adopt import AdoptLeft, AdoptMove, AdoptView, KeptConnection, KeptFile
from callgate.model.tool import Integration

_BROAD = frozenset({"/", "/home", "/root", "/tmp", "/var", "/opt", "/srv", "/etc", "/usr", "/mnt", "/media"})  # noqa: S108
_QUIET = frozenset({"not_chosen"})


def gate_url(home: Path) -> str:
    """Of the gate of a home. Raises ConfigError."""
    return read_config(Home(home).config).resource


class Adopting:
    """One run: looks once, may leave out what the gate refuses, and writes once."""

    def __init__(
        self, home: Path, task: InventoryTask, link: GateRoute, wish: AdoptWish, *, unconfined: Sequence[str]
    ) -> None:
        """Reads the clients' files; changes nothing. Raises InputError and ConfigError."""
        self._store = AdoptionStore(home)
        self.journal = AdoptJournal(self._store)
        self._task = task
        self._link = link
        self._wish = wish
        self._unconfined = frozenset(unconfined)
        looked = look(task)
        self._files: dict[str, ConfigFile] = {one.place: one for one in looked.search.files}
        judged = Judge(looked.readings, looked.knowledge, str(task.root)).servers()
        self._moves, self._left = choose(judged, self._files, wish, str(task.root))
        self._left = [one for one in self._left if one.code not in _QUIET]
        self._lists = [one for reading in looked.readings for one in reading.allowlists]
        self._left += _hidden(looked.readings)
        self._left += [
            _plain_left(one.code, one.client, one.file) for one in looked.search.troubles if one.client and one.file
        ]
        self._held: dict[str, Connection] = {}
        self._check_disk()

    def _check_disk(self) -> None:
        """What could not be written later is left now."""
        bad: dict[str, str] = {}
        for place in {move.judged.entry.place for move in self._moves}:
            try:
                if read_whole(str(self._task.root), place).data != self._files[place].text:
                    bad[place] = "changed"
            except CannotRewrite as fault:
                bad[place] = fault.code
        self._left += [
            left(move.judged, bad[move.judged.entry.place]) for move in self._moves if move.judged.entry.place in bad
        ]
        self._moves = [move for move in self._moves if move.judged.entry.place not in bad]

    def name(self, taken: Sequence[str]) -> None:
        """``taken``: names of integrations that the gate has."""
        self.journal.look(taken)
        found = named(self._moves, Names(taken=frozenset(taken), known=self.journal.known()))
        self._moves, stay = allowed(found, self._lists, self._link)
        self._left += stay

    def integrations(self) -> dict[str, Integration]:
        """What the gate is asked to connect, by name."""
        return {name: one for name, (one, _) in self._wanted(self._change().moves).items()}

    @contextmanager
    def held(self) -> Iterator[None]:
        """While things are changed: no other run does. Raises ConfigError."""
        with self.journal.held():
            yield

    def _wanted(self, moves: Sequence[Move]) -> dict[str, tuple[Integration, Connection]]:
        found = integrations(moves, str(self._store.secrets))
        servers = {move.integration: move.judged.entry.name for move in moves}
        return {name: (self._granted(one, servers[name]), connection) for name, (one, connection) in found.items()}

    def _granted(self, integration: Integration, server: str) -> Integration:
        """A confined server may write what its command names, as it could before."""
        if not integration.command:
            return integration
        if server in self._unconfined or integration.name in self._unconfined:
            return msgspec.structs.replace(integration, confined=False)
        words = (*integration.command[1:], *integration.environment.values(), integration.cwd)
        writable = dict.fromkeys(path for word in words if (path := _path_in(word, self._store.secrets.parent)))
        return msgspec.structs.replace(integration, writable=tuple(writable))

    def refuse(self, integration: str, says: str, *, known: bool = False) -> None:
        """The gate could not connect it: its entries stay. ``known``: the gate has, or may have, one of that name, with
        its secrets.
        """
        gone = [move for move in self._moves if move.integration == integration]
        if not known and gone:
            self._store.drop_secrets(integration, gone[0].connection.secret_files())
            self.journal.mark(integration, "")
        self._left += [left(move.judged, "gate_refused", says) for move in gone]
        self._moves = [move for move in self._moves if move.integration != integration]

    def hold(self, names: Sequence[str]) -> None:
        """The gate has connected these; their entries stay until their stage is approved."""
        gone = [move for move in self._moves if move.integration in names]
        self._held |= {name: one for name, (_, one) in self._wanted(gone).items()}
        self._left += [left(move.judged, "waits_for_policy") for move in gone]
        self._moves = [move for move in self._moves if move.integration not in names]

    def keep_secrets(self, integration: str) -> None:
        """Before the gate is asked to connect it."""
        self.begin()
        _, connection = self._wanted(self._moves)[integration]
        self._store.keep_secrets(integration, connection.secret_files())

    def begin(self) -> None:
        """Write down what is about to be done; the first time alone. Raises ConfigError."""
        wanted = self._wanted(self._moves)
        self.journal.begin(
            [
                KeptConnection(
                    integration=name,
                    connection=connection.digest,
                    secrets=tuple(connection.secret_files()),
                    state=self.journal.state_of(name),
                    where=_where(integration),
                )
                for name, (integration, connection) in sorted(wanted.items())
            ]
        )

    def unused(self) -> list[str]:
        """In words, what stopped adoptions connected and no entry of this run uses."""
        used = {move.integration for move in self._moves} | set(self._held)
        return [
            f"The adoption {adoption} was stopped; {name}, which it connected, is used by no client. "
            f"Take it back: callgate adopt --undo {adoption}"
            for name, adoption in sorted(self.journal.stopped().items())
            if name not in used
        ]

    def view(self, *, stage: str, id_: str = "", dry_run: bool = False, steps: Sequence[str] = ()) -> AdoptView:
        planned = self._change()
        return AdoptView(
            id=id_,
            dry_run=dry_run,
            stage=stage,
            moves=self._shown(planned),
            left=tuple(
                sorted({*self._left, *planned.left}, key=lambda one: (one.client, one.file, one.line, one.server))
            ),
            changes=tuple(file.shown for file in planned.files),
            next=tuple(steps),
        )

    def _shown(self, planned: Change) -> tuple[AdoptMove, ...]:
        wanted = self._wanted(planned.moves)
        return tuple(
            AdoptMove(
                client=move.judged.server.client,
                server=move.judged.server.name,
                integration=move.integration,
                owner=move.judged.server.owner,
                file=move.judged.server.file,
                line=move.judged.server.line,
                target=move.judged.server.target,
                becomes="http" if move.judged.entry.client in ("codex", "claude-code") else "stdio",
                secrets=move.connection.keys,
                confined=wanted[move.integration][0].confined,
                may_write=wanted[move.integration][0].writable,
                near=wanted[move.integration][0].allow_private,
            )
            for move in planned.moves
        )

    def _change(self) -> Change:
        return change(self._moves, self._files, self._link, self._wish, str(self._task.root))

    def write(self) -> str:
        """The adoption's id; empty when nothing was to be written. A file that changed meanwhile stays, and is named."""
        planned = self._change()
        if not (planned.files or self._held):
            self.journal.leave()
            return ""
        self.begin()
        found = [(file, one) for file in planned.files if (one := self._found(file)) is not None]
        kept = [_kept(self._task.root, number, file, on) for number, (file, on) in enumerate(found)]
        copies: dict[str, bytes] = {}
        for entry, (file, on) in zip(kept, found, strict=True):
            copies[entry.fresh] = file.after
            if on.data is not None:
                copies[entry.kept] = on.data
        used = frozenset({move.integration for move in planned.moves} | set(self._held))
        adoption = self.journal.files(kept, copies, used=used)
        for file, before in found:
            try:
                replace(str(self._task.root), file.place, file.before, before._replace(data=file.after))
            except CannotRewrite as fault:
                self._fail(file, fault.code)
        self.journal.done()
        return adoption

    def _found(self, file: ChangedFile) -> OnDisk | None:
        try:
            found = read_whole(str(self._task.root), file.place)
        except CannotRewrite as fault:
            self._fail(file, fault.code)
            return None
        if found.data != file.before:
            self._fail(file, "changed")
            return None
        return found

    def _fail(self, file: ChangedFile, code: str) -> None:
        self._left += [left(move.judged, code) for move in self._moves if move.judged.entry.place == file.place]
        self._moves = [move for move in self._moves if move.judged.entry.place != file.place]


def _kept(root: Path, number: int, file: ChangedFile, found: OnDisk) -> KeptFile:
    return KeptFile(
        file=str(root / file.place),
        mode=found.mode,
        uid=found.uid,
        gid=found.gid,
        before=sha256(file.before),
        after=sha256(file.after),
        kept="" if file.before is None else str(number),
        fresh=f"{number}-after",
        folder=not (root / file.place).parent.is_dir(),
    )


def _where(integration: Integration) -> str:
    """As the gate shows it."""
    return integration.command[0].rsplit("/", 1)[-1] if integration.command else origin(integration.url)


def _path_in(word: str, home: Path) -> str:
    """A path that is there and may be granted to a confined server: of a file its folder, in which it may have others
    beside it. Never the gate's home, the person's home as a whole, or a folder of everybody's. Links and steps are
    followed first: what is granted is what is shown.
    """
    try:
        path = Path(word).resolve(strict=True) if word.startswith("/") else None
    except (OSError, ValueError, RuntimeError):
        return ""
    if path is None:
        return ""
    places = [path.parent, path] if path.is_file() else [path]
    return next((str(place) for place in places if _is_own(place, home)), "")


def _is_own(place: Path, home: Path) -> bool:
    own, gate = Path.home().resolve(), home.resolve()
    shared = str(place) in _BROAD or own.is_relative_to(place) or place.is_relative_to("/usr")
    return not (shared or gate.is_relative_to(place) or place.is_relative_to(gate))


def _hidden(readings: Sequence[Reading]) -> list[AdoptLeft]:
    """Sources of tools that no file lists."""
    kind = left_kind("unseen")
    found = {one for reading in readings for one in reading.unseen}
    return [
        AdoptLeft(
            code="unseen",
            client=one.client,
            server="",
            file=one.file,
            line=0,
            says=f"{kind.says} It is: {one.what}.",
            fix=kind.fix,
        )
        for one in found
    ]


def _plain_left(code: str, client: str, file: str) -> AdoptLeft:
    kind = left_kind(code)
    return AdoptLeft(code=code, client=client, server="", file=file, line=0, says=kind.says, fix=kind.fix)
