"""What several tests of properties stand on."""

import pytest

from callgate.app import inventory


@pytest.fixture(scope="module")
def no_catalogue():
    """Reading all manifests takes a second, each time."""
    kept = inventory.known_tools
    inventory.known_tools = dict
    yield
    inventory.known_tools = kept
