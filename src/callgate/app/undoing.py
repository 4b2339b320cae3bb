"""Taking an adoption back: files as they were, byte for byte and with their mode."""

import hashlib
from pathlib import Path

import msgspec

from callgate.adapters.home.adopted import AdoptionStore
from callgate.adapters.inventory.rewrite import CannotRewrite, OnDisk, read_whole, remove, replace
from callgate.core.adopt.codes import left_kind
from callgate.core.adopt.masking import diff
from callgate.core.inventory.secrecy import shown
from callgate.model.adopt import AdoptRecord, FileChange, KeptFile, UndoView
from callgate.model.errors import InputError


class Undoing:
    """One adoption. Looks once; ``restore`` writes."""

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

    def integrations(self) -> tuple[str, ...]:
        """Those that no other adoption that stands has use for."""
        used = {one.integration for record in self._others for one in record.connections}
        return tuple(one.integration for one in self.record.connections if one.integration not in used)

    def edited(self) -> tuple[FileChange, ...]:
        """Files that were changed since, each with how they differ from what adopting wrote back to what they were."""
        return tuple(change for kept in self.record.files if (change := self._edited(kept)) is not None)

    def restore(self, *, force: bool) -> UndoView:
        """Nothing is written when a file was edited since, unless ``force``. Raises ConfigError."""
        edited = self.edited()
        if edited and not force:
            return UndoView(id=self.record.id, restored=(), edited=edited)
        restored = [kept.file for kept in self.record.files if self._restore(kept)]
        if len(restored) == len(self.record.files):
            self._store.save(msgspec.structs.replace(self.record, state="undone"))
        return UndoView(
            id=self.record.id, restored=tuple(shown(name, 400) for name in restored), stays=tuple(self._stays)
        )

    def forget(self, integration: str) -> None:
        """It was disconnected: its secrets go."""
        self._store.drop_secrets(integration)

    def _edited(self, kept: KeptFile) -> FileChange | None:
        try:
            found = read_whole("/", kept.file)
        except CannotRewrite as fault:
            return FileChange(file=shown(kept.file, 400), diff=left_kind(fault.code).says)
        here = _digest(found.data)
        if here in (kept.after, kept.before):
            return None
        before = self._before(kept) or b""
        text, old = ((found.data or b"").decode("utf-8", "replace"), before.decode("utf-8", "replace"))
        name = shown(kept.file, 400)
        return FileChange(file=name, diff=diff(_form(kept.file), name, text, old, ()))

    def _before(self, kept: KeptFile) -> bytes | None:
        return self._store.copy(self.record.id, kept.kept) if kept.kept else None

    def _restore(self, kept: KeptFile) -> bool:
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


def _digest(data: bytes | None) -> str:
    return "" if data is None else hashlib.sha256(data).hexdigest()


def _form(file: str) -> str:
    return "codex-config" if file.endswith(".toml") else "servers"
