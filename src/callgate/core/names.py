"""Names of integrations: they stand in URLs, file names and policies."""

import re

_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")


def integration_name_problem(name: str) -> str:
    """Why this cannot be an integration's name; empty: it can."""
    if not _NAME.fullmatch(name):
        return "A name is 1 to 40 of a-z, 0-9 and dash, and starts with a letter."
    return "Names beginning with callgate are reserved." if name.startswith("callgate") else ""
