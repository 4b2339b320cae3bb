"""Composition root: the one place that builds things. ``serve`` runs a gate, ``init`` makes its home, ``verify`` reads
the ledger of one that is stopped.
"""

from callgate.app.making import init
from callgate.app.serving import serve
from callgate.app.verifying import verify

__all__ = ["init", "serve", "verify"]
