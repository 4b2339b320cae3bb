"""Other gateways in front of the same upstream: one worker each, authentication on, started as each documents it.

``make peers`` installs them, each in an environment of its own; what is not there, or does not start, is skipped.
Nothing else of them is tuned. What is switched off is said here: rate limits that would lock the load out, and the
refusal of addresses on this machine.
"""

import json
import os
import secrets
import subprocess
import time
import urllib.error
from collections.abc import Callable
from pathlib import Path

from benchmarks.paths import Started
from benchmarks.running import EXPECT, ROOT, Bench, call, free_port, post, progress, session, wait_for
from benchmarks.upstream import TOOL

WHERE = ROOT / ".venv-peers"
LIMIT_S = 120.0
"""Until a peer is ready."""


class NotStarted(Exception):
    """Why a peer is left out of the table."""


def _program(peer: str, name: str) -> str:
    found = WHERE / peer / "bin" / name
    if not found.exists():
        raise NotStarted("not installed (make peers)")
    return str(found)


def _version(peer: str, package: str) -> str:
    for found in (WHERE / peer / "lib").glob(f"python*/site-packages/{package.replace('-', '_')}-*.dist-info"):
        return found.name.removesuffix(".dist-info").rpartition("-")[2]
    return "?"


def fastmcp(bench: Bench, upstream: int) -> Started:
    python, port, token = _program("fastmcp", "python"), free_port(), secrets.token_hex(20)
    script = ["benchmarks/fastmcp_proxy.py", str(port), str(upstream), token]
    one = _start(bench, "fastmcp", [python, *script])
    return _ready(one, port, "/mcp", {"authorization": f"Bearer {token}"}, _version("fastmcp", "fastmcp"))


def litellm(bench: Bench, upstream: int) -> Started:
    program, port, key = _program("litellm", "litellm"), free_port(), f"sk-{secrets.token_hex(20)}"
    config = bench.folder / "litellm.yaml"
    servers = {"bench": {"url": f"http://127.0.0.1:{upstream}/mcp", "transport": "http", "allow_all_keys": True}}
    # YAML reads JSON.
    config.write_text(json.dumps({"general_settings": {"master_key": key}, "mcp_servers": servers}))
    # Its price list comes with the package; without this it is fetched.
    local = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
    arguments = ["--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    one = _start(bench, "litellm", [program, *arguments], local)
    return _ready(one, port, "/mcp/", {"x-litellm-api-key": f"Bearer {key}"}, _version("litellm", "litellm"))


def contextforge(bench: Bench, upstream: int) -> Started:
    program, port = _program("contextforge", "mcpgateway"), free_port()
    secret, admin = secrets.token_hex(32), "admin@example.com"
    environ = {
        "JWT_SECRET_KEY": secret,
        "AUTH_ENCRYPTION_SECRET": secrets.token_hex(32),
        "PLATFORM_ADMIN_EMAIL": admin,
        "PLATFORM_ADMIN_PASSWORD": f"Bench-{secrets.token_hex(8)}!",
        "DATABASE_URL": f"sqlite:///{bench.folder}/contextforge.db",
        "SSRF_ALLOW_LOCALHOST": "true",
        "SSRF_ALLOW_PRIVATE_NETWORKS": "true",
        "RATE_LIMITING_ENABLED": "false",
        "RATE_LIMIT_LOCKOUT_ENABLED": "false",
        "LOG_LEVEL": "ERROR",
    }
    one = _start(bench, "contextforge", [program, "--host", "127.0.0.1", "--port", str(port)], environ, bench.folder)
    ready = _answering(one, port, "/health")
    python = [_program("contextforge", "python"), "-m", "mcpgateway.utils.create_jwt_token"]
    made = subprocess.run(
        [*python, "--username", admin, "--admin", "--exp", "600", "--secret", secret],
        capture_output=True,
        text=True,
        cwd=bench.folder,
        env={**os.environ, **environ},
    )
    headers = {"authorization": f"Bearer {made.stdout.strip().splitlines()[-1] if made.stdout.strip() else ''}"}
    try:
        body = {"name": "bench", "url": f"http://127.0.0.1:{upstream}/mcp", "transport": "STREAMABLEHTTP"}
        post(port, "/gateways", headers, body)
        tools = json.loads(_get(port, "/tools", headers))
        tools = tools if isinstance(tools, list) else tools["tools"]
        server = {"server": {"name": "bench", "description": "Bench.", "associated_tools": [tools[0]["id"]]}}
        made_server = json.loads(post(port, "/servers", headers, server)[1])
    except (urllib.error.HTTPError, OSError, LookupError, ValueError) as fault:
        raise NotStarted(_said(fault)) from fault
    path = f"/servers/{made_server['id']}/mcp"
    return _ready(one, port, path, headers, _version("contextforge", "mcp-contextforge-gateway"), ready)


PEERS: dict[str, Callable[[Bench, int], Started]] = {
    "fastmcp": fastmcp,
    "litellm": litellm,
    "contextforge": contextforge,
}


def _start(
    bench: Bench, peer: str, command: list[str], environ: dict | None = None, cwd: Path = ROOT
) -> subprocess.Popen:
    environ = {**os.environ, **(environ or {})}
    with (bench.folder / f"{peer}.log").open("wb") as log:
        return bench.processes.start(bench.tested, *command, python="-", env=environ, cwd=cwd, stdout=log, stderr=log)


def _answering(one: subprocess.Popen, port: int, path: str) -> float:
    try:
        return wait_for(port, one, LIMIT_S, path)
    except SystemExit as fault:
        raise NotStarted(str(fault)) from fault


def _ready(
    one: subprocess.Popen, port: int, path: str, headers: dict, version: str, ready: float | None = None
) -> Started:
    """Its own initialize, its own list, and one call that brings the upstream's answer."""
    ready = _answering(one, port, path) if ready is None else ready
    until, fault = time.monotonic() + 20, ""
    while time.monotonic() < until:
        try:
            begun = session(port, path, headers)
            name = _tool(post(port, path, begun, {"jsonrpc": "2.0", "id": 1, "method": "tools/list"})[1])
            message = call(name)
            came = post(port, path, begun, message)[1].decode(errors="replace")
            if EXPECT in came:
                return Started(one, port, path, begun, {"ready_s": ready, "version": version}, message)
            fault = came[:200]
        except (urllib.error.HTTPError, OSError, LookupError, ValueError) as error:
            fault = _said(error)
        time.sleep(0.5)
    raise NotStarted(f"no governed answer: {fault}")


def _tool(body: bytes) -> str:
    """The public name of the upstream's tool, in JSON or in the last event of a stream."""
    text = body.decode()
    if not text.lstrip().startswith("{"):
        text = [line[5:] for line in text.splitlines() if line.startswith("data:")][-1]
    names = [tool["name"] for tool in json.loads(text)["result"]["tools"]]
    return next(name for name in [*names, ""] if name.endswith(TOOL["name"]))


def _get(port: int, path: str, headers: dict) -> bytes:
    import urllib.request

    with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)) as came:
        return came.read()


def _said(fault: Exception) -> str:
    body = fault.read()[:200].decode(errors="replace") if isinstance(fault, urllib.error.HTTPError) else ""
    progress(f"peers: {fault} {body}")
    return f"{fault} {body}".strip().replace("\n", " ")[:160]
