"""A practice server in this process, called as its wire calls it."""

import json
from typing import Any

from callgate_practice import servers
from callgate_practice.compare import compare, snapshot


class At:
    def __init__(self, server: str, seed: int = 1, path: str = ":memory:", *, reset: bool = False) -> None:
        self.tools = servers.toolset(server)
        self.world = servers.world(self.tools, path, seed, reset=reset)

    def call(self, tool: str, /, **given: Any) -> dict[str, Any]:
        """The whole result; must not be an error."""
        result = self.tools.call(self.world, tool, given)
        assert not result.get("isError") and '"status":"error"' not in str(result)[:80], result
        return result

    def text(self, tool: str, /, **given: Any) -> str:
        return self.call(tool, **given)["content"][0]["text"]

    def json(self, tool: str, /, **given: Any) -> Any:
        return json.loads(self.text(tool, **given))

    def fails(self, tool: str, /, **given: Any) -> str:
        """What it says, and nothing changed."""
        before = self.everything()
        result = self.tools.call(self.world, tool, given)
        assert result == self.tools.fail(result["content"][0]["text"]), result
        assert self.everything() == before
        return result["content"][0]["text"]

    def everything(self) -> Any:
        return snapshot(self.world)

    def state(self) -> Any:
        return snapshot(self.world, self.tools.volatile)

    def changes(self, before: Any) -> list[tuple[str, str, str]]:
        return changes_between(before, self.state())


def changes_between(before: Any, after: Any) -> list[tuple[str, str, str]]:
    """(made, gone or changed; kind; id) of each object."""
    return [(row["change"], row["kind"], row["id"]) for row in compare(before, after)]
