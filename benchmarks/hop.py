"""A plain hop: uvicorn raw ASGI in front, a pooled aiohttp client behind. No identity, no decision, no record."""

import sys

import aiohttp
import uvicorn

_client: aiohttp.ClientSession | None = None
TARGET = f"http://127.0.0.1:{sys.argv[2]}/mcp"


async def app(scope, receive, send):
    global _client
    if _client is None:
        _client = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), auto_decompress=False)
    body = b""
    while True:
        event = await receive()
        body += event.get("body", b"")
        if not event.get("more_body"):
            break
    async with _client.post(TARGET, data=body, headers={"content-type": "application/json"}) as answer:
        data = await answer.read()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": data})


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        http="httptools",
        loop="uvloop",
        log_level="error",
        access_log=False,
    )
