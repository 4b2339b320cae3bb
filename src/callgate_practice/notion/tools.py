"""The toolset of the practice server for Notion."""

from callgate_practice.notion.populate import populate
from callgate_practice.reply import JSON, json_text, text
from callgate_practice.toolset import Toolset

TOOLS = Toolset(
    "notion",
    "Notion",
    populate,
    catalog=("notion",),
    volatile=frozenset({"last_edited_time", "last_edited_by", "order"}),
    fail=text,
)
LOOK, CHANGE = "r+", "d+"
"""The vendor marks by HTTP method: searches are POST, and so destructive."""
PAGED = " start_cursor page_size:integer"


def answer(value: JSON) -> JSON:
    return json_text(value)
