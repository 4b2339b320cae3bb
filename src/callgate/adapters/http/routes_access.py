"""Tokens and accounts."""

from starlette.requests import Request
from starlette.routing import BaseRoute

from callgate.adapters.http.routes_base import Nothing, acting, asking, listing, peer_of_request
from callgate.flow.admin import Admin, NewAccount, NewPassphrase, TokenRequest
from callgate.model.base import Fact


class Revoking(Fact, frozen=True):
    credential: str


def routes(admin: Admin) -> list[BaseRoute]:
    async def revoke(act: Revoking, request: Request) -> Nothing:
        await admin.revoke_token(act.credential, peer_of_request(request))
        return Nothing()

    return [
        acting(admin, "/v1/tokens", TokenRequest, lambda by, act, _: admin.issue_token(by, act)),
        asking("/v1/tokens/revoke", Revoking, revoke),
        listing("/v1/accounts", "accounts", lambda _: admin.accounts()),
        acting(admin, "/v1/accounts", NewAccount, lambda by, act, _: admin.add_account(by, act)),
        acting(
            admin,
            "/v1/accounts/{subject}/disable",
            Nothing,
            lambda by, _, asked: admin.disable_account(by, asked.path_params["subject"]),
        ),
        acting(
            admin,
            "/v1/accounts/{subject}/passphrase",
            NewPassphrase,
            lambda by, act, asked: admin.change_passphrase(by, asked.path_params["subject"], act),
        ),
    ]
