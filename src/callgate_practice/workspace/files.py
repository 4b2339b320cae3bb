"""The practice server ``google-drive``: files and who may see them together."""

from callgate_practice.workspace import drive, sharing
from callgate_practice.workspace.drive import TOOLS

__all__ = ["TOOLS", "drive", "sharing"]
