"""One thing has one spelling: sessions, addresses of the gate, templates."""

import pytest

from callgate.core.asks import leads_to, may_lead_away
from callgate.core.sessions import SessionSealer
from callgate.core.uris import resource_target, template_target

OWNER = ("t", "issuer", "ana", "codex", "git")


def test_a_session_has_one_spelling() -> None:
    """What ended, runs or listens is looked up by it."""
    sealer = SessionSealer(b"k" * 32)
    for asks in ((), ("roots",), ("elicitation.form",), ("sampling",)):
        sealed = sealer.seal(OWNER, "gate-1", "2025-11-25", b"n" * 12, asks)
        assert sealer.open(OWNER, sealed) == ("gate-1", "2025-11-25", asks)
        others = [
            sealed + "!",
            "!" + sealed,
            sealed[:5] + "*" + sealed[5:],
            sealed + "=",
            sealed + "==",
            sealed + "====",
        ]
        others += [sealed[:-1] + last for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"]
        assert [other for other in others if other != sealed and sealer.open(OWNER, other) is not None] == []
        assert sealer.open(OWNER, sealed[:-1] + "é") is None


@pytest.mark.parametrize(
    "url",
    [
        "https://gate.example./login",
        "https://GATE.example.:443/login",
        "https://gate%2eexample/login",
        "https://g%61te.example/login",
        "https://gate%EF%BC%8Eexample/login",
        "https://gate\u3002example/login",
        "https://.gate.example/",
        "https://gate_example/",
    ],
)
def test_no_spelling_of_a_host_leads_a_person_to_the_gate(url: str) -> None:
    assert leads_to(frozenset({"gate.example"}), url)


@pytest.mark.parametrize(
    "url", ["https://shop.example/pay", "https://xn--bcher-kva.example:8443/", "https://[2001:db8::1]/x"]
)
def test_other_hosts_lead_elsewhere(url: str) -> None:
    assert not leads_to(frozenset({"gate.example"}), url)


@pytest.mark.parametrize(
    "template",
    [
        "docs://public/../secret/{x}",
        "docs://public/%2e%2e/secret/{x}",
        "docs://public/{x}/../../secret/{y}",
        "docs://public/{x}/%2E%2E/secret/{y}",
        "docs://public/%252e%252e/{x}",
        "file:///srv/{x}/../../etc/{y}",
        "file:///srv/{x}/%2e%2e/etc/{y}",
        "{x}/../secret",
    ],
)
def test_a_template_that_two_servers_could_read_in_two_ways_is_refused(template: str) -> None:
    assert template_target("x", template) is None


def test_a_template_is_compared_like_the_resources_it_is_of() -> None:
    assert template_target("x", "DOCS://Secret/%7Ea/{y}") == ("mcp.resource", ("x/docs://secret/~a/{y}",))
    assert template_target("x", "docs://a%2fb/{y}") == (
        "mcp.resource",
        ("x/docs://a%2Fb/{y}", "x/docs://a/b/{y}"),
    )
    assert template_target("x", "file:///srv/{+path}") == ("fs.path", ("/srv",))


def test_empty_parts_of_a_path_do_not_hide_it() -> None:
    found = resource_target("x", "docs://home//secret///a")
    assert found is not None
    assert "x/docs://home/secret/a" in found[1]


AWAY = b'"message":"x","data":{"elicitations":[{"mode":"url","message":"x","url":"https://evil.example/"}]}}'


@pytest.mark.parametrize("code", [b"-32042", b"-32042.0", b"-3.2042e4", b"-320420e-1", b"-0.32042E+5"])
@pytest.mark.parametrize("key", [b'"code"', b'"\\u0063ode"'])
def test_no_spelling_of_an_error_sends_a_person_away(code: bytes, key: bytes) -> None:
    error = b"{" + key + b":" + code + b"," + AWAY
    assert not may_lead_away(error, ("elicitation.form",), private=False)
    assert may_lead_away(error, ("elicitation.url",), private=False)


def test_other_errors_pass() -> None:
    for code in (b"-32602", b"-32042.5", b"403", b"-320420"):
        assert may_lead_away(b'{"code":' + code + b"," + AWAY, (), private=False)
    assert may_lead_away(b"", (), private=False)
