"""Adopting, finishing and taking back, each killed before every single act on the disk: both ways on end whole."""

import json
import os
import signal
import stat
import sys

import pytest

from callgate.adapters.home.adopted import AdoptionStore
from callgate.app import inventory as taking
from callgate.app.adopting import Adopting
from callgate.app.inventory import InventoryTask
from callgate.app.resuming import HalfAdoptions
from callgate.app.undoing import Undoing
from callgate.core.adopt.entries import GateRoute
from callgate.core.adopt.plan import AdoptWish
from callgate.model.errors import ConfigError
from tests.fakes.inventory_tree import put

ROUTE = GateRoute(url="http://127.0.0.1:8700", program="/opt/callgate/bin/callgate", helpers="/opt/helpers")
KEY = "ghp_" + "A1b2C3d4E5" * 4
ACTS = frozenset({"os.rename", "os.mkdir", "os.remove", "os.rmdir"})
MOST = 200


class World:
    """A machine, a home, and a gate that is a folder with a file per integration."""

    def __init__(self, folder):
        self.machine, self.home, self.gate = folder / "m", folder / "home", folder / "gate"
        self.home.mkdir(mode=0o700)
        self.gate.mkdir()
        entry = {"type": "http", "url": "https://a.example/mcp", "headers": {"X-Key": KEY}}
        put(self.machine, "home/ana/.claude.json", json.dumps({"mcpServers": {"a": entry}}, indent=2), 0o640)
        other = {"url": "https://b.example/mcp", "headers": {"X-Key": KEY}}
        put(self.machine, "home/ana/.cursor/mcp.json", json.dumps({"mcpServers": {"b": other}}))
        self.before = self.tree()

    def tree(self):
        """Every file with its bytes and mode, every folder."""
        return {
            str(path.relative_to(self.machine)): path.read_bytes()
            if path.is_file()
            else stat.S_IMODE(path.stat().st_mode)
            for path in sorted(self.machine.rglob("*"))
        }

    def connected(self):
        return sorted(path.name for path in self.gate.iterdir())

    def secrets(self):
        return sorted(str(path.relative_to(self.home)) for path in (self.home / "secrets").rglob("*"))

    def adopt(self):
        """As the command does it."""
        halves = HalfAdoptions(self.home)
        if halves.views():
            with halves.held():
                assert [halves.finish(view.id) for view in halves.views()] == [()]
        task = InventoryTask(self.machine, home=None, gates=(ROUTE.url,))
        run = Adopting(self.home, task, ROUTE, AdoptWish(), unconfined=())
        run.name(self.connected())
        if not run.view(stage="").changes:
            return
        with run.held():
            run.begin()
            new = [name for name in run.integrations() if name not in self.connected()]
            for name in new:
                run.keep_secrets(name)
            for name in new:
                run.journal.mark(name, "connecting")
                (self.gate / name).write_text("")
                run.journal.mark(name, "connected")
            run.write()

    def undo(self):
        run = Undoing(self.home)
        with run.held():
            assert run.edited() == ()
            assert run.restore(force=False).stays == ()
            for one in run.connections():
                if one.state != "wanted":
                    (self.gate / one.integration).unlink(missing_ok=True)
                run.forget(one)
            run.finish()

    def undo_all(self):
        while [one for one in AdoptionStore(self.home).records() if one.state != "undone"]:
            self.undo()

    def is_as_before(self):
        assert self.tree() == self.before
        assert self.connected() == []
        assert [name for name in self.secrets() if (self.home / name).is_file()] == []


@pytest.fixture(autouse=True)
def no_catalogue(monkeypatch):
    monkeypatch.setattr(taking, "known_tools", dict)


