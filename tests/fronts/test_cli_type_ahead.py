"""A yes counts for what was on the screen when it was typed."""

import asyncio
import threading
from pathlib import Path

from callgate.flow.admin import NewIntegration
from callgate.flow.views.integrations import DiscoveryView
from callgate.model.identity import Presence
from tests.fakes.admin import PASSPHRASE, FakeAdmin
from tests.fakes.local_gate import local_gate
from tests.fronts.test_cli_screens import terminal


class SlowAdmin(FakeAdmin):
    """Looks at a server until it is told to end."""

    def __init__(self) -> None:
        super().__init__()
        self.enough = threading.Event()

    async def look_at_integration(self, by: Presence, want: NewIntegration) -> DiscoveryView:
        for _ in range(3_000):
            if self.enough.is_set():
                break
            await asyncio.sleep(0.01)
        return await super().look_at_integration(by, want)


def test_a_yes_that_was_typed_before_the_question_is_none(tmp_path: Path) -> None:
    admin = SlowAdmin()
    words = ("add", "git", "--stdio", "mcp-server-git")
    with local_gate(tmp_path, admin), terminal(*words, CALLGATE_HOME=str(tmp_path)) as shown:
        shown.until("Passphrase of ana: ")
        shown.type(f"{PASSPHRASE}\n")
        shown.until("Connecting git")
        shown.type("y\n")
        admin.enough.set()
        shown.until("[y/N]")
        shown.type("n\n")
        code, seen = shown.end()
    assert code == 1, seen
    assert [act[0] for act in admin.acts] == ["look_at_integration"]
