"""The toolset of the practice server for Slack."""

from callgate_practice.slack.workspace import populate
from callgate_practice.toolset import Toolset

TOOLS = Toolset("slack", "Slack", populate, catalog=("slack",), volatile=frozenset({"version"}))
LOOK, SAY, CHANGE, SAME = "r+d-i+o+", "r-d-i-o+", "r-d+i-o+", "r-d-i+o+"
