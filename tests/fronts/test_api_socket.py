"""The socket of the local API: who it serves, where it stands, and how it goes."""

import http.client
import json
import os
import socket
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest
import uvicorn
import uvloop

from callgate.adapters.home.place import Home
from callgate.adapters.http.api import build_api
from callgate.adapters.http.local_socket import bind, connect
from callgate.adapters.http.peer import PeerProtocol
from callgate.flow.admin import Peer
from callgate.model.errors import ConfigError
from tests.fakes.admin import FakeAdmin
from tests.fakes.local_gate import local_gate

LOOPS = pytest.mark.parametrize("fast", [False, True], ids=["asyncio", "uvloop"])


def ask(path: Path, target: str, method: str = "GET", body: bytes | None = None) -> tuple[int, bytes]:
    link = http.client.HTTPConnection("gate")
    link.sock = connect(path, 10)
    link.request(method, target, body)
    answer = link.getresponse()
    data = answer.read()
    link.close()
    return answer.status, data


class NobodyProtocol(PeerProtocol):
    def serves(self, peer: Peer | None) -> bool:
        return False


@LOOPS
def test_the_peer_is_what_the_kernel_says(tmp_path: Path, fast: bool) -> None:
    with local_gate(tmp_path, fast=fast) as admin:
        body = {"by": {"account": "ana", "passphrase": "correct horse"}, "act": {"runtime": "codex"}}
        status, data = ask(Home(tmp_path).socket, "/v1/tokens", "POST", json.dumps(body).encode())
    assert (status, json.loads(data)["runtime"]) == (200, "codex")
    assert admin.tries == [("ana", Peer(uid=os.geteuid(), pid=os.getpid()))]


@LOOPS
def test_a_foreign_peer_gets_nothing(tmp_path: Path, fast: bool) -> None:
    with local_gate(tmp_path, protocol=NobodyProtocol, fast=fast) as admin:
        link = connect(Home(tmp_path).socket, 10)
        try:
            link.sendall(b'POST /v1/halts HTTP/1.1\r\nhost: gate\r\ncontent-length: 18\r\n\r\n{"scope":"tenant"}')
            got = link.recv(1)
        except (ConnectionResetError, BrokenPipeError):
            got = b""
        link.close()
    assert got == b""
    assert admin.acts == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@LOOPS
@pytest.mark.parametrize(("peers", "said"), [((), "refused\n"), ((65_533,), "refused\n"), ((65_534,), "served\n")])
def test_another_user_is_served_only_when_named(fast: bool, peers: tuple[int, ...], said: str) -> None:
    """Whatever the file's mode lets in."""
    program = (
        "import socket, sys\n"
        "link = socket.socket(socket.AF_UNIX); link.settimeout(10); link.connect(sys.argv[1])\n"
        "try:\n"
        "    link.sendall(b'GET /v1/status HTTP/1.1\\r\\nhost: gate\\r\\n\\r\\n'); got = link.recv(1)\n"
        "except (ConnectionResetError, BrokenPipeError): got = b''\n"
        "print('refused' if got == b'' else 'served')\n"
    )
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        home = Path(folder)
        with local_gate(home, fast=fast, peers=frozenset(peers)):
            place = Home(home).socket
            assert stat.S_IMODE(place.lstat().st_mode) == (0o666 if peers else 0o600)
            for path, mode in ((home, 0o755), (home / "run", 0o755), (place, 0o666)):
                path.chmod(mode)
            command = ["/usr/bin/env", "python3", "-c", program, str(place)]
            done = subprocess.run(command, check=False, capture_output=True, text=True, user=65534, timeout=30, cwd="/")
            if "Permission denied" in done.stderr and "python3" in done.stderr:
                pytest.skip("the other user cannot run this Python")
            assert done.stdout == said, done.stderr
            assert ask(place, "/v1/status")[0] == 200


