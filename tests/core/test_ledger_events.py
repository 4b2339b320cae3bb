"""Events as bytes. Each tag has its golden bytes: an event that was written once must look the same for ever."""

from pathlib import Path

import jsonschema_rs
import msgspec
import pytest
import rfc8785
from tools import generate

from callgate.core.ledger.canonical import MAX_INT
from callgate.core.ledger.events import KINDS, decode_event, encode_event, from_utc, utc
from callgate.core.ledger.schema import event_schema
from callgate.model.errors import IntegrityError
from callgate.model.event import (
    CallUnknown,
    Decided,
    DenialsCounted,
    Event,
    EventData,
    Finished,
    GateStopped,
    HoldEnded,
    NewEvent,
    PrincipalRef,
)
from callgate.model.event_refs import ReceiptRef
from callgate.model.terms import HoldState
from tests.fakes.events import sample, sample_event, tag_of

GOLDEN = Path(__file__).parent.parent / "golden" / "events"


@pytest.mark.parametrize("body", KINDS, ids=tag_of)
def test_golden_bytes(body: type[msgspec.Struct]) -> None:
    """A changed tag is a changed ledger: give new fields a default, keep the old file as ``<tag>.<n>.json``."""
    data = encode_event(sample_event(body), "local", "w-0123456789abcdef", 7)
    assert data == (GOLDEN / f"{tag_of(body)}.json").read_bytes()


def test_every_golden_file_is_still_read_and_fits_the_schema() -> None:
    schema = jsonschema_rs.Draft202012Validator(event_schema())
    files = sorted(GOLDEN.glob("*.json"))
    assert {file.name.split(".")[0] for file in files} == {tag_of(body) for body in KINDS}
    for file in files:
        data = file.read_bytes()
        assert decode_event(data).data.writer_seq == 7
        assert rfc8785.dumps(msgspec.json.decode(data)) == data
        schema.validate(msgspec.json.decode(data))


@pytest.mark.parametrize("body", KINDS, ids=tag_of)
def test_nothing_is_lost(body: type[msgspec.Struct]) -> None:
    new = sample_event(body)
    data = EventData("w1", 3, "local", new.call, new.principal, new.same_host, new.body)
    kind = f"callgate.{tag_of(body)}.v1"
    expected = Event("1.0", new.id, "callgate/local", kind, "2027-01-15T08:00:00.123Z", "application/json", data)
    assert decode_event(encode_event(new, "local", "w1", 3)) == expected


def test_the_schema_says_what_is_wrong() -> None:
    schema = jsonschema_rs.Draft202012Validator(event_schema())
    event = msgspec.json.decode((GOLDEN / "finished.json").read_bytes())
    assert schema.is_valid(event)
    for change in (
        {"specversion": "0.3"},
        {"time": "2027-01-15T08:00:00Z"},
        {"data": {**event["data"], "writer_seq": 0}},
        {"data": {**event["data"], "body": {**event["data"]["body"], "kind": "other"}}},
        {"data": {**event["data"], "body": {**event["data"]["body"], "duration_us": 2**53}}},
        {"extra": 1},
    ):
        assert not schema.is_valid(event | change)


