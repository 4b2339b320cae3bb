"""Which values look like secrets, and how names and targets are shown without showing one.

A guess in both directions: a secret of plain words that stands under a harmless name is not seen. Values are only ever
judged here; what leaves are yes, no, and text that holds none.
"""

import math
import re
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from callgate.core.visible import shorten

HIDDEN = "(hidden: it looks like a secret)"
_MAX_SHOWN = 160
_MAX_JUDGED = 8_192
_TOKEN = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"gh[opusr]_\w{16,}|github_pat_\w{16,}|gl(?:pat|ptt|rt|dt|cbt)-[\w-]{16,}|xox[a-z]-[\w-]{8,}|xapp-[\w-]{8,}|"
    r"sk-[\w-]{16,}|[rsp]k_(?:live|test)_\w{8,}|whsec_\w{8,}|A(?:KIA|SIA)[A-Z0-9]{12,}|AIza[\w-]{20,}|ya29\.[\w-]{8,}|"
    r"GOCSPX-[\w-]{8,}|1//[\w-]{16,}|ntn_\w{16,}|secret_\w{16,}|fig[dou]r?_[\w-]{8,}|shp(?:at|ca|pa|ss)_\w{8,}|"
    r"pat[A-Za-z0-9]{14}\.[a-f0-9]{16,}|sntry[su]_[\w=+/-]{8,}|napi_\w{16,}|hf_\w{16,}|npm_\w{16,}|pypi-[\w-]{16,}|"
    r"dop_v1_\w{16,}|SG\.[\w-]{8,}\.[\w-]{8,}|lin_(?:api|oauth)_\w{8,}|dapi[a-f0-9]{16,}|cfut_\w{16,}|atlas[a-z]*_\w{16,}|"
    r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|-----BEGIN [A-Z ]{0,24}PRIVATE KEY"
    r")",
    re.ASCII,
)
_TOKEN_WHOLE = re.compile(rf"(?:{_TOKEN.pattern})[\w./+=~-]*", re.ASCII)
_SECRET_NAME = re.compile(
    r"(?:^|[^a-z])(?:token|secret|passw(?:or)?d|passphrase|pwd|pat|credentials?|auth(?:orization)?|cookie|bearer|"
    r"(?:api|access|private|secret|signing|encryption|account|client|service)[_-]?key|apikey|dsn|"
    r"(?:client|app)[_-]?secret)(?:[^a-z]|$)|(?:token|secret|passw(?:or)?d|passphrase|apikey)s?$",
    re.ASCII,
)
_ABOUT = re.compile(
    r"(?:file|path|dir|url|uri|endpoint|env|env_var|name|header|type|ttl|expiry|timeout|limit|id|mode|enabled|scopes?)$"
)
_REFERENCE = re.compile(
    r"(?:(?:bearer|basic|token)\s+)?(?:\$\{[^}\n]{1,200}\}|\$\w{1,100}|%\w{1,100}%|\{(?:env|file):[^}\n]{1,200}\}|"
    r"\{\{[^}\n]{1,200}\}\}|(?:env|file|keyring|op|vault):\S{1,200})",
    re.IGNORECASE | re.ASCII,
)
_PLACEHOLDER = re.compile(
    r"(?:(?:bearer|basic|token)\s*)?(?:<[^>\n]{0,80}>|\[[^\]\n]{0,80}\]|\.{3,}|\*{3,}|x{3,}|"
    r"(?:your|my|the|insert|put|add|enter|replace|change)[-_ ]?[a-z][a-z_ -]{0,60}|change-?me|dummy|example|placeholder|"
    r"none|null|true|false|yes|no|on|off|\d{1,6})?",
    re.IGNORECASE | re.ASCII,
)
_DENSE = re.compile(r"(?<![\w/+.-])[\w+/=-]{24,}(?![\w/+.-])", re.ASCII)
_BARE = re.compile(r"[\w.~+/=-]{16,}", re.ASCII)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_PLAIN_PATH = re.compile(r"(?:~|\.{0,2})/|[A-Za-z]:[\\/]|@?[a-z0-9-]+/[a-z0-9._-]+(?:@[\w.-]+)?$")
_TASK = re.compile(r"task-[0-9a-z]{8,40}")
_SHORT_NAMES = frozenset({"key", "sig", "signature", "k", "code"})
_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]{1,253}", re.ASCII)
_REFERENCE_NAMES = re.compile(r"secret[_-]?(?:name|arn|ref)|token[_-]?(?:file|path|url|env)")


def names_secret(name: str) -> bool:
    """A key under which a secret is to be expected: ``GITHUB_TOKEN``, ``x-api-key``, ``Authorization``."""
    spaced = _CAMEL.sub("_", name[:200]).lower()
    if _REFERENCE_NAMES.search(spaced) or _ABOUT.search(spaced.replace("-", "_")):
        return False
    return _SECRET_NAME.search(spaced) is not None


