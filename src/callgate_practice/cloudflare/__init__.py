"""Practice server for Cloudflare: JSON text; errors are text without a flag; D1 runs SQL on SQLite."""

from callgate_practice.cloudflare import storage, workers
from callgate_practice.cloudflare.account import TOOLS

__all__ = ["TOOLS", "storage", "workers"]