def test_generated_files_are_those_in_the_docs(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--check"]) == 0, capsys.readouterr().err
    assert generate.main(["--other"]) == 2


def test_a_difference_from_the_docs_is_named(capsys, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    monkeypatch.setattr(generate, "FILES", {"a.json": lambda: "x"})
    assert generate.main(["--check"]) == 1
    assert "a.json" in capsys.readouterr().err
    assert generate.main([]) == 0
    assert (tmp_path / "a.json").read_text() == "x"
    assert generate.main(["--check"]) == 0


def write(new: NewEvent, tenant: object = "local", writer: object = "w1", seq: object = 1) -> bytes:
    return encode_event(new, tenant, writer, seq)  # type: ignore[arg-type]


STOPPED = NewEvent(id="ev-1", at_ms=0, body=GateStopped("ok"))
DECIDED = sample(Decided)
FINISHED = sample(Finished)


@pytest.mark.parametrize(
    "change",
    [
        {"body": GateStopped(1)},
        {"body": GateStopped(None)},
        {"body": GateStopped("\ud800")},
        {"body": GateStopped(1.5)},
        {"body": msgspec.structs.replace(FINISHED, duration_us=MAX_INT + 1)},
        {"body": msgspec.structs.replace(FINISHED, duration_us=-MAX_INT - 1)},
        {"body": msgspec.structs.replace(FINISHED, duration_us=1.0)},
        {"body": msgspec.structs.replace(FINISHED, duration_us=True)},
        {"body": msgspec.structs.replace(FINISHED, result_bytes="12")},
        {"body": msgspec.structs.replace(FINISHED, receipt=ReceiptRef(((1, "r-1"),), "manifest"))},
        {"body": msgspec.structs.replace(FINISHED, receipt=ReceiptRef((("a",),), "manifest"))},
        {"body": msgspec.structs.replace(DECIDED, risk=0.5)},
        {"body": msgspec.structs.replace(DECIDED, findings=("x",))},
        {"body": msgspec.structs.replace(DECIDED, targets=(1,))},
        {"body": msgspec.structs.replace(DECIDED, targets="t")},
        {"body": EventData("w", 1, "t", "", None, same_host=False, body=GateStopped("x"))},
        {"body": "text"},
        {"id": 7},
        {"call": None},
        {"principal": "ana"},
        {"principal": PrincipalRef("p-1", "codex", "attended", 1)},
        {"principal": PrincipalRef("p-1", "codex", "attended", "p-1", ("p-2", None))},
        {"principal": PrincipalRef("p-1", "codex", "attended", "p-1", chain="p-2")},
        {"principal": PrincipalRef("p-1", "\ud800", "attended", "p-1")},
        {"principal": FINISHED},
        {"same_host": 1},
        {"at_ms": 1.0},
        {"at_ms": -1},
        {"at_ms": 253_402_300_800_000},
    ],
)
def test_outside_the_profile(change: dict[str, object]) -> None:
    with pytest.raises(IntegrityError):
        write(msgspec.structs.replace(STOPPED, **change))


@pytest.mark.parametrize(
    "place", [{"tenant": 1}, {"tenant": "\ud800"}, {"writer": None}, {"seq": 1.0}, {"seq": "1"}, {"seq": 2**53}]
)
def test_writer_outside_the_profile(place: dict[str, object]) -> None:
    assert write(STOPPED)
    with pytest.raises(IntegrityError):
        write(STOPPED, **place)


def test_an_enum_of_text_is_its_text() -> None:
    data = write(msgspec.structs.replace(STOPPED, body=HoldEnded("hold-1", HoldState.EXPIRED, "late")))
    assert b'"state":"expired"' in data


def test_a_principal_is_written_the_same_each_time() -> None:
    who = PrincipalRef("p-1", "codex", "attended", "p-2", ("p-3",), "p-4")
    once = write(msgspec.structs.replace(STOPPED, principal=who))
    assert write(msgspec.structs.replace(STOPPED, principal=msgspec.structs.replace(who))) == once
    assert decode_event(once).data.principal == who
    other = msgspec.structs.replace(who, actor=HoldState.EXPIRED)
    assert b'"actor":"expired"' in write(msgspec.structs.replace(STOPPED, principal=other))


def test_large_integers_of_the_profile() -> None:
    data = write(
        msgspec.structs.replace(
            STOPPED, body=msgspec.structs.replace(sample(DenialsCounted), count=MAX_INT, from_ms=-MAX_INT)
        ),
        seq=MAX_INT,
    )
    body = decode_event(data).data.body
    assert isinstance(body, DenialsCounted)
    assert (body.count, body.from_ms) == (MAX_INT, -MAX_INT)


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"\xff", write(STOPPED)[:-1], write(STOPPED).replace(b"gate_stopped", b"gate_paused"),
             write(STOPPED).replace(b'"reason"', b'"because"'), b"[" * 100_000]
)  # fmt: skip
def test_what_is_no_event(data: bytes) -> None:
    with pytest.raises(IntegrityError):
        decode_event(data)


@pytest.mark.parametrize(
    ("at_ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (999, "1970-01-01T00:00:00.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_times(at_ms: int, text: str) -> None:
    assert utc(at_ms) == text
    assert from_utc(text) == at_ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2027-01-15",
        "2027-01-15T08:00:00Z",
        "2027-01-15T08:00:00.123",
        "2027-01-15T08:00:00.123+00:00",
        "1969-12-31T23:59:59.999Z",
        "2027-01-15T08:00:00.1234Z",
    ],
)
def test_other_spellings_of_time(text: str) -> None:
    with pytest.raises(IntegrityError):
        from_utc(text)


def test_every_reason_of_unknown_is_kept() -> None:
    for reason in ("crash", "lost", "timeout", "cancelled"):
        body = decode_event(write(msgspec.structs.replace(STOPPED, body=CallUnknown(reason)))).data.body
        assert body == CallUnknown(reason)
