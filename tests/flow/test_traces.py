"""Spans of calls: named by the conventions, joined to what the client and the target trace, and without a value."""

import msgspec
import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from callgate.adapters.telemetry.relay import RelayTracer
from callgate.adapters.telemetry.tracing import SpanTracer, bare_provider
from callgate.flow.ports import SpanFacts, SpanStart
from callgate.model.answer import Failed, Pending, Refused, Served
from callgate.model.call import Claims
from callgate.model.config import Telemetry
from callgate.model.errors import OutcomeUnknown, UpstreamError
from tests.fakes.house import git_answers, open_house, run, said

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CLAIM = f"00-{TRACE}-{SPAN}-01"
ERAS = ("2026-07-28", "2025-11-25")


async def traced(answer=git_answers, **config):
    house = await open_house(answer=answer)
    exporter = InMemorySpanExporter()
    provider = bare_provider(Telemetry(**config), "0")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    house.rooms.tenancy.observer.tracer = SpanTracer(provider, "0")
    return house, exporter


def by_name(exporter):
    found = {}
    for span in exporter.get_finished_spans():
        found.setdefault((span.kind, span.name), []).append(span)
    return found


def meta_of(outbound):
    return msgspec.json.decode(outbound.params).get("_meta", {})


@pytest.mark.parametrize("protocol", ERAS)
def test_a_call_is_a_span_under_the_clients_with_a_child_per_step_and_one_that_leaves(protocol):
    async def steps():
        house, exporter = await traced()
        claims = Claims(protocol=protocol, traceparent=CLAIM, tracestate="vendor=1")
        assert isinstance(await house.status(protocol=protocol, claims=claims), Served)
        spans = by_name(exporter)
        server = spans[SpanKind.SERVER, "tools/call git_status"][0]
        assert f"{server.context.trace_id:032x}" == TRACE
        assert f"{server.parent.span_id:016x}" == SPAN and server.parent.is_remote
        assert server.context.trace_state.get("vendor") == "1"
        told = dict(server.attributes)
        assert told["mcp.method.name"] == "tools/call"
        assert told["gen_ai.tool.name"] == "git_status"
        assert told["gen_ai.operation.name"] == "execute_tool"
        assert told["mcp.protocol.version"] == protocol
        assert told["callgate.effect"] == "allow" and told["callgate.outcome"] == "ok"
        event = (await house.envelopes("decided", told["callgate.call_id"]))[0]
        assert told["callgate.decision_id"] == event.id
        assert server.status.status_code is StatusCode.UNSET
        client = spans[SpanKind.CLIENT, "tools/call git_status"][0]
        for name in ("callgate judge", "callgate commit_decided", "callgate commit_outcome"):
            assert spans[SpanKind.INTERNAL, name][0].parent.span_id == server.context.span_id
        assert client.parent.span_id == server.context.span_id
        ours = f"00-{TRACE}-{client.context.span_id:016x}-01"
        sent = house.upstream.sent[-1]
        assert sent.traceparent == ours
        assert meta_of(sent)["traceparent"] == ours
        assert "tracestate" not in meta_of(sent)
        assert len(exporter.get_finished_spans()) == 5

    run(steps())


def test_spans_hold_no_value_and_no_person():
    async def steps():
        house, exporter = await traced()
        await house.commit("secret words")
        await house.call("git_status", {"nonsense": "secret words"})
        await house.call("secret_tool_name")
        text = "".join(span.to_json() for span in exporter.get_finished_spans())
        for word in ("secret words", "/srv/app", "ana", "secret_tool_name", "nonsense"):
            assert word not in text
        assert any(span.name == "tools/call" for span in exporter.get_finished_spans()), (
            "what is not pinned has no name"
        )

    run(steps())


