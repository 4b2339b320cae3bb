"""How the community's server fails, and what all its tools are told."""

from callgate_practice.reply import JSON, ToolFailure
from callgate_practice.toolset import WRAPPED

OUTPUT = WRAPPED
LOOK, MAKE, CHANGE = "r+d-i+o+", "r-d-i-o+", "r-d+i-o+"


def api_error(tool: str, status: int, why: str) -> ToolFailure:
    return ToolFailure(f"Error calling tool '{tool}': API error in {tool}: <HttpError {status} returned \"{why}\">")


def account(tool: str, given: JSON, known: tuple[str, ...]) -> str:
    """The account that the call names. Raises ToolFailure for one that never signed in here."""
    email = str(given["user_google_email"])
    if email not in known:
        raise ToolFailure(f"Error calling tool '{tool}': Authentication needed for {email}")
    return email