def test_a_tcp_server_cannot_serve_it(tmp_path: Path) -> None:
    import asyncio

    async def run() -> tuple[bytes, bytes]:
        heads = []
        for protocol in ("httptools", PeerProtocol):
            config = uvicorn.Config(
                build_api(FakeAdmin()), port=0, http=protocol, lifespan="off", ws="none", log_config=None
            )
            config.load()
            server = uvicorn.Server(config)
            server.lifespan = config.lifespan_class(config)
            await server.startup()
            port = server.servers[0].sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /v1/status HTTP/1.1\r\nhost: gate\r\nconnection: close\r\n\r\n")
            try:
                heads.append(await reader.read())
            except ConnectionResetError:
                heads.append(b"")
            writer.close()
            await server.shutdown()
        return heads[0], heads[1]

    plain, checked = asyncio.run(asyncio.wait_for(run(), 20))
    assert plain.startswith(b"HTTP/1.1 403")
    assert b"not_local" in plain
    assert checked == b""


def test_modes_and_cleaning_up(tmp_path: Path) -> None:
    path = Home(tmp_path).socket
    with local_gate(tmp_path):
        assert stat.S_IMODE(path.lstat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not path.exists()


def test_a_dead_gates_socket_is_replaced(tmp_path: Path) -> None:
    path = Home(tmp_path).socket
    bind(path).close()
    assert path.exists()
    with local_gate(tmp_path):
        assert ask(path, "/v1/status")[0] == 200


def test_a_second_gate_on_one_home_is_refused(tmp_path: Path) -> None:
    with local_gate(tmp_path), pytest.raises(ConfigError, match="Another gate"), local_gate(tmp_path):
        pass


def test_a_file_in_its_place_is_kept(tmp_path: Path) -> None:
    path = Home(tmp_path).socket
    path.parent.mkdir()
    path.write_text("mine")
    with pytest.raises(ConfigError, match="Something else"):
        bind(path)
    assert path.read_text() == "mine"


def test_a_home_with_a_long_name(tmp_path: Path) -> None:
    home = tmp_path / ("h" * 120)
    home.mkdir()
    with local_gate(home):
        assert ask(Home(home).socket, "/v1/status")[0] == 200


def closed(link: socket.socket) -> bool:
    try:
        return link.recv(1) == b""
    except ConnectionResetError:
        return True


@LOOPS
@pytest.mark.parametrize(
    "begun",
    [
        b"GET /v1/status HTTP/1.1\r\nhost: gate\r\nx: ",
        b"POST /v1/halts HTTP/1.1\r\nhost: gate\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: ",
    ],
    ids=["head", "trailers"],
)
def test_a_request_without_end_is_cut_off(tmp_path: Path, fast: bool, begun: bytes) -> None:
    most = 2 * PeerProtocol.MESSAGE_BYTES
    with local_gate(tmp_path, fast=fast):
        link = connect(Home(tmp_path).socket, 20)
        sent = 0
        try:
            link.sendall(begun)
            while sent < most:
                link.sendall(b"a" * 65_536)
                sent += 65_536
        except (ConnectionResetError, BrokenPipeError):
            pass
        link.close()
        assert sent < most
        assert ask(Home(tmp_path).socket, "/v1/status")[0] == 200


@LOOPS
def test_one_user_has_so_many_connections_and_newcomers_are_served(tmp_path: Path, fast: bool) -> None:
    with local_gate(tmp_path, fast=fast):
        links = [connect(Home(tmp_path).socket, 20) for _ in range(2 * PeerProtocol.CONNECTIONS)]
        assert ask(Home(tmp_path).socket, "/v1/status")[0] == 200
        for link in links:
            link.setblocking(False)
        ended = 0
        for link in links:
            try:
                ended += closed(link)
            except BlockingIOError:
                continue
        for link in links:
            link.close()
    assert ended >= PeerProtocol.CONNECTIONS


@LOOPS
def test_stopping_ends_idle_connections(tmp_path: Path, fast: bool) -> None:
    with local_gate(tmp_path, fast=fast):
        idle = connect(Home(tmp_path).socket, 10)
    assert idle.recv(1) == b""
    idle.close()


def test_uvloop_gives_the_credentials_too() -> None:
    """What peer_of relies on: uvloop's stand-in for the socket answers getsockopt."""
    import asyncio
    import struct

    left, right = socket.socketpair()

    async def run() -> int:
        transport, _ = await asyncio.get_running_loop().create_unix_connection(asyncio.Protocol, sock=left)
        link = transport.get_extra_info("socket")
        pid, _, _ = struct.unpack("3i", link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        transport.abort()
        return pid

    assert uvloop.run(run()) == os.getpid()
    right.close()
