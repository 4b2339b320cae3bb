"""What the command's tests share: run it in this process against a fake gate, hand it a passphrase."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from typer.testing import CliRunner, Result

from callgate.cli.index import app
from tests.fakes.admin import FakeAdmin


def run(*words: object, stdin: str | None = None, env: dict[str, str | None] | None = None) -> Result:
    """Faults of ours end in exit codes; anything else is raised here."""
    result = CliRunner().invoke(app, [str(word) for word in words], input=stdin, env=env)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@contextmanager
def typed(*lines: str) -> Iterator[int]:
    """A descriptor that holds the lines."""
    reader, writer = os.pipe()
    os.write(writer, "".join(f"{line}\n" for line in lines).encode())
    os.close(writer)
    try:
        yield reader
    finally:
        os.close(reader)


class FakeGate:
    """A gate that listens, and the command beside it."""

    def __init__(self, home: Path, admin: FakeAdmin) -> None:
        self.home = home
        self.admin = admin

    def run(
        self,
        *words: object,
        passphrase: str | None = None,
        stdin: str | None = None,
        env: dict[str, str | None] | None = None,
    ) -> Result:
        if passphrase is None:
            return run(*words, "--home", self.home, env=env, stdin=stdin)
        with typed(passphrase) as fd:
            return run(*words, "--home", self.home, "--passphrase-fd", fd, env=env, stdin=stdin)
