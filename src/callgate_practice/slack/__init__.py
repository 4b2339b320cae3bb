"""Practice server for Slack as Slack hosts it: it answers in text and links."""

from callgate_practice.slack import canvases, messages, reading
from callgate_practice.slack.tools import TOOLS

__all__ = ["TOOLS", "canvases", "messages", "reading"]
