"""Where a run took place: cores, Python and how it was built, and what this disk takes to make 4 KiB durable."""

import datetime as dt
import os
import platform
import statistics
import sys
import sysconfig
import tempfile
import time
from pathlib import Path


def fdatasync_us(folder: Path | None = None, count: int = 100) -> float:
    """Median microseconds of one fdatasync after 4 KiB."""
    block, times = b"r" * 4096, []
    with tempfile.NamedTemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(count):
            start = time.perf_counter()
            file.write(block)
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


def is_pgo() -> bool:
    """Whether this Python was built with profile-guided optimisation."""
    built = " ".join(str(sysconfig.get_config_var(name) or "") for name in ("CONFIG_ARGS", "PY_CFLAGS"))
    return "--enable-optimizations" in built or "-fprofile-use" in built


def machine(folder: Path | None = None) -> dict:
    """What results are printed with."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    return {
        "date": dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "memory_gib": memory,
        "python": platform.python_version(),
        "pgo": is_pgo(),
        "load_before": round(os.getloadavg()[0], 2),
        "fdatasync_us": round(fdatasync_us(folder)),
    }


def line(command: str = "", folder: Path | None = None) -> str:
    """The same as two lines of text, with the command that was run."""
    found = machine(folder)
    built = "with" if found["pgo"] else "without"
    return (
        f"{command or 'python -m benchmarks'}, {found['date']}\n"
        f"{found['cores']} cores ({found['machine']}), {found['memory_gib']} GiB, Python {found['python']} {built} "
        f"profile-guided optimisation, fdatasync of 4 KiB {found['fdatasync_us']} us, load before {found['load_before']}"
    )


def command() -> str:
    """This process's command as one would type it, without the folders it was told to use."""
    main = sys.modules["__main__"].__spec__
    words, folders = iter(sys.argv[1:]), ("--raw", "--folder", "--results")
    said = [word for word in words if word not in folders or next(words, None) is None]
    return " ".join([f"python -m {main.name}" if main else Path(sys.argv[0]).name, *said])
