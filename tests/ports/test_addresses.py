"""Which addresses and URLs an upstream may have."""

import pytest

from callgate.adapters.upstream.address import check_url, refusal
from callgate.model.errors import ConfigError

PUBLIC = ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
PRIVATE = [
    *("127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1"),
    *("169.254.1.1", "198.18.0.1", "192.0.2.1", "203.0.113.1", "240.0.0.1", "0.1.2.3", "192.0.0.8"),
    *("::1", "fd12::1", "fc00::1", "fe80::1", "fe80::1%eth0", "fec0::1", "2001:db8::1", "2001::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::"),
]
NEVER = [
    *("169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "fd00:ec2::254"),
    *("100.100.100.200", "168.63.129.16", "169.254.170.2", "fe80::a9fe:a9fe%eth0"),
    *("0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "::ffff:0.0.0.0", "::ffff:224.0.0.1", "nonsense", ""),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_used(address):
    assert refusal(address, allow_private=False) == ""
    assert refusal(address, allow_private=True) == ""


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_only_when_allowed(address):
    assert refusal(address, allow_private=False)
    assert refusal(address, allow_private=True) == ""


@pytest.mark.parametrize("address", NEVER)
def test_these_never(address):
    assert refusal(address, allow_private=False)
    assert refusal(address, allow_private=True)


@pytest.mark.parametrize(
    "url", ["https://mcp.example.com/mcp", "https://mcp.example.com:8443/a?b=c", "https://8.8.8.8/"]
)
def test_good_urls(url):
    check_url(url, allow_private=False)


@pytest.mark.parametrize(
    "url",
    [
        "http://mcp.example.com/mcp",
        "https://user:password@mcp.example.com/",
        "https://mcp.example.com/#part",
        "ftp://mcp.example.com/",
        "unix:///run/a.sock",
        "https://",
        "mcp.example.com",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://127.1/",
        "https://2130706433/",
        "https://mcp.example.com:99999/",
        "https://[::1",
        "",
    ],
)
def test_bad_urls(url):
    with pytest.raises(ConfigError) as caught:
        check_url(url, allow_private=False)
    assert "password@" not in str(caught.value)


def test_local_servers_when_allowed():
    check_url("http://127.0.0.1:9000/mcp", allow_private=True)
    check_url("http://[::1]:9000/mcp", allow_private=True)
    check_url("http://devbox:9000/mcp", allow_private=True)
    with pytest.raises(ConfigError):
        check_url("http://169.254.169.254/latest", allow_private=True)
