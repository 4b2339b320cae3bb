"""Tells the service manager how the process is (sd_notify(3)): a datagram to the socket it names."""

import socket


class Notifier:
    def __init__(self, address: str) -> None:
        """``address``: NOTIFY_SOCKET, a path or, with ``@`` first, an abstract name; empty: nobody asked."""
        self._address = f"\0{address[1:]}" if address.startswith("@") else address

    def say(self, *lines: str) -> bool:
        """False when nobody asked or hears it: that is nothing to stop for."""
        if not self._address:
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
                link.sendto("\n".join(lines).encode(), self._address)
        except OSError:
            return False
        return True
