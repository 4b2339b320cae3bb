"""The base of every noun."""

import msgspec


class Fact(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A value that never changes after it is made.

    Subclasses repeat ``frozen=True`` (type checkers want it) and hold tuples and frozensets, never lists.
    Where a JSON object is held (arguments), nobody writes to it after construction. Made of values that exist before
    it, a fact is in no cycle, so the collector need not look at it.
    """
