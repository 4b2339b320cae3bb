"""Taking the inventory: the disk, the catalogue and the pure reading put together."""

import os
import stat
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from callgate.adapters.home.config import parse_config
from callgate.adapters.inventory.disk import BoundedDisk, DiskLimits
from callgate.adapters.inventory.search import LimitReached, Search
from callgate.catalog.recognise import known_servers, known_tools
from callgate.core.inventory.codes import finding
from callgate.core.inventory.judge import Knowledge
from callgate.core.inventory.reading import Reading
from callgate.core.inventory.report import make_report, read_file
from callgate.core.inventory.secrecy import shown
from callgate.model.errors import ConfigError, InputError
from callgate.model.inventory import ConfigFinding, Inventory

_GATE_HOMES = (".local/share/callgate",)
_SERVICE_HOMES = ("var/lib/callgate", "var/lib/*/callgate", "srv/callgate")


class InventoryTask:
    """What to read. Paths are absolute and may be anywhere; only those below ``root`` are looked at."""

    def __init__(
        self,
        root: Path,
        *,
        home: Path | None,
        projects: Sequence[Path] = (),
        gate_homes: Sequence[Path] = (),
        gates: Sequence[str] = (),
        codex_home: Path | None = None,
        limits: DiskLimits | None = None,
    ) -> None:
        self.root = Path(os.path.realpath(root))
        self.home = self.below(home) if home is not None else None
        self.projects = [self.below(one) for one in projects]
        self.gate_homes = [self.below(one) for one in gate_homes]
        self.gates = tuple(gates)
        self.codex_home = self.below(codex_home) if codex_home is not None else ""
        self.limits = limits or DiskLimits()

    def below(self, path: Path) -> str | None:
        """Relative to the root, the root itself empty; None: outside of it."""
        whole = Path(os.path.realpath(path))
        return _relative(whole, self.root) if whole.is_relative_to(self.root) else None

    def named(self, folder: str) -> str | None:
        """The same of a folder that a file names. One that is not below the root is taken as seen from the root: the
        root may hold another machine's files. Nothing is looked up.
        """
        if not folder.startswith("/") or "\0" in folder:
            return None
        whole = Path(os.path.normpath(folder))
        return _relative(whole, self.root if whole.is_relative_to(self.root) else Path("/")) or None


def _relative(path: Path, root: Path) -> str:
    below = str(path.relative_to(root))
    return "" if below == "." else below


class Looked(NamedTuple):
    """What was read of one machine or folder, before anything is said of it. Holds the files, secrets included."""

    readings: list[Reading]
    knowledge: Knowledge
    search: Search


def take_inventory(task: InventoryTask) -> Inventory:
    """Reads and judges; runs nothing. Raises InputError when the root cannot be read."""
    looked = look(task)
    return make_report(
        looked.readings,
        looked.knowledge,
        root=shown(str(task.root), 400),
        whole_root=str(task.root),
        logins=looked.search.logins,
        troubles=looked.search.troubles,
        complete=looked.search.complete,
    )


def look(task: InventoryTask) -> Looked:
    """Raises InputError when the root cannot be read."""
    try:
        disk = BoundedDisk(str(task.root), task.limits, time.monotonic)
    except OSError as fault:
        raise InputError(f"{task.root} cannot be read: {fault.strerror}.", code="bad_root") from fault
    try:
        return _look(task, disk)
    finally:
        disk.close()


def _look(task: InventoryTask, disk: BoundedDisk) -> Looked:
    search = Search(disk)
    readings: list[Reading] = []
    gates: list[str] = []
    try:
        homes = _homes(task, search)
        gates, found = _gates(task, disk, homes)
        search.troubles += found
        search.machine()
        for home in homes:
            search.home(home, task.codex_home or "")
        readings = _read(search, 0)
        for folder in sorted({folder for one in readings for folder in one.projects}):
            below = task.named(folder)
            if below is not None and below not in homes:
                search.project(below, home=_home_of(below, homes))
        _walk(task, search, homes)
    except LimitReached:
        search.ended()
    search.passed_over()
    readings += _read(search, len(readings))
    knowledge = Knowledge(gates=(*task.gates, *gates), servers=known_servers(), tools=known_tools())
    return Looked(readings, knowledge, search)


def _homes(task: InventoryTask, search: Search) -> list[str]:
    return [task.home] if task.home is not None else search.homes()


def _home_of(folder: str, homes: Sequence[str]) -> str:
    return next((home for home in homes if home and folder.startswith(f"{home}/")), "")


def _walk(task: InventoryTask, search: Search, homes: Sequence[str]) -> None:
    """Homes, the projects that were named, and for another root than this machine's the rest of it."""
    for home in homes:
        search.walk(home, home=home, is_home=True)
    for project in task.projects:
        if project is not None and project not in homes:
            search.walk(project, home=_home_of(project, homes))
    if task.root != Path("/") and task.home is None and not task.projects:
        for folder in search.workplaces():
            if folder not in homes:
                search.walk(folder)


def _read(search: Search, already: int) -> list[Reading]:
    return [read_file(file) for file in search.files[already:]]


def _gates(task: InventoryTask, disk: BoundedDisk, homes: Sequence[str]) -> tuple[list[str], list[ConfigFinding]]:
    """URLs of gates whose homes are here, and what is wrong with the homes."""
    places = [f"{home}/{name}".lstrip("/") for home in homes for name in _GATE_HOMES]
    places += [path for pattern in _SERVICE_HOMES for path in disk.match(pattern)]
    places += [one for one in task.gate_homes if one is not None]
    urls, found = [], []
    owners = {status.st_uid for home in homes if (status := disk.status(home)) is not None}
    for place in sorted(set(places)):
        status = disk.status(place)
        if status is None or not stat.S_ISDIR(status.st_mode):
            continue
        file = shown(f"/{place}", 400)
        config = disk.read(f"{place}/config.toml")
        if config is None:
            continue
        if stat.S_IMODE(status.st_mode) & 0o077:
            found.append(finding("home_for_others", file=file))
        if status.st_uid in owners:
            found.append(finding("home_same_user", file=file))
        if config.problem:
            found.append(finding(config.problem, file=f"{file}/config.toml"))
            continue
        try:
            urls.append(parse_config(config.text, file).resource)
        except ConfigError:
            found.append(finding("bad_file", file=f"{file}/config.toml"))
    return urls, found
