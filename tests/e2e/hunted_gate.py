"""A gate with secrets planted wherever a gate has secrets, and a hostile stdio server.

Run: ``python hunted_gate.py FOLDER confined|unconfined``; prints what the server got as JSON.
"""

import asyncio
import json
import logging
import os
import secrets
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from callgate.adapters.secrets.refs import resolve
from callgate.adapters.upstream.confine import harden_self
from callgate.adapters.upstream.pool import Pool
from callgate.flow.ports import Outbound
from callgate.model.tool import Integration

SERVERS = Path(__file__).resolve().parents[1] / "fakes" / "servers"
WORD = "PLAN" + "TED"


class MachineClock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_us(self) -> int:
        return time.monotonic_ns() // 1_000


def plant(home: Path) -> tuple[Path, object]:
    (home / "keys").mkdir(parents=True)
    for name in ("keys/ledger.key", "store.db", "config.toml"):
        (home / name).write_text(f"{WORD}-{name}")
        (home / name).chmod(0o600)
    shared = Path(tempfile.mkstemp(dir="/dev/shm", prefix="callgate-test-")[1])
    shared.write_text(f"{WORD}-shared")
    deleted = tempfile.TemporaryFile()
    deleted.write(f"{WORD}-deleted".encode())
    deleted.flush()
    os.environ["SERVER_TOKEN"] = f"{WORD}-token-of-another-server"
    return shared, deleted


async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(f"{WORD}-socket".encode())
    await writer.drain()
    writer.close()


async def asked(pool: Pool, integration: Integration, tool: str, arguments: dict) -> str:
    params = msgspec.json.encode({"name": tool, "arguments": arguments})
    async for message in await pool.of(integration).open(Outbound("tools/call", params)):
        if message.is_response:
            return msgspec.json.decode(message.result)["content"][0]["text"]
    raise AssertionError("no answer")


async def main() -> None:
    home, confined = Path(sys.argv[1]) / "home", sys.argv[2] == "confined"
    harden_self()
    shared, deleted = plant(home)
    abstract = f"\0callgate-test-{secrets.token_hex(8)}"
    listeners = [await asyncio.start_unix_server(greet, path) for path in (str(home / "gate.sock"), abstract)]
    pool = Pool(resolve, MachineClock(), logging.getLogger(), folder=home / "servers", hidden=(home,))
    python = sys.executable
    rough = Integration(
        name="rough",
        actor="local",
        command=(python, str(SERVERS / "stdio_app.py")),
        readable=(str(SERVERS),),
        environment={"TOKEN": "env:SERVER_TOKEN"},
    )
    hostile = Integration(
        name="hostile",
        actor="local",
        command=(python, str(SERVERS / "hostile.py")),
        readable=(str(SERVERS),),
        confined=confined,
    )
    try:
        other = int(await asked(pool, rough, "pid", {}))
        (home / "servers" / "rough" / "notes").write_text(f"{WORD}-notes")
        arguments = {
            "home": str(home),
            "sock": str(home / "gate.sock"),
            "abstract": abstract,
            "gate": os.getpid(),
            "other": other,
            "shared": str(shared),
            "looking": not confined,
        }
        found = json.loads(await asked(pool, hostile, "attack", arguments))
        kept = {path: (home / path).read_text() for path in ("keys/ledger.key", "store.db")} if confined else {}
        print(json.dumps({"state": pool.of(hostile).state, "found": found, "kept": kept}))
    finally:
        shared.unlink()
        deleted.close()
        await pool.close()
        for listener in listeners:
            listener.close()


if __name__ == "__main__":
    asyncio.run(main())
