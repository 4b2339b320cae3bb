"""The whole answer from files and presences: pure, and sorted so that equal disks give equal bytes."""

from collections.abc import Iterable, Sequence

from callgate.core.inventory.codes import finding
from callgate.core.inventory.judge import (
    Judge,
    Judged,
    Knowledge,
    gate_findings,
    list_findings,
    plugin_findings,
    server_findings,
)
from callgate.core.inventory.places import FORMS
from callgate.core.inventory.reading import ConfigFile, Reading
from callgate.core.inventory.secrecy import origin
from callgate.model.inventory import (
    COUNTED,
    AmbientLogin,
    ConfigFinding,
    Inventory,
    InventoryFigures,
    SeenServer,
    Severity,
    UnseenSource,
)

SCHEMA = 1


def read_file(file: ConfigFile) -> Reading:
    """Never fails: what cannot be read is a finding."""
    reading = Reading(file)
    FORMS[file.form](reading)
    return reading


def make_report(
    readings: Sequence[Reading],
    knowledge: Knowledge,
    *,
    root: str,
    whole_root: str = "/",
    logins: Iterable[AmbientLogin] = (),
    troubles: Iterable[ConfigFinding] = (),
    complete: bool = True,
) -> Inventory:
    """``troubles``: what the reader of the disk met. ``whole_root``: as the files may name it in front of a path."""
    ordered = sorted(readings, key=lambda one: (one.file.path, one.file.client, one.file.form))
    judge = Judge(ordered, knowledge, whole_root)
    judged = judge.servers()
    signed_in = tuple(sorted(set(logins), key=lambda one: (one.kind, one.file)))
    unseen = tuple(
        sorted(
            {one for reading in ordered for one in reading.unseen},
            key=lambda one: (one.client, one.what, one.file, one.owner),
        )
    )
    lists = [one for reading in ordered for one in reading.allowlists]
    found = [
        *troubles,
        *(one for reading in ordered for one in reading.findings),
        *server_findings(judged),
        *list_findings(ordered, judged, lists),
        *plugin_findings(ordered),
        *gate_findings(judged, knowledge.gates),
        *(finding("ambient_login", file=one.file, says=f"Signed in: {one.kind}.") for one in signed_in),
        *(finding("unseen_source", file=one.file, client=one.client, says=f"It is: {one.what}.") for one in unseen),
    ]
    findings = tuple(sorted(set(found), key=finding_order))
    complete = complete and all(one.code != "search_ended" for one in findings)
    servers = tuple(sorted((one.server for one in judged), key=_server_order))
    return Inventory(
        schema=SCHEMA,
        root=root,
        figures=_figures(judged, findings, signed_in, unseen),
        servers=servers,
        findings=findings,
        logins=signed_in,
        unseen=unseen,
        gates=tuple(sorted({origin(url) for url in knowledge.gates} - {""})),
        files_read=len(ordered),
        complete=complete,
    )


def finding_order(one: ConfigFinding) -> tuple[object, ...]:
    """The worst first."""
    return (-Severity[one.severity.upper()], one.file, one.line, one.code, one.key, one.client, one.server, one.says)


def _server_order(one: SeenServer) -> tuple[object, ...]:
    return (one.client, one.owner, one.file, one.line, one.name, one.target)


def _figures(
    judged: Sequence[Judged],
    findings: Sequence[ConfigFinding],
    logins: Sequence[AmbientLogin],
    unseen: Sequence[UnseenSource],
) -> InventoryFigures:
    counted = [one.server for one in judged if one.server.state in COUNTED]
    gated = sum(one.gated for one in counted)
    tools = [tool for one in counted for tool in one.tools if tool.client != "denies"]
    severities = [one.severity for one in findings]
    return InventoryFigures(
        servers=len(counted),
        gated=gated,
        coverage_percent=100 * gated // len(counted) if counted else 0,
        tools_known=len(tools),
        servers_without_known_tools=sum(not one.tools_known for one in counted),
        changes_things=sum(tool.tier == "execute" for tool in tools),
        cannot_be_undone=sum(tool.irreversible for tool in tools),
        secrets_in_clear=sum(one.code == "secret_in_clear" for one in findings),
        ways_around=len(counted) - gated + len(logins),
        unseen=len(unseen),
        high=severities.count("high"),
        medium=severities.count("medium"),
        low=severities.count("low"),
        info=severities.count("info"),
    )


def reaches(inventory: Inventory, severity: Severity) -> bool:
    """Some finding is at least this bad."""
    return any(Severity[one.severity.upper()] >= severity for one in inventory.findings)
