"""Logging: structured, and nothing that looks like a credential."""

import io
import json
import logging
import time

import pytest

from callgate.adapters.telemetry.log import CUT, RedactingFormatter, configure, cut
from callgate.model.config import Log, LogFormat, LogLevel
from callgate.model.errors import AuthError
from tests.fakes.identity import Company

TOKEN = Company().token()
SECRETS = [
    TOKEN, TOKEN.rsplit(".", 1)[0] + ".", "ghp_" + "a1" * 18, "github_pat_" + "b2" * 20, "xoxb-123456789012-abcdef",
    "sk-" + "c3" * 20, "glpat-" + "d" * 20, "AKIA" + "ABCDEFGH12345678", "f0" * 40, "$scrypt$ln=15,r=8,p=3$abc$def",
    "-----BEGIN PRIVATE KEY-----\nMIIabc\n-----END PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----\nMIIabc",
]  # fmt: skip


@pytest.fixture
def logged():
    root = logging.getLogger()
    before = (root.handlers[:], root.level, logging.raiseExceptions)
    stream = io.StringIO()

    def start(**changes):
        configure(Log(**changes), stream)
        return logging.getLogger("callgate.test"), stream

    yield start
    root.handlers[:], root.level, logging.raiseExceptions = before
    logging.getLogger("callgate").setLevel(logging.NOTSET)
    logging.captureWarnings(capture=False)


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("form", list(LogFormat))
def test_planted_secrets_never_come_out(logged, secret, form):
    log, stream = logged(format=form)
    log.info("saw %s here", secret)
    log.info("saw " + secret.replace("%", ""))  # noqa: G003
    log.info("saw", extra={"detail": secret, "token": "short", "inner": {"x": secret}})
    log.info(f"https://ana:{secret.replace(chr(10), '')}@example/path")  # noqa: G004
    try:
        raise ValueError(secret)
    except ValueError:
        log.exception("failed")
    text = stream.getvalue()
    assert text.count("saw") == 3
    for part in secret.split("\n"):
        assert part not in text or part == "MIIabc" and part not in text
    assert CUT in text
    assert "short" not in text


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer abcdef123", "abcdef123"),
        ("authorization=Basic YW5hOnB3", "YW5hOnB3"),
        ("sent bearer abc.def.ghi now", "abc.def.ghi"),
        ('{"access_token": "abcdef123"}', "abcdef123"),
        ("password=hunter22", "hunter22"),
        ("passphrase: correct-horse", "correct-horse"),
        ("GITHUB_TOKEN=abcdef123", "abcdef123"),
        ("api-key='abcdef123'", "abcdef123"),
        ("postgres://ana:word@db/x", "word"),
    ],
)
def test_named_secrets_are_cut(text, secret):
    assert secret not in cut(text)
    assert CUT in cut(text)


@pytest.mark.parametrize(
    "text",
    ["call-01J9Z3NDEKTSV4RRFFQ69G5FAV decided allow", "a" * 64, "the token expired yesterday", "https://login.example/keys",
     "/home/ana/.local/share/callgate/children/git/work/of/a/rather/long/path/that/goes/on/and/on/x.txt"],
)  # fmt: skip
def test_plain_lines_stay(text):
    assert cut(text) == text


def test_no_line_can_be_forged(logged):
    log, stream = logged()
    log.info("first\nsecond\r\x1b[31m\u2028third")
    assert len(stream.getvalue().splitlines()) == 1
    assert "\x1b" not in stream.getvalue()


def test_json_lines(logged):
    log, stream = logged(format=LogFormat.JSON)
    log.warning("keys of an issuer not loaded", extra={"issuer": "https://login.example", "keys": 3, "ok": False})
    line = json.loads(stream.getvalue())
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "warning", "logger": "callgate.test", "message": "keys of an issuer not loaded",
        "issuer": "https://login.example", "keys": 3, "ok": False,
    }  # fmt: skip


def test_exceptions_are_types_and_places_and_only_our_own_words(logged):
    log, stream = logged(format=LogFormat.JSON)
    try:
        try:
            int("the argument's value")
        except ValueError as fault:
            raise AuthError("The token is of another issuer.", code="bad_issuer") from fault
    except AuthError:
        log.exception("refused")
    said = json.loads(stream.getvalue())["fault"]
    assert "AuthError bad_issuer: The token is of another issuer." in said
    assert "from ValueError (test_log.py:" in said
    assert "argument's value" not in stream.getvalue()


def test_levels(logged):
    log, stream = logged(level=LogLevel.WARNING)
    log.info("quiet")
    logging.getLogger("aiohttp.client").info("quiet")
    logging.getLogger("aiohttp.client").warning("loud")
    assert [line.split()[-1] for line in stream.getvalue().splitlines()] == ["loud"]


def test_a_broken_record_raises_nothing(logged):
    log, stream = logged()
    log.info("wrong %d", "text")
    log.info("wrong %s %s", "one")  # noqa: PLE1206
    assert len(stream.getvalue().splitlines()) == 2


def test_configuring_twice_writes_once(logged):
    logged()
    log, stream = logged()
    log.info("once")
    assert len(stream.getvalue().splitlines()) == 1


def test_long_and_hostile_lines_are_cheap():
    started = time.perf_counter()
    for text in (
        "a-" * 500_000,
        "token" * 100_000,
        "-----BEGIN PRIVATE KEY-----" * 50_000,
        "eyJ" * 300_000,
        "/@:" * 300_000,
    ):
        assert len(cut(text)) < 10_000
    assert time.perf_counter() - started < 2


def test_the_formatter_is_usable_alone():
    record = logging.LogRecord("callgate", logging.INFO, "file.py", 1, "said %s", ("x",), None)
    assert RedactingFormatter(LogFormat.PLAIN).format(record).endswith("info    callgate: said x")
