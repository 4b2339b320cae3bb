"""The practice server ``gmail-workspace``: messages, labels and filters together."""

from callgate_practice.workspace import labels, mail
from callgate_practice.workspace.mail import TOOLS

__all__ = ["TOOLS", "labels", "mail"]
