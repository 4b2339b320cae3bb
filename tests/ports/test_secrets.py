"""Secrets by reference: what is resolved, what is refused, and that no message ever holds a value."""

import os

import pytest

from callgate.adapters.secrets.refs import MAX_BYTES, resolve
from callgate.model.errors import ConfigError

VALUE = "planted-value"


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "token"
    path.write_text(VALUE)
    path.chmod(0o600)
    return path


def refusal(reference: str) -> str:
    with pytest.raises(ConfigError) as caught:
        resolve(reference)
    fault = caught.value
    text = f"{fault} {fault!r} {fault.hint} {fault.__cause__} {fault.__context__!r}"
    assert VALUE not in text
    return text


def test_from_the_environment(monkeypatch):
    monkeypatch.setenv("A_TOKEN", VALUE)
    assert resolve("env:A_TOKEN") == VALUE
    monkeypatch.setenv("A_TOKEN", "")
    assert "env:A_TOKEN" in refusal("env:A_TOKEN")


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_from_a_file_without_its_final_newline(secret, end):
    secret.write_bytes((VALUE + end).encode())
    assert resolve(f"file:{secret}") == VALUE


def test_inner_and_further_newlines_stay(secret):
    secret.write_text("a\nb\n\n")
    assert resolve(f"file:{secret}") == "a\nb\n"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o610, 0o601])
def test_a_file_that_others_can_reach_is_refused_with_the_remedy(secret, mode):
    secret.chmod(mode)
    text = refusal(f"file:{secret}")
    assert "chmod 600" in text
    assert f"file:{secret}" in text


def test_read_only_is_private_enough(secret):
    secret.chmod(0o400)
    assert resolve(f"file:{secret}") == VALUE


@pytest.mark.parametrize("reference", ["", "env:", "file:", VALUE, f"vault:{VALUE}", f"ENV:{VALUE}"])
def test_what_is_no_reference_is_refused_without_repeating_it(reference):
    refusal(reference)


def test_what_is_no_regular_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "fifo", 0o600)
    for path in (tmp_path, tmp_path / "fifo", tmp_path / "missing", "/dev/null", "~no-such-user-here/x", "a\0b"):
        refusal(f"file:{path}")


def test_size_text_and_emptiness_are_checked(secret):
    secret.write_bytes(b"x" * MAX_BYTES)
    assert len(resolve(f"file:{secret}")) == MAX_BYTES
    for data in (b"x" * (MAX_BYTES + 1), b"", b"\n", VALUE.encode() + b"\xff"):
        secret.write_bytes(data)
        refusal(f"file:{secret}")


def test_home_is_expanded(secret, monkeypatch):
    monkeypatch.setenv("HOME", str(secret.parent))
    assert resolve("file:~/token") == VALUE
