"""What is copied from a terminal, an address or a folder, is whole there, however narrow it is; what is many is cut."""

import json
from pathlib import Path

import msgspec
import pytest

from callgate.flow.views.gate import StatusView
from callgate.flow.views.integrations import IntegrationView
from tests.fakes.admin import FakeAdmin
from tests.fakes.local_gate import local_gate
from tests.fakes.shown import INTEGRATION, STATUS
from tests.fronts.cli_help import run
from tests.fronts.test_cli_screens import terminal

URL = "https://mcp.docs.eu-central-1.example-company.internal/tools/v2/mcp?workspace=marketing"
FOLDER = "/srv/company/departments/marketing/services/governance/callgate/home-of-the-gate"
NOTED = msgspec.structs.replace(INTEGRATION, name="docs", where=URL, manifest="", actor="svc-marketing@example.com")


class LongAdmin(FakeAdmin):
    """A gate whose addresses and folders are long."""

    def __init__(self, *where: str) -> None:
        super().__init__()
        self.rows = tuple(
            msgspec.structs.replace(NOTED, name=f"docs{number}", where=one) for number, one in enumerate(where)
        )

    async def integrations(self) -> tuple[IntegrationView, ...]:
        return self.rows

    async def status(self) -> StatusView:
        return msgspec.structs.replace(STATUS, home=FOLDER, endpoint=URL, integrations=self.rows)


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("words", [("integrations", "list"), ("status",)], ids=" ".join)
def test_an_address_is_whole(tmp_path: Path, words: tuple[str, ...], columns: int) -> None:
    with (
        local_gate(tmp_path, LongAdmin(URL, "mcp-server-git")),
        terminal(*words, columns=columns, CALLGATE_HOME=str(tmp_path), NO_COLOR="1") as shown,
    ):
        code, seen = shown.end()
    assert code == 0, seen
    assert f"{URL}\n" in "\n".join(line.rstrip() for line in seen.splitlines())
    assert "docs0" in seen
    assert "docs1" in seen
    if words == ("status",):
        assert FOLDER in seen
        assert f"{URL}/<integration>" in seen


class DoubtfulAdmin(FakeAdmin):
    """A gate that was killed under load."""

    async def status(self) -> StatusView:
        doubts = (msgspec.structs.replace(STATUS.doubts[0], call=f"call-{number}-") for number in range(31))
        return msgspec.structs.replace(STATUS, doubts=tuple(doubts))


def test_many_calls_in_doubt_do_not_flood_the_screen(tmp_path: Path) -> None:
    with local_gate(tmp_path, DoubtfulAdmin()):
        shown = run("status", "--home", tmp_path).stdout
        whole = json.loads(run("status", "--json", "--home", tmp_path).stdout)
    assert shown.count("may have happened") == 10
    assert "call-30-" in shown
    assert "In doubt besides: 21 older calls. See: callgate status --json" in shown
    assert len(whole["doubts"]) == 31
