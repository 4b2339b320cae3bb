"""What somebody wants connected: whether it can be, and what to do about a fault of its server."""

from urllib.parse import urlsplit

import msgspec

from callgate.core.visible import shorten
from callgate.model.errors import InputError
from callgate.model.inquiry import ASKS
from callgate.model.tool import Integration


def check_asks(integration: Integration) -> None:
    unknown = [kind for kind in integration.asks if kind not in ASKS]
    if unknown or len(set(integration.asks)) != len(integration.asks):
        raise InputError(f"What a server may ask is one of: {', '.join(ASKS)}; each once.", code="bad_asks")
    if integration.asks and integration.command:
        raise InputError(
            "Over stdio a request of a server belongs to no call, so a local server cannot ask.", code="bad_asks"
        )


def apart_from_asks(integration: Integration) -> Integration:
    """For the question whether it is connected as it was."""
    return msgspec.structs.replace(integration, created_ms=0, asks=())


def advice(wanted: Integration, code: str, stderr: bytes) -> str:
    """What a person who connects an integration can do about a fault of its server, and what a local one said."""
    if code == "address_refused":
        return "It must be https and public; for this machine or a private network add --allow-private."
    if wanted.command and wanted.confined and code == "not_sent":
        hint = "Run the command by hand; if it works there, grant what it needs with --readable, --writable or --env."
        return f"{hint}{_last_words(stderr)}"
    return _last_words(stderr).lstrip()


def _last_words(stderr: bytes) -> str:
    lines = [line for line in stderr.decode(errors="replace").splitlines() if line.strip()]
    return f" Its last words: {' / '.join(shorten(line, 160) for line in lines[-3:])}" if lines else ""


def origin(url: str) -> str:
    """Path and query of a URL may be secrets, so they are not shown."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
