"""Practice server for GitHub: answers as github-mcp-server does, as JSON text with little in it."""

from callgate_practice.github import actions, details, files, gists, issues, pulls, repos, reviews, searches
from callgate_practice.github.tools import TOOLS

__all__ = ["TOOLS", "actions", "details", "files", "gists", "issues", "pulls", "repos", "reviews", "searches"]
