"""Ids inside of longer texts: URLs of known products, mail addresses. Compiled by name from ``parse`` of a manifest.

A parser gives every id that the text names, or None for a text that it does not know for certain; then the call's aim
is unclear. None of them follows a link or asks anybody.
"""

import re
from collections.abc import Callable
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

MAX_TEXT = 4096
MAX_ADDRESSES = 500
_ID = re.compile(r"[A-Za-z0-9_-]{3,200}")
_UUID = re.compile(r"[0-9a-f]{32}")
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}")
_NAMED_ADDRESS = re.compile(r'(?:[^<>,;"@]*+|"[^"<>\\]*+"\s*+)<([^<>\s]++)>')
_LABEL = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9_.-]{1,100}")
"""A name that is no step in a path."""
_HOST = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*|[0-9a-f:.]+:[0-9a-f:.]*")
_ACCOUNT = r"(?P<account>[0-9]{12})"
_TOPIC = re.compile(
    rf"(?P<topic>arn:aws(?:-cn|-us-gov)?:sns:[a-z0-9-]{{2,32}}:{_ACCOUNT}:[A-Za-z0-9_-]{{1,256}}(?:\.fifo)?)"
    r"(?::[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})?"
)
_QUEUE_NAME = r"(?P<name>[A-Za-z0-9_-]{1,80}(?:\.fifo)?)"
_QUEUE_ARN = re.compile(rf"arn:aws(?:-cn|-us-gov)?:sqs:[a-z0-9-]{{2,32}}:{_ACCOUNT}:{_QUEUE_NAME}")
_QUEUE_URL = re.compile(
    r"https://(?:sqs\.(?P<new>[a-z0-9-]{2,32})\.amazonaws\.com(?P<china>\.cn)?"
    rf"|(?:(?P<old>[a-z0-9-]{{2,32}})\.)?queue\.amazonaws\.com)/{_ACCOUNT}/{_QUEUE_NAME}"
)
_UNCLEAR = frozenset("%;+")
_PORTS = {"http": 80, "https": 443}
Ids = tuple[str, ...] | None


def figma_url(text: str) -> Ids:
    """The file key of ``https://www.figma.com/<kind>/<key>/…``; of a branch, the branch's; a bare key as it is."""
    if _bare(text):
        return (text,)
    parts = _parts(text, "figma.com")
    if (
        parts is None
        or len(parts) < 2
        or parts[0] not in {"file", "design", "board", "slides", "make", "proto", "buzz"}
    ):
        return None
    key = parts[3] if len(parts) > 3 and parts[2] == "branch" else parts[1]
    return (key,) if _ID.fullmatch(key) else None


def sentry_url(text: str) -> Ids:
    """``<organization>/<issue>`` of an issue's URL, on sentry.io with the organization in host or path."""
    split = _split(text)
    if split is None:
        return None
    host, parts = split
    if host == "sentry.io" and len(parts) >= 4 and parts[0] == "organizations" and parts[2] == "issues":
        organization, issue = parts[1], parts[3]
    elif host.endswith(".sentry.io") and host.count(".") == 2 and len(parts) >= 2 and parts[0] == "issues":
        organization, issue = host.partition(".")[0], parts[1]
    else:
        return None
    return (f"{organization}/{issue}",) if _LABEL.fullmatch(organization) and _LABEL.fullmatch(issue) else None


def drive_url(text: str) -> Ids:
    """The id of a file or folder of Google Drive, Docs, Sheets, Slides or Forms; a bare id as it is."""
    if _bare(text):
        return (text,)
    split = _split(text)
    if split is None or split[0] not in {"drive.google.com", "docs.google.com"}:
        return None
    parts, query = split[1], urlsplit(text).query
    # Programs that look for the id in the text do not decode, and take ``;`` for a beginning or not.
    if not _UNCLEAR.isdisjoint(query):
        return None
    found = {one for marker, one in pairwise(parts) if marker in {"d", "folders"}}
    found.update(parse_qs(query).get("id", []))
    one = found.pop() if len(found) == 1 else ""
    return (one,) if one != "e" and _ID.fullmatch(one) else None


def github_url(text: str) -> Ids:
    """``<owner>/<repository>``, lower case, of an URL on github.com or of that text itself."""
    if text.count("/") == 1 and ":" not in text:
        parts = text.split("/")
    else:
        found = _parts(text, "github.com")
        if found is None or len(found) < 2:
            return None
        parts = found[:2]
    owner, name = parts[0], parts[1].removesuffix(".git")
    return (f"{owner}/{name}".lower(),) if _LABEL.fullmatch(owner) and _LABEL.fullmatch(name) else None


