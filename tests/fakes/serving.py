"""A scriptable ``Serving``: what fronts are tested against. Never judges anything."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from callgate.flow.announcing import Listener
from callgate.flow.ports import Opened, Relay, Wish
from callgate.flow.serving import Listing
from callgate.model.answer import Answer, Pending, Request, Served
from callgate.model.errors import AuthError, InputError, UpstreamError
from callgate.model.identity import Credential, Initiator, Runtime

ERAS = ("2026-07-28", "2025-11-25", "2025-06-18")

Script = Callable[[Request, Relay], Awaitable[Answer]]


def credential(subject: str = "ana", *, runtime: str = "codex", integrations: tuple[str, ...] = ()) -> Credential:
    return Credential(
        id=f"cred-{subject}-{runtime}",
        initiator=Initiator("default", "https://issuer.example", subject),
        runtime=Runtime(runtime),
        chain=(),
        issued_ms=0,
        expires_ms=10**13,
        integrations=integrations,
    )


def tool(name: str, **properties: Any) -> dict[str, Any]:
    return {"name": name, "description": name, "inputSchema": {"type": "object", "properties": properties}}


def listing(
    integration: str = "git",
    *,
    tools: tuple[dict[str, Any], ...] = (tool("git_status"), tool("git_commit")),
    eras: tuple[str, ...] = ERAS,
    bridged: bool = True,
    headers: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (),
    instructions: str = "Use with care.",
    offers: tuple[str, ...] = (),
    prompts: tuple[dict[str, Any], ...] = (),
    templates: tuple[dict[str, Any], ...] = (),
    **more: Any,
) -> Listing:
    return Listing(
        integration=integration,
        tools=json.dumps(list(tools), separators=(",", ":")).encode(),
        server=b'{"name":"mcp-git","version":"1.2.3"}',
        instructions=instructions,
        eras=eras,
        bridged=bridged,
        headers=headers,
        offers=offers,
        offers_modern=offers,
        prompts=json.dumps(list(prompts)).encode(),
        templates=json.dumps(list(templates)).encode(),
        **more,
    )


def text_result(text: str = "ok", **more: Any) -> bytes:
    return json.dumps({"content": [{"type": "text", "text": text}], **more}, separators=(",", ":")).encode()


def served(result: bytes = b"", **more: Any) -> Served:
    made: dict[str, Any] = {
        "call_id": "call-1",
        "result": result or text_result(),
        "error": b"",
        "events": ("ev-1", "ev-2"),
    }
    return Served(**{**made, **more})


class FakeServing:
    """``tokens`` and ``listings`` are what it knows; ``script`` answers calls; everything asked is kept."""

    def __init__(self, *listings: Listing, script: Script | None = None) -> None:
        self.tokens = {
            "good": credential(),
            "ben": credential("ben"),
            "other": credential("cas", integrations=("mail",)),
        }
        self.listings = {each.integration: each for each in listings or (listing(),)}
        self.script = script
        self.requests: list[Request] = []
        self.asked: list[tuple[str, Any]] = []
        self.ended: list[str] = []
        self.opened: list[tuple[bytes, str]] = []
        self.upstream = Opened("up-1", "2025-06-18", b"{}")
        self.upstream_fault: UpstreamError | None = None
        self.level_error = b""
        """What the server answers to logging/setLevel; empty: that it did it."""
        self.approval: Answer | None = None
        self.explained: dict[str, object] | None = None
        self.listening: list[tuple[Listener, Wish | None]] = []
        self.may_go_on = True

    def authenticate(self, token: str) -> Credential:
        if token not in self.tokens:
            raise AuthError("The token is not known.", code="bad_signature")
        return self.tokens[token]

    def listing(self, credential: Credential, integration: str) -> Listing | None:
        return self.listings.get(integration)

    async def call(self, request: Request, relay: Relay) -> Answer:
        self.requests.append(request)
        if self.script is not None:
            return await self.script(request, relay)
        return served()

    async def await_approval(self, credential: Credential, hold: str, wait_ms: int, relay: Relay) -> Answer:
        self.asked.append(("await", (hold, wait_ms)))
        if self.approval is not None:
            return self.approval
        return Pending("call-1", "dec-1", hold, (), (), 1_800_000_000_000, "Wait.")

    async def explain(self, credential: Credential, decision: str) -> dict[str, object] | None:
        self.asked.append(("explain", decision))
        return self.explained

    async def bind_task(self, credential: Credential, task: str) -> str:
        self.asked.append(("bind", task))
        if task == "closed":
            raise InputError("This task is closed.", code="task_closed")
        return f"What follows counts under task {task}."

    async def open_session(self, credential: Credential, integration: str, params: bytes, protocol: str) -> Opened:
        self.opened.append((params, protocol))
        if self.upstream_fault is not None:
            raise self.upstream_fault
        return self.upstream

    async def end_session(self, credential: Credential, integration: str, session: str) -> None:
        self.ended.append(session)

    async def set_level(
        self, credential: Credential, integration: str, level: str, session: str, protocol: str
    ) -> tuple[bytes, bytes]:
        self.asked.append(("level", (integration, level, session, protocol)))
        if self.upstream_fault is not None:
            raise self.upstream_fault
        return b"{}", self.level_error

    def listen(self, credential: Credential, listener: Listener, wish: Wish | None) -> Callable[[], None]:
        self.listening.append((listener, wish))
        return lambda: self.listening.remove((listener, wish))

    def may_listen(self, credential: Credential, integration: str) -> bool:
        return self.may_go_on

    async def may_subscribe(self, request: Request) -> bool:
        self.requests.append(request)
        return "secret" not in request.arguments["uri"]

    def seal_session(
        self, credential: Credential, integration: str, session: str, protocol: str, asks: tuple[str, ...] = ()
    ) -> str:
        return f"sealed|{credential.id}|{integration}|{session}|{protocol}|{','.join(asks)}"

    def open_sealed_session(
        self, credential: Credential, integration: str, sealed: str
    ) -> tuple[str, str, tuple[str, ...]] | None:
        parts = sealed.split("|")
        if len(parts) != 6 or parts[:3] != ["sealed", credential.id, integration]:
            return None
        return parts[3], parts[4], tuple(filter(None, parts[5].split(",")))
