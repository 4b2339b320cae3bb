"""What several tests of a whole gate stand on."""

import pytest

from tests.e2e.harness import effects_in


@pytest.fixture(scope="module")
def effects(tmp_path_factory):
    with effects_in(tmp_path_factory.mktemp("e")) as effects:
        yield effects
