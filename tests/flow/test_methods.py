"""Resources, prompts and completion on the path of every call: judged, recorded, sent as judged, delivered or not."""

import asyncio

import msgspec
import pytest

from callgate.flow.drift import look_for_drift
from callgate.model.answer import Failed, Pending, Refused, Served
from callgate.model.bundle import Domain, PolicyFile, Rates
from callgate.model.call import COMPLETE, GOVERNED, PROMPTS_GET, RESOURCES_LIST, RESOURCES_READ
from callgate.model.errors import OutcomeUnknown, UpstreamError
from callgate.model.event import Decided
from callgate.model.terms import HaltScope
from tests.fakes.house import ALL_ROLES, codes, open_house, run

PROMPTS = [
    {"name": "review", "description": "Review", "arguments": [{"name": "file", "required": True}]},
    {"name": "plain"},
]
TEMPLATES = [{"name": "page", "uriTemplate": "wiki://{page}"}]
ALL = ("tools", "prompts", "resources", "completions", "logging")
PARAMS = {
    RESOURCES_LIST: {"cursor": "page-2"},
    RESOURCES_READ: {"uri": "wiki://home/%7Eana"},
    PROMPTS_GET: {"name": "review", "arguments": {"file": "a.py"}},
    COMPLETE: {"ref": {"type": "ref/prompt", "name": "review"}, "argument": {"name": "file", "value": "a"}},
}
RESULTS = {
    RESOURCES_LIST: {"resources": [{"uri": "wiki://home", "name": "home"}]},
    RESOURCES_READ: {"contents": [{"uri": "wiki://home", "text": "Hello"}]},
    PROMPTS_GET: {"messages": [{"role": "user", "content": {"type": "text", "text": "Review a.py"}}]},
    COMPLETE: {"completion": {"values": ["a.py"]}},
}
AIMED = [method for method in GOVERNED if method != RESOURCES_LIST]
WORK = Domain(
    name="local-work",
    title="Work",
    owner="ana",
    targets=("git.repository:*", "mcp.resource:git/*", "mcp.prompt:git/*", "fs.path:/srv/*"),
)


def answers(request):
    return RESULTS[request.method] if request.method in RESULTS else {"content": [], "isError": False}


async def library(*, mapped=True, **more):
    """A house whose one server has everything."""
    house = await open_house(answer=answers, **more)
    house.upstream.offers, house.upstream.prompts, house.upstream.templates = ALL, PROMPTS, TEMPLATES
    if mapped:
        await house.use_bundle(domains=(WORK,))
    await confirm(house)
    return house


async def confirm(house):
    found = await house.admin.refresh_integration("git")
    await house.admin.confirm_integration(house.presence(roles=ALL_ROLES), "git", found.digest)


async def use(house, method, params=None, **more):
    arguments = PARAMS[method] if params is None else params
    request = msgspec.structs.replace(house.request(method, **more), method=method, arguments=arguments)
    relayed = []
    async with asyncio.timeout(20):
        return await house.gatehouse.call(request, relayed.append)


def sent(house, method):
    return [one for one in house.upstream.sent if one.method == method]


@pytest.mark.parametrize("method", GOVERNED)
def test_a_method_is_decided_then_sent_then_finished_then_answered(method):
    async def check():
        house = await library()
        seen = []

        def answer(request):
            seen.append(request.method)
            return RESULTS[request.method]

        house.upstream.answer = answer
        answer = await use(house, method)
        assert isinstance(answer, Served), answer
        assert (answer.method, msgspec.json.decode(answer.result)) == (method, RESULTS[method])
        assert await house.kinds(answer.call_id) == ["Decided", "Finished"]
        decided, finished = await house.events(call=answer.call_id)
        assert (decided.tool, decided.tier, decided.effect, finished.outcome) == (method, "read", "allow", "ok")
        assert decided.domains == (() if method == RESOURCES_LIST else ("local-work",))
        assert not house.live.open_calls

    run(check())


@pytest.mark.parametrize("method", GOVERNED)
def test_what_is_sent_is_what_was_judged(method):
    async def check():
        house = await library()
        answer = await use(house, method, progress=True, protocol="2026-07-28", log_level="info")
        assert isinstance(answer, Served), answer
        (request,) = sent(house, method)
        params = msgspec.json.decode(request.params)
        meta = params.pop("_meta")
        assert params == PARAMS[method]
        assert meta == {"progressToken": answer.call_id, "io.modelcontextprotocol/logLevel": "info"}
        assert request.name == PARAMS[method].get("uri", PARAMS[method].get("name", ""))
        await use(house, method)
        assert msgspec.json.decode(sent(house, method)[-1].params) == PARAMS[method]

    run(check())


