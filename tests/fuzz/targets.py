"""Every target by its name. A target takes bytes and raises when something is wrong."""

from collections.abc import Callable

from tests.fuzz import front, messages, pipes, servers, streams

Target = Callable[[bytes], None]

TARGETS: dict[str, Target] = {
    "answer": servers.answer,
    "answer_of_server": pipes.answer_of_server,
    "asked": servers.asked,
    "definition": servers.definition,
    "headers": messages.headers,
    "lines": streams.lines,
    "listed": servers.listed,
    "message": messages.message,
    "request": front.request,
    "requests_of_client": pipes.requests_of_client,
    "sealed": front.sealed,
    "sse": streams.sse,
    "strict": messages.strict,
    "told": servers.told,
    "trace": messages.trace,
    "upstream": messages.upstream,
}
