"""What a configuration must hold beyond its types."""

import pytest

from callgate.core.settings import (
    LIVE_KEYS,
    changed_keys,
    check_config,
    check_live,
    check_url,
    host_and_port,
    is_loopback,
)
from callgate.model.config import Config, IssuerConfig, Limits, Listen, LocalSocket, Log, LogLevel, Metrics, Telemetry
from callgate.model.errors import ConfigError
from callgate.model.terms import Profile

LOGIN = "https://login.example"


def issuer(**changes):
    return IssuerConfig(**({"issuer": LOGIN, "jwks_url": f"{LOGIN}/keys", "subject_prefix": "corp:"} | changes))


def key_of(config):
    with pytest.raises(ConfigError) as caught:
        check_config(config, "config.toml")
    assert caught.value.file == "config.toml"
    assert str(caught.value).startswith("config.toml: ")
    return caught.value.key


@pytest.mark.parametrize(
    "listen",
    ["0.0.0.0:9464", "10.0.0.7:9464", "gate.example:9464", "127.0.0.1", ":1", "::1", "127.0.0.1:70000", "127.0.0.1:x"],
)
def test_metrics_are_for_this_host_alone(listen):
    assert key_of(Config(metrics=Metrics(listen=listen))) == "metrics.listen"


def test_metrics_and_spans_on_this_host_are_fine():
    for listen in ("127.0.0.1:9464", "[::1]:9464", "localhost:0"):
        check_config(Config(metrics=Metrics(listen=listen)), "config.toml")
    assert host_and_port("[::1]:9464") == ("::1", 9464)
    for url in ("http://127.0.0.1:4318/v1/traces", "https://collector.example/v1/traces"):
        check_config(Config(telemetry=Telemetry(otlp_endpoint=url)), "config.toml")
    for url in ("http://collector.example/v1/traces", "collector:4318", "https://ana:word@collector.example/"):
        assert key_of(Config(telemetry=Telemetry(otlp_endpoint=url))) == "telemetry.otlp_endpoint"


def test_the_default_is_fine():
    check_config(Config(), "config.toml")
    assert Config().resource == "http://127.0.0.1:8700"
    assert Config(listen=Listen(host="::1")).resource == "http://[::1]:8700"
    assert Config(base_url="https://gate.example/x").resource == "https://gate.example/x"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "localhost.example", "", "127.1", "::", "0x7f000001"])
def test_not_loopback(host):
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "url", ["https://a.example", "https://a.example:8443/keys?x=1", "http://127.0.0.1:80/k", "http://[::1]/k",
            "http://localhost/k"]
)  # fmt: skip
def test_urls_that_do(url):
    check_url(url, "key", allow_http=True)


@pytest.mark.parametrize(
    "url", ["", "a.example", "//a.example", "https://", "https://a.example#x", "https://u@a.example", "http://a.example",
            "https://a.example:99999", "https://a.example:x", "https://a\\b.example", "https://[::1", "javascript:alert(1)",
            "https://a.example/\n", "https://ä.example", "http://127.0.0.1@evil.example/", "http://2130706433/"]
)  # fmt: skip
def test_urls_that_do_not(url):
    with pytest.raises(ConfigError):
        check_url(url, "key", allow_http=True)


@pytest.mark.parametrize(
    ("config", "key"),
    [
        (Config(listen=Listen(host="0.0.0.0")), "base_url"),
        (Config(base_url="http://gate.example"), "base_url"),
        (Config(base_url="http://127.0.0.1:1", listen=Listen(host="0.0.0.0")), "base_url"),
        (Config(base_url="https://gate.example/"), "base_url"),
        (Config(base_url="https://gate.example?x"), "base_url"),
        (Config(base_url="https://g.example", allowed_origins=("https://a.example/",)), "allowed_origins[0]"),
        (Config(tenants=("main", "main")), "tenants"),
        (Config(issuers=(issuer(tenant="side"),)), "issuers[0].tenant"),
        (Config(issuers=(issuer(issuer="login"),)), "issuers[0].issuer"),
        (Config(issuers=(issuer(jwks_url=""),)), "issuers[0]"),
        (Config(issuers=(issuer(jwks_file="x"),)), "issuers[0]"),
        (Config(issuers=(issuer(jwks_url="http://127.0.0.1/k"),)), "issuers[0].jwks_url"),
        (Config(issuers=(issuer(audiences=("",)),)), "issuers[0].audiences"),
        (Config(issuers=(issuer(subject_prefix=""),)), "issuers[0].subject_prefix"),
        (Config(issuers=(issuer(subject_prefix="corp"),)), "issuers[0].subject_prefix"),
        (Config(issuers=(issuer(), issuer(issuer="https://b.example"))), "issuers[1].subject_prefix"),
        (Config(issuers=(issuer(), issuer(subject_prefix="two:"))), "issuers[1].issuer"),
        (Config(base_url=LOGIN, issuers=(issuer(),)), "issuers[0].issuer"),
        (Config(base_url=LOGIN, issuers=(issuer(issuer=f"{LOGIN}/t/side"),)), "issuers[0].issuer"),
    ],
)
def test_what_does_not_fit(config, key):
    assert key_of(config) == key


def test_origins_are_checked_without_a_base_url_too():
    assert key_of(Config(allowed_origins=("tools.example",))) == "allowed_origins[0]"


def test_issuers_that_fit():
    check_config(
        Config(
            tenants=("main", "side"),
            issuers=(
                issuer(),
                issuer(issuer="https://b.example", tenant="side"),
                issuer(issuer="https://c.example", subject_prefix="two:"),
            ),
        ),
        "config.toml",
    )


URL = "http://127.0.0.1:8700"
OTHER = {
    "listen": Listen(port=8701),
    "base_url": "https://gate.example",
    "allowed_hosts": ("gate:1",),
    "allowed_origins": ("https://tools.example",),
    "profile": Profile.TEAM,
    "tenants": ("main", "other"),
    "limits": Limits(calls=7),
    "log": Log(level=LogLevel.DEBUG),
    "metrics": Metrics(listen="127.0.0.1:9464"),
    "telemetry": Telemetry(relay_to=("git",)),
    "local": LocalSocket(peers=(1000,), path="/run/callgate/gate.sock"),
    "issuers": (issuer(),),
}


@pytest.mark.parametrize("name", Config.__struct_fields__)
def test_each_setting_changes_live_or_is_named(name):
    """A new setting needs a place in OTHER, and a decision in LIVE_KEYS."""
    old = Config(base_url=URL)
    new = Config(**({"base_url": URL} | {name: OTHER[name]}))
    assert {key.split(".")[0] for key in changed_keys(old, new)} == {name}
    if name in LIVE_KEYS:
        assert check_live(old, new, "config.toml") == changed_keys(old, new)
        return
    with pytest.raises(ConfigError) as caught:
        check_live(old, new, "config.toml")
    assert caught.value.key.split(".")[0] == name
    assert "Restart" in caught.value.hint


def test_an_address_that_is_the_url_stays():
    with pytest.raises(ConfigError) as caught:
        check_live(Config(), Config(listen=Listen(port=8701)), "config.toml")
    assert caught.value.key == "listen.port"
    assert check_live(Config(), Config(listen=Listen(port=8701), base_url=URL), "c") == ("base_url", "listen.port")
    assert check_live(Config(), Config(), "config.toml") == ()
