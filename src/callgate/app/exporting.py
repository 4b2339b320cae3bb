"""Checking what is installed: reads it from the disk, and compares it with what would be exported now."""

import time
from collections.abc import Sequence
from pathlib import Path

from callgate.adapters.inventory.disk import BoundedDisk, DiskLimits
from callgate.app.inventory import InventoryTask, take_inventory
from callgate.core.export.checking import check, counts, ordered
from callgate.core.export.clients import ExportClient, ExportPart
from callgate.core.inventory.codes import finding
from callgate.core.inventory.reading import ConfigFile
from callgate.core.inventory.secrecy import shown
from callgate.model.errors import InputError
from callgate.model.export import ExportCheck
from callgate.model.inventory import ConfigFinding


def check_file(
    client: ExportClient, parts: Sequence[ExportPart], file: Path, gate: str, *, managed: bool
) -> ExportCheck:
    """One file, wherever it lies, as the part of its name. Raises InputError."""
    named = [part for part in parts if part.place.rpartition("/")[2] == file.name]
    if not named:
        names = ", ".join(part.place.rpartition("/")[2] for part in parts)
        raise InputError(
            f"{shown(file.name)} is no file of this export. It has: {names}.",
            code="bad_export",
            hint="Give the file its name, or add --managed for a managed one.",
        )
    part, folder = named[0], file.absolute().parent
    found, troubles = _read(client, [part], str(folder), {part.place: file.name})
    findings = ordered([*troubles, *check(client.value, [part] if found or not troubles else [], found, gate)])
    return ExportCheck(client=client.value, managed=managed, read=_names(found), findings=findings)


def check_installed(
    client: ExportClient, parts: Sequence[ExportPart], task: InventoryTask, gate: str, *, managed: bool
) -> ExportCheck:
    """Every file at its place, and what the inventory says of this client on the whole machine."""
    home = f"{task.home}/" if task.home else ""
    places = {part.place: part.place if part.layer != "user" else f"{home}{part.place}" for part in parts}
    found, troubles = _read(client, parts, str(task.root), places)
    missing = [part for part in parts if part.place in found or not troubles]
    around = [one for one in take_inventory(task).findings if counts(one, client.value)]
    findings = ordered([*troubles, *check(client.value, missing, found, gate), *around])
    return ExportCheck(client=client.value, managed=managed, read=_names(found), findings=findings)


def _read(
    client: ExportClient, parts: Sequence[ExportPart], root: str, places: dict[str, str]
) -> tuple[dict[str, ConfigFile], list[ConfigFinding]]:
    """(files by the part's place, what kept others from being read). Raises InputError."""
    found: dict[str, ConfigFile] = {}
    troubles: list[ConfigFinding] = []
    try:
        disk = BoundedDisk(root, DiskLimits(), time.monotonic)
    except OSError as fault:
        raise InputError(f"{shown(root, 400)} cannot be read: {fault.strerror}.", code="bad_root") from fault
    try:
        for part in parts:
            on = disk.read(places[part.place])
            path = shown(f"{root.rstrip('/')}/{places[part.place]}", 400)
            if on is not None and on.problem:
                troubles.append(finding(on.problem, file=path, client=client.value))
            elif on is not None:
                found[part.place] = ConfigFile(
                    client=client.value,
                    form=part.form,
                    layer=part.layer,
                    owner=part.layer,
                    path=path,
                    text=on.text,
                    by_others=bool(on.mode & 0o022),
                )
    finally:
        disk.close()
    return found, troubles


def _names(found: dict[str, ConfigFile]) -> tuple[str, ...]:
    return tuple(sorted(file.path for file in found.values()))
