"""The administration of one tenant: flow/admin.py, implemented."""

from callgate.flow.hold_desk import HoldDesk
from callgate.flow.learning import Learning
from callgate.flow.onboarding import Onboarding
from callgate.flow.people import People
from callgate.flow.records import Records
from callgate.flow.standing import Standing


class Administration(People, Onboarding, HoldDesk, Records, Learning, Standing):
    """Each part is a room of its own; here they only share their handles."""
