"""Finishing an adoption that was stopped between two files: what its record says, and nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from callgate.adapters.home.adopted import AdoptionStore
from callgate.adapters.inventory.rewrite import CannotRewrite, OnDisk, read_whole, replace, sweep
from callgate.app.adopt_journal import sha256
from callgate.core.adopt.codes import left_kind
from callgate.core.inventory.secrecy import shown
from callgate.model.adopt import AdoptRecord, HalfView, KeptFile


class HalfAdoptions:
    """Of one home. Looks once; ``finish`` writes. Everything raises ConfigError."""

    def __init__(self, home: Path) -> None:
        self._store = AdoptionStore(home)
        self._records = [record for record in self._store.records() if record.state == "begun"]

    @contextmanager
    def held(self) -> Iterator[None]:
        with self._store.held():
            yield

    def views(self) -> tuple[HalfView, ...]:
        """Oldest first."""
        return tuple(_view(record) for record in self._records)

    def finish(self, adoption: str) -> tuple[str, ...]:
        """Why a file could not be finished, one sentence each; then it stays half-done."""
        record = next(one for one in self._records if one.id == adoption)
        problems = [problem for kept in record.files if (problem := self._finish(record, kept))]
        if not problems:
            self._store.save(msgspec.structs.replace(record, state="done"))
        return tuple(problems)

    def _finish(self, record: AdoptRecord, kept: KeptFile) -> str:
        sweep("/", kept.file)
        try:
            found = read_whole("/", kept.file)
            if sha256(found.data) == kept.before:
                after = self._store.copy(record.id, kept.fresh)
                replace("/", kept.file, found.data, OnDisk(after, kept.mode, kept.uid, kept.gid))
        except CannotRewrite as fault:
            return f"{shown(kept.file, 400)}: {left_kind(fault.code).says}"
        return ""


def _view(record: AdoptRecord) -> HalfView:
    states: dict[str, list[str]] = {"after": [], "before": [], "": []}
    for kept in record.files:
        states[_state(kept)].append(shown(kept.file, 400))
    return HalfView(
        id=record.id,
        integrations=tuple(one.integration for one in record.connections if one.state != "wanted"),
        done=tuple(states["after"]),
        waiting=tuple(states["before"]),
        edited=tuple(states[""]),
        can_finish=all(kept.fresh for kept in record.files),
    )


def _state(kept: KeptFile) -> str:
    try:
        here = sha256(read_whole("/", kept.file).data)
    except CannotRewrite:
        return ""
    return {kept.after: "after", kept.before: "before"}.get(here, "")