@pytest.mark.parametrize("method", AIMED)
def test_what_belongs_to_no_domain_waits_and_is_collected_by_asking_again(method):
    async def check():
        house = await library(mapped=False)
        await house.use_bundle(domains=(Domain(name="local-work", title="Work", owner="ana", targets=("fs.path:*",)),))
        first = await use(house, method)
        assert isinstance(first, Pending), first
        assert codes(first) == {"no_domain"}
        assert "ask for the same once more" in first.next
        again = await use(house, method)
        assert (again.hold, sent(house, method)) == (first.hold, [])
        await house.approve(first.hold)
        collected = await use(house, method)
        assert isinstance(collected, Served), collected
        assert (collected.method, msgspec.json.decode(collected.result)) == (method, RESULTS[method])
        assert len(sent(house, method)) == 1
        by_tool = await house.gatehouse.await_approval(house.credential(), first.hold, 0, lambda _: None)
        assert (by_tool.method, by_tool.result) == (method, collected.result)

    run(check())


def test_a_list_of_resources_needs_no_domain():
    async def check():
        house = await library(mapped=False)
        assert isinstance(await use(house, RESOURCES_LIST), Served)

    run(check())


RULES = """
name = "narrow"
objective = "Read."
team = "home"
owner = "ana"
everyday = true
max_tier = "execute"
domains = ["local-work"]
prohibited = ["mcp.resource:*/wiki://secret/*", "fs.path:/srv/keys*"]
outside = "deny"
[[scopes]]
integration = "git"
tools = {tools}
"""


async def narrowed(tools):
    house = await library()
    house.clock.ms += 1_000
    contract = await house.add_contract(RULES.replace("{tools}", tools))
    assert house.live.everyday("home") == contract
    return house


def test_rules_name_methods_like_tools():
    async def check():
        house = await narrowed('["resources/read", "git_status"]')
        assert isinstance(await use(house, RESOURCES_READ), Served)
        refused = await use(house, PROMPTS_GET)
        assert isinstance(refused, Refused), refused
        assert codes(refused) == {"outside_contract"}
        assert sent(house, PROMPTS_GET) == []

    run(check())


@pytest.mark.parametrize(
    "uri",
    [
        "wiki://secret/a",
        "WIKI://SECRET/a",
        "wiki://secret/%61",
        "wiki://home/%2e%2e/secret/a",
        "wiki://secret%2Fa",
        "file:///srv/keys/a",
        "file:///srv/%6beys/a",
        "file://localhost/srv/./keys",
        "file:///srv/x/../keys/a",
    ],
)
def test_no_spelling_reaches_what_the_rules_prohibit(uri):
    async def check():
        house = await narrowed('["*"]')
        refused = await use(house, RESOURCES_READ, {"uri": uri})
        assert isinstance(refused, Refused), refused
        assert codes(refused) & {"prohibited", "bad_target"}
        assert sent(house, RESOURCES_READ) == []
        assert isinstance(await use(house, RESOURCES_READ, {"uri": "file:///srv/other"}), Served)

    run(check())


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        (RESOURCES_READ, {}, "schema_required"),
        (RESOURCES_READ, {"uri": "wiki://a", "more": 1}, "schema_additional"),
        (RESOURCES_READ, {"uri": 7}, "schema_type"),
        (PROMPTS_GET, {"name": "nothing"}, "unknown_prompt"),
        (PROMPTS_GET, {"name": "review"}, "schema_required"),
        (PROMPTS_GET, {"name": "plain", "arguments": {"file": "a"}}, "undeclared"),
        (RESOURCES_LIST, {"cursor": 7}, "schema_type"),
        (COMPLETE, {"ref": {"type": "ref/prompt", "name": "review"}}, "schema_required"),
    ],
)
def test_params_that_are_wrong_are_denied_and_can_be_corrected(method, params, code):
    async def check():
        house = await library()
        refused = await use(house, method, params)
        assert isinstance(refused, Refused), refused
        assert code in codes(refused)
        assert refused.correctable
        assert ("list of prompts" in refused.next) is (code == "unknown_prompt")
        assert sent(house, method) == []

    run(check())


def test_methods_stop_with_halts_rates_and_logins():
    async def check():
        house = await library(rates=Rates(initiator=2))
        await use(house, RESOURCES_LIST)
        halt = await house.halt(HaltScope.TOOL, "git/resources/read")
        assert codes(await use(house, RESOURCES_READ)) == {"halted"}
        assert isinstance(await use(house, PROMPTS_GET), Served)
        assert codes(await use(house, PROMPTS_GET)) == {"rate_limited"}
        house.clock.ms += 120_000
        expired = house.credential(expires_ms=house.clock.ms)
        assert codes(await use(house, PROMPTS_GET, credential=expired)) >= {"credential_expired"}
        assert halt

    run(check())


