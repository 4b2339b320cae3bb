"""Why an entry is not adopted, and what to do about it. docs/how-to/adopt.md shows this table; codes are stable."""

from typing import NamedTuple

from callgate.core.inventory.codes import CODES


class LeftKind(NamedTuple):
    says: str
    fix: str


_ADD = "Connect it by hand with callgate add, and put the gate's entry into the client's file."
KINDS: dict[str, LeftKind] = {
    "gated": LeftKind("It is behind the gate already.", "Nothing is to do."),
    "switched_off": LeftKind("The client does not connect it.", "Switch it on in the client, and adopt again."),
    "blocked": LeftKind("Managed settings keep it from connecting.", "Nothing is to do."),
    "list_blocks": LeftKind(
        "A managed list would not let the client connect the gate in its place.",
        "Put the gate's URL into the list first: callgate export --managed writes one.",
    ),
    "waits": LeftKind(
        "A project's file brings it, and nobody has approved it in the client so far.",
        "Look at what it runs, approve it in the client, and adopt again.",
    ),
    "unapproved": LeftKind(
        "A project's file brings a program, and whether anybody approved it in the client cannot be seen.",
        "Look at what it runs, and name it: callgate adopt --server NAME.",
    ),
    "managed": LeftKind(
        "It stands in a file of the administrator.", "Install what callgate export --managed writes in its place."
    ),
    "plugin": LeftKind("A plugin or an extension brings it.", f"Switch it off in the plugin. {_ADD}"),
    "other_client": LeftKind("Files of this client are not rewritten.", _ADD),
    "container": LeftKind("It runs inside a container, from which the gate may not be reachable.", _ADD),
    "unseen": LeftKind(
        "The vendor's account connects it, not a file: it cannot be moved.",
        "Switch it off in the account, and connect the system itself with callgate add.",
    ),
    "no_target": LeftKind("The entry has neither a command nor a URL that can be read.", "Complete it or remove it."),
    "old_transport": LeftKind(
        "It speaks the older SSE transport, which the gate does not.", "Use the server's streamable HTTP endpoint."
    ),
    "signs_in": LeftKind(
        "The client signs in to it by OAuth, which the gate cannot do for it.",
        "Give the gate a token: callgate add NAME --url … --header Authorization=file:PATH.",
    ),
    "secret_argument": LeftKind(
        "A secret stands among the arguments of its command, where any user of the machine can see it.",
        "Hand it over in the environment (env) if the server can take it there, and adopt again.",
    ),
    "secret_url": LeftKind(
        "A secret stands in its URL.", "Hand it over in a header if the server can take it there, and adopt again."
    ),
    "client_variable": LeftKind("It uses a variable that only the client can fill in.", _ADD),
    "header_program": LeftKind("A program makes its headers.", _ADD),
    "env_file": LeftKind("Its environment comes from a file that the client reads.", _ADD),
    "remote_environment": LeftKind("The client starts it elsewhere.", _ADD),
    "bad_value": LeftKind("A value has a type that is not expected there.", "Correct the value, and adopt again."),
    "bad_file": LeftKind("The file cannot be read as what it is.", "Correct the file, and adopt again."),
    "key_twice": LeftKind("A key stands twice in the file.", "Remove one of the two, and adopt again."),
    "by_hand": LeftKind("The file is written in a way that cannot be changed without a risk to the rest.", _ADD),
    "linked": LeftKind(
        "The file, or a folder above it, is a link.", "Adopt where it leads to, with --home-dir, or change it by hand."
    ),
    "read_only": LeftKind("The file is read-only.", "Make it writable, and adopt again."),
    "changed": LeftKind("The file was changed while this ran.", "Look at it, and adopt again."),
    "not_writable": LeftKind("The file cannot be written.", "Run it as the user whose file it is."),
    "waits_for_policy": LeftKind(
        "The gate has connected it, and its stage waits for an approval: until then its calls would be refused.",
        "Approve the policy, then run callgate adopt again.",
    ),
    "gate_refused": LeftKind(
        "The gate could not connect it.",
        "Correct what it says, and adopt again; a local server that confinement stops may run with --unconfined NAME.",
    ),
    "not_chosen": LeftKind("It was not asked for.", "Adopt again without --client and --server."),
}


def left_kind(code: str) -> LeftKind:
    """Also for what the search of the disk met."""
    if code in KINDS:
        return KINDS[code]
    known = CODES[code]
    return LeftKind(known.says, known.fix)
