"""What a client says of its trace: read from one place, only when it is well formed, and in both eras."""

import pytest

from tests.fakes.asgi import ask
from tests.fronts.mcp import ask_modern, begin, call, run

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OTHER = "00-5bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
BAD = [
    TRACE.replace("00-4", "ff-4"), TRACE.upper(), TRACE + "-more", TRACE + "\n", TRACE[:-1],
    f"00-{'0' * 32}-00f067aa0ba902b7-01", f"00-4bf92f3577b34da6a3ce929d0e0e4736-{'0' * 16}-01", 7, None, {}, [TRACE], "",
]  # fmt: skip


def claimed(headers=None, modern=True, **meta):
    async def steps(front, _):
        if modern:
            seen = await ask_modern(front, call(**meta), headers=headers or {})
        else:
            session = await begin(front)
            seen = await ask(front, call(**meta), headers={**session, **(headers or {})})
        assert seen.status == 200

    claims = run(steps).requests[-1].claims
    return claims.traceparent, claims.tracestate


@pytest.mark.parametrize("modern", [True, False])
def test_the_body_speaks_before_the_headers(modern):
    headers = {"traceparent": OTHER, "tracestate": "b=2"}
    assert claimed(headers, modern, traceparent=TRACE, tracestate="a=1, c=x:y") == (TRACE, "a=1, c=x:y")
    assert claimed(headers, modern) == (OTHER, "b=2")
    assert claimed(headers, modern, traceparent=TRACE) == (TRACE, ""), "never one from each"


@pytest.mark.parametrize("bad", BAD)
def test_what_is_not_well_formed_is_left_out_whole(bad):
    assert claimed(traceparent=bad, tracestate="a=1") == ("", "")


@pytest.mark.parametrize("state", ["a", "a=", "A=1", "a=1,", "a=1;b=2,=", "a=" + "x" * 600, "a=\u00e9", 7, ["a=1"]])
def test_a_bad_state_leaves_the_parent(state):
    assert claimed(traceparent=TRACE, tracestate=state) == (TRACE, "")
