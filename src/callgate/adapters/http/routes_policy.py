"""The policy bundle: look, test, propose, approve."""

from starlette.routing import BaseRoute

from callgate.adapters.http.routes_base import Nothing, acting, asking, reading
from callgate.flow.admin import Admin
from callgate.model.base import Fact


class Approving(Fact, frozen=True):
    digest: str


def routes(admin: Admin) -> list[BaseRoute]:
    return [
        reading("/v1/policy", lambda _: admin.policy()),
        asking("/v1/policy/test", Nothing, lambda _, __: admin.test_policy()),
        acting(admin, "/v1/policy/propose", Nothing, lambda by, _, __: admin.propose_policy(by)),
        acting(admin, "/v1/policy/approve", Approving, lambda by, act, _: admin.approve_policy(by, act.digest)),
    ]
