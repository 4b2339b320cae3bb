"""Composition root: the one place that builds things. ``serve`` runs a gate, ``init`` makes its home, ``verify`` reads
the ledger of one that is stopped, ``backup`` and ``restore`` keep a home and bring it back.
"""

from callgate.app.backup import backup
from callgate.app.making import init
from callgate.app.restore import restore
from callgate.app.serving import serve
from callgate.app.verifying import verify

__all__ = ["backup", "init", "restore", "serve", "verify"]
