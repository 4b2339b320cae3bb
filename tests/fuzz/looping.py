"""One event loop for all targets: one for each input would cost more than the input."""

import asyncio
import atexit
import functools
from collections.abc import Coroutine
from typing import Any, TypeVar

Found = TypeVar("Found")


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    made = asyncio.new_event_loop()
    atexit.register(made.close)
    return made


def run(work: Coroutine[Any, Any, Found]) -> Found:
    return _loop().run_until_complete(work)
