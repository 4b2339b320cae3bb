"""One message per line on stdin and stdout, until stdin ends."""

import json
from typing import BinaryIO

from callgate_practice.wire.speech import UNPARSABLE, RpcFault, Speech, error


def serve(speech: Speech, source: BinaryIO, sink: BinaryIO) -> None:
    for line in source:
        if not line.strip():
            continue
        try:
            answer = speech.answer(json.loads(line))
        except ValueError:
            answer = error(None, RpcFault(UNPARSABLE, "Not JSON."))
        if answer is not None:
            sink.write(json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
            sink.flush()
