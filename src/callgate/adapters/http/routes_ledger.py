"""What happened: events, decisions, and the ledger's proofs."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from callgate.adapters.http.routes_base import (
    Nothing,
    asking,
    listing,
    number,
    peer_of_request,
    reading,
    route,
    streaming,
)
from callgate.flow.admin import Admin, EventFilter
from callgate.flow.views.ledger import EventsView
from callgate.model.base import Fact

_FAR = 2**53 - 1


class Verifying(Fact, frozen=True):
    note: str = ""


class Exporting(Fact, frozen=True):
    folder: str


def routes(admin: Admin) -> list[BaseRoute]:
    async def events(asked: Request) -> EventsView:
        query = asked.query_params
        which = EventFilter(
            kind=query.get("kind", ""),
            call=query.get("call", ""),
            since_ms=number(asked, "since_ms", 0, 0, _FAR),
            after=number(asked, "after", -1, -1, _FAR),
            limit=number(asked, "limit", 100, 1, 1000),
            wait_ms=number(asked, "wait_ms", 0, 0, 20_000),
        )
        return await admin.events(which)

    async def metrics(_: Request) -> Response:
        return Response(await admin.metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return [
        route("/v1/metrics", "GET", metrics),
        reading("/v1/events", events),
        reading("/v1/explain/{id}", lambda asked: admin.explain(asked.path_params["id"])),
        streaming("/v1/ledger/verify", Verifying, lambda act: admin.verify_ledger(act.note)),
        reading("/v1/ledger/checkpoint", lambda _: admin.checkpoint()),
        reading("/v1/ledger/proof/{event}", lambda asked: admin.proof(asked.path_params["event"])),
        asking(
            "/v1/ledger/export", Exporting, lambda act, asked: admin.export_ledger(act.folder, peer_of_request(asked))
        ),
        asking("/v1/reload", Nothing, lambda _, asked: admin.reload_config(peer_of_request(asked))),
        reading("/v1/status", lambda _: admin.status()),
        listing("/v1/doctor", "checks", lambda _: admin.doctor()),
    ]
