"""Integrations and their tools."""

from starlette.requests import Request
from starlette.routing import BaseRoute

from callgate.adapters.http.routes_base import Nothing, acting, asking, listing
from callgate.flow.admin import Admin, ToolRuling
from callgate.flow.views import DiscoveryView
from callgate.model.base import Fact
from callgate.model.identity import Presence
from callgate.model.tool import Integration


class Confirming(Fact, frozen=True):
    digest: str


def routes(admin: Admin) -> list[BaseRoute]:
    async def refresh(_: Nothing, asked: Request) -> DiscoveryView:
        return await admin.refresh_integration(asked.path_params["name"])

    async def remove(by: Presence, _: Nothing, asked: Request) -> Nothing:
        await admin.remove_integration(by, asked.path_params["name"])
        return Nothing()

    return [
        listing("/v1/integrations", "integrations", lambda _: admin.integrations()),
        acting(admin, "/v1/integrations", Integration, lambda by, act, _: admin.add_integration(by, act)),
        asking("/v1/integrations/{name}/refresh", Nothing, refresh),
        acting(
            admin,
            "/v1/integrations/{name}/confirm",
            Confirming,
            lambda by, act, asked: admin.confirm_integration(by, asked.path_params["name"], act.digest),
        ),
        acting(admin, "/v1/integrations/{name}/remove", Nothing, remove),
        acting(admin, "/v1/tools/classify", ToolRuling, lambda by, act, _: admin.classify_tool(by, act)),
        listing("/v1/tools", "tools", lambda asked: admin.tools(asked.query_params.get("integration", ""))),
    ]
