"""OpenTelemetry spans of calls, by the conventions for GenAI and MCP (open-telemetry/semantic-conventions-genai,
docs/gen-ai/mcp.md; status Development).

Imported only when an endpoint is configured: the SDK and its exporter cost 180 ms and belong to the extra ``otel``.
Arguments, results, sessions and people never stand in a span; tools do when they are pinned.
"""

import time
from collections.abc import Mapping

import msgspec
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    TraceState,
    set_span_in_context,
)

from callgate.flow.ports import SpanFacts, SpanStart
from callgate.model.call import TOOLS_CALL, Claims
from callgate.model.config import Telemetry

EXPORT_S = 5.0
TOOL_ERROR = "tool_error"
"""``error.type`` of an answer with ``isError``, the gate's refusals among them."""
_SAMPLED = 1
_CHILDREN = frozenset(("judge", "commit_decided", "commit_outcome"))
"""Steps with a span of their own; the target's time is the client span's."""
_TOLD = ("call_id", "decision_id", "integration", "tier", "effect", "gate", "code", "answer", "outcome")


class _RpcError(msgspec.Struct, frozen=True):
    code: int = 0


_rpc_error = msgspec.json.Decoder(_RpcError)


def provider_of(config: Telemetry, version: str) -> TracerProvider:
    """Sends spans in the background; when the collector does not take them they are dropped, and calls go on."""
    made = bare_provider(config, version)
    exporter = OTLPSpanExporter(endpoint=config.otlp_endpoint, timeout=EXPORT_S)
    made.add_span_processor(BatchSpanProcessor(exporter))
    return made


def bare_provider(config: Telemetry, version: str) -> TracerProvider:
    """Never the process's global one. A sampler without a parent's say: what a client flags is only a claim."""
    resource = Resource.create({"service.name": config.service_name, "service.version": version})
    return TracerProvider(sampler=TraceIdRatioBased(config.sample), resource=resource, shutdown_on_exit=False)


class SpanTracer:
    """Implements ``flow.ports.Tracer``."""

    def __init__(self, provider: TracerProvider, version: str) -> None:
        self._tracer = provider.get_tracer("callgate", version)

    def begin(self, start: SpanStart) -> "TracedCall":
        # Steps are measured on the monotonic clock; a span wants the wall clock.
        offset_ns = time.time_ns() - time.monotonic_ns()
        attributes: dict[str, str] = {
            "mcp.method.name": start.method,
            "callgate.tenant": start.tenant,
            "callgate.runtime": start.runtime,
            "network.transport": "tcp",
            "network.protocol.name": "http",
        }
        if start.claims.protocol:
            attributes["mcp.protocol.version"] = start.claims.protocol
        span = self._tracer.start_span(
            _title(start.method, start.tool),
            context=_parent(start.claims),
            kind=SpanKind.SERVER,
            attributes={**attributes, **_names(start.method, start.tool)},
            start_time=start.at_us * 1000 + offset_ns,
        )
        return TracedCall(self._tracer, span, start.method, start.tool, offset_ns)


class TracedCall:
    """The span of one call, and those of the requests that leave for it."""

    def __init__(self, tracer: Tracer, span: Span, method: str, tool: str, offset_ns: int) -> None:
        self._tracer = tracer
        self._span = span
        self._context = set_span_in_context(span, Context())
        self._method = method
        self._tool = tool
        self._offset_ns = offset_ns
        self._leaving: Span | None = None

    def sending(self, integration: str, at_us: int) -> str:
        """Begins a client span; one from before was not sent."""
        at_ns = at_us * 1000 + self._offset_ns
        if self._leaving is not None:
            _failed(self._leaving, "not_sent")
            self._leaving.end(at_ns)
        self._leaving = self._tracer.start_span(
            _title(self._method, self._tool),
            context=self._context,
            kind=SpanKind.CLIENT,
            attributes={
                "mcp.method.name": self._method,
                "callgate.integration": integration,
                **_names(self._method, self._tool),
            },
            start_time=at_ns,
        )
        return traceparent(self._leaving.get_span_context())

    def end(self, facts: SpanFacts) -> None:
        ends = {step: to for step, _, to in facts.steps}
        if self._leaving is not None:
            problem = facts.fault or _answered(facts)
            if problem:
                _failed(self._leaving, problem)
            self._leaving.end(self._ns(ends.get("upstream", facts.ended_us)))
        if self._span.is_recording():
            for step, begin, to in facts.steps:
                if step in _CHILDREN:
                    child = self._tracer.start_span(
                        f"callgate {step}", context=self._context, start_time=self._ns(begin)
                    )
                    child.end(self._ns(to))
            self._span.set_attributes(_told(facts))
            problem = _problem(facts)
            if problem:
                _failed(self._span, problem)
        self._span.end(self._ns(facts.ended_us))

    def _ns(self, at_us: int) -> int:
        return at_us * 1000 + self._offset_ns


def traceparent(context: SpanContext) -> str:
    """Version 00 (W3C Trace Context section 3.2)."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags & _SAMPLED:02x}"


def _parent(claims: Claims) -> Context:
    """Of nothing but the claim: whatever context runs here is not the caller's."""
    if not claims.traceparent:
        return Context()
    _, trace, span, flags = claims.traceparent.split("-")
    state = TraceState.from_header([claims.tracestate]) if claims.tracestate else None
    remote = SpanContext(int(trace, 16), int(span, 16), True, TraceFlags(int(flags, 16) & _SAMPLED), state)
    return set_span_in_context(NonRecordingSpan(remote), Context())


def _title(method: str, tool: str) -> str:
    return f"{method} {tool}" if tool and method == TOOLS_CALL else method


def _names(method: str, tool: str) -> dict[str, str]:
    if method != TOOLS_CALL:
        return {}
    return {"gen_ai.operation.name": "execute_tool", **({"gen_ai.tool.name": tool} if tool else {})}


def _told(facts: SpanFacts) -> Mapping[str, str]:
    told = {f"callgate.{name}": value for name in _TOLD if (value := str(getattr(facts, name)))}
    status = _status(facts)
    return {**told, "rpc.response.status_code": status} if status else told


def _status(facts: SpanFacts) -> str:
    """Code of the JSON-RPC error that the target answered with."""
    if not facts.error:
        return ""
    try:
        return str(_rpc_error.decode(facts.error).code)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return "unreadable"


def _answered(facts: SpanFacts) -> str:
    return _status(facts) or (TOOL_ERROR if facts.outcome == TOOL_ERROR else "")


def _problem(facts: SpanFacts) -> str:
    """``error.type`` of the call as its client sees it; empty: none."""
    if facts.answer == "served":
        return _answered(facts)
    if facts.answer in ("failed", "unknown"):
        return facts.code or facts.answer
    return {"refused": TOOL_ERROR, "cancelled": "cancelled"}.get(facts.answer, "")


def _failed(span: Span, kind: str) -> None:
    span.set_attribute("error.type", kind)
    span.set_status(Status(StatusCode.ERROR))
