"""python -m tests.fuzz TARGET [SECONDS]: fuzz one target with atheris, from the kept corpus on.
python -m tests.fuzz TARGET --replay FILE...: play single inputs again; needs no atheris.

What it learns lies in ``.fuzz/<target>``, an input that breaks something in ``.fuzz/found``. atheris is no package of
development's lock: ``make fuzz`` has an environment of its own for it.
"""

import importlib
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
WORK = HERE.parent.parent / ".fuzz"
SLOWEST = 2.0
"""CPU seconds of one input, on any machine."""


def replay(name: str, files: list[str]) -> None:
    """Plays each file once; what breaks is raised as it is, behind the name of its file."""
    targets = importlib.import_module("tests.fuzz.targets").TARGETS
    if name not in targets:
        sys.exit(f"The targets are: {', '.join(sorted(targets))}.")
    if not files:
        sys.exit("Name the files to play: python -m tests.fuzz TARGET --replay FILE...")
    for file in files:
        print(file, flush=True)
        targets[name](Path(file).read_bytes())
    print("all right")


def main(name: str, seconds: int, more: list[str]) -> None:
    # Only fuzzing itself needs it, in an environment of its own.
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["callgate", "tests.fuzz"], enable_loader_override=False):
        targets = importlib.import_module("tests.fuzz.targets").TARGETS
    if name not in targets:
        sys.exit(f"The targets are: {', '.join(sorted(targets))}.")
    target = targets[name]

    def timed(data: bytes) -> None:
        began = time.process_time()
        target(data)
        assert time.process_time() - began < SLOWEST, "too slow"

    learnt, found = WORK / name, WORK / "found"
    learnt.mkdir(parents=True, exist_ok=True)
    found.mkdir(exist_ok=True)
    kept = HERE / "corpus" / name
    options = [
        f"-max_total_time={seconds}",
        "-timeout=20",
        "-rss_limit_mb=2000",
        f"-artifact_prefix={found}/{name}-",
        "-print_final_stats=1",
        f"-dict={HERE / 'words.dict'}",
        *more,
        str(learnt),
        *([str(kept)] if kept.exists() else []),
    ]
    atheris.Setup([sys.argv[0], *options], timed)
    atheris.Fuzz()


if __name__ == "__main__":
    if "--replay" in sys.argv[2:3]:
        replay(sys.argv[1], sys.argv[3:])
        sys.exit()
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 60, sys.argv[3:])
