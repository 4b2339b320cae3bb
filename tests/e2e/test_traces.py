"""Spans as a collector gets them from a real gate, by OTLP over HTTP, from clients of both eras."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.e2e.harness import effects_in, gate_in

pytestmark = [pytest.mark.e2e]
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SERVER, CLIENT = 2, 3


@contextmanager
def collector():
    spans = []

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self):
            sent = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
            for resource in sent.resource_spans:
                spans.extend(span for scope in resource.scope_spans for span in scope.spans)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/traces", spans
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def configured(url):
    def prepare(gate):
        gate.config = f'[telemetry]\notlp_endpoint = "{url}"\n'

    return prepare


def handshake_call(gate, token, headers):
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}
    opened = gate.send({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}, token=token)
    session = {"Mcp-Session-Id": opened.headers["mcp-session-id"], "MCP-Protocol-Version": "2025-06-18"}
    params = {"name": "git_status", "arguments": {"repo_path": "/srv/app"}}
    message = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params}
    return gate.send(message, {**session, **headers}, token=token)


def test_a_collector_gets_joined_spans_from_both_eras(tmp_path):
    with collector() as (url, spans), effects_in(tmp_path) as effects:
        with gate_in(tmp_path, prepare=configured(url)) as gate:
            gate.add("git", url=effects.url, allow_private=True)
            token = gate.token()
            mine = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
            gate.call("git_status", {"repo_path": "/srv/app"}, token=token, meta=mine)
            assert handshake_call(gate, token, mine).status == 200
            assert gate.stop() == 0, "what was not sent yet is sent at the end"
        servers = [span for span in spans if span.kind == SERVER]
        assert [span.name for span in servers] == ["tools/call git_status"] * 2
        versions = set()
        for span in servers:
            assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, SPAN)
            told = {one.key: one.value.string_value for one in span.attributes}
            versions.add(told["mcp.protocol.version"])
            children = [one for one in spans if one.parent_span_id == span.span_id]
            assert len(children) == 4 and sum(one.kind == CLIENT for one in children) == 1
            for child in children:
                assert span.start_time_unix_nano <= child.start_time_unix_nano
                assert child.start_time_unix_nano <= child.end_time_unix_nano <= span.end_time_unix_nano
        assert versions == {"2026-07-28", "2025-06-18"}
        for word in ("/srv/app", "ana", token):
            assert word not in str(spans)


def test_a_collector_that_is_gone_stops_no_call_and_no_stop(tmp_path):
    with effects_in(tmp_path) as effects:
        with gate_in(tmp_path, prepare=configured("http://127.0.0.1:9/v1/traces")) as gate:
            gate.add("git", url=effects.url, allow_private=True)
            answer = gate.call("git_status", {"repo_path": "/srv/app"}, token=gate.token())
            assert answer.result["isError"] is False
            assert gate.stop() == 0
