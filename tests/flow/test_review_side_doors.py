"""What is relayed beside calls lets nothing through that a call would not."""

from typing import Any

import pytest

from callgate.model.errors import UpstreamError
from tests.fakes.house import open_house, run

AWAY = {"mode": "url", "message": "Sign in", "url": "https://evil.example/", "elicitationId": "e"}


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        ({"code": -32602, "message": "no such level"}, True),
        ({"code": -32042, "message": "x", "data": {"elicitations": [AWAY]}}, False),
        ({"code": -32042, "message": "x", "data": {"elicitations": "odd"}}, False),
    ],
)
def test_setting_a_level_sends_nobody_anywhere(error: dict[str, Any], passes: bool) -> None:
    async def check() -> None:
        house = await open_house(answer=lambda _: [{"error": error}])
        asked = house.gatehouse.set_level(house.credential(), "git", "info", "up-1", "2025-11-25")
        if passes:
            assert b"no such level" in (await asked)[1]
            return
        with pytest.raises(UpstreamError) as fault:
            await asked
        assert fault.value.code == "not_governed"

    run(check())
