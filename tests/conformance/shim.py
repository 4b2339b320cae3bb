"""Stands between the runner, which cannot send headers, and the gate: adds Authorization to each request, no more.

Run: ``python -m tests.conformance.shim PORT GATE_PORT`` with the token as the first line of standard input. Host and
Origin pass untouched, answers pass as bytes.
"""

import asyncio
import contextlib
import sys

HEAD_LIMIT = 64 << 10


class Shim:
    def __init__(self, gate_port: int, token: str) -> None:
        self._port = gate_port
        self._line = f"Authorization: Bearer {token}\r\n".encode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the runner, and one of the gate's for it."""
        try:
            gate_reader, gate_writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.close()
            return
        there = asyncio.create_task(self._requests(reader, gate_writer))
        back = asyncio.create_task(_copy(gate_reader, writer))
        try:
            # Either side's end is the other's: a client that leaves must be seen by the gate.
            await asyncio.wait((there, back), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (there, back):
                task.cancel()
            await asyncio.gather(there, back, return_exceptions=True)
            for end in (writer, gate_writer):
                end.close()
                with contextlib.suppress(OSError):
                    await end.wait_closed()

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                first, _, rest = head.partition(b"\r\n")
                writer.write(first + b"\r\n" + self._line + rest)
                await _body(head.lower(), reader, writer)
                await writer.drain()


async def _body(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    fields = dict(line.split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
    if b"chunked" in fields.get(b"transfer-encoding", b""):
        size = -1
        while size != 0:
            line = await reader.readline()
            size = int(line.split(b";")[0], 16)
            writer.write(line + await reader.readexactly(size + 2))
        return
    length = int(fields.get(b"content-length", b"0"))
    writer.write(await reader.readexactly(length))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while part := await reader.read(HEAD_LIMIT):
            writer.write(part)
            await writer.drain()


async def main(port: int, gate_port: int) -> None:
    token = sys.stdin.readline().strip()
    server = await asyncio.start_server(Shim(gate_port, token).serve, "127.0.0.1", port, limit=HEAD_LIMIT)
    print(port, flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
