"""All upstreams of one tenant."""

import asyncio
import logging
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from callgate.adapters.upstream.budget import Budget
from callgate.adapters.upstream.http import HttpUpstream
from callgate.adapters.upstream.stdio import StdioUpstream
from callgate.adapters.upstream.wire import MAX_MESSAGE
from callgate.flow.ports import Clock
from callgate.model.errors import ConfigError
from callgate.model.tool import Integration

SecretResolver = Callable[[str], str]
"""Reference to value; ConfigError names the reference."""

MAX_ANSWERS = 256 * 1024 * 1024
"""Bytes of large answers under way, over all integrations."""
GRACE_SECONDS = 30.0
"""How long an upstream whose integration changed may finish what is under way."""


class Pool:
    """``folder`` holds one folder per stdio integration; ``hidden`` paths are never opened to a stdio server."""

    def __init__(
        self,
        resolve: SecretResolver,
        clock: Clock,
        log: logging.Logger,
        *,
        folder: Path | None = None,
        hidden: tuple[Path, ...] = (),
        changed: Callable[[str], None] | None = None,
        answers: int = MAX_ANSWERS,
        answer: int = MAX_MESSAGE,
    ) -> None:
        """``changed`` is told the integration's name when its lists may read otherwise now: the server says so, ended,
        forgot a session or could not be reached. ``answers`` and
        ``answer``: bytes of all large answers over HTTP under way, and of one answer.
        """
        self._resolve = resolve
        self._clock = clock
        self._log = log
        self._folder = folder
        self._hidden = hidden
        self._changed = changed
        self._budget = Budget(answers, answer)
        self._made: dict[str, HttpUpstream | StdioUpstream] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._new_folders: dict[str, Path] = {}
        """Of stdio servers that had none when they were first asked for."""

    def of(self, integration: Integration) -> HttpUpstream | StdioUpstream:
        """ConfigError when it is neither HTTP nor stdio; whatever else is wrong shows when it is used."""
        found = self._made.get(integration.name)
        if found is not None:
            if found.integration is integration or found.integration == integration:
                return found
            self._let_go(found)
        made = self._made[integration.name] = self._make(integration)
        return made

    def limit(self, answers: int, answer: int) -> None:
        """New limits, as at the start; for what is under way too."""
        self._budget.resize(answers, answer)
        for upstream in self._made.values():
            if isinstance(upstream, StdioUpstream):
                upstream.limit(answer)

    def _make(self, integration: Integration) -> HttpUpstream | StdioUpstream:
        if bool(integration.url) == bool(integration.command):
            raise ConfigError("An integration has either a url or a command.", key=integration.name)
        if integration.url:
            over_http = HttpUpstream(integration, self._resolve, self._log, self._budget)
            if self._changed is not None:
                over_http.on_changed = partial(self._changed, integration.name)
            return over_http
        if self._folder is None:
            raise ConfigError("There is no folder for stdio servers.", key=integration.name)
        if not (self._folder / integration.name).exists():
            self._new_folders[integration.name] = self._folder / integration.name
        made = StdioUpstream(
            integration,
            self._resolve,
            self._clock,
            self._log,
            folder=self._folder,
            hidden=self._hidden,
            most=self._budget.most,
        )
        if self._changed is not None:
            made.on_changed = partial(self._changed, integration.name)
        return made

    def _let_go(self, upstream: HttpUpstream | StdioUpstream) -> None:
        task = asyncio.get_running_loop().create_task(upstream.retire(GRACE_SECONDS))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def drop(self, name: str) -> None:
        self._new_folders.pop(name, None)
        found = self._made.pop(name, None)
        if found is not None:
            await found.close()

    async def forget(self, name: str) -> None:
        """As ``drop``, with the folder that a stdio server got for this look."""
        folder = self._new_folders.pop(name, None)
        await self.drop(name)
        if folder is not None:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def close(self) -> None:
        made, self._made = list(self._made.values()), {}
        for task in self._leaving:
            task.cancel()
        await asyncio.gather(*self._leaving, *(upstream.close() for upstream in made), return_exceptions=True)
