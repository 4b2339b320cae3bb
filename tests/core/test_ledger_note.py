"""Signed notes and checkpoints against the published example and malformed ones."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from callgate.core.ledger.note import (
    checkpoint_text,
    key_id,
    parse_checkpoint,
    parse_verifier_key,
    sign_note,
    verifier_key,
    verify_note,
)
from callgate.model.errors import IntegrityError
from tests.fakes.ledger import ORIGIN, PUBLIC, SIGNER, note

# The example of golang.org/x/mod/sumdb/note.
SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
PETER = "PeterNeumann"
PETER_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
SIGNED = (
    TEXT + "\n— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ROOT = bytes(range(32))


def test_the_published_example() -> None:
    name, public = parse_verifier_key(PETER_KEY)
    signer = Ed25519PrivateKey.from_private_bytes(SEED)
    assert name == PETER
    assert signer.public_key().public_bytes_raw() == public
    assert key_id(name, public).hex() == "c74f20a3"
    assert verifier_key(name, public) == PETER_KEY
    assert sign_note(TEXT, name, signer.sign, public) == SIGNED
    assert verify_note(SIGNED, name, public) == TEXT


def test_a_changed_note_is_refused() -> None:
    name, public = parse_verifier_key(PETER_KEY)
    for changed in (SIGNED.replace("answer", "Answer"), SIGNED.replace("x08go/ZJ", "x08go/ZK"), " " + SIGNED):
        with pytest.raises(IntegrityError):
            verify_note(changed, name, public)


def test_signatures_of_other_keys_are_ignored_but_not_enough() -> None:
    name, public = parse_verifier_key(PETER_KEY)
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    theirs = sign_note(TEXT, "witness.example/w", other.sign, other.public_key().public_bytes_raw())
    line = theirs.rpartition("\n\n")[2]
    assert verify_note(SIGNED + line, name, public) == TEXT
    assert verify_note(theirs + SIGNED.rpartition("\n\n")[2], name, public) == TEXT
    with pytest.raises(IntegrityError, match="not signed by the expected key"):
        verify_note(theirs, name, public)


def test_a_key_is_known_by_name_and_id_together() -> None:
    name, public = parse_verifier_key(PETER_KEY)
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    same_name = sign_note(TEXT, name, other.sign, other.public_key().public_bytes_raw()).rpartition("\n\n")[2]
    same_id = "— other.example " + base64.b64encode(key_id(name, public) + bytes(64)).decode() + "\n"
    assert verify_note(SIGNED + same_name + same_id, name, public) == TEXT


def test_one_bad_signature_of_the_key_spoils_the_note() -> None:
    name, public = parse_verifier_key(PETER_KEY)
    bad = base64.b64encode(key_id(name, public) + bytes(64)).decode()
    with pytest.raises(IntegrityError, match="does not verify"):
        verify_note(SIGNED + f"— {name} {bad}\n", name, public)


def test_a_note_whose_text_has_empty_lines() -> None:
    text = "one\n\ntwo\n"
    signed = sign_note(text, ORIGIN, SIGNER.sign, PUBLIC)
    assert verify_note(signed, ORIGIN, PUBLIC) == text


@pytest.mark.parametrize(
    "spoilt",
    [
        "",
        "\n",
        "text\n",
        TEXT,
        SIGNED[:-1],
        SIGNED + "\n",
        SIGNED.replace("\n\n", "\n"),
        SIGNED.replace("— P", "- P"),
        SIGNED.replace("— P", "—  P"),
        SIGNED.replace("AM=", "AM"),
        SIGNED.replace("AM=", "AN="),
        SIGNED.replace("you ", "you\t"),
        SIGNED + "— x \n",
        SIGNED + "— x AAAA\n",
        SIGNED.replace("\n", "\r\n"),
        SIGNED.replace("you", "\ud800"),
        "x" * 1_000_001,
    ],
)
def test_malformed_notes(spoilt: str) -> None:
    with pytest.raises(IntegrityError):
        verify_note(spoilt, *parse_verifier_key(PETER_KEY))


@pytest.mark.parametrize(
    "key",
    ["", "a", "a+b", "a+b+c", PETER_KEY[:-1], PETER_KEY.replace("c74f", "c74e"), PETER_KEY.replace("Peter", "Pater"),
     PETER_KEY.replace("+AR", "+BR"), "a b+00000000+AA=="],
)  # fmt: skip
def test_malformed_keys(key: str) -> None:
    with pytest.raises(IntegrityError):
        parse_verifier_key(key)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u00a0b", "a\u2003b", "a\x00b"])
def test_key_names_without_spaces_and_plus_signs(name: str) -> None:
    with pytest.raises(IntegrityError):
        sign_note(TEXT, name, SIGNER.sign, PUBLIC)
    with pytest.raises(IntegrityError):
        verifier_key(name, PUBLIC)


def test_a_checkpoint_is_three_lines() -> None:
    text = checkpoint_text(ORIGIN, 20852163, ROOT)
    assert text == f"{ORIGIN}\n20852163\n{base64.b64encode(ROOT).decode()}\n"
    assert parse_checkpoint(text) == (ORIGIN, 20852163, ROOT)
    assert parse_checkpoint(text + "extension\n") == (ORIGIN, 20852163, ROOT)
    assert parse_checkpoint(checkpoint_text(ORIGIN, 0, ROOT))[1] == 0


def test_the_checkpoint_of_the_specification() -> None:
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    origin, size, root = parse_checkpoint(text)
    assert checkpoint_text(origin, size, root) == text


GOOD = checkpoint_text(ORIGIN, 12, ROOT)


@pytest.mark.parametrize(
    "text",
    [
        "",
        GOOD[:-1],
        GOOD + "\n",
        GOOD.replace("12", "012"),
        GOOD.replace("12", "+12"),
        GOOD.replace("12", "-1"),
        GOOD.replace("12", "1_2"),
        GOOD.replace("12", "١٢"),
        GOOD.replace("12", "9" * 19),
        GOOD.replace("12", ""),
        GOOD.replace(ORIGIN, ""),
        GOOD.replace("=\n", "\n"),
        GOOD.replace("AAE", "AA"),
        GOOD + "a\n\nb\n",
    ],
)
def test_malformed_checkpoints(text: str) -> None:
    with pytest.raises(IntegrityError):
        parse_checkpoint(text)


@pytest.mark.parametrize(
    ("origin", "size", "root"),
    [("", 1, ROOT), ("a\n9", 1, ROOT), (ORIGIN, -1, ROOT), (ORIGIN, 1, ROOT[:-1]), (ORIGIN, 2**63, ROOT)],
)
def test_a_checkpoint_is_not_made_of_nonsense(origin: str, size: int, root: bytes) -> None:
    with pytest.raises(IntegrityError):
        checkpoint_text(origin, size, root)


def test_a_note_text_must_end_in_a_newline() -> None:
    with pytest.raises(IntegrityError):
        sign_note("text", ORIGIN, SIGNER.sign, PUBLIC)
    with pytest.raises(IntegrityError):
        verify_note(note(3, ROOT), ORIGIN, PUBLIC[:-1])
