"""Every benchmark, one after the other: raw figures to benchmarks/raw/, what one reads to benchmarks/results.txt.

    python -m benchmarks.all [--seconds 4] [--minutes 10] [--only calls,lists]

A part that fails is said in its place, and the rest goes on; parts that are not asked for stay as they are in the file,
each with its own date. Progress goes to stderr.
"""

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.machine import command, line
from benchmarks.running import HERE, ROOT, options, progress

PARTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "calls": ("Calls, side by side", ("--peers", "--rounds", "3")),
    "answers": ("Answers as JSON and SSE, upstream over HTTP and stdio", ()),
    "endpoints": ("One integration's endpoint and the one for all", ()),
    "lists": ("tools/list", ()),
    "growth": ("A ledger that grows", ()),
    "stages": ("Where a call's CPU goes", ("--compare",)),
    "memory": ("Memory under load, and with idle sessions", ()),
    "store": ("The store alone", ()),
    "store_start": ("The start of a store with a million events", ()),
}
ALONE = ("store", "store_start")
"""Take no arguments of the others."""


def arguments(part: str, asked: argparse.Namespace) -> list[str]:
    given = [*PARTS[part][1]]
    if part in ALONE:
        return given
    given += ["--cores", asked.cores, "--raw", str(asked.raw), "--warm", f"{asked.warm:g}"]
    if asked.many:
        given += ["--many", asked.many]
    if asked.folder:
        given += ["--folder", str(asked.folder)]
    return given + (["--minutes", f"{asked.minutes:g}"] if part == "memory" else ["--seconds", f"{asked.seconds:g}"])


def run(part: str, asked: argparse.Namespace) -> tuple[str, bool]:
    """(its text, whether it ended well)."""
    program = [sys.executable, "-m", f"benchmarks.{part}", *arguments(part, asked)]
    done = subprocess.run(program, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    title = f"# {PARTS[part][0]}"
    failed = f"\nbenchmarks.{part} ended with {done.returncode}; what stands above is not all of it\n"
    lines = "\n".join(one.rstrip() for one in done.stdout.splitlines()).strip()
    return f"{title}\n{lines}\n{failed if done.returncode else ''}\n", not done.returncode


def kept(results: str) -> dict[str, str]:
    """The texts of an earlier run, by part."""
    blocks = [f"# {block}" for block in re.split(r"^# ", results, flags=re.MULTILINE)[1:]]
    return {part: block for block in blocks for part, (title, _) in PARTS.items() if block.startswith(f"# {title}\n")}


def main() -> int:
    parser = options(__doc__, many="")
    parser.add_argument("--minutes", type=float, default=10, help="of load, for memory")
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--results", type=Path, default=HERE / "results.txt")
    asked = parser.parse_args()
    head, well, begun = line(command(), asked.folder), True, time.monotonic()
    texts = kept(asked.results.read_text() if asked.results.exists() else "")
    for part in asked.only.split(","):
        progress(f"== {part}, {time.monotonic() - begun:.0f} s since the start")
        texts[part], good = run(part, asked)
        well = well and good
        print(texts[part], flush=True)
        asked.results.write_text("\n\n".join([head, *(texts[one].strip() for one in PARTS if one in texts)]) + "\n")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
