"""What is said of a server that cannot be reached: the cause, and what to do."""

import msgspec
import pytest

from callgate.flow.reaching import last_lines, lost
from callgate.model.errors import UpstreamError
from callgate.model.tool import Integration
from tests.fakes.house import ALL_ROLES, run
from tests.fakes.onboarding import NOTES, house_with, want


def caused(code, cause=None, message="The server could not be reached; nothing was sent."):
    fault = UpstreamError(message, code=code)
    fault.__cause__ = cause
    return fault


class SSLCertVerificationError(OSError):
    """By its name alone, as the flow knows it."""


@pytest.mark.parametrize(
    ("integration", "fault", "said"),
    [
        (NOTES, caused("unauthorized"), ("wants credentials", "env:NOTES_TOKEN", "file:/")),
        (
            msgspec.structs.replace(NOTES, headers={"X-Key": "env:KEY"}),
            caused("forbidden"),
            ("refused the credential", "X-Key=env:KEY"),
        ),
        (NOTES, caused("not_found"), ("/mcp",)),
        (NOTES, caused("outcome_unknown"), ("not as an MCP server",)),
        (NOTES, caused("address_refused"), ("--allow-private",)),
        (NOTES, caused("not_sent", ConnectionRefusedError()), ("nothing listens there",)),
        (NOTES, caused("not_sent", SSLCertVerificationError()), ("certificate is not trusted",)),
        (NOTES, caused("not_sent", TimeoutError()), ("does not answer in time",)),
        (
            Integration(name="notes", actor="local", command=("nothing-here",)),
            caused("not_sent", message="The server cannot start. command: The command nothing-here is not there."),
            ("nothing-here is not there", "whole path"),
        ),
        (
            Integration(name="notes", actor="local", command=("server",)),
            caused("not_sent", TimeoutError()),
            ("said nothing of MCP", "Is it an MCP server", "No module named x"),
        ),
        (
            Integration(name="notes", actor="local", command=("server",)),
            caused("not_sent"),
            ("Run the command by hand", "--readable", "Traceback", "No module named x"),
        ),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(integration, fault, said):
    async def check():
        house, server = await house_with(integration=integration)
        server.stderr_tail = b"Traceback (most recent call last):\n\nNo module named x\n"

        async def fails():
            raise fault

        server.discover = fails
        with pytest.raises(UpstreamError) as caught:
            await house.admin.look_at_integration(house.presence(roles=ALL_ROLES), want(integration))
        words = " ".join((str(caught.value), caught.value.hint, *caught.value.said))
        for one in said:
            assert one in words, words
        assert house.forgotten == ["notes"]

    run(check())


@pytest.mark.parametrize(
    ("stderr", "lines"),
    [
        (b"a\nb\na\nb\n", ("a", "b")),
        (b"a\n\na\nb\n", ("a", "a", "b")),
        (b"", ()),
        (b"\xff\x1b[31m\n", ("\ufffd\\u{1b}[31m",)),
        (b"".join(b"%d\n" % n for n in range(50)), tuple(str(n) for n in range(38, 50))),
    ],
)
def test_the_last_lines_of_a_server(stderr, lines):
    assert last_lines(stderr) == lines


def test_a_server_that_was_connected_before_is_not_blamed_on_what_was_typed():
    found = lost(NOTES, caused("not_sent", ConnectionRefusedError()), b"")
    assert "nothing listens there" in found.message
    assert "--url" not in found.hint
    assert "tries again" in found.hint
