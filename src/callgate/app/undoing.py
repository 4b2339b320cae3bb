"""Taking an adoption back: files as they were, byte for byte and with their mode."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from callgate.adapters.home.adopted import AdoptionStore
from callgate.adapters.inventory.rewrite import CannotRewrite, OnDisk, read_whole, remove, remove_folder, replace, sweep
from callgate.app.adopt_journal import sha256
from callgate.core.adopt.codes import left_kind
from callgate.core.adopt.masking import diff
from callgate.core.inventory.secrecy import shown
from callgate.model.adopt import AdoptRecord, FileChange, KeptConnection, KeptFile, UndoView
from callgate.model.errors import InputError


class Undoing:
    """One adoption. Looks once; ``restore`` writes. It is taken back once ``finish`` said so: a run that was killed before
    is done again, and comes to the same end.
    """

    def __init__(self, home: Path, adoption: str = "") -> None:
        """``adoption`` empty: the newest that was not taken back. Raises InputError and ConfigError."""
        self._store = AdoptionStore(home)
        records = self._store.records()
        standing = [record for record in records if record.state != "undone"]
        chosen = [record for record in standing if adoption in ("", record.id)]
        if not chosen:
            known = ", ".join(record.id for record in standing)
            raise InputError(
                "There is no such adoption to take back." if known else "No adoption is there to take back.",
                code="no_adoption",
                hint=f"Name one of: {known}." if known else "",
            )
        self.record: AdoptRecord = chosen[-1]
        self._others = [record for record in standing if record.id != self.record.id]
        self._stays: list[str] = []
        self._whole = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """While things are changed: no other run does. Raises ConfigError."""
        with self._store.held():
            self._store.tidy()
            yield

    def connections(self) -> tuple[KeptConnection, ...]:
        """What the gate was asked to connect, and no other adoption that stands has use for."""
        used = {one.integration for record in self._others for one in record.connections if one.state != "wanted"}
        return tuple(one for one in self.record.connections if one.integration not in used)

    def edited(self) -> tuple[FileChange, ...]:
        """Files that were changed since, each with how they differ from what adopting wrote back to what they were."""
        return tuple(change for kept in self.record.files if (change := self._edited(kept)) is not None)

    def restore(self, *, force: bool) -> UndoView:
        """Nothing is written when a file was edited since, unless ``force``. Raises ConfigError."""
        edited = self.edited()
        if edited and not force:
            return UndoView(id=self.record.id, restored=(), edited=edited)
        restored = [kept.file for kept in self.record.files if self._restore(kept)]
        for kept in self.record.files:
            if kept.folder and kept.file in restored:
                remove_folder("/", kept.file)
        self._whole = len(restored) == len(self.record.files)
        return UndoView(
            id=self.record.id, restored=tuple(shown(name, 400) for name in restored), stays=tuple(self._stays)
        )

    def rules_back(self) -> bool:
        """Stages that never were live go, unless rules.toml was edited since. Raises ConfigError."""
        kept = self.record.rules
        if kept is None:
            return False
        sweep("/", kept.file)
        try:
            found = read_whole("/", kept.file)
            if sha256(found.data) != kept.after:
                return False
            replace("/", kept.file, found.data, OnDisk(self._before(kept), kept.mode, kept.uid, kept.gid))
        except CannotRewrite:
            return False
        return True

    def forget(self, one: KeptConnection) -> None:
        """It is not connected: its secrets go."""
        self._store.drop_secrets(one.integration, one.secrets)

    def finish(self) -> None:
        """The last step; only when every file is as it was."""
        if self._whole:
            self._store.save(msgspec.structs.replace(self.record, state="undone"))

    def _edited(self, kept: KeptFile) -> FileChange | None:
        try:
            found = read_whole("/", kept.file)
        except CannotRewrite as fault:
            return FileChange(file=shown(kept.file, 400), diff=left_kind(fault.code).says)
        here = sha256(found.data)
        if here in (kept.after, kept.before):
            return None
        before = self._before(kept) or b""
        text, old = ((found.data or b"").decode("utf-8", "replace"), before.decode("utf-8", "replace"))
        name = shown(kept.file, 400)
        return FileChange(file=name, diff=diff(_form(kept.file), name, text, old, ()))

    def _before(self, kept: KeptFile) -> bytes | None:
        return self._store.copy(self.record.id, kept.kept) if kept.kept else None

    def _restore(self, kept: KeptFile) -> bool:
        sweep("/", kept.file)
        try:
            found = read_whole("/", kept.file)
            before = self._before(kept)
            if found.data == before:
                return True
            if before is None:
                remove("/", kept.file, found.data or b"")
            else:
                replace("/", kept.file, found.data, OnDisk(before, kept.mode, kept.uid, kept.gid))
        except CannotRewrite as fault:
            self._stays.append(f"{shown(kept.file, 400)}: {left_kind(fault.code).says}")
            return False
        return True


def _form(file: str) -> str:
    return "codex-config" if file.endswith(".toml") else "servers"
