"""Practice servers in processes of their own, for tests that need one behind a gate."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CALLGATE = Path(sys.prefix) / "bin" / "callgate"
WAIT_S = 60


def practice(*words: object) -> subprocess.CompletedProcess[str]:
    done = [str(CALLGATE), "practice", *map(str, words)]
    return subprocess.run(done, capture_output=True, text=True, timeout=WAIT_S, check=False, stdin=subprocess.DEVNULL)


class Kept:
    """A world in a file, as it was at first and as it is now. ``command`` starts its server on stdio."""

    def __init__(self, folder: Path, server: str, seed: int = 1) -> None:
        self.server = server
        self.state = folder / server
        self.before = folder / f"{server}.json"
        begun = practice(server, "--state", self.state, "--seed", seed)
        assert begun.returncode == 0, begun.stderr
        self.mark()

    @property
    def command(self) -> str:
        return f"{CALLGATE} practice {self.server} --state {self.state}"

    def mark(self) -> None:
        """Changes count from here."""
        self.before.write_text(practice("snapshot", self.state).stdout)

    def rows(self) -> list[dict[str, Any]]:
        """What changed, member by member."""
        return json.loads(practice("compare", self.before, self.state, "--json").stdout)

    def changes(self) -> list[tuple[str, str]]:
        """(made, gone or changed; kind) of each object."""
        return [(row["change"], row["kind"]) for row in self.rows()]

    @contextmanager
    def over_http(self) -> Iterator[str]:
        """The URL of its server."""
        words = [str(CALLGATE), "practice", self.server, "--http", "0", "--state", str(self.state)]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            process.communicate(timeout=WAIT_S)
