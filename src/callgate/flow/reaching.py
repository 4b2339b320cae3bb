"""What a person can do about a server that could not be connected."""

from collections.abc import Iterator

from callgate.core.visible import shorten
from callgate.model.errors import CallgateError, UpstreamError
from callgate.model.tool import Integration

CANNOT_START = "The server cannot start."
LINES = 12
"""Of what a local server said last."""
_WIDTH = 200
_NOT_MCP = (
    "It answered, but not as an MCP server over streamable HTTP. Is the path right? Often it ends in /mcp; the older "
    "transport with an address that ends in /sse is not spoken here."
)
_SILENT = "The server runs, and said nothing of MCP on its standard output in time."
_HTTP_HINTS = {
    "address_refused": "It must be https and public; for this machine or a private network add --allow-private.",
    "not_found": _NOT_MCP,
    "rejected": _NOT_MCP,
    "initialize_failed": _NOT_MCP,
    "outcome_unknown": _NOT_MCP,
    "redirect": "Give the address that it leads to.",
    "bad_listing": "Its list has no end, is no list, or is larger than 2,000 tools or 8 MiB.",
    "rate_limited": "Try again in a while.",
}
_BROKEN = "It failed, or what stands before it did; look at its log, or try again later."
_REASONS = (
    ("SSLCertVerificationError", "its certificate is not trusted here, or is for another name"),
    ("SSLError", "the TLS handshake failed, perhaps it speaks plain http"),
    ("gaierror", "its name is not known"),
    ("ConnectionRefusedError", "nothing listens there"),
    ("TimeoutError", "it does not answer in time"),
)


def explained(wanted: Integration, fault: CallgateError, stderr: bytes) -> CallgateError:
    """The fault with what to do about it, and what a local server said last."""
    if wanted.command:
        found = _of_command(wanted, fault)
        found.said = last_lines(stderr)
        return found
    return _of_url(wanted, fault)


def lost(known: Integration, fault: CallgateError, stderr: bytes) -> CallgateError:
    """The same of a server that is connected already: its address was right once."""
    found = explained(known, fault, stderr)
    if known.url and found.code == "not_sent":
        found.hint = "Start it, or wait until it is back; the gate tries again by itself."
    return found


def last_lines(stderr: bytes) -> tuple[str, ...]:
    """Of its last start, where it said the same twice: it is started twice before the gate gives up."""
    lines = [line for line in stderr.decode(errors="replace").splitlines() if line.strip()]
    half = len(lines) // 2
    if half and lines[:half] == lines[half:]:
        lines = lines[half:]
    return tuple(shorten(line, _WIDTH) for line in lines[-LINES:])


def _of_url(wanted: Integration, fault: CallgateError) -> CallgateError:
    if fault.code in {"unauthorized", "forbidden"}:
        return UpstreamError(_REFUSED[bool(wanted.headers)], code=fault.code, hint=_credentials(wanted))
    reason = next((why for name, why in _REASONS if name in _causes(fault)), "")
    if fault.code == "not_sent" and reason:
        return UpstreamError(f"The server could not be reached: {reason}.", code=fault.code, hint="Check the --url.")
    broken = fault.code == "outcome_unknown" and "status 5" in fault.message
    fault.hint = fault.hint or (_BROKEN if broken else _HTTP_HINTS.get(fault.code, ""))
    return fault


_REFUSED = {False: "The server wants credentials.", True: "The server refused the credential it was given."}


def _credentials(wanted: Integration) -> str:
    if wanted.headers:
        references = ", ".join(f"{name}={value}" for name, value in sorted(wanted.headers.items()))
        return f"Check what stands behind {references}; env: is read from the environment of the gate."
    variable = f"{wanted.name.upper().replace('-', '_')}_TOKEN"
    return (
        f'Add --header "Authorization=Bearer env:{variable}" and start the gate with {variable} set, '
        'or --header "Authorization=Bearer file:/path/to/token" with a file that only you can read.'
    )


def _causes(fault: BaseException | None) -> frozenset[str]:
    """Names of the kinds of all that led to it."""
    return frozenset(kind.__name__ for one in _chain(fault) for kind in type(one).__mro__)


def _chain(fault: BaseException | None) -> Iterator[BaseException]:
    for _ in range(8):
        if fault is None:
            return
        yield fault
        fault = fault.__cause__


def _of_command(wanted: Integration, fault: CallgateError) -> CallgateError:
    if fault.code == "not_sent" and "TimeoutError" in _causes(fault):
        return UpstreamError(_SILENT, code=fault.code, hint="Is it an MCP server over stdio? Run it by hand.")
    if fault.code in {"initialize_failed", "outcome_unknown", "rejected"}:
        fault.hint = fault.hint or "It started, but does not speak MCP on its standard output."
    elif fault.message.startswith(CANNOT_START):
        fault.hint = fault.hint or "Install it, or write its whole path; the gate looks in its own PATH."
    elif fault.code == "not_sent" and wanted.confined:
        fault.hint = (
            fault.hint
            or "Run the command by hand: it has to speak MCP on its standard output. If it works there, grant what it needs "
            "with --readable, --writable or --env."
        )
    return fault
