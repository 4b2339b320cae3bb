"""Several servers of one product: which one it is, and what counts when that cannot be told."""

import pytest

from callgate.core.toolbox import compile_toolbox
from callgate.core.variants import meant, package_of, recognised, shown_name, variants_of
from callgate.model.terms import Tier
from callgate.model.tool import Integration, IntegrationPin
from tests.fakes.catalog import DOMAINS, changed, parsed, refused, tool_pin

TEXT = """
integration = "chat"
title = "Chat"
vendor = "Acme"
stateful = false
per_person = false

[[variants]]
name = "hosted"
title = "Hosted"
hosts = ["mcp.chat.example.com"]
server_names = ["chat"]
verified = true
verified_against = "chat 1"
verified_on = "2026-11-22"
whoami = { tool = "search", path = "me" }

[[variants]]
name = "local"
title = "Local"
packages = ["@acme/chat-mcp", "chat-mcp"]
server_names = ["chat-local"]

[[tools]]
name = "search"
variants = ["hosted"]
tier = "read"
say = "Search {q}"

[[tools]]
name = "search"
variants = ["local"]
tier = "execute"
say = "Search and mark {q}"
admin = true

[[tools]]
name = "post"
tier = "execute"
say = "Post {text}"
irreversible = true
"""
MANIFEST = parsed(TEXT, "chat")


def integration(**more):
    return Integration(name="chat", actor="robot", **more)


@pytest.mark.parametrize(
    ("where", "server", "found"),
    [
        ({"url": "https://mcp.chat.example.com/mcp"}, "anything", "hosted"),
        ({"url": "https://mcp.chat.example.com.evil.example/mcp"}, "", None),
        ({"url": "https://mcp.chat.example.com@evil.example/mcp"}, "", None),
        ({"command": ("npx", "-y", "@acme/chat-mcp@1.2.3")}, "chat", "local"),
        ({"command": ("uvx", "chat-mcp==2")}, "", "local"),
        ({"command": ("/usr/bin/chat-mcp",)}, "", "local"),
        ({"command": ("node", "server.js")}, "chat-local", "local"),
        ({"command": ("node", "server.js")}, "", None),
        ({"command": ("node", "server.js")}, "other", None),
        ({"url": "https://elsewhere.example.com"}, "chat", None),
        ({"url": "http://127.0.0.1:8000/mcp"}, "chat-local", None),
        ({"url": "http://127.0.0.1:8000/mcp", "manifest": "chat"}, "chat-local", None),
        ({"url": "http://127.0.0.1:8000/mcp", "manifest": "chat/local"}, "chat", "local"),
        ({"url": "http://127.0.0.1:8000/mcp", "manifest": "chat/locl"}, "chat-local", None),
        ({"url": "https://mcp.chat.example.com/mcp", "manifest": "chat/hosted"}, "", "hosted"),
        ({"url": "https://mcp.chat.example.com/mcp", "manifest": "chat/local"}, "", None),
        ({"command": ("node", "server.js"), "manifest": "chat/local"}, "chat", "local"),
    ],
)
def test_which_variant_a_server_is(where, server, found):
    assert recognised(MANIFEST, integration(**where), server) == found


@pytest.mark.parametrize(
    ("word", "package"),
    [
        ("@acme/x@1.2", "@acme/x"),
        ("x==1.0", "x"),
        ("x[all]", "x"),
        ("/opt/x/bin/y", "y"),
        ("-y", "-y"),
        ("x@latest", "x"),
        ("", ""),
    ],
)
def test_a_package_without_its_version(word, package):
    assert package_of(word) == package


def test_each_variant_has_its_own_tools_and_its_own_word():
    hosted, local = variants_of(MANIFEST)
    assert (shown_name(hosted), hosted.verified, hosted.whoami.tool) == ("chat/hosted", True, "search")
    assert (shown_name(local), local.verified, local.whoami) == ("chat/local", False, None)
    assert [(tool.name, tool.tier) for tool in hosted.tools] == [("search", Tier.READ), ("post", Tier.EXECUTE)]
    assert [(tool.name, tool.admin) for tool in local.tools] == [("search", True), ("post", False)]


def tools(**where):
    server = where.pop("server", "")
    pins = tuple(tool_pin({"name": name, "inputSchema": {"type": "object"}}) for name in ("search", "post"))
    pin = IntegrationPin(
        integration="chat",
        server_name=server,
        server_version="1",
        instructions="",
        eras=(),
        tools=pins,
        digest="d",
        origin="o",
    )
    return compile_toolbox(integration(**where), pin, MANIFEST, DOMAINS).tools


def test_a_server_that_is_none_of_them_gets_the_strictest_of_all():
    unknown = tools(url="https://elsewhere.example.com")
    assert {name: tool.tier for name, tool in unknown.items()} == {"search": Tier.EXECUTE, "post": Tier.EXECUTE}
    assert not any(tool.verified for tool in unknown.values())
    assert unknown["search"].manifest.admin
    assert unknown["post"].manifest.irreversible
    hosted = tools(url="https://mcp.chat.example.com/mcp")
    assert (hosted["search"].tier, hosted["search"].verified) == (Tier.READ, True)
    assert tools(command=("chat-mcp",))["search"].tier is Tier.EXECUTE
    assert meant(None, integration(), "") is None


@pytest.mark.parametrize(
    ("old", "new", "key", "says"),
    [
        ('variants = ["local"]', 'variants = ["locl"]', "tools[1] search.variants[0]", "Did you mean local?"),
        (
            'say = "Post {text}"',
            'say = "Post"\n[[tools]]\nname = "post"\nvariants = ["local"]\ntier = "read"\nsay = "See"',
            "tools[3] post.name",
            "twice",
        ),
        ('variants = ["local"]', 'variants = ["local", "lokal"]', "tools[1] search.variants[1]", "Did you mean local?"),
        ('name = "local"', 'name = "hosted"', "variants[1]", "same name"),
        ('server_names = ["chat-local"]', 'server_names = ["chat"]', "variants[1]", "same server_names"),
        ('hosts = ["mcp.chat.example.com"]', 'hosts = ["https://x"]', "variants[0].hosts", "without scheme"),
        ('vendor = "Acme"', 'vendor = "Acme"\nverified = true', "verified", "Each variant"),
        ('verified_on = "2026-11-22"', "", "variants[0].verified", "YYYY-MM-DD"),
        ('tool = "search", path', 'tool = "post", path', "variants[0].whoami.tool", "tier read"),
        (
            'say = "Post {text}"',
            'say = "Post"\nstate_pin = [{ tool = "find" }]',
            "tools[2] post.state_pin[0].tool",
            "no tool find",
        ),
        (
            'say = "Post {text}"',
            'say = "Post"\nstate_pin = [{ tool = "search" }]',
            "tools[2] post.state_pin[0].tool",
            "tier read",
        ),
    ],
)
def test_mistakes_with_variants(old, new, key, says):
    fault = refused(changed(TEXT, old, new), "chat")
    assert says in fault.message, fault
    assert fault.key == key
