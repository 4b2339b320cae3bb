"""Every finding there is: code, severity, what it says, the fix. docs/reference/inventory.md is made from this table.

A code is stable: a later version may leave it out, but it never means something else.
"""

from callgate.model.base import Fact
from callgate.model.inventory import ConfigFinding, Severity


class FindingKind(Fact, frozen=True):
    """``severity`` is the usual one; a finding may be raised above it."""

    severity: Severity
    says: str
    fix: str


_INFO, _LOW, _MEDIUM, _HIGH = Severity.INFO, Severity.LOW, Severity.MEDIUM, Severity.HIGH


def _kind(severity: Severity, says: str, fix: str) -> FindingKind:
    return FindingKind(severity=severity, says=says, fix=fix)


CODES: dict[str, FindingKind] = {
    # Past the gate
    "direct_server": _kind(
        _MEDIUM,
        "The client reaches this server past the gate: its calls are neither judged nor recorded.",
        "Move it behind the gate with callgate adopt.",
    ),
    "direct_changes": _kind(
        _HIGH,
        "Past the gate, this server has tools that change things.",
        "Move it behind the gate with callgate adopt.",
    ),
    "gate_unknown": _kind(
        _LOW,
        "It looks like a gate, but no home of a gate with this address was found.",
        "Name the gate with --gate, or read the machine on which it runs.",
    ),
    "gate_shadowed": _kind(
        _HIGH,
        "Another file has a server of the same name that passes the gate; where this one counts, calls go past it.",
        "Remove this entry, or give it the gate's URL.",
    ),
    "name_shadowed": _kind(
        _LOW,
        "Another file of this client has a server of the same name with another target.",
        "Give the two servers different names, or remove one.",
    ),
    "misleading_name": _kind(
        _MEDIUM,
        "The name has characters that cannot be seen, mixes scripts, or looks like another server's.",
        "Rename the server in plain letters.",
    ),
    "plain_http": _kind(
        _MEDIUM,
        "The connection leaves this machine without encryption.",
        "Use an https URL.",
    ),
    "unpinned_package": _kind(
        _LOW,
        "The newest version of this package is fetched and run at each start.",
        "Write the version behind the package's name.",
    ),
    "shell_command": _kind(
        _MEDIUM,
        "The server is started through a shell, so what runs is not what the entry names.",
        "Name the program and its arguments without a shell.",
    ),
    "header_program": _kind(
        _LOW,
        "A program makes the headers; when it fails, the client connects without them.",
        "Make sure that the server refuses connections without credentials, as the gate does.",
    ),
    "no_target": _kind(
        _LOW,
        "The entry has neither a command nor a URL that can be read.",
        "Complete the entry or remove it.",
    ),
    # Secrets
    "secret_in_clear": _kind(
        _HIGH,
        "A secret stands here in clear.",
        "Revoke it, keep the new one with the gate (callgate add --header), and leave a reference or nothing here.",
    ),
    "secret_for_others": _kind(
        _HIGH,
        "Other users of this machine can read this file, and it holds a secret in clear.",
        "Run chmod 600 on the file, and revoke the secret.",
    ),
    "writable_by_others": _kind(
        _HIGH,
        "Other users of this machine can change this file, and so what the client connects to and runs.",
        "Run chmod go-w on the file.",
    ),
    # What clients do without asking
    "runs_without_asking": _kind(
        _MEDIUM,
        "The client runs tools of this server without asking, and the server is not behind the gate.",
        "Put the server behind the gate, or take the permission back.",
    ),
    "asks_nobody": _kind(
        _HIGH,
        "This setting makes the client run every tool without asking.",
        "Remove the setting, or leave only servers behind the gate connected.",
    ),
    "approves_projects": _kind(
        _MEDIUM,
        "Servers that a project's files bring are connected without a question.",
        "Approve servers one by one.",
    ),
    "takes_over_servers": _kind(
        _LOW,
        "The client also connects what other clients on this machine are configured with.",
        "Switch discovery off.",
    ),
    "hook_fails_open": _kind(
        _LOW,
        "When this hook's program is missing, fails or takes too long, the call runs all the same.",
        "Take hooks as evidence only; in Claude Code set onFailure to block.",
    ),
    # What allowlists leave open
    "no_allowlist": _kind(
        _LOW,
        "Nothing on this machine limits which servers this client may connect.",
        "Install what callgate export --managed writes.",
    ),
    "allowlist_skips_plugins": _kind(
        _HIGH,
        "The list of allowed servers does not reach servers that plugins bring: Codex connects them all the same.",
        'Add a table [plugins."NAME@MARKET".mcp_servers.SERVER.identity]; then unlisted plugin servers are off.',
    ),
    "allowlist_by_name": _kind(
        _MEDIUM,
        "The list allows a server by its name alone, and whoever writes an entry chooses the name.",
        "Allow by URL or by whole command.",
    ),
    "allowlist_wide": _kind(
        _MEDIUM,
        "The pattern also fits other servers than it seems to mean.",
        "Write the whole URL; end a prefix behind the host with a slash and a path.",
    ),
    "allowlist_program": _kind(
        _MEDIUM,
        "The list allows a program whose arguments decide what it runs.",
        "Allow the program with its exact arguments.",
    ),
    "allowlist_lets_past": _kind(
        _MEDIUM,
        "The list allows a server that is not the gate.",
        "Leave only the gate in the list.",
    ),
    "allowlist_not_final": _kind(
        _MEDIUM,
        "Users can add to this list with settings of their own.",
        "Set allowManagedMcpServersOnly to true in the managed settings.",
    ),
    "markets_open": _kind(
        _LOW,
        "Plugins may come from any marketplace, and bring servers and hooks with them.",
        "Restrict marketplaces in the managed settings.",
    ),
    "plugin_unread": _kind(
        _LOW,
        "This plugin is enabled, and its files were not found: what it connects is unknown.",
        "Look at the plugin in the client, or remove it.",
    ),
    "setting_ignored": _kind(
        _LOW,
        "Only managed files may set this; here it does nothing.",
        "Move it to the managed settings.",
    ),
    # Files
    "bad_file": _kind(
        _MEDIUM,
        "The file cannot be read as what it is, so nothing is known of what it connects.",
        "Correct the file.",
    ),
    "bad_value": _kind(
        _LOW,
        "The value has a type that the client does not take here.",
        "Correct the value.",
    ),
    "key_twice": _kind(
        _MEDIUM,
        "The key stands here twice; two programs may take different ones.",
        "Remove one of the two.",
    ),
    "byte_order_mark": _kind(
        _INFO,
        "The file begins with a byte order mark, at which some clients fail.",
        "Save the file as UTF-8 without it.",
    ),
    "file_too_large": _kind(
        _MEDIUM,
        "The file is larger than 1 MiB and was not read, so nothing is known of what it connects.",
        "Look at the file by hand, or make it smaller.",
    ),
    "not_a_file": _kind(
        _MEDIUM,
        "This is no regular file and was not opened.",
        "Replace it with a file.",
    ),
    "link_leads_out": _kind(
        _LOW,
        "A link leads out of the folder that is read, in a circle, or nowhere; it was not followed.",
        "Read the folder it leads to as well, or remove it.",
    ),
    "unreadable": _kind(
        _LOW,
        "The file or folder could not be read, so nothing is known of what it connects.",
        "Run the inventory as a user who may read it, and give folders names in UTF-8.",
    ),
    "search_ended": _kind(
        _MEDIUM,
        "The search ended at a limit; there may be more.",
        "Read a smaller folder with --root, or one project at a time.",
    ),
    "search_depth": _kind(
        _INFO,
        "Folders further down were not searched for projects.",
        "Read them with --root, or start there.",
    ),
    # Around the gate
    "ambient_login": _kind(
        _LOW,
        "Whoever can start programs here is signed in already: an assistant with a shell needs no gate for it.",
        "Sign out, or run the assistant as a user or in a sandbox that cannot read this.",
    ),
    "unseen_source": _kind(
        _INFO,
        "The vendor's account, not a file, says which tools this brings.",
        "Look them up in the account's settings.",
    ),
    # Against what was exported
    "export_missing": _kind(
        _HIGH,
        "The file that leaves only the gate is not installed.",
        "Write it with callgate export, and install it at this place.",
    ),
    "export_differs": _kind(
        _HIGH,
        "This is not as callgate export writes it.",
        "Compare it with what callgate export prints, and put that in its place.",
    ),
    "export_wider": _kind(
        _HIGH,
        "Nothing but the gate may stand in this list, and this does.",
        "Take it out.",
    ),
    "home_for_others": _kind(
        _HIGH,
        "Other users can look into the gate's home.",
        "Run chmod 700 on the home.",
    ),
    "home_same_user": _kind(
        _MEDIUM,
        "The gate's home belongs to a user for whom assistants run here: they can read its keys and its store.",
        "Run the gate as a user of its own with callgate service install.",
    ),
}


def finding(
    code: str,
    *,
    file: str,
    line: int = 0,
    key: str = "",
    client: str = "",
    server: str = "",
    says: str = "",
) -> ConfigFinding:
    """``says`` adds to the code's own sentence; it holds nothing that stands in the file but names made safe."""
    kind = CODES[code]
    return ConfigFinding(
        code=code,
        severity=kind.severity.name.lower(),
        file=file,
        line=line,
        says=f"{kind.says} {says}" if says else kind.says,
        fix=kind.fix,
        key=key,
        client=client,
        server=server,
    )
