"""Whether files still are what was exported: each difference a finding, and everything that goes past the gate."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from callgate.core.adopt.edits import parse
from callgate.core.export.clients import ExportPart
from callgate.core.inventory.codes import finding
from callgate.core.inventory.document import BadDocument, Document, Path
from callgate.core.inventory.judge import Knowledge
from callgate.core.inventory.places import FORMS
from callgate.core.inventory.reading import ConfigFile, shown_key
from callgate.core.inventory.report import finding_order, make_report, read_file
from callgate.model.inventory import ConfigFinding, Severity

_NOT_HERE = frozenset({"no_allowlist", "ambient_login", "unseen_source", "plugin_unread", "home_same_user"})
"""Said of a machine, not of the files that were exported."""
_USERS_OWN = frozenset({"secret_in_clear", "secret_for_others", "header_program"})


def check(
    client: str, parts: Sequence[ExportPart], files: Mapping[str, ConfigFile], gate: str
) -> tuple[ConfigFinding, ...]:
    """``files``: what is installed, by the place of the part. Sorted, the worst first."""
    found = [one for part in parts for one in _part(client, part, files.get(part.place))]
    broken = {one.file for one in found if one.code == "bad_file"}
    found += (one for one in around(client, files.values(), gate) if one.code != "bad_file" or one.file not in broken)
    return ordered(found)


def around(client: str, files: Iterable[ConfigFile], gate: str) -> list[ConfigFinding]:
    """What the inventory says of these files: servers past the gate, calls without a question, lists with holes."""
    readings = [read_file(file) for file in files if file.form in FORMS]
    report = make_report(readings, Knowledge(gates=(gate,)), root="/")
    return [one for one in report.findings if counts(one, client)]


def counts(one: ConfigFinding, client: str) -> bool:
    """It is about whether this client is left with the gate alone."""
    return (
        one.client == client
        and one.code not in _NOT_HERE | _USERS_OWN
        and Severity[one.severity.upper()] >= Severity.LOW
    )


def ordered(found: Iterable[ConfigFinding]) -> tuple[ConfigFinding, ...]:
    return tuple(sorted(set(found), key=finding_order))


def _part(client: str, part: ExportPart, file: ConfigFile | None) -> Iterator[ConfigFinding]:
    if file is None:
        yield finding("export_missing", file=f"{'/' if part.layer != 'user' else '~/'}{part.place}", client=client)
        return
    try:
        document = parse(part.form, file.text.decode("utf-8"))
    except (BadDocument, UnicodeDecodeError) as fault:
        yield finding("bad_file", file=file.path, line=getattr(fault, "line", 0), client=client)
        return
    for code, path in _differences(part.value, document.value, (), part.only):
        yield _at(code, document, file, path, client)


def _at(code: str, document: Document, file: ConfigFile, path: Path, client: str) -> ConfigFinding:
    return finding(code, file=file.path, line=document.line(path), key=shown_key(path), client=client)


def _differences(wanted: Any, found: Any, path: Path, only: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """(code, where) of each. Further keys and members count where nothing else may stand."""
    if isinstance(wanted, dict):
        if not isinstance(found, dict):
            yield "export_differs", path
            return
        for key, value in wanted.items():
            yield from _differences(value, found.get(key), (*path, key), only)
        if path in only:
            yield from (("export_wider", (*path, key)) for key in found if key not in wanted)
    elif isinstance(wanted, list):
        if not isinstance(found, list) or any(one not in found for one in wanted):
            yield "export_differs", path
        if path in only and isinstance(found, list):
            yield from (("export_wider", (*path, place)) for place, one in enumerate(found) if one not in wanted)
    elif found != wanted or type(found) is not type(wanted):
        yield "export_differs", path
