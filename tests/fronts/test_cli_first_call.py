"""``callgate add`` ends with a call that can be answered."""

from pathlib import Path

import msgspec
import pytest

from callgate.flow.views.integrations import ToolView
from tests.fakes.admin import PASSPHRASE, FakeAdmin
from tests.fakes.local_gate import local_gate
from tests.fakes.shown import DISCOVERY
from tests.fronts.cli_help import run, typed

ADD = ("add", "notes", "--url", "https://mcp.example/mcp", "--yes")


def tool(name: str, tier: str, *needs: str) -> ToolView:
    return ToolView(integration="notes", tool=name, tier=tier, say="", manifest="", pinned=False, needs=needs)


@pytest.mark.parametrize(
    ("tools", "said"),
    [
        ((tool("get", "read", "id"), tool("list", "read")), "Try it: callgate call git list '{}'"),
        ((tool("put", "execute"), tool("get", "read", "id")), """Try it: callgate call git get '{"id": "…"}'"""),
        ((tool("x;reboot", "read"),), "Try it: callgate call git 'x;reboot' '{}'"),
        ((tool("put", "execute"),), "None of its tools only looks"),
    ],
)
def test_the_call_that_is_proposed(tmp_path: Path, tools: tuple[ToolView, ...], said: str) -> None:
    admin = FakeAdmin()
    admin.discovery = msgspec.structs.replace(DISCOVERY, integration="notes", tools=tools)
    with local_gate(tmp_path, admin), typed(PASSPHRASE) as reader:
        result = run(*ADD, "--passphrase-fd", reader, "--home", tmp_path)
    assert result.exit_code == 0, result.stderr
    assert said in result.stdout
