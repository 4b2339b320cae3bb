"""The URL of a gate, as people give it."""

from callgate.cli.outcome import CommandError
from callgate.cli.text import safe
from callgate.core.inventory.secrecy import origin


def base_url(given: str) -> str:
    """Without the endpoint at its end. Raises CommandError for what is no URL."""
    url = given.rstrip("/").removesuffix("/mcp")
    if not url.startswith(("https://", "http://")) or not origin(url):
        raise CommandError(f"--gate is no URL: {safe(given)}", "Name the gate as in https://callgate.example")
    return url