def test_a_method_is_no_tool_and_a_tool_no_method():
    async def check():
        house = await library()
        house.upstream.tools = [*house.upstream.tools, {"name": "resources/read", "inputSchema": {"type": "object"}}]
        await confirm(house)
        called = await house.gatehouse.call(
            msgspec.structs.replace(house.request(RESOURCES_READ), arguments=PARAMS[RESOURCES_READ]), lambda _: None
        )
        assert codes(called) == {"unknown_tool"}
        named = msgspec.structs.replace(house.request("git_status"), method=RESOURCES_READ)
        assert codes(await house.gatehouse.call(named, lambda _: None)) == {"unknown_tool"}
        house.upstream.offers = ("tools",)
        await confirm(house)
        assert codes(await use(house, RESOURCES_READ)) == {"unknown_tool"}
        assert not [one for one in house.upstream.sent if one.method == "tools/call"]

    run(check())


@pytest.mark.parametrize("method", GOVERNED)
@pytest.mark.parametrize(
    "result",
    [b"{}", b"[]", b'{"content":[]}', b'{"contents":{},"messages":{},"completion":[],"resources":1}', b"7"],
)
def test_an_answer_of_another_shape_is_not_delivered(method, result):
    async def check():
        house = await library()
        house.upstream.answer = lambda _: result
        answer = await use(house, method)
        assert isinstance(answer, Failed), answer
        assert (answer.code, answer.unknown) == ("not_governed", False)
        assert await house.kinds(answer.call_id) == ["Decided", "Finished"]

    run(check())


def test_faults_and_errors_of_the_server():
    async def check():
        house = await library()
        error = {"code": -32602, "message": "Resource not found", "data": {"uri": "x"}}
        house.upstream.answer = lambda _: [{"error": error}]
        answer = await use(house, RESOURCES_READ)
        assert msgspec.json.decode(answer.error) == error
        house.upstream.answer = lambda _: UpstreamError("Nothing was sent.", code="not_sent")
        assert (await use(house, RESOURCES_READ)).code == "not_sent"
        house.upstream.answer = lambda _: OutcomeUnknown("Lost.")
        assert (await use(house, RESOURCES_READ)).unknown
        house.upstream.answer = answers
        assert isinstance(await use(house, RESOURCES_READ), Served), "a read in doubt is simply read again"

    run(check())


def test_log_messages_and_progress_go_to_the_call_they_came_with():
    async def check():
        house = await library()
        log = {"method": "notifications/message", "params": {"level": "info", "data": "x"}}
        progress = {"method": "notifications/progress", "params": {"progressToken": 1, "progress": 1}}
        house.upstream.answer = lambda request: [log, progress, {"result": RESULTS[request.method]}]
        request = msgspec.structs.replace(
            house.request(RESOURCES_READ), method=RESOURCES_READ, arguments=PARAMS[RESOURCES_READ]
        )
        relayed = []
        assert isinstance(await house.gatehouse.call(request, relayed.append), Served)
        first, second = map(msgspec.json.decode, relayed)
        assert (first["method"], first["params"]) == ("notifications/message", log["params"])
        assert second == progress["params"]

    run(check())


def test_nothing_of_a_uri_or_a_name_stands_in_the_ledger():
    async def check():
        house = await library(mapped=False)
        for params in ({"uri": "wiki://Tr0ve/x"}, {"uri": "file:///srv/Tr0ve"}):
            await use(house, RESOURCES_READ, params)
        await use(house, PROMPTS_GET, {"name": "Tr0ve"})
        house.upstream.prompts = [{**PROMPTS[0], "name": "Tr0ve"}]
        await confirm(house)
        house.upstream.prompts = []
        await look_for_drift(house.rooms.tenancy, "git")
        decided = await house.events("decided")
        assert any(one.targets for one in decided if isinstance(one, Decided))
        ledger = b"".join(leaf.data for leaf in await house.store.leaves(0, 1000))
        assert b"Tr0ve" not in ledger
        assert b"resources/read" in ledger

    run(check())


def test_a_level_is_told_to_the_servers_session():
    async def check():
        house = await library()
        house.upstream.answer = lambda _: {}
        found = await house.gatehouse.set_level(house.credential(), "git", "error", "session-1", "2025-06-18")
        assert found == (b"{}", b"")
        (request,) = sent(house, "logging/setLevel")
        assert (request.params, request.session, request.protocol) == (
            b'{"level":"error"}',
            "session-1",
            "2025-06-18",
        )
        await house.halt(HaltScope.TENANT)
        with pytest.raises(UpstreamError):
            await house.gatehouse.set_level(house.credential(), "git", "error", "session-1", "2025-06-18")

    run(check())


FORBID = """
@id("no-home-page")
@reason("Nobody reads the wiki today.")
@owner("security")
forbid (principal, action == Callgate::Action::"read", resource == Callgate::Tool::"git/resources/read");
"""


def test_a_policy_names_a_method_like_a_tool():
    async def check():
        house = await library()
        policies = house.live.bundle.policies
        await house.use_bundle(policies=(*policies, PolicyFile(name="more.cedar", text=FORBID)))
        refused = await use(house, RESOURCES_READ)
        assert codes(refused) == {"policy_deny"}
        assert isinstance(await use(house, RESOURCES_LIST), Served)

    run(check())
