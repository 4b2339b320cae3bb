"""The ``callgate`` command. Exit codes: 0 done, 1 the answer is no, 2 usage or no gate, 3 somebody must answer first."""

import sys

from callgate.cli.lazy import load
from callgate.cli.outcome import CommandError, complain
from callgate.cli.quick import run
from callgate.model.errors import CallgateError


def main() -> None:
    try:
        code = run(sys.argv[1:])
    except (CommandError, CallgateError) as fault:
        code = complain(fault)
    sys.exit(load("callgate.cli.index").app(prog_name="callgate") if code is None else code)
