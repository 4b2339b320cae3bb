"""CPU by stage inside one process, by sampling: nothing is wrapped, so the measured calls cost what they cost.

A timer of the process's CPU time interrupts the loop's thread. What that thread used since the sample before, on its
own clock, goes to the stage that it is found in: the innermost function of its stack that ``stage_names`` knows. The
chain of awaiting coroutines is part of that stack. Other threads are read from their own clocks.
"""

import importlib
import json
import signal
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from types import CodeType, FrameType

from benchmarks.stage_names import DECIDED, FINISHED, REST, STAGES

SAID = "sampler: "
"""Before what is answered, since a gate prints other things too."""
EVERY_S = 0.001
"""Of CPU; the kernel's tick makes it longer."""


class Sampler:
    def __init__(self) -> None:
        self.own: dict[str, int] = defaultdict(int)
        """Nanoseconds by stage."""
        self.functions: dict[CodeType, int] = defaultdict(int)
        """Nanoseconds by the function that ran."""
        self.missing: list[str] = []
        self._stages: dict[CodeType, str] = {}
        self._mark = 0
        self._begun: dict[str, float] = {}

    def install(self) -> None:
        """From the main thread, before others start: they keep the signal blocked."""
        for module, name, stage in STAGES:
            code = _code(module, name)
            if code is None:
                self.missing.append(f"{module}.{name}")
            else:
                self._stages[code] = stage
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPROF})
        signal.signal(signal.SIGPROF, self._sample)
        signal.signal(signal.SIGUSR1, self._begin)
        threading.Thread(target=self._listen, name="sampler", daemon=True).start()

    def stage(self, frame: FrameType | None) -> str:
        found = ""
        while frame is not None:
            here = self._stages.get(frame.f_code)
            if here is not None:
                # The one way to write serves both commits: whose it is stands further out.
                if here is not DECIDED and not (found and here is not FINISHED):
                    return here
                found = found or here
            frame = frame.f_back
        return found or REST

    def _begin(self, *_) -> None:
        """In the main thread, whose mask it changes."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPROF})
        self.own.clear()
        self.functions.clear()
        self._mark = time.thread_time_ns()
        signal.setitimer(signal.ITIMER_PROF, EVERY_S, EVERY_S)

    def _sample(self, _signal: int, frame: FrameType | None) -> None:
        now = time.thread_time_ns()
        used = now - self._mark
        self.own[self.stage(frame)] += used
        if frame is not None:
            self.functions[frame.f_code] += used
        # What the sample itself costs belongs to no stage.
        self._mark = time.thread_time_ns()

    def _listen(self) -> None:
        """A line on stdin starts over, the next is answered on stdout, and so on."""
        for count, _ in enumerate(sys.stdin):
            if count % 2 == 0:
                signal.raise_signal(signal.SIGUSR1)
                self._begun = _threads()
                said = {"missing": self.missing}
            else:
                ended = _threads()
                signal.setitimer(signal.ITIMER_PROF, 0)
                threads = {name: used - self._begun.get(name, 0.0) for name, used in ended.items()}
                own = {stage: used / 1e9 for stage, used in self.own.copy().items()}
                functions = {_name(code): used / 1e9 for code, used in self.functions.copy().items()}
                said = {"own": own, "functions": functions, "threads": threads}
            print(SAID + json.dumps(said), flush=True)


def _code(module: str, name: str) -> CodeType | None:
    """Of a function, or of a class's method."""
    found: object = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return getattr(found, "__code__", None)


def _name(code: CodeType) -> str:
    path = code.co_filename
    for root in (*sys.path, str(Path.cwd())):
        # The longest root that leads to it: what is left is its place in a package.
        if root and code.co_filename.startswith(f"{root}/"):
            path = min(path, code.co_filename.removeprefix(f"{root}/"), key=len)
    return f"{path}:{code.co_qualname}"


def _threads() -> dict[str, float]:
    """CPU seconds by thread, and of the process."""
    used = {"process": time.process_time()}
    for thread in threading.enumerate():
        name = "loop" if thread is threading.main_thread() else thread.name
        clock = time.pthread_getcpuclockid(thread.ident)
        used[name] = used.get(name, 0.0) + time.clock_gettime(clock)
    return used
