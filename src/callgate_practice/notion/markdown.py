"""Blocks as lines of Markdown, and back."""

from callgate_practice.notion.library import plain
from callgate_practice.reply import JSON

MARKS = (
    ("### ", "heading_3"),
    ("## ", "heading_2"),
    ("# ", "heading_1"),
    ("- [x] ", "to_do"),
    ("- [ ] ", "to_do"),
    ("- ", "bulleted_list_item"),
    ("1. ", "numbered_list_item"),
    ("> ", "quote"),
)


def line(block: JSON) -> str:
    kind, inner = block["type"], block[block["type"]]
    text = plain(inner.get("rich_text", []))
    if kind == "to_do":
        return f"- [{'x' if inner.get('checked') else ' '}] {text}"
    mark = next((mark for mark, name in MARKS if name == kind), "")
    return f"{mark}{text}"


def parse(text: str) -> list[tuple[str, JSON]]:
    """(type, content) of each line that holds something."""
    return [_block(row) for row in text.split("\n") if row.strip()]


def _block(row: str) -> tuple[str, JSON]:
    for mark, kind in MARKS:
        if row.startswith(mark):
            inner: JSON = {"rich_text": [{"text": {"content": row[len(mark) :]}}]}
            return kind, {**inner, "checked": mark == "- [x] "} if kind == "to_do" else inner
    return "paragraph", {"rich_text": [{"text": {"content": row}}]}
