"""A stdio server of the standard library alone: some tools that behave, many that do not. Starts in a few milliseconds."""

import json
import os
import subprocess
import sys
import threading
import time

NAMES = "add steps fail forever die twice wrong_id garbage too_large too_large_tail ask ping changed stderr pid env"
NAMES += " orphan flood split silent deaf log levels unread"
OFFERS = {name: {} for name in ("tools", "prompts", "resources", "completions", "logging")}
LISTS = {
    "prompts/list": {"prompts": [{"name": "review", "arguments": [{"name": "file", "required": True}]}]},
    "resources/list": {"resources": [{"uri": "wiki://home", "name": "home"}]},
    "resources/templates/list": {"resourceTemplates": [{"uriTemplate": "wiki://{page}", "name": "page"}]},
}
"""With FAKE_LIBRARY set, it offers more than tools."""


lock = threading.Lock()


def put(message):
    with lock:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()


def text(number, value):
    put({"id": number, "result": {"content": [{"type": "text", "text": value}], "isError": False}})


def add(number, params):
    arguments = params["arguments"]
    total = arguments["a"] + arguments["b"]
    put({"id": number, "result": {"content": [{"type": "text", "text": str(total)}], "isError": False}})


def steps(number, params):
    for step in range(params["arguments"]["count"]):
        token = params.get("_meta", {}).get("progressToken")
        put({"method": "notifications/progress", "params": {"progressToken": token, "progress": step + 1}})
    text(number, "done")


def fail(number, params):
    put({"id": number, "result": {"content": [{"type": "text", "text": "it broke"}], "isError": True}})


def forever(number, params):
    pass


def die(number, params):
    os._exit(3)


def twice(number, params):
    text(number, "first")
    text(number, "second")


def wrong_id(number, params):
    text(number + 1000, "not yours")
    put({"id": str(number), "result": {"content": []}})
    text(number, "yours")


def garbage(number, params):
    sys.stdout.write('not json\n{"jsonrpc":"2.0"}\n[]\n\n{"a":\n\x00\xff\n')
    text(number, "after the garbage")


def unread(number, params):
    """Notifications that are JSON on the outside alone."""
    with lock:
        for token in (b'"\xff"', b"[" * 900 + b"]" * 900):
            said = b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"x":%b,"progressToken":%b}}\n'
            sys.stdout.buffer.write(said % (token, token))
        sys.stdout.buffer.flush()
    text(number, "still here")


def too_large(number, params):
    sys.stdout.write(f'{{"jsonrpc":"2.0","id":{number},"result":{{"content":[{{"type":"text","text":"')
    sys.stdout.write("x" * (11 * 1024 * 1024) + '"}]}}\n')
    sys.stdout.flush()


def too_large_tail(number, params):
    sys.stdout.write('{"result":{"content":[{"type":"text","text":"')
    sys.stdout.write("x" * (11 * 1024 * 1024) + f'"}}]}},"jsonrpc":"2.0","id":{number}}}\n')
    sys.stdout.flush()


waiting = {}


def ask(number, params):
    waiting["theirs"] = number
    put({"id": "theirs", "method": params["arguments"].get("method", "sampling/createMessage"), "params": {}})


def ping(number, params):
    waiting["ping"] = number
    put({"id": "ping", "method": "ping"})


def changed(number, params):
    put({"method": "notifications/tools/list_changed"})
    text(number, "said")


def stderr(number, params):
    sys.stderr.write("y" * 200_000 + "the end\n")
    sys.stderr.flush()
    text(number, "written")


def pid(number, params):
    text(number, str(os.getpid()))


def env(number, params):
    text(number, json.dumps({"env": dict(os.environ), "cwd": os.getcwd(), "umask": os.umask(0o77)}))


def orphan(number, params):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], stdin=subprocess.DEVNULL)
    text(number, str(child.pid))


def flood(number, params):
    token = params.get("_meta", {}).get("progressToken")
    for step in range(2000):
        put({"method": "notifications/progress", "params": {"progressToken": token, "progress": step}})
    text(number, "done")


def split(number, params):
    line = json.dumps({"jsonrpc": "2.0", "id": number, "result": {"content": [], "isError": False}}) + "\r\n"
    for character in line:
        sys.stdout.write(character)
        sys.stdout.flush()


def silent(number, params):
    os.close(1)


set_levels = []


def log(number, params):
    for level in params["arguments"].get("say", ["debug", "error"]):
        put({"method": "notifications/message", "params": {"level": level, "logger": "rough", "data": "said"}})
    text(number, "logged")


def levels(number, params):
    text(number, json.dumps(set_levels))


def library(number, method, params):
    if method in LISTS:
        put({"id": number, "result": LISTS[method]})
    elif method == "resources/read":
        if params["uri"] == "wiki://loud":
            for level in ("debug", "error"):
                put({"method": "notifications/message", "params": {"level": level, "data": "reading"}})
        put({"id": number, "result": {"contents": [{"uri": params["uri"], "text": f"text of {params['uri']}"}]}})
    elif method == "prompts/get":
        said = {"type": "text", "text": json.dumps(params)}
        put({"id": number, "result": {"messages": [{"role": "user", "content": said}]}})
    elif method == "completion/complete":
        put({"id": number, "result": {"completion": {"values": [params["argument"]["value"] + "!"]}}})
    elif method == "logging/setLevel":
        set_levels.append(params["level"])
        put({"id": number, "result": {}})
    else:
        put({"id": number, "error": {"code": -32601, "message": "Method not found"}})


def deaf(number, params):
    time.sleep(600)


def main():
    for line in sys.stdin:
        message = json.loads(line)
        number = message.get("id")
        method = message.get("method")
        if method == "initialize":
            version = os.environ.get("FAKE_VERSION", "2025-11-25")
            info = {
                "protocolVersion": version,
                "capabilities": OFFERS if "FAKE_LIBRARY" in os.environ else {"tools": {}},
                "serverInfo": {"name": "rough", "version": "1"},
            }
            put({"id": number, "result": {**info, "instructions": "Only for tests."}})
        elif method == "tools/list":
            names = NAMES.split()
            start = int(message["params"].get("cursor", "0"))
            page = [{"name": name, "inputSchema": {"type": "object"}} for name in names[start : start + 10]]
            more = {"nextCursor": str(start + 10)} if start + 10 < len(names) else {}
            put({"id": number, "result": {"tools": page, **more}})
        elif method == "tools/call":
            handler = globals()[message["params"]["name"]]
            if message["params"]["name"] == "deaf":
                handler(number, message["params"])
            threading.Thread(target=handler, args=(number, message["params"]), daemon=True).start()
        elif method is None and number in waiting:
            text(waiting.pop(number), json.dumps(message))
        elif method is not None and number is not None:
            library(number, method, message["params"])


if __name__ == "__main__":
    main()
