"""Integrations and their tools."""

from starlette.requests import Request
from starlette.routing import BaseRoute

from callgate.adapters.http.routes_base import Nothing, acting, asking, listing
from callgate.flow.admin import Admin, NewIntegration, ToolRuling
from callgate.flow.views.drift import DriftView
from callgate.flow.views.integrations import DiscoveryView
from callgate.model.base import Fact
from callgate.model.identity import Presence


class Confirming(Fact, frozen=True):
    digest: str
    tools: tuple[str, ...] = ()
    """Names of what is confirmed, as in ChangeView; empty: all of it."""


def routes(admin: Admin) -> list[BaseRoute]:
    async def refresh(_: Nothing, asked: Request) -> DiscoveryView:
        return await admin.refresh_integration(asked.path_params["name"])

    async def diff(_: Nothing, asked: Request) -> DriftView:
        return await admin.definition_changes(asked.path_params["name"])

    async def remove(by: Presence, _: Nothing, asked: Request) -> Nothing:
        await admin.remove_integration(by, asked.path_params["name"])
        return Nothing()

    return [
        listing("/v1/integrations", "integrations", lambda _: admin.integrations()),
        acting(admin, "/v1/integrations/look", NewIntegration, lambda by, act, _: admin.look_at_integration(by, act)),
        acting(admin, "/v1/integrations", NewIntegration, lambda by, act, _: admin.connect_integration(by, act)),
        listing("/v1/integrations/{name}/file", "changes", lambda asked: admin.file_changes(asked.path_params["name"])),
        asking("/v1/integrations/{name}/refresh", Nothing, refresh),
        asking("/v1/integrations/{name}/diff", Nothing, diff),
        acting(
            admin,
            "/v1/integrations/{name}/confirm",
            Confirming,
            lambda by, act, asked: admin.confirm_integration(by, asked.path_params["name"], act.digest, act.tools),
        ),
        acting(admin, "/v1/integrations/{name}/remove", Nothing, remove),
        acting(admin, "/v1/tools/classify", ToolRuling, lambda by, act, _: admin.classify_tool(by, act)),
        listing("/v1/tools", "tools", lambda asked: admin.tools(asked.query_params.get("integration", ""))),
    ]
