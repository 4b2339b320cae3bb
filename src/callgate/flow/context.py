"""What a decision was taken on, as it is sealed and read back."""

import msgspec

from callgate.model.call import Call
from callgate.model.decision import Decision
from callgate.model.facts import Facts
from callgate.model.identity import Principal


class Context(msgspec.Struct, frozen=True):
    """What a decision was taken on, sealed beside it so that it can be replayed."""

    facts: Facts
    call: Call | None
    """None at log depth METADATA, and when it is large and was refused."""
    principal: Principal
    tool: str
    decision: Decision
