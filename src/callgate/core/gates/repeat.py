"""Things that were refused before, or that may be happening already."""

from callgate.model.decision import Finding
from callgate.model.facts import Facts
from callgate.model.terms import Ask, Effect
from callgate.model.tool import ToolManifest

GATE = "repeat"


def judge(manifest: ToolManifest | None, facts: Facts) -> tuple[Finding, ...]:
    if not facts.twin and facts.denied_until_ms <= facts.now_ms:
        return ()
    found = []
    if facts.denied_until_ms > facts.now_ms:
        found.append(
            Finding(
                gate=GATE,
                code="denied_before",
                effect=Effect.DENY,
                reason="A person said no to this before, and that still stands; ask them instead of trying again.",
            )
        )
    if facts.twin and not (manifest is not None and manifest.idempotent):
        found.append(
            Finding(
                gate=GATE,
                code="equal_call_in_doubt",
                effect=Effect.HOLD,
                path=facts.twin,
                reason="The same call is under way or may already have happened, and doing it twice is not the same as once.",
                ask=Ask.MEANT,
            )
        )
    return tuple(found)
