"""Which functions of a gate belong to which stage of a call. Names move: what is missing is said, and counts as rest."""

SERVER = "HTTP server"
FRONT = "front: token, parse, answer"
JUDGE = "prepare and decide"
DECIDED = "commit Decided, in the loop"
UPSTREAM = "upstream exchange"
FINISHED = "commit Finished, in the loop"
WRITER = "writer thread"
OTHERS = "other threads"
REST = "rest: the loop itself"
ORDER = (SERVER, FRONT, JUDGE, DECIDED, UPSTREAM, FINISHED, WRITER, OTHERS, REST)

STAGES = (
    ("callgate.adapters.mcp.protocol", "GateProtocol.data_received", SERVER),
    ("uvicorn.protocols.http.httptools_impl", "HttpToolsProtocol.data_received", SERVER),
    ("uvicorn.protocols.http.httptools_impl", "RequestResponseCycle.send", SERVER),
    ("uvicorn.protocols.http.httptools_impl", "RequestResponseCycle.run_asgi", SERVER),
    ("callgate.adapters.mcp.app", "McpFront.__call__", FRONT),
    ("callgate.flow.run", "Runner._guarded", JUDGE),
    ("callgate.flow.run", "Runner._permission", DECIDED),
    ("callgate.flow.tenancy", "Tenancy.write", DECIDED),
    ("callgate.flow.execute", "Executor._attempts", UPSTREAM),
    ("callgate.adapters.upstream.http_connection", "HttpConnection.data_received", UPSTREAM),
    ("callgate.flow.execute", "Executor._finished", FINISHED),
)
