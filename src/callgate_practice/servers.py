"""The practice servers by name; each is loaded when it is named."""

import importlib

from callgate_practice.toolset import Toolset
from callgate_practice.world import World

SERVERS = {
    "github": "Repositories, files, issues, pull requests, reviews and workflows of three owners.",
    "gmail": "A mailbox as Google's own server shows it: threads, labels, drafts; it cannot send.",
    "gmail-workspace": "The same mailbox as the community's server shows it, which sends.",
    "google-drive": "Folders, files and who may see them.",
    "figma": "Design files, components and variables of two teams.",
    "notion": "Pages, blocks, data sources and comments.",
    "slack": "Channels, direct messages, canvases and drafts.",
    "cloudflare": "Databases, buckets, namespaces and workers of an account.",
}
MODULES = {
    "github": "github",
    "gmail": "gmail",
    "gmail-workspace": "workspace.gmail",
    "google-drive": "workspace.files",
    "figma": "figma",
    "notion": "notion",
    "slack": "slack",
    "cloudflare": "cloudflare",
}


def toolset(server: str) -> Toolset:
    """KeyError for an unknown name."""
    found: Toolset = importlib.import_module(f"callgate_practice.{MODULES[server]}").TOOLS
    return found


def world(tools: Toolset, path: str = ":memory:", seed: int = 1, *, reset: bool = False) -> World:
    """The state in ``path``; a new one, or with ``reset`` any, is filled with the default world of its seed.

    Raises WorldError for a file of something else.
    """
    found = World(path, tools.server, seed)
    with found.call():
        if reset:
            found.forget()
        if found.is_new():
            tools.populate(found)
    return found
