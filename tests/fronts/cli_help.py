"""What the command's tests share: run it in this process against a fake gate, hand it a passphrase."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from typer.testing import CliRunner, Result

from callgate.cli.index import app


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
