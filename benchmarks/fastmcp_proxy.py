"""FastMCP's proxy, as its documentation starts it: one port in front of one upstream, one bearer token."""

import sys

from fastmcp.server import create_proxy
from fastmcp.server.auth.providers.jwt import StaticTokenVerifier

PORT, UPSTREAM, TOKEN = sys.argv[1:]

if __name__ == "__main__":
    auth = StaticTokenVerifier(tokens={TOKEN: {"client_id": "bench", "scopes": []}})
    proxy = create_proxy(f"http://127.0.0.1:{UPSTREAM}/mcp", name="bench", auth=auth)
    proxy.run(transport="http", host="127.0.0.1", port=int(PORT), show_banner=False, log_level="error")