def is_reference(value: str) -> bool:
    """It names where the secret is, or holds the place for one."""
    return bool(_REFERENCE.fullmatch(value.strip()) or _PLACEHOLDER.fullmatch(value.strip()))


def is_token(value: str) -> bool:
    """It is a secret by its shape alone, wherever it stands."""
    text = value[:_MAX_JUDGED]
    return bool(_TOKEN.search(text)) or _has_userinfo(text)


def hide_tokens(text: str, mask: str) -> str:
    """Whatever has the shape of a token is replaced."""
    return _TOKEN_WHOLE.sub(mask, text)


def looks_secret(value: str, name: str = "") -> bool:
    """``name``: the key it stands under. True for the shape of a token, or something literal under such a name."""
    text = value[:_MAX_JUDGED].strip()
    if not text or is_reference(text):
        return False
    if is_token(text):
        return True
    if name and names_secret(name):
        return True
    if _PLAIN_PATH.match(text):
        return False
    return any(_is_dense(found[0]) for found in _DENSE.finditer(text))


def _is_dense(text: str) -> bool:
    """Digits and letters without the shape of words: what generators of keys make."""
    if not any(_is_mixed(part) for part in re.split(r"[-_/.+=~]", text)):
        return False
    counts = [text.count(char) for char in set(text)]
    bits = -sum(n / len(text) * math.log2(n / len(text)) for n in counts)
    return bits >= 3.4 and (any(char.isupper() for char in text) or bits >= 3.7 or _is_hex(text))


def _is_mixed(part: str) -> bool:
    return len(part) >= 8 and any(char.isdigit() for char in part) and any(char.isalpha() for char in part)


def _is_hex(text: str) -> bool:
    return len(text) >= 32 and all(char in "0123456789abcdef" for char in text)


def _has_userinfo(text: str) -> bool:
    """``scheme://user:password@host`` with something literal before the host."""
    for part in text.split():
        if "://" in part and "@" in part:
            info = part.split("://", 1)[1].split("/", 1)[0].rpartition("@")[0]
            user, colon, word = info.partition(":")
            if (colon and word and not is_reference(word)) or _TOKEN.search(user) or _dense_word(user):
                return True
    return False


def _dense_word(text: str) -> bool:
    return bool(_BARE.fullmatch(text)) and _is_dense(text)


def split_url(url: str) -> SplitResult | None:
    """None for what is no URL with a host."""
    try:
        parts = urlsplit(url.strip()[:_MAX_JUDGED])
        usable = bool(parts.scheme and parts.hostname)
    except ValueError:
        return None
    return parts if usable else None


def url_secrets(url: str) -> tuple[str, ...]:
    """Where a URL holds something secret: ``user``, ``path``, ``query``, ``fragment``; ``text`` when it is none."""
    parts = split_url(url)
    if parts is None:
        return ("text",) if looks_secret(url) else ()
    found = {
        "user": _has_userinfo(url),
        "path": any(_step_is_secret(step) for step in unquote(parts.path).split("/")),
        "query": _query_is_secret(parts.query),
        "fragment": looks_secret(parts.fragment),
    }
    return tuple(name for name, secret in found.items() if secret)


def _step_is_secret(step: str) -> bool:
    if is_reference(step) or _TASK.fullmatch(step):
        return False
    return bool(_TOKEN.search(step)) or _dense_word(step) or bool(_UUID.fullmatch(step))


def _query_is_secret(query: str) -> bool:
    try:
        pairs = parse_qsl(query, max_num_fields=200)
    except ValueError:
        return True
    return any(looks_secret(value, "token" if name.lower() in _SHORT_NAMES else name) for name, value in pairs)


def origin(url: str) -> str:
    """``https://host:port``, nothing else of the URL; empty when it has no host that can be shown."""
    parts = split_url(url)
    if parts is None or parts.hostname is None:
        return ""
    try:
        port = parts.port
    except ValueError:
        return ""
    if not _HOST.fullmatch(parts.hostname) or not parts.scheme.isascii() or _hides(parts.hostname):
        return f"{shorten(parts.scheme, 16)}://{HIDDEN}" if _hides(parts.hostname) else ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{shorten(parts.scheme, 16)}://{host}" + (f":{port}" if port is not None else "")


def _hides(host: str) -> bool:
    return any(looks_secret(label) for label in (host, *host.split(".")))


def shown(name: str, limit: int = _MAX_SHOWN) -> str:
    """A name from a file, safe to show: visible, short, and not a secret that was put where a name belongs."""
    text = name.strip() or name
    if is_token(text) or _hidden_word(text):
        return HIDDEN
    return shorten(name, limit)


def _hidden_word(text: str) -> bool:
    words = re.split(r"[/\s.:@,;]", text[:_MAX_JUDGED])
    return any(len(word) >= 24 and _is_dense(word) for word in words)
