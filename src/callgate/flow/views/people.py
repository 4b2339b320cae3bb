"""The people of a gate and the tokens of their assistants, as people are shown it."""

from callgate.model.base import Fact


class TokenView(Fact, frozen=True):
    """A token just issued: the only time it is seen."""

    token: str
    credential: str
    account: str
    runtime: str
    expires_ms: int
    endpoint: str
    """URL of the gate up to the integration's name, e.g. ``http://127.0.0.1:8700/mcp``."""
    task: str = ""
    integrations: tuple[str, ...] = ()


class AccountView(Fact, frozen=True):
    subject: str
    name: str
    roles: tuple[str, ...]
    team: str
    created_ms: int
    disabled: bool = False