def notion_id(text: str) -> Ids:
    """The 32 hex characters of a page's, block's or database's id, with or without dashes, or at the end of its URL."""
    plain = text.lower().replace("-", "")
    if _UUID.fullmatch(plain):
        return (plain,)
    split = _split(text)
    if split is None or not (
        split[0] in {"notion.so", "www.notion.so", "app.notion.com"} or split[0].endswith(".notion.site")
    ):
        return None
    last = split[1][-1].lower().replace("-", "") if split[1] else ""
    # Another id in the query or fragment is another block: unclear which of them is meant.
    if _UUID.fullmatch(last[-32:]) and not urlsplit(text).fragment and not urlsplit(text).query:
        return (last[-32:],)
    return None


def sns_topic(text: str) -> Ids:
    """The ARN of a topic, from itself or from the ARN of one of its subscriptions."""
    found = _TOPIC.fullmatch(text)
    return (found["topic"],) if found else None


def sqs_queue(text: str) -> Ids:
    """The ARN of a queue, from itself or from the queue's URL at AWS, in any of its three spellings."""
    if _QUEUE_ARN.fullmatch(text):
        return (text,)
    found = _QUEUE_URL.fullmatch(text)
    if found is None:
        return None
    region = found["new"] or found["old"] or "us-east-1"
    if region.startswith("cn-") != bool(found["china"]):
        return None
    partition = "aws-cn" if found["china"] else "aws-us-gov" if region.startswith("us-gov-") else "aws"
    return (f"arn:{partition}:sqs:{region}:{found['account']}:{found['name']}",)


def addresses(text: str) -> Ids:
    """Mail addresses, lower case, with commas or semicolons between, also as ``Name <address>``."""
    found: dict[str, None] = {}
    for part in re.split(r"[,;]", text):
        one = part.strip()
        if not one:
            continue
        named = _NAMED_ADDRESS.fullmatch(one)
        one = named[1] if named else one
        if not _ADDRESS.fullmatch(one) or len(found) >= MAX_ADDRESSES:
            return None
        found[one.lower()] = None
    return tuple(found) or None


def address_domains(text: str) -> Ids:
    """Domains of the addresses that ``addresses`` finds."""
    found = addresses(text)
    return None if found is None else tuple(dict.fromkeys(one.rpartition("@")[2] for one in found))


def url_host(text: str) -> Ids:
    """The host of an http or https URL, lower case, with its port when it names another than the scheme's."""
    split = _split(text, any_port=True)
    return None if split is None else (split[0],)


def words(text: str) -> Ids:
    """Every id of a list with commas between."""
    found = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    return found if all(found) else None


PARSERS: dict[str, Callable[[str], Ids]] = {
    "addresses": addresses,
    "address_domains": address_domains,
    "drive_url": drive_url,
    "figma_url": figma_url,
    "github_url": github_url,
    "notion_id": notion_id,
    "sentry_url": sentry_url,
    "sns_topic": sns_topic,
    "sqs_queue": sqs_queue,
    "url_host": url_host,
    "words": words,
}

PARSED_AS = {
    "addresses": "lower",
    "address_domains": "lower",
    "github_url": "slug",
    "notion_id": "uuid",
    "url_host": "lower",
}
"""What a parser's ids are normalised to already."""


def _bare(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def _parts(text: str, host: str) -> list[str] | None:
    split = _split(text)
    return split[1] if split is not None and split[0] in {host, f"www.{host}"} else None


def _split(text: str, *, any_port: bool = False) -> tuple[str, list[str]] | None:
    """(host, parts of the path) of a plain http URL; None for one that programs could read differently."""
    if (
        len(text) > MAX_TEXT
        or not text.isascii()
        or not text.isprintable()
        or any(char in text for char in ' \\"<>^`{|}')
    ):
        return None
    try:
        found = urlsplit(text)
        port = found.port
    except ValueError:
        return None
    if found.scheme not in {"http", "https"} or not found.hostname or "@" in found.netloc:
        return None
    if (port is not None and not any_port) or port == 0 or not _HOST.fullmatch(found.hostname):
        return None
    if port == _PORTS[found.scheme]:
        port = None
    parts = [part for part in found.path.split("/") if part]
    if "." in parts or ".." in parts or "%" in found.path:
        return None
    return (f"{found.hostname}:{port}" if port is not None else found.hostname), parts
