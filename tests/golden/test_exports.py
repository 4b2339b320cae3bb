"""What is exported, kept as it was looked at. After a wanted change: ``python -m tests.golden.test_exports``."""

import sys
from pathlib import Path

import pytest

from callgate.core.adopt.entries import GateRoute
from callgate.core.export.clients import ExportClient, ExportWish, TokenWay, plan
from callgate.core.export.writing import bundle

KEPT = Path(__file__).parent / "exports"
ROUTE = GateRoute(
    url="http://127.0.0.1:8700", program="/opt/callgate/bin/callgate", helpers="/home/ana/.local/state/callgate/helpers"
)
REGISTRY = "https://registry.example/"
CASES = {
    f"{client.value}{'-managed' if managed else ''}{'-desktop' if desktop else ''}": (client, managed, desktop)
    for client in ExportClient
    for managed in (False, True)
    for desktop in (False, True)
}
WAYS = {
    f"{client.value}-{way.value}": (client, way) for client in ExportClient for way in (TokenWay.ENV, TokenWay.STDIO)
}


def drawn(client, wish):
    made = bundle(client.value, plan(client, wish), managed=wish.managed)
    text = "".join(f"=== {file.place}\n{file.text}" for file in made.files)
    return text + "".join(f"--- {note}\n" for note in made.notes)


def of_case(name):
    client, managed, desktop = CASES[name]
    wish = ExportWish(route=ROUTE, integrations=("git", "notes-2"), managed=managed, desktop=desktop, registry=REGISTRY)
    return drawn(client, wish)


def of_way(name):
    client, way = WAYS[name]
    return drawn(client, ExportWish(route=ROUTE, token=way))


@pytest.mark.parametrize("name", CASES)
def test_each_export_is_the_kept_one(name):
    assert of_case(name) == (KEPT / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", WAYS)
def test_each_way_to_a_token_is_the_kept_one(name):
    assert of_way(name) == (KEPT / f"{name}.txt").read_text(encoding="utf-8")


if __name__ == "__main__":
    KEPT.mkdir(exist_ok=True)
    for name in CASES:
        (KEPT / f"{name}.txt").write_text(of_case(name), encoding="utf-8")
    for name in WAYS:
        (KEPT / f"{name}.txt").write_text(of_way(name), encoding="utf-8")
    sys.stdout.write(f"{KEPT} written\n")
