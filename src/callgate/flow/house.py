"""The rooms of one tenant, put together."""

from dataclasses import dataclass

from callgate.flow.aggregate import Aggregate
from callgate.flow.execute import Executor
from callgate.flow.hold import Holds
from callgate.flow.listening import Listeners
from callgate.flow.redeem import Redeemer
from callgate.flow.run import Runner
from callgate.flow.sessions import GateSessions
from callgate.flow.tenancy import Tenancy
from callgate.flow.vote import Voting


@dataclass
class Rooms:
    tenancy: Tenancy
    executor: Executor
    holds: Holds
    runner: Runner
    redeemer: Redeemer
    voting: Voting
    sessions: GateSessions
    aggregate: Aggregate
    listeners: Listeners


def rooms(tenancy: Tenancy) -> Rooms:
    sessions = GateSessions(tenancy)
    executor = Executor(tenancy, sessions)
    holds = Holds(tenancy, executor)
    redeemer = Redeemer(tenancy, executor, holds)
    return Rooms(
        tenancy=tenancy,
        executor=executor,
        holds=holds,
        runner=Runner(tenancy, executor, holds),
        redeemer=redeemer,
        voting=Voting(tenancy, holds, redeemer.start),
        sessions=sessions,
        aggregate=Aggregate(tenancy),
        listeners=Listeners(tenancy),
    )
