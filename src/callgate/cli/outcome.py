"""How a command ends: exit codes, and the one line on stderr when it cannot go on."""

import sys
from enum import IntEnum

from callgate.cli.text import safe
from callgate.model.errors import CallgateError


class Exit(IntEnum):
    OK = 0
    NO = 1
    """The answer is no: denied, does not verify, a case failed."""
    USAGE = 2
    """The command, a file or the gate must change first; also: no gate is running."""
    PENDING = 3
    """Somebody must answer first."""


class CommandError(Exception):
    """Ends the command. ``message`` says what is wrong, ``hint`` the next step; no traceback is shown."""

    def __init__(
        self, message: str, hint: str = "", exit_code: Exit = Exit.USAGE, *, said: tuple[str, ...] = ()
    ) -> None:
        """``said``: lines of a server, shown below."""
        super().__init__(message)
        self.hint = hint
        self.said = said
        self.exit_code = exit_code


class NoGateError(CommandError):
    """No gate runs on the home."""


def complain(fault: CommandError | CallgateError) -> Exit:
    """Writes the line and says how to end. A fault of our own rooms is a file or a setting to change."""
    line = " ".join(part for part in (str(fault), fault.hint) if part)
    sys.stderr.write(f"callgate: {safe(line)}\n")
    if fault.said:
        sys.stderr.write("What the server said last:\n")
        sys.stderr.writelines(f"  {safe(one)}\n" for one in fault.said)
    return fault.exit_code if isinstance(fault, CommandError) else Exit.USAGE
