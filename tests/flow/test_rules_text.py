"""Files of rules keep what people wrote in them, and say exactly the rules that are in force."""

import msgspec
import pytest

from callgate.core.contract import content_id, parse_contract
from callgate.flow.rules_text import rewritten
from callgate.model.contract import Scope
from callgate.model.terms import Breadth, Tier

HEAD = """# ours
name = "everyday"
objective = "Work."
team = "home"
owner = "ana"
everyday = true
max_tier = "read"
domains = [
  "one",  # first
]
"""
GIT = """
[[scopes]] # code
integration = "git"  # local
breadth = "global"   # for now
tools = [
  "git_log",
]
"""
HUB = """
[[scopes]]
tools = ["*"]
integration = "hub"
"""


def changed(text, name, breadth):
    before = parse_contract(text.encode(), "x")
    scopes = tuple(
        msgspec.structs.replace(one, breadth=breadth) if one.integration == name else one for one in before.scopes
    )
    after = msgspec.structs.replace(before, scopes=scopes)
    return before, msgspec.structs.replace(after, id=content_id(after))


@pytest.mark.parametrize("text", [HEAD + GIT + HUB, HEAD + HUB + GIT])
@pytest.mark.parametrize(("name", "breadth"), [("git", Breadth.TARGETS), ("git", None), ("hub", Breadth.GLOBAL)])
def test_the_breadth_of_one_scope(text, name, breadth):
    before, after = changed(text, name, breadth)
    made = rewritten(text.encode(), "x", before, after)
    assert made is not None
    assert parse_contract(made, "x") == after
    gone = [line for line in text.splitlines() if line not in made.decode().splitlines()]
    assert gone == (['breadth = "global"   # for now'] if name == "git" else [])
    if name == "hub":
        back = rewritten(made, "x", after, before)
        assert back == text.encode()


def test_one_scope_more():
    text = HEAD + HUB
    before = parse_contract(text.encode(), "x")
    new = Scope(integration="new", max_tier=Tier.READ, breadth=Breadth.GLOBAL)
    after = msgspec.structs.replace(before, scopes=(*before.scopes, new))
    after = msgspec.structs.replace(after, id=content_id(after))
    made = rewritten(text.encode(), "x", before, after)
    assert made is not None
    assert made.startswith(text.encode())
    assert parse_contract(made, "x") == after


def test_what_cannot_be_changed_so_is_left():
    inline = HEAD + 'scopes = [{ integration = "hub" }]\n'
    before, after = changed(inline, "hub", Breadth.GLOBAL)
    assert rewritten(inline.encode(), "x", before, after) is None
    assert rewritten((HEAD + GIT).encode(), "x", before, after) is None
    assert rewritten(b"\xff", "x", before, after) is None
    assert rewritten(inline.encode(), "x", before, before) is None
