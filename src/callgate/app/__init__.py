"""Composition root: the one place that builds things. ``serve`` runs a gate, ``init`` makes its home."""

from callgate.app.making import init
from callgate.app.serving import serve

__all__ = ["init", "serve"]
