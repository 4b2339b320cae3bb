"""The tools of one practice server, and how one is called."""

import sqlite3
from collections.abc import Callable
from typing import NamedTuple

from callgate_practice import arguments
from callgate_practice.arguments import Parameter
from callgate_practice.reply import JSON, ToolFailure, failed
from callgate_practice.world import World

Run = Callable[[World, JSON], JSON]
HINTS = {"r": "readOnlyHint", "d": "destructiveHint", "i": "idempotentHint", "o": "openWorldHint"}
MISFITS = (AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What comes of members deep in the arguments that are of another shape than the schema could say."""
WRAPPED: JSON = {"type": "object", "properties": {"result": {"type": "string"}}, "required": ["result"]}
"""Output schema of servers that wrap prose in an object."""


class PracticeTool(NamedTuple):
    """One tool: what clients see, and what it does."""

    name: str
    say: str
    arguments: tuple[Parameter, ...]
    hints: str
    output: JSON | None
    run: Run

    def definition(self) -> JSON:
        found: JSON = {
            "name": self.name,
            "description": self.say,
            "inputSchema": arguments.schema(self.arguments),
        }
        if self.hints:
            pairs = zip(self.hints[::2], self.hints[1::2], strict=True)
            found["annotations"] = {HINTS[letter]: sign == "+" for letter, sign in pairs}
        if self.output is not None:
            found["outputSchema"] = self.output
        return found


class Toolset:
    """``server``: its name in practice; ``catalog``: files of the definitions that its names come from.

    ``populate`` makes the default world; ``volatile`` are members that every change moves (times, versions), which a
    comparison leaves out. ``fail``: how a refusal looks; one vendor's says it in the text alone.
    """

    def __init__(
        self,
        server: str,
        title: str,
        populate: Callable[[World], None],
        *,
        catalog: tuple[str, ...],
        volatile: frozenset[str] = frozenset(),
        fail: Callable[[str], JSON] = failed,
    ) -> None:
        self.server = server
        self.title = title
        self.populate = populate
        self.catalog = catalog
        self.volatile = volatile
        self.fail = fail
        self.tools: dict[str, PracticeTool] = {}

    def tool(
        self, name: str, say: str, takes: str = "", hints: str = "", output: JSON | None = None
    ) -> Callable[[Run], Run]:
        """Declares the function below it. ``hints``: r, d, i, o for the four annotations, each with + or -."""

        def declare(run: Run) -> Run:
            self.tools[name] = PracticeTool(name, say, arguments.parse(takes), hints, output, run)
            return run

        return declare

    def call(self, world: World, name: str, given: JSON) -> JSON:
        """The result of ``tools/call``; KeyError for a tool that there is not. A failed call changes nothing."""
        tool = self.tools[name]
        try:
            with world.call():
                arguments.check(tool.arguments, given)
                return tool.run(world, given)
        except ToolFailure as fault:
            return self.fail(str(fault))
        except MISFITS as fault:
            return self.fail(f"invalid arguments ({type(fault).__name__})")
        except sqlite3.OperationalError as fault:
            return self.fail(f"the state of the practice server: {fault}")