@pytest.mark.parametrize(
    ("answer", "kind", "error"),
    [
        (lambda _: said("no", isError=True), Served, "tool_error"),
        (UpstreamError("gone", code="not_sent"), Failed, "not_sent"),
        (OutcomeUnknown("lost", code="lost"), Failed, "outcome_unknown"),
    ],
)
def test_what_went_wrong_is_said_by_code(answer, kind, error):
    async def steps():
        def answering(request):
            if isinstance(answer, Exception):
                raise answer
            return answer(request)

        house, exporter = await traced(answering)
        assert isinstance(await house.status(), kind)
        spans = by_name(exporter)
        server = spans[SpanKind.SERVER, "tools/call git_status"][0]
        assert server.attributes["error.type"] == error
        assert server.status.status_code is StatusCode.ERROR
        client = spans[SpanKind.CLIENT, "tools/call git_status"][-1]
        assert client.status.status_code is StatusCode.ERROR

    run(steps())


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (b'{"code":-32000,"message":"secret"}', "-32000"),
        (b'{"code":"secret"}', "unreadable"),
        (b'{"code":1,"data":' + b"[" * 50_000, "unreadable"),
        (b'{"code":1e400}', "unreadable"),
        (b'{"m":"\xff","code":5}', "5"),
    ],
)
def test_an_error_of_the_target_is_its_code_whatever_else_it_says(error, kind):
    exporter = InMemorySpanExporter()
    provider = bare_provider(Telemetry(), "0")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    start = SpanStart(tenant="acme", method="tools/call", tool="t", runtime="codex", claims=Claims(), at_us=1)
    span = SpanTracer(provider, "0").begin(start)
    words = dict.fromkeys(("call_id", "decision_id", "integration", "tier", "effect", "gate", "code", "fault"), "")
    span.end(SpanFacts(**words, answer="served", outcome="protocol_error", error=error, steps=(), ended_us=2))
    found = exporter.get_finished_spans()[0]
    assert found.attributes["error.type"] == found.attributes["rpc.response.status_code"] == kind
    assert "secret" not in found.to_json()


def test_refusals_and_holds_are_told_apart():
    async def steps():
        house, exporter = await traced()
        assert isinstance(await house.call("git_status", {"nonsense": 1}), Refused)
        assert isinstance(await house.commit(), Pending)
        refused, held = [span for span in exporter.get_finished_spans() if span.kind is SpanKind.SERVER]
        assert refused.attributes["error.type"] == "tool_error"
        assert refused.attributes["callgate.gate"] == "schema"
        assert held.attributes["callgate.effect"] == "hold"
        assert "error.type" not in held.attributes
        assert held.attributes["callgate.answer"] == "pending"
        assert not [span for span in exporter.get_finished_spans() if span.kind is SpanKind.CLIENT]

    run(steps())


def test_an_approved_call_has_a_span_of_its_own_in_the_trace_of_who_asked():
    async def steps():
        house, exporter = await traced()
        held = await house.commit(claims=Claims(traceparent=CLAIM))
        await house.approve(held.hold)
        asked, redeemed = [span for span in exporter.get_finished_spans() if span.kind is SpanKind.SERVER]
        assert asked.attributes["callgate.answer"] == "pending"
        assert redeemed.attributes["callgate.answer"] == "served"
        assert redeemed.attributes["callgate.effect"] == "allow"
        assert redeemed.attributes["callgate.call_id"] == asked.attributes["callgate.call_id"]
        assert f"{redeemed.context.trace_id:032x}" == TRACE
        client = next(span for span in exporter.get_finished_spans() if span.kind is SpanKind.CLIENT)
        assert client.parent.span_id == redeemed.context.span_id
        assert f"{client.context.span_id:016x}" in house.upstream.sent[-1].traceparent

    run(steps())


def test_a_client_that_flags_its_trace_unsampled_is_traced_all_the_same():
    async def steps():
        house, exporter = await traced()
        await house.status(claims=Claims(traceparent=f"00-{TRACE}-{SPAN}-00"))
        assert len(exporter.get_finished_spans()) == 5

    run(steps())


def test_nothing_is_kept_when_nothing_is_sampled_and_the_target_is_told_so():
    async def steps():
        house, exporter = await traced(sample=0.0)
        await house.status()
        assert exporter.get_finished_spans() == ()
        assert house.upstream.sent[-1].traceparent.endswith("-00")

    run(steps())


def test_without_tracing_nothing_is_passed_on_but_to_whom_it_is_configured():
    async def steps():
        house = await open_house()
        claims = Claims(traceparent=CLAIM)
        await house.status(claims=claims)
        assert house.upstream.sent[-1].traceparent == ""
        assert "traceparent" not in meta_of(house.upstream.sent[-1])
        observer = house.rooms.tenancy.observer
        observer.tracer = RelayTracer(frozenset(["other"]))
        await house.status(claims=claims)
        assert house.upstream.sent[-1].traceparent == ""
        observer.tracer = RelayTracer(frozenset(["git"]))
        await house.status(claims=claims)
        assert house.upstream.sent[-1].traceparent == CLAIM
        assert meta_of(house.upstream.sent[-1])["traceparent"] == CLAIM
        await house.status()
        assert house.upstream.sent[-1].traceparent == ""

    run(steps())
