"""Practice server for Figma: design files that scripts change."""

from callgate_practice.figma.tools import TOOLS

__all__ = ["TOOLS"]
