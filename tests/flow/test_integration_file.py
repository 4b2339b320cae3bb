"""The file about an integration: what it says, what a person may write into it, and when it goes."""

import msgspec
import pytest

from callgate.flow.admin import ToolRuling
from callgate.flow.integration_file import read_file
from callgate.model.errors import ConfigError, InputError
from tests.fakes.house import ALL_ROLES, run
from tests.fakes.onboarding import NOTES, connected, house_with


def test_the_file_says_how_it_is_connected_and_why_each_tool_counts_so():
    async def check():
        noisy = msgspec.structs.replace(
            NOTES, headers={"Authorization": "Bearer env:NOTES"}, asks=("elicitation",), allow_private=True
        )
        house, _ = await house_with(integration=noisy)
        added = await connected(house, noisy)
        assert added.file == "/home/integrations/notes.toml"
        text = house.home.texts["integrations/notes.toml"]
        entry = read_file(text, "notes.toml")
        assert (entry.url, entry.headers, entry.asks) == (noisy.url, noisy.headers, ("elicitation",))
        assert {name: tool.tier.name for name, tool in entry.tools.items()} == {
            "page_get": "READ",
            "page_delete": "EXECUTE",
            "page_frobnicate": "EXECUTE",
        }
        words = text.decode()
        for said in (
            "delete may have no way back",
            "Confirmed definitions: ",
            "what 3 of 3 tools aim at",
            "Manifest: the",
        ):
            assert said in words

    run(check())


@pytest.mark.parametrize("name", ['a"b\\c', "tab", "名前", "x" * 128, "a.b/c"])
def test_any_tool_name_can_stand_in_the_file(name):
    async def check():
        tools = [{"name": name, "description": "\x1b]0;\u202e\nname = 1\n", "inputSchema": {}}]
        house, _ = await house_with(*tools)
        await connected(house)
        entry = read_file(house.home.texts["integrations/notes.toml"], "notes.toml")
        assert list(entry.tools) == [name]

    run(check())


def test_what_a_person_writes_into_the_file_is_proposed_and_what_counts_is_written_back():
    async def check():
        house, _ = await house_with()
        await connected(house)
        path, by = "integrations/notes.toml", house.presence(roles=ALL_ROLES)
        assert await house.admin.file_changes("notes") == ()
        text = house.home.texts[path].decode()
        edited = text.replace('[tools."page_frobnicate"]', '[tools."page_frobnicate"]\nreason = "A look"')
        at = edited.index("page_frobnicate")
        edited = edited[:at] + edited[at:].replace('tier = "execute"', 'tier = "read"', 1)
        house.home.texts[path] = edited.encode()
        (change,) = await house.admin.file_changes("notes")
        assert change == ToolRuling(integration="notes", tool="page_frobnicate", tier="read", reason="A look")
        assert house.live.connected["notes"].toolbox.tools["page_frobnicate"].tier.name == "EXECUTE"
        await house.admin.classify_tool(by, change)
        assert await house.admin.file_changes("notes") == ()
        assert b"By ana; without that it is execute." in house.home.texts[path]
        assert b'reason = "A look"' in house.home.texts[path]

    run(check())


@pytest.mark.parametrize(
    ("old", "new", "fault", "said"),
    [
        ("https://notes.example/mcp", "https://other.example/mcp", InputError, "connects it otherwise: url"),
        ('"page_get"', '"page_got"', ConfigError, "no such tool"),
        ('tier = "read"', 'tier = "reed"', ConfigError, "Did you mean read"),
        ("url =", "ulr =", ConfigError, "no such key"),
        ("url = ", "url ", ConfigError, "not TOML"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(old, new, fault, said):
    async def check():
        house, _ = await house_with()
        await connected(house)
        path = "integrations/notes.toml"
        house.home.texts[path] = house.home.texts[path].decode().replace(old, new, 1).encode()
        with pytest.raises(fault, match=said):
            await house.admin.file_changes("notes")

    run(check())


def test_a_home_that_cannot_be_written_stops_nothing():
    async def check():
        house, _ = await house_with()
        house.home.fault = True
        added = await connected(house)
        assert added.file == ""
        assert "notes" in house.live.integrations
        assert ("integration_file", {"integration": "notes", "code": "bad_config"}) in house.logged

    run(check())


def test_the_file_goes_with_its_integration():
    async def check():
        house, _ = await house_with()
        await connected(house)
        await house.admin.remove_integration(house.presence(roles=ALL_ROLES), "notes")
        assert "integrations/notes.toml" not in house.home.texts

    run(check())
