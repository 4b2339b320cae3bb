"""Which addresses an upstream may have. Names are checked by what they resolve to, at each new connection,
so a name that changes its mind after it was configured (DNS rebinding) gains nothing.
"""

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from callgate.model.errors import ConfigError

_METADATA = tuple(
    ip_network(text)
    for text in (
        "169.254.169.254/32",  # AWS, Azure, Google Cloud, DigitalOcean
        "169.254.170.0/24",  # AWS container credentials
        "fd00:ec2::/32",  # AWS over IPv6
        "fe80::a9fe:a9fe/128",  # OpenStack over IPv6
        "fd20:ce::254/128",  # Google Cloud over IPv6
        "100.100.100.200/32",  # Alibaba Cloud
        "168.63.129.16/32",  # Azure host
        "192.0.0.192/32",  # Oracle Cloud
    )
)
"""Instance metadata services: never an upstream, whatever is configured."""
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_COMPATIBLE = IPv6Network("::/96")
_RESERVED = (ip_network("192.0.0.0/24"), ip_network("192.88.99.0/24"), ip_network("198.18.0.0/15"))
"""Protocol assignments, 6to4 relays, benchmarking: ``is_global`` says otherwise in some Python versions."""


def _embedded(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address inside a transition address (mapped, compatible, 6to4, NAT64); Teredo stays and is refused."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    low = IPv4Address(int(address) & 0xFFFFFFFF)
    if any(address in network for network in _NAT64):
        return low
    if address in _COMPATIBLE and int(address) > 1:
        return low
    return address


def refusal(text: str, *, allow_private: bool) -> str:
    """Why this address may not be connected to; empty: it may. ``text`` may carry a zone (``fe80::1%eth0``)."""
    try:
        outer = ip_address(text.partition("%")[0])
    except ValueError:
        return "is not an IP address"
    address = _embedded(outer)
    if any(found in network for found in (outer, address) for network in _METADATA if network.version == found.version):
        return "is a cloud metadata service"
    if address.is_unspecified or address.is_multicast or text == "255.255.255.255":
        return "is not the address of one host"
    if allow_private:
        return ""
    if not address.is_global:
        return "is loopback, private, link-local or reserved"
    if address.version == 6 and (address.is_site_local or address.teredo is not None):
        return "is loopback, private, link-local or reserved"
    if any(address in network for network in _RESERVED):
        return "is loopback, private, link-local or reserved"
    return ""


def check_url(url: str, *, allow_private: bool) -> None:
    """ConfigError when an upstream cannot have this URL. Names are not resolved here."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ConfigError("The address of the server is not a URL.", key="url") from None
    if parts.scheme not in ("https", "http") or not host:
        raise ConfigError("The address must be an https:// URL.", key="url")
    if parts.username is not None or parts.password is not None:
        raise ConfigError("The address must not carry a user or password; use a header by reference.", key="url")
    if parts.fragment:
        raise ConfigError("The address must not have a fragment.", key="url")
    if parts.scheme == "http" and not allow_private:
        raise ConfigError(
            "The address must be https://; http:// is for local servers.", key="url", hint="Add --allow-private."
        )
    if host.partition("%")[0].replace(".", "").isdigit() or ":" in host:
        why = refusal(host, allow_private=allow_private)
        if why:
            raise ConfigError(f"The address {why}.", key="url", hint="A local server needs --allow-private.")


class AddressRefused(OSError):
    """A name resolves only to addresses that may not be connected to."""


async def checked_addresses(host: str, port: int, *, allow_private: bool) -> list[str]:
    """What the system's resolver says, without the addresses that may not be connected to; AddressRefused when none
    is left, OSError when the name has none. A literal address is checked too.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(_literal(entry[4]) for entry in found))
    kept = [address for address in addresses if not refusal(address, allow_private=allow_private)]
    if not kept:
        raise AddressRefused("The name resolves to no address that may be used.")
    return kept


def _literal(address: tuple[object, ...]) -> str:
    """Host of a socket address, with its zone (``fe80::1%2``) where IPv6 has one."""
    host = str(address[0])
    zone = address[3] if len(address) > 3 else 0
    return f"{host}%{zone}" if zone and "%" not in host else host
