"""Contracts and tasks."""

from starlette.routing import BaseRoute

from callgate.adapters.http.routes_base import Nothing, acting, asking, listing, reading, streaming
from callgate.flow.admin import Admin, BreadthChange, ContractText, LearnRequest, TaskRequest
from callgate.model.base import Fact


class Consenting(Fact, frozen=True):
    capacity: str = ""


def routes(admin: Admin) -> list[BaseRoute]:
    return [
        asking("/v1/contracts/check", ContractText, lambda act, _: admin.check_contract(act)),
        streaming("/v1/contracts/learn", LearnRequest, admin.learn),
        listing("/v1/contracts", "contracts", lambda _: admin.contracts()),
        acting(admin, "/v1/contracts", ContractText, lambda by, act, _: admin.add_contract(by, act)),
        acting(admin, "/v1/contracts/breadth", BreadthChange, lambda by, act, _: admin.change_breadth(by, act)),
        reading("/v1/contracts/{id}", lambda asked: admin.contract(asked.path_params["id"])),
        acting(
            admin,
            "/v1/contracts/{id}/consent",
            Consenting,
            lambda by, act, asked: admin.consent_contract(by, asked.path_params["id"], act.capacity),
        ),
        listing("/v1/tasks", "tasks", lambda asked: admin.tasks(asked.query_params.get("state", ""))),
        acting(admin, "/v1/tasks", TaskRequest, lambda by, act, _: admin.open_task(by, act)),
        reading("/v1/tasks/{id}", lambda asked: admin.task(asked.path_params["id"])),
        acting(
            admin,
            "/v1/tasks/{id}/close",
            Nothing,
            lambda by, _, asked: admin.close_task(by, asked.path_params["id"]),
        ),
    ]
