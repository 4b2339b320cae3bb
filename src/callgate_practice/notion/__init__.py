"""Practice server for Notion: the REST API's objects as JSON text, its errors without a flag."""

from callgate_practice.notion import blocks, pages, sources
from callgate_practice.notion.tools import TOOLS

__all__ = ["TOOLS", "blocks", "pages", "sources"]
