"""The home's place and folders, and reading its configuration."""

import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callgate.adapters.home.config import default_config_text, parse_config, read_config
from callgate.adapters.home.place import MAX_SOCKET_BYTES, Home, check, check_socket, locate, prepare
from callgate.model.config import Algorithm, Config, LocalSocket, LogFormat
from callgate.model.errors import ConfigError
from callgate.model.terms import Profile


def test_where_the_home_is():
    assert locate({"CALLGATE_HOME": "/srv/gate", "XDG_DATA_HOME": "/x", "HOME": "/h"}).root == Path("/srv/gate")
    assert locate({"CALLGATE_HOME": "/srv/gate"}, Path("/elsewhere")).root == Path("/elsewhere")
    assert locate({"XDG_DATA_HOME": "/x", "HOME": "/h"}).root == Path("/x/callgate")
    assert locate({"XDG_DATA_HOME": "relative", "HOME": "/h"}).root == Path("/h/.local/share/callgate")
    assert locate({"HOME": "/h"}).root == Path("/h/.local/share/callgate")
    assert locate({"HOME": "/h"}, Path("~/gate")).root == Path("/h/gate")
    assert locate({"HOME": "/h"}, Path("/a/../b/")).root == Path("/b")
    assert locate({}, Path("gate")).root == Path.cwd() / "gate"


@pytest.mark.parametrize("environ", [{}, {"HOME": ""}, {"HOME": "relative"}, {"CALLGATE_HOME": "/a\0b"}])
def test_no_place_at_all(environ):
    with pytest.raises(ConfigError):
        locate(environ)


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path / "home")
    prepare(made)
    return made


def mode(path):
    return path.stat().st_mode & 0o777


def test_a_new_home_is_private(tmp_path):
    before = os.umask(0)
    try:
        made = Home(tmp_path / "deep" / "home")
        prepare(made)
    finally:
        os.umask(before)
    assert {mode(folder) for folder in made.folders} == {0o700}
    prepare(made)
    check(made)


def problem(act):
    with pytest.raises(ConfigError) as caught:
        act()
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_a_home_that_is_not_there(tmp_path):
    assert "callgate init" in problem(lambda: check(Home(tmp_path / "none")))


def test_a_home_that_is_a_file(tmp_path):
    (tmp_path / "home").write_text("x")
    assert "must be a folder" in problem(lambda: prepare(Home(tmp_path / "home")))
    assert "must be a folder" in problem(lambda: check(Home(tmp_path / "home")))


def test_a_parent_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("x")
    assert "cannot be made" in problem(lambda: prepare(Home(tmp_path / "file" / "x" / "home")))


@pytest.mark.parametrize("name", ["", "keys", "data", "run"])
def test_a_home_others_can_read(home, name):
    folder = home.root / name
    folder.chmod(0o750)
    text = problem(lambda: prepare(home))
    assert "chmod 700" in text
    assert str(folder) in text


def test_a_folder_that_is_a_link(home, tmp_path):
    home.data.rmdir()
    (tmp_path / "other").mkdir(mode=0o700)
    home.data.symlink_to(tmp_path / "other")
    assert "link" in problem(lambda: prepare(home))


