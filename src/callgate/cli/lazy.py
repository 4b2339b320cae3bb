"""The one place that imports by name: commands load when they are named, the gate's machinery when it is run.

Loading all of it costs 25 MiB and 0.2 s, and more for the machinery; `callgate token` and `callgate --help` need
none, and a serving gate needs no screens.
"""

import importlib
from types import ModuleType


def load(name: str) -> ModuleType:
    return importlib.import_module(name)
