"""A gate for the benchmark: a home of its own, one upstream, 15 policies, memo as asked (warm, 90 or cold)."""

import random
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from benchmarks.upstream import many_tools
from callgate.adapters.home.place import Home
from callgate.adapters.identity.issuer import TokenIssuer
from callgate.adapters.identity.keyring import Keyring
from callgate.app import making, serving
from callgate.app.build import build_tenant
from callgate.app.desk import administration
from callgate.app.reload import Settings, with_port
from callgate.app.system import SystemClock, SystemEntropy
from callgate.flow.admin import ContractText, TokenRequest
from callgate.model.tool import Integration

MANIFEST = """
integration = "bench"
title = "Bench"
vendor = "Callgate"
verified = true
verified_against = "benchmarks/upstream.py"
verified_on = "2026-11-22"
stateful = false
per_person = false
"""
TOOL = """
[[tools]]
name = "{name}"
tier = "read"
say = "Look at {{path}}"
idempotent = true
targets = [{{ kind = "fs.path", path = "path", normalise = "posix_path" }}]
"""
POLICY = """
@id("extra-{n}")
@reason("One of the fifteen.")
forbid (principal, action, resource)
when {{ context.risk > {risk} && context.runtime_kind == "kind{n}" && context.targets_inside && !context.attended && context.stage == "s{n}" && context.integration == "i{n}" }};
"""
CONTRACT = """
name = "bench"
objective = "Measure."
team = "home"
owner = "ana"
everyday = true
max_tier = "execute"
domains = ["local-work"]
[[scopes]]
integration = "bench"
"""


def make(home: Path, upstream: int, port: int, *, command: Sequence[str] = (), tools: int = 1) -> str:
    """Returns a token for the bench. ``command``: of an upstream over stdio, instead of the port of one over HTTP."""
    making.init(home, account="ana", passphrase="correct horse battery", profile="solo")
    place = Home(home)
    reached = {"url": f"http://127.0.0.1:{upstream}/mcp", "allow_private": True}
    if command:
        # Confinement costs a call nothing, and would need to name this Python's folders.
        reached = {"command": tuple(command), "confined": False}
    integration = Integration(name="bench", actor="bench", manifest="bench", **reached)
    return uvloop.run(_fill(place, integration, port, tools))


async def _fill(place: Home, integration: Integration, port: int, tools: int) -> str:
    config = with_port(Settings(place, None, port).read().config, port)
    keys = Keyring.open(place.keys, config.tenants, SystemEntropy(), create=False)
    rules = place.policies / "rules.toml"
    rules.write_text(
        rules.read_text()
        .replace("initiator = 600", "initiator = 1000000")
        .replace('git = "production"', 'git = "production"\nbench = "production"')
    )
    domains = place.policies / "domains.toml"
    domains.write_text(domains.read_text().replace("targets = [", 'targets = ["fs.path:/srv/*", '))
    (place.policies / "extra.cedar").write_text("".join(POLICY.format(n=n, risk=200 + n) for n in range(9)))
    (place.manifests / "bench").mkdir()
    (place.manifests / "bench" / "manifest.toml").write_text(
        MANIFEST + "".join(TOOL.format(name=tool["name"]) for tool in many_tools(tools))
    )
    built = await build_tenant(place, config, keys, "main")
    issuer = TokenIssuer(config.resource, config.resource, keys.issuer, SystemEntropy())
    admin = administration(place, config, built, issuer, same_host=True)
    by = making._founder(config.resource, SystemClock().now_ms(), "ana")
    proposal = await admin.propose_policy(by)
    await admin.approve_policy(by, proposal.digest)
    await admin.add_contract(by, ContractText(text=CONTRACT))
    found = await admin.add_integration(by, integration)
    await admin.confirm_integration(by, "bench", found.digest)
    token = await admin.issue_token(by, TokenRequest(runtime="codex"))
    await built.pool.close()
    await built.store.close()
    return token.token


def memo(mode: str) -> None:
    """Turn the verdict memo off for all, or for a tenth of the calls."""
    from callgate.core.policy import evaluate

    init = evaluate.PolicyEngine.__init__

    def patched(self, *arguments):
        init(self, *arguments)
        remembered = self._evaluate
        if mode == "cold":
            self._evaluate = self._ask
        elif mode == "90":
            self._evaluate = lambda *a: self._ask(*a) if random.random() < 0.1 else remembered(*a)

    evaluate.PolicyEngine.__init__ = patched


if __name__ == "__main__":
    home, port, mode = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    memo(mode)
    sys.exit(serving.serve(home, port=port))