def killed(number, act):
    """Whether it was killed: right before its act of that number, in a process of its own."""
    process = os.fork()
    if process == 0:
        seen = 0

        def hook(event, args):
            nonlocal seen
            if event in ACTS or (event == "open" and isinstance(args[2], int) and args[2] & os.O_CREAT):
                seen += 1
                if seen == number:
                    os.kill(os.getpid(), signal.SIGKILL)

        code = 1
        try:
            sys.addaudithook(hook)
            act()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(process, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.waitstatus_to_exitcode(status) == 0
    return False


def worlds(tmp_path, act, prepared=lambda world: None):
    """A world per place where the act can be killed."""
    for number in range(1, MOST):
        folder = tmp_path / str(number)
        folder.mkdir(parents=True)
        world = World(folder)
        prepared(world)
        if not killed(number, lambda world=world: act(world)):
            assert number > 5, "it was killed nowhere to speak of"
            return
        yield world
    pytest.fail("it never came to its end")


def adopted(tmp_path):
    folder = tmp_path / "whole"
    folder.mkdir()
    world = World(folder)
    world.adopt()
    assert "home/ana/.claude/settings.json" in world.tree()
    return world.tree()


def test_whatever_was_done_is_taken_back(tmp_path):
    for world in worlds(tmp_path, World.adopt):
        world.undo_all()
        world.is_as_before()


def test_whatever_was_left_is_finished_and_taken_back(tmp_path):
    whole = adopted(tmp_path)
    for world in worlds(tmp_path, World.adopt):
        world.adopt()
        assert world.tree() == whole
        assert world.connected() == ["a", "b"]
        assert {record.state for record in AdoptionStore(world.home).records()} == {"done"}, "nothing half-done is left"
        assert len([name for name in world.secrets() if (world.home / name).is_file()]) == 2
        world.undo_all()
        world.is_as_before()


def test_taking_back_that_was_killed_is_taken_on(tmp_path):
    for world in worlds(tmp_path, World.undo, World.adopt):
        world.undo_all()
        world.is_as_before()


def test_finishing_that_was_killed_is_finished(tmp_path):
    whole = adopted(tmp_path)
    places = enumerate(worlds(tmp_path / "first", World.adopt), 1)
    number = next(number for number, world in places if is_half(world))
    for world in worlds(tmp_path / "second", World.adopt, lambda world: killed(number, world.adopt)):
        world.adopt()
        assert world.tree() == whole
        world.undo_all()
        world.is_as_before()


def is_half(world):
    return any(view.waiting and view.done and view.can_finish for view in HalfAdoptions(world.home).views())


def test_what_was_there_before_stays(tmp_path):
    """A name that somebody else uses, a secret of somebody's own, a folder that was there, one that is used since."""
    folder = tmp_path / "w"
    folder.mkdir()
    world = World(folder)
    (world.gate / "a").write_text("")
    mine = put(world.home, "secrets/b/mine", "x")
    (world.machine / "home/ana/.claude").mkdir()
    world.before = world.tree()
    world.adopt()
    assert world.connected() == ["a", "a-2", "b"]
    world.undo_all()
    assert world.connected() == ["a"]
    assert mine.read_text() == "x"
    assert world.secrets() == ["secrets/b", "secrets/b/mine"]
    assert world.tree() == world.before


def test_a_folder_that_is_used_since_stays(tmp_path):
    world = World(tmp_path)
    world.adopt()
    (world.machine / "home/ana/.claude/notes").write_text("mine")
    world.undo_all()
    assert set(world.tree()) - set(world.before) == {"home/ana/.claude", "home/ana/.claude/notes"}


def test_an_edit_while_it_was_stopped_is_left_and_named(tmp_path):
    for world in worlds(tmp_path, World.adopt):
        views = HalfAdoptions(world.home).views()
        if not views:
            continue
        file = world.machine / "home/ana/.cursor/mcp.json"
        file.write_text("{}")
        (view,) = HalfAdoptions(world.home).views()
        assert view.edited == (str(file),)
        world.adopt()
        assert file.read_text() == "{}"
        assert [one.file for one in Undoing(world.home).edited()] == [str(file)]


def test_two_at_once_are_told(tmp_path):
    world = World(tmp_path)
    with AdoptionStore(world.home).held():
        with pytest.raises(ConfigError, match="Another callgate adopt works"):
            world.adopt()
    world.adopt()
    run = Undoing(world.home)
    with AdoptionStore(world.home).held(), pytest.raises(ConfigError, match="Another"), run.held():
        pass


def test_a_no_leaves_nothing_and_a_refusal_only_what_it_was_not_about(tmp_path):
    world = World(tmp_path)

    def begun():
        run = Adopting(
            world.home, InventoryTask(world.machine, home=None, gates=(ROUTE.url,)), ROUTE, AdoptWish(), unconfined=()
        )
        run.name([])
        run.begin()
        for name in run.integrations():
            run.keep_secrets(name)
        return run

    run = begun()
    assert [record.state for record in AdoptionStore(world.home).records()] == ["planned"]
    run.journal.leave()
    assert AdoptionStore(world.home).records() == []
    world.is_as_before()

    run = begun()
    run.refuse("a", "It does not answer.")
    (record,) = AdoptionStore(world.home).records()
    assert [one.integration for one in record.connections] == ["b"]
    assert not [name for name in world.secrets() if name.startswith("secrets/a")]


def test_what_the_gate_may_have_connected_is_kept_in_mind(tmp_path):
    """Its answer was lost: the entry stays, the secrets it may need do, too, and taking back knows of it."""
    world = World(tmp_path)
    run = Adopting(
        world.home, InventoryTask(world.machine, home=None, gates=(ROUTE.url,)), ROUTE, AdoptWish(), unconfined=()
    )
    run.name([])
    run.keep_secrets("a")
    run.journal.mark("a", "connecting")
    (world.gate / "a").write_text("")
    run.refuse("a", "The gate does not answer.", known=True)
    run.refuse("b", "The gate does not answer.")
    assert run.write() == ""
    assert [record.state for record in AdoptionStore(world.home).records()] == ["planned"], "the next one goes on"
    assert world.tree() == world.before
    assert world.secrets() == ["secrets/a", "secrets/a/header-x-key"]
    world.undo_all()
    world.is_as_before()
