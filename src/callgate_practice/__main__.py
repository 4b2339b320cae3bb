"""``python -m callgate_practice``: what ``callgate practice`` runs."""

import sys

from callgate_practice.command import main

sys.exit(main(sys.argv[1:]))
