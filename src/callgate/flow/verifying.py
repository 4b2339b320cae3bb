"""Reading all of a ledger against its tree and its signatures, also one that contradicts itself."""

import asyncio
from collections.abc import AsyncIterator

from callgate.core.ledger.tree import WIDTH
from callgate.flow.ports import Store
from callgate.flow.views.ledger import VerifyEnd, VerifyStep
from callgate.model.errors import InputError, IntegrityError
from callgate.offline.verify_ledger import LedgerCheck, LogKey, Unusable

STEP = 20_000
_EVERY = 10_000_000


async def verified(store: Store, origin: str, key: str, note: str) -> AsyncIterator[VerifyStep | VerifyEnd]:
    """Steps, then one end. ``key``: the log's verifier key. ``note``: a checkpoint kept elsewhere; may be empty.

    InputError ``bad_checkpoint``: the note is none of this ledger.
    """
    # Checkpoints before the frontier: one that is signed in between would look like a cut end.
    notes = [row.note for row in await store.checkpoints(limit=_EVERY)]
    size, root = await _end(store)
    try:
        check = LedgerCheck(LogKey.parse(key), origin, store.tenant, notes, kept=note)
    except Unusable as fault:
        raise InputError(str(fault), code="bad_checkpoint", hint="Pass a checkpoint of this very ledger.") from fault
    for start in range(0, size, WIDTH):
        number, end = start // WIDTH, min(start + WIDTH, size)
        # Where some are missing, later ones come in their place.
        found = {leaf.index: leaf for leaf in await store.leaves(start, end - start) if leaf.index < end}
        tile = await store.tile(0, number) if end - start == WIDTH else None
        if tile is None and len(found) == end - start:
            # No tile covers the newest events yet: their own stored hashes tell which one was edited.
            tile = b"".join(found[index].hash for index in range(start, end))
        if tile is not None:
            check.tile(number, tile)
        data = [found[index].data if index in found else None for index in range(start, end)]
        await asyncio.to_thread(_add, check, data)
        for full in check.take_tiles():
            check.compare_tile(full, await store.tile(full[0], full[1]))
        if start % STEP < WIDTH:
            yield VerifyStep(checked=start, of=size)
    report = check.finish(size, root)
    flaw = report.first
    yield VerifyEnd(
        ok=report.ok,
        events=report.size,
        root=report.root,
        consistency=report.consistency,
        bad_index=flaw.index if flaw else -1,
        bad_event=flaw.event if flaw else "",
        problem=flaw.text if flaw else "",
    )


async def _end(store: Store) -> tuple[int, bytes]:
    """Size and root as the store has them, also when its head contradicts the events."""
    try:
        frontier = await store.frontier()
    except IntegrityError:
        head = await store.head()
        return head.size, head.root
    return frontier.size, frontier.root()


def _add(check: LedgerCheck, lines: list[bytes | None]) -> None:
    for line in lines:
        check.add(line)
