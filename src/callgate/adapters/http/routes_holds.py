"""Holds and halts: what waits for people, and what people stopped."""

from starlette.requests import Request
from starlette.routing import BaseRoute

from callgate.adapters.http.routes_base import Nothing, acting, asking, listing, peer_of_request, reading
from callgate.flow.admin import Admin, Ballot, HaltRequest
from callgate.flow.views.holds import HoldDetail


def routes(admin: Admin) -> list[BaseRoute]:
    async def show(asked: Request) -> HoldDetail:
        return await admin.hold(asked.path_params["id"], asked.query_params.get("viewer", ""))

    return [
        listing("/v1/holds", "holds", lambda asked: admin.holds(asked.query_params.get("state", ""))),
        reading("/v1/holds/{id}", show),
        acting(
            admin,
            "/v1/holds/{id}/approve",
            Ballot,
            lambda by, act, asked: admin.approve_hold(by, asked.path_params["id"], act),
        ),
        acting(
            admin,
            "/v1/holds/{id}/deny",
            Ballot,
            lambda by, act, asked: admin.deny_hold(by, asked.path_params["id"], act),
        ),
        listing("/v1/halts", "halts", lambda _: admin.halts()),
        asking("/v1/halts", HaltRequest, lambda act, asked: admin.halt(act, peer_of_request(asked))),
        acting(
            admin,
            "/v1/halts/{id}/resume",
            Nothing,
            lambda by, _, asked: admin.resume(by, asked.path_params["id"]),
        ),
    ]
