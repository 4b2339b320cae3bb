"""Logging: structured, and nothing that looks like a credential."""

import io
import json
import logging
import time

import pytest

from callgate.adapters.telemetry.log import (
    CUT,
    PLACES,
    REPEATS,
    WINDOW_S,
    RedactingFormatter,
    RepeatLimit,
    configure,
    cut,
    flush_repeats,
)
from callgate.model.config import Log, LogFormat, LogLevel
from callgate.model.errors import AuthError, OutcomeUnknown
from tests.fakes.house import open_house, run
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


def lines_of(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.fixture
def moments(monkeypatch):
    """The time of the records that follow; moved by hand."""
    now = [1_800_000_000.0]
    plain = logging.getLogRecordFactory()

    def make(*args, **more):
        record = plain(*args, **more)
        record.created = now[0]
        return record

    logging.setLogRecordFactory(make)
    yield now
    logging.setLogRecordFactory(plain)


def fault(log, code="store_failed", integration="git", level=logging.WARNING, **more):
    log.log(level, "call_without_answer", extra={"code": code, "integration": integration, **more})


def test_a_fault_that_repeats_is_written_a_few_times_and_then_counted(logged, moments):
    log, stream = logged(format=LogFormat.JSON)
    for number in range(1000):
        fault(log, call=f"call-{number}")
    assert len(lines_of(stream)) == REPEATS
    fault(log, code="timeout")
    fault(log, integration="mail")
    fault(log, level=logging.INFO)
    assert len(lines_of(stream)) == REPEATS + 3, "another code, place or level is another fault"
    moments[0] += WINDOW_S
    fault(log, call="call-last")
    assert lines_of(stream)[-1] | {"call": "call-last", "repeated": 1000 - REPEATS} == lines_of(stream)[-1]
    fault(log, call="call-next")
    assert "repeated" not in lines_of(stream)[-1]


def test_a_clock_that_is_set_back_holds_no_line_back(logged, moments):
    log, stream = logged(format=LogFormat.JSON)
    for number in range(REPEATS + 5):
        fault(log, call=f"call-{number}")
    moments[0] -= 86_400
    fault(log, call="call-back")
    assert lines_of(stream)[-1] | {"call": "call-back", "repeated": 5} == lines_of(stream)[-1]
    for number in range(REPEATS + 2):
        fault(log, call=f"call-{number}")
    flush_repeats(moments[0] - 86_400)
    assert lines_of(stream)[-1]["repeated"] == 3


def test_what_repeated_and_then_stopped_is_counted_too(logged, moments):
    log, stream = logged(format=LogFormat.JSON)
    for number in range(REPEATS + 7):
        fault(log, call=f"call-{number}", token="s3cret-planted")
    flush_repeats(moments[0] + WINDOW_S - 1)
    assert len(lines_of(stream)) == REPEATS
    flush_repeats(moments[0] + WINDOW_S)
    flush_repeats(moments[0] + 10 * WINDOW_S)
    assert len(lines_of(stream)) == REPEATS + 1
    last = lines_of(stream)[-1]
    assert (last["repeated"], last["call"]) == (7, f"call-{REPEATS + 6}")
    assert "s3cret-planted" not in stream.getvalue()


def test_a_flood_of_different_faults_is_bounded(logged, moments):
    log, _ = logged(format=LogFormat.JSON)
    for number in range(PLACES + 100):
        fault(log, code=f"code-{number}")
    limit = next(one for one in logging.getLogger().handlers[-1].filters if isinstance(one, RepeatLimit))
    assert len(limit._places) == PLACES


def test_the_lines_of_a_call_say_where_it_stood_and_nothing_that_was_planted(logged):
    async def steps():
        log, stream = logged(format=LogFormat.JSON)
        planted = "s3cret-planted"

        def lost(_):
            raise OutcomeUnknown(f"lost {planted}", code="lost")

        house = await open_house(answer=lost)
        tenancy = house.rooms.tenancy
        tenancy.log = lambda event, fields: log.warning(event, extra=fields)
        tenancy.observer.report = lambda fields: log.info("call", extra=fields)
        in_doubt = await house.call("git_status", {"repo_path": f"/{planted}"})
        house.store.fail_from_now(0)
        await house.branch(planted)
        fault_line, call_line, store_line, refused_line = lines_of(stream)
        assert fault_line["message"] == "call_without_answer"
        assert (fault_line["code"], fault_line["step"], fault_line["integration"]) == ("lost", "upstream", "git")
        assert fault_line["call"] == call_line["call"] == in_doubt.call_id
        assert fault_line["decision"] == call_line["decision"]
        assert (call_line["answer"], call_line["outcome"], call_line["effect"]) == ("unknown", "unknown", "allow")
        assert (store_line["message"], store_line["step"]) == ("call_refused_store", "commit_decided")
        assert store_line["call"] == refused_line["call"] != call_line["call"]
        for word in (planted, "ana", "codex"):
            assert word not in stream.getvalue()

    run(steps())
