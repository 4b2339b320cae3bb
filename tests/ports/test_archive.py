"""The file of a backup: whatever is changed in it, moved or missing, it is refused."""

import functools
import hashlib
import io
import random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from callgate.adapters.home.archive import FRAME, ArchiveHeader, ArchiveReader, ArchiveWriter, Derivation, Member
from callgate.model.errors import InputError

KEY = Ed25519PrivateKey.generate()
SECRET = "a passphrase of the backup"
SALT = "ab" * 16
MEMBERS = {"config.toml": b"a = 1\n", "data/main/ledger.db": random.Random(7).randbytes(2 * FRAME + 77), "empty": b""}


DERIVED = functools.cache(hashlib.scrypt)


@pytest.fixture(autouse=True)
def each_key_is_derived_once(monkeypatch):
    """The cost of scrypt is its point, and not what is tested here hundreds of times."""
    monkeypatch.setattr(hashlib, "scrypt", DERIVED)


def written(*, encrypted, members=MEMBERS):
    file = io.BytesIO()
    derivation = Derivation(salt=SALT, ln=14) if encrypted else None
    writer = ArchiveWriter(file, ArchiveHeader(created_ms=1, version="1", derivation=derivation), SECRET)
    for name, data in members.items():
        writer.add(Member(name, len(data)), (data[:10], data[10:]))
    writer.end(KEY.sign)
    return file.getvalue()


def read(data, passphrase=SECRET):
    reader = ArchiveReader(io.BytesIO(data), lambda: passphrase)
    found = {member.name: b"".join(parts) for member, parts in reader.members()}
    reader.end()
    reader.check_signature(KEY.public_key().public_bytes_raw())
    return found


ORIGINAL = {encrypted: written(encrypted=encrypted) for encrypted in (True, False)}


def frames(data):
    """(what comes before them, each frame)."""
    at = len(b"callgate-backup 1\n")
    at += 4 + int.from_bytes(data[at : at + 4], "big")
    head, found = data[:at], []
    while at < len(data):
        end = at + 4 + (int.from_bytes(data[at : at + 4], "big") & 0x7FFFFFFF)
        found.append(data[at:end])
        at = end
    return head, found


@pytest.mark.parametrize("encrypted", [True, False])
def test_what_went_in_comes_out(encrypted):
    data = written(encrypted=encrypted)
    assert read(data) == MEMBERS
    assert (MEMBERS["config.toml"] in data) is not encrypted
    assert written(encrypted=encrypted, members={}) != data
    assert read(written(encrypted=encrypted, members={})) == {}


@pytest.mark.parametrize("encrypted", [True, False])
def test_a_change_anywhere_is_refused(encrypted):
    whole = ORIGINAL[encrypted]
    data = bytearray(whole)
    choice = random.Random(11)
    places = [*range(160), *range(len(data) - 160, len(data)), *(choice.randrange(len(data)) for _ in range(150))]
    for place in places:
        data[place] ^= 1 << choice.randrange(8)
        with pytest.raises(InputError) as caught:
            read(bytes(data))
        assert "\n" not in str(caught.value), place
        data[place] = whole[place]
    assert read(bytes(data)) == MEMBERS


@pytest.mark.parametrize("encrypted", [True, False])
def test_a_part_that_is_missing_moved_or_doubled_is_refused(encrypted):
    head, parts = frames(ORIGINAL[encrypted])
    assert len(parts) == 4
    others = [
        parts[:-1],
        parts[:1] + parts[2:],
        [parts[1], parts[0], *parts[2:]],
        [parts[0], *parts],
        [*parts, parts[-1]],
        [parts[-1]],
        [],
        parts[:2] + [parts[-1]],
    ]
    for other in others:
        with pytest.raises(InputError):
            read(head + b"".join(other))
    for cut in range(0, len(ORIGINAL[encrypted]), 9973):
        with pytest.raises(InputError):
            read(ORIGINAL[encrypted][:cut])
    with pytest.raises(InputError):
        read(ORIGINAL[encrypted] + b"\0")


def test_another_passphrase_and_another_file():
    with pytest.raises(InputError) as caught:
        read(ORIGINAL[True], "another passphrase")
    assert caught.value.code == "wrong_passphrase"
    # Frames of another backup under the same passphrase: its key is another one.
    head, _ = frames(ORIGINAL[True])
    file = io.BytesIO()
    other = ArchiveWriter(
        file, ArchiveHeader(created_ms=2, version="1", derivation=Derivation(salt="cd" * 16, ln=14)), SECRET
    )
    other.end(KEY.sign)
    with pytest.raises(InputError):
        read(head + b"".join(frames(file.getvalue())[1]))


def test_a_key_nobody_could_bear_is_refused():
    data = ORIGINAL[True].replace(b'"ln":14', b'"ln":40')
    with pytest.raises(InputError, match="no backup has"):
        read(data)


def test_a_member_is_as_long_as_it_says():
    writer = ArchiveWriter(io.BytesIO(), ArchiveHeader(created_ms=1, version="1"))
    with pytest.raises(ValueError, match="as long"):
        writer.add(Member("x", 3), (b"ab",))