def test_a_home_of_another_user(home, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    assert "another user" in problem(lambda: check(home))


@pytest.mark.parametrize("bits", [0o000, 0o400, 0o500])
def test_a_home_we_cannot_use(home, bits):
    home.keys.chmod(bits)
    assert "chmod 700" in problem(lambda: check(home))


def test_a_socket_path_that_is_too_long():
    fits = "/" + "a" * (MAX_SOCKET_BYTES - len("/" + "/run/gate.sock"))
    check_socket(Home(Path(fits)))
    assert "CALLGATE_HOME" in problem(lambda: check_socket(Home(Path(fits + "a"))))
    assert "too long" in problem(lambda: check_socket(Home(Path("/" + "é" * 60))))


# --- config.toml


def read(text):
    return parse_config(text.encode(), "config.toml")


def test_the_starter_file_is_what_it_says(tmp_path):
    text = default_config_text(port=9_000, profile=Profile.TEAM)
    (tmp_path / "config.toml").write_text(text)
    config = read_config(tmp_path / "config.toml")
    assert (config.listen.port, config.profile) == (9_000, Profile.TEAM)
    assert read(default_config_text()) == Config()


def test_every_comment_of_the_starter_file_works():
    lines = [line.removeprefix("# ") for line in default_config_text().splitlines()
             if not line.startswith("# ") or "=" in line or line.startswith("# [")]  # fmt: skip
    kept = [line for line in lines if "=" in line or line.startswith("[")]
    heads = [line for line in kept if line.startswith(("base_url", "allowed_"))]
    config = read("\n".join([*heads, *(line for line in kept if line not in heads)]))
    assert config.issuers[0].subject_prefix == "corp:"
    assert config.issuers[0].algorithms == (Algorithm.RS256, Algorithm.ES256)
    assert config.limits == Config().limits
    assert config.allowed_hosts == ("callgate.internal:8700",)
    assert config.base_url == "https://callgate.example"


def test_an_empty_file_is_the_default():
    assert read("") == Config()
    assert read('[log]\nformat = "json"').log.format is LogFormat.JSON


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ("prot = 1", "prot", "profile"),
        ("[listen]\nprot = 1", "listen.prot", "Did you mean port?"),
        ("[lisen]\nport = 1", "lisen", "Did you mean listen?"),
        ("zzz = 1", "zzz", "Allowed: allowed_hosts, allowed_origins, base_url"),
        ('[[issuers]]\nissuer = "https://a.example"\nalgorithm = "RS256"', "issuers[0].algorithm", "algorithms"),
        ('[listen]\nport = "8700"', "listen.port", "Expected int, got str"),
        ("[listen]\nport = 70000", "listen.port", "<= 65535"),
        ('profile = "sole"', "profile", "Allowed: solo, team."),
        ('tenants = ["Main"]', "tenants[0]", "small letters"),
        ('tenants = ["main\\n"]', "tenants[0]", "small letters"),
        ("tenants = []", "tenants", "length >= 1"),
        ('[[issuers]]\ntenant = "main"', "issuers[0]", "missing required field issuer"),
        (
            '[[issuers]]\nsubject_prefix = "a:"\nissuer = "https://a.example"\nalgorithms = ["HS256"]',
            "issuers[0].algorithms[0]",
            "ES256",
        ),
        (
            '[[issuers]]\nsubject_prefix = "a:"\nissuer = "https://a.example"\nalgorithms = ["none"]',
            "issuers[0].algorithms[0]",
            "ES256",
        ),
        ("listen = 3", "listen", "Expected object"),
        ('base_url = "http://a.example"', "base_url", "https"),
        ("[limits]\nbody_bytes = 1", "limits.body_bytes", ">= 1024"),
    ],
)
def test_typos_and_wrong_values(text, key, said):
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert caught.value.key == key
    assert said in caught.value.message
    assert str(caught.value).startswith(f"config.toml: {key}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "data", [b"=", b"a = ", b"\xff", b"a = 1\na = 2", b"[" * 5_000, b"a=" + b"[" * 50_000, b" " * (2 << 20)]
)
def test_what_is_no_toml(data):
    with pytest.raises(ConfigError) as caught:
        parse_config(data, "config.toml")
    assert caught.value.file == "config.toml"


def test_a_file_that_cannot_be_read(tmp_path):
    assert "callgate init" in problem(lambda: read_config(tmp_path / "none.toml"))
    (tmp_path / "config.toml").mkdir()
    assert "cannot be read" in problem(lambda: read_config(tmp_path / "config.toml"))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_a_config_or_one_error(text):
    try:
        read(text.encode(errors="replace").decode())
    except ConfigError as fault:
        assert fault.file == "config.toml"


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_small_change_of_the_starter_file_is_a_config_or_one_error(data):
    text = default_config_text()
    at = data.draw(st.integers(0, len(text)))
    changed = text[:at] + data.draw(st.text(max_size=4)) + text[at + data.draw(st.integers(0, 4)) :]
    try:
        config = parse_config(changed.encode(errors="replace"), "config.toml")
    except ConfigError:
        return
    assert set(tomllib.loads(changed)) <= set(Config.__struct_fields__)
    assert config.tenants


def test_a_starter_file_lets_people_in() -> None:
    found = read(default_config_text(peers=(1000, 1001), socket="/run/callgate/gate.sock"))
    assert found == Config(local=LocalSocket(peers=(1000, 1001), path="/run/callgate/gate.sock"))
