"""The local API under ``/v1``: JSON over the Unix socket of the home, for the callgate command.

Power is presence, not the socket's permissions: who can open it can read and can stop things; to change anything a
person's passphrase goes with the act. ``build_api`` makes the app, ``adapters.http.peer.LocalApi`` serves it.
"""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from callgate.adapters.http import (
    routes_access,
    routes_contracts,
    routes_holds,
    routes_integrations,
    routes_ledger,
    routes_policy,
)
from callgate.adapters.http.routes_base import problem
from callgate.flow.admin import Admin
from callgate.model.errors import InputError

_PARTS = (routes_access, routes_contracts, routes_holds, routes_integrations, routes_ledger, routes_policy)


async def _no_route(_: Request, fault: Exception) -> Response:
    status = fault.status_code if isinstance(fault, HTTPException) else 404
    code = "no_such_method" if status == 405 else "not_found"
    return problem(InputError("The API has no such route.", code=code, hint="Is the command as new as the gate?"))


def build_api(admin: Admin) -> Starlette:
    """The ASGI app. It refuses requests whose connection has no checked peer, so no TCP server can serve it."""
    routes = [route for part in _PARTS for route in part.routes(admin)]
    return Starlette(routes=routes, exception_handlers={HTTPException: _no_route})
