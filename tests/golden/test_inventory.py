"""The whole answer for one realistic machine, kept as it was looked at.

After a wanted change: ``python -m tests.golden.test_inventory`` writes it anew; read the difference.
"""

import sys
import tempfile
from pathlib import Path

import msgspec

from callgate.app import inventory as taking
from callgate.core.inventory.judge import KnownTool
from callgate.model.terms import Tier
from tests.fakes.inventory_tree import machine

KEPT = Path(__file__).parent / "inventory" / "machine.json"
TOOLS = {
    "git": (KnownTool(name="git_status", tier=Tier.READ), KnownTool(name="git_commit", tier=Tier.EXECUTE)),
    "slack": (
        KnownTool(name="slack_list_channels", tier=Tier.READ),
        KnownTool(name="slack_post_message", tier=Tier.EXECUTE, irreversible=True),
        KnownTool(name="slack_add_reaction", tier=Tier.DRAFT),
    ),
}
"""Instead of the catalogue, which grows."""


def taken(folder: Path) -> str:
    kept = taking.known_tools
    taking.known_tools = lambda: TOOLS
    try:
        found = taking.take_inventory(taking.InventoryTask(machine(folder), home=None))
    finally:
        taking.known_tools = kept
    same = msgspec.structs.replace(found, root="/machine")
    return msgspec.json.format(msgspec.json.encode(same), indent=1).decode() + "\n"


def test_the_answer_is_the_kept_one(tmp_path):
    assert taken(tmp_path) == KEPT.read_text(encoding="utf-8")


if __name__ == "__main__":
    KEPT.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        KEPT.write_text(taken(Path(scratch)), encoding="utf-8")
    sys.stdout.write(f"{KEPT} written\n")
