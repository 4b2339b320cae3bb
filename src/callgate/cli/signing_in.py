"""Getting a token for a runtime and keeping it."""

from callgate.cli.client import Gate, decode
from callgate.cli.people import Person
from callgate.cli.token_store import KeptToken, keep
from callgate.flow.admin import TokenRequest
from callgate.flow.views.people import TokenView


def sign_in(gate: Gate, by: Person, want: TokenRequest) -> TokenView:
    found = decode(gate.act("tokens", by=by, act=want), TokenView)
    keep(
        KeptToken(
            runtime=found.runtime,
            account=found.account,
            token=found.token,
            credential=found.credential,
            expires_ms=found.expires_ms,
            endpoint=found.endpoint,
            home=gate.place,
        )
    )
    return found
