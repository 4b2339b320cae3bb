"""The Git tools over stdio, doing wrong: a branch name chooses how. Run: ``python faulty_stdio.py RECORDS``.

Every branch is kept in RECORDS. RECORDS.stop: the server ends at its start. Standard library only.
"""

import json
import os
import sys
import threading
from pathlib import Path

TOOLS = json.loads((Path(__file__).parents[2] / "golden" / "catalog" / "git.json").read_text())
LIMIT = 10 << 20
LATE_S = 3.0
RECORDS = sys.argv[1] if len(sys.argv) > 1 else ""


def put(**message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def said(value):
    return {"content": [{"type": "text", "text": value}], "isError": False}


def answer(number, value="done"):
    put(id=number, result=said(value))


def exits(number):
    os._exit(3)


def hangs(number):
    threading.Event().wait()


def never(number):
    return


def late(number):
    threading.Timer(LATE_S, answer, (number, "too late")).start()


def errors(number):
    for _ in range(100):
        sys.stderr.write("e" * 100_000 + "\n")
    sys.stderr.flush()
    answer(number)


def floods(number):
    for step in range(20_000):
        put(method="notifications/message", params={"level": "info", "data": step})
    answer(number)


def garbage(number):
    sys.stdout.write('no json\n{"jsonrpc":"2.0"}\n[]\n\n{"a":\n\x00\n')
    answer(number)


def twice(number):
    answer(number, "first")
    answer(number, "second")


def foreign(number):
    put(id=number + 1000, result=said("not yours"))


def input_closed(number):
    os.close(0)
    answer(number)
    threading.Event().wait()


def output_closed(number):
    os.close(1)


def length(number):
    empty = len(json.dumps({"jsonrpc": "2.0", "id": number, "result": said("")}))
    answer(number, "x" * (LIMIT + 1 - empty))


FAULTS = {
    "exits": exits,
    "hangs": hangs,
    "never": never,
    "late": late,
    "errors": errors,
    "floods": floods,
    "garbage": garbage,
    "twice": twice,
    "foreign": foreign,
    "stdin": input_closed,
    "stdout": output_closed,
    "length": length,
}


def call(number, params):
    branch = params.get("arguments", {}).get("branch_name", "")
    with open(RECORDS, "a") as records:
        records.write(json.dumps({"branch": branch, "pid": os.getpid()}) + "\n")
    FAULTS.get(branch.partition("-")[0], answer)(number)


def main():
    if os.path.exists(f"{RECORDS}.stop"):
        sys.exit(4)
    for line in iter(sys.stdin.readline, ""):
        message = json.loads(line)
        number, method = message.get("id"), message.get("method")
        if method == "initialize":
            info = {"name": "faulty", "version": "1"}
            put(id=number, result={"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": info})
        elif method == "tools/list":
            put(id=number, result={"tools": TOOLS})
        elif method == "tools/call":
            call(number, message["params"])


if __name__ == "__main__":
    main()
