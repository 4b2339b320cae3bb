"""Public names: total, of one form, never two alike, and the same whatever else is connected."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.name_table import LONGEST, build_names, look, public_name

FORM = re.compile(r"[A-Za-z0-9_-]{1,48}")

integrations = st.from_regex(r"[a-z][a-z0-9-]{0,39}", fullmatch=True).filter(
    lambda name: not name.startswith("callgate")
)
close = st.text("aAiIl1oO0_-.rnm ", min_size=1, max_size=6)
tools = st.one_of(st.text(min_size=1, max_size=140), close, st.from_regex(r"[a-z_]{1,80}", fullmatch=True))
boxes = st.dictionaries(
    integrations | st.sampled_from(["a", "a-b", "ab", "l1"]), st.lists(tools, max_size=6), max_size=5
)


@given(boxes)
def test_every_tool_is_named_or_kept_away_with_a_reason(box: dict[str, list[str]]) -> None:
    table = build_names(box)
    everything = {(integration, tool) for integration, names in box.items() for tool in names}
    kept = {(one.integration, one.tool) for one in table.kept_away}
    assert kept | table.names.keys() == everything
    assert not kept & table.names.keys()
    assert {one.reason for one in table.kept_away} <= {"look_alike", "reserved"}
    assert all(table.tools[name] == tool for tool, name in table.names.items())


@given(boxes)
def test_names_have_the_form_that_clients_take(box: dict[str, list[str]]) -> None:
    for name in build_names(box).tools:
        assert FORM.fullmatch(name)
        assert not name.lower().startswith("callgate_")
        assert len(f"mcp__callgate__{name}") <= 64


@given(boxes)
def test_no_two_names_look_alike(box: dict[str, list[str]]) -> None:
    names = list(build_names(box).tools)
    assert len({look(name) for name in names}) == len(names)


@given(boxes, boxes)
def test_what_is_added_elsewhere_renames_nothing(box: dict[str, list[str]], more: dict[str, list[str]]) -> None:
    before, after = build_names(box), build_names({**more, **box})
    for tool, name in after.names.items():
        assert before.names.get(tool, name) == name
    for tool in before.names.keys() - after.names.keys():
        assert any((one.integration, one.tool) == tool for one in after.kept_away)


@given(boxes)
def test_the_order_of_what_is_connected_changes_nothing(box: dict[str, list[str]]) -> None:
    turned = {name: list(reversed(box[name])) for name in reversed(box)}
    assert build_names(box).names == build_names(turned).names
    assert build_names(box).kept_away == build_names(turned).kept_away


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("git", "create_issue"), ("git", "create-issue")),
        (("git", "create_issue"), ("git", "create__issue")),
        (("git", "create_issue"), ("git", "create.issue")),
        (("git", "read"), ("git", "Read")),
        (("git", "read_all"), ("git", "read_a11")),
        (("git", "return"), ("git", "retum")),
        (("git", "read"), ("git", "ｒｅａｄ")),  # noqa: RUF001 - full-width letters
        (("git", "hub_read"), ("git-hub", "read")),
        (("l1", "read"), ("ll", "read")),
    ],
)
def test_names_that_can_be_taken_for_one_another_are_both_kept_away(one, other) -> None:  # type: ignore[no-untyped-def]
    box: dict[str, list[str]] = {"calm": ["stays"]}
    for integration, tool in (one, other):
        box.setdefault(integration, []).append(tool)
    table = build_names(box)
    assert table.tools == {"calm__stays": ("calm", "stays")}
    assert {(kept.integration, kept.tool, kept.reason) for kept in table.kept_away} == {
        (*one, "look_alike"),
        (*other, "look_alike"),
    }


def test_long_and_odd_names_are_shortened_by_a_digest_of_the_whole() -> None:
    assert public_name("git", "git_status") == "git__git_status"
    long = public_name("git", "x" * 60)
    assert len(long) == LONGEST
    assert long.startswith("git__xxx")
    assert long != public_name("git", "x" * 61)
    assert re.fullmatch(r"git__tasks_get-[0-9a-f]{10}", public_name("git", "tasks/get"))
    assert re.fullmatch(r"an-integra[a-z-]*-[0-9a-f]{10}__read", public_name("an-integration-with-a-long-name", "read"))


def test_the_gates_own_names_are_never_given_away() -> None:
    table = build_names({"callgate": ["_explain", "explain"], "git": ["callgate_explain"]})
    assert table.tools == {"git__callgate_explain": ("git", "callgate_explain")}
    assert [kept.tool for kept in table.kept_away] == ["_explain", "explain"]
