"""Requests and WebSockets of a thread, and the cases that are made of them."""

import http.client
import socket
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

Headers = dict[str, str]
KIB, MIB = 1024, 1 << 20
FORM = "application/x-www-form-urlencoded"
TIMEOUT_SECONDS = 60


class Case(NamedTuple):
    """One request. `send` runs in a thread and returns what came back, shortened."""

    name: str
    shape: str
    send: Callable[[], str]
    #: Runs before each repetition and is not measured.
    before: Callable[[], object] | None = None


class Target:
    """Where requests go."""

    def __init__(self, host: str, port: int) -> None:
        self.address = host, port

    def request(self, method: str, path: str, headers: Headers, body: bytes | None = None) -> str:
        """Send a request on a connection of its own."""
        connection = http.client.HTTPConnection(*self.address, timeout=TIMEOUT_SECONDS)
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            content = response.read()
            return f"{response.status} {len(content)} {content[:60]!r}"
        except (OSError, http.client.HTTPException) as error:
            return repr(error)[:60]
        finally:
            connection.close()

    def raw(self, content: bytes) -> str:
        """Send bytes on a connection of its own and return the first answer's status."""
        with socket.create_connection(self.address, TIMEOUT_SECONDS) as opened:
            try:
                opened.sendall(content)
            except OSError as error:
                return repr(error)[:60]
            response = http.client.HTTPResponse(opened)
            try:
                response.begin()
                return f"{response.status} {response.read()[:60]!r}"
            except (OSError, http.client.HTTPException) as error:
                return repr(error)[:60]

    def socket(self, path: str, headers: Headers | None = None) -> "Socket":
        """Open a WebSocket."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        opened = socket.create_connection(self.address, TIMEOUT_SECONDS)
        opened.sendall(
            f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{lines}"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n".encode()
        )
        found = Socket(opened)
        while found.reader.readline().strip():
            pass
        return found


class Socket:
    """A WebSocket of a client."""

    def __init__(self, opened: socket.socket) -> None:
        self.opened, self.reader = opened, opened.makefile("rb")

    def __enter__(self) -> "Socket":
        return self

    def __exit__(self, *_: object) -> None:
        self.reader.close()
        self.opened.close()

    def send(self, *frames: bytes) -> None:
        try:
            self.opened.sendall(b"".join(frames))
        except OSError:
            pass

    def finish(self) -> str:
        """Wait until the server has handled everything, or has closed the connection."""
        self.send(frame(b"end", 9))
        try:
            while (received := read_frame(self.reader)) not in (b"end", b"closed"):
                pass
            return received.decode()
        except OSError as error:
            return repr(error)

    def receive(self, count: int = 1) -> str:
        """Return the last of some frames, shortened."""
        received = b""
        for _ in range(count):
            try:
                received = read_frame(self.reader)
            except OSError as error:
                return repr(error)
        return f"{len(received)} {received[:60]!r}"


def frame(message: bytes, kind: int = 1) -> bytes:
    """Return a frame of a client. Its mask is zero, so that the payload stays as it is."""
    size = len(message)
    if size < 126:
        head = struct.pack("!BB", 0x80 | kind, 0x80 | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", 0x80 | kind, 0xFE, size)
    else:
        head = struct.pack("!BBQ", 0x80 | kind, 0xFF, size)
    return head + bytes(4) + message


def read_frame(reader: Any) -> bytes:
    """Return the payload of the next frame of the server that is no ping."""
    while True:
        head = reader.read(2)
        if len(head) < 2:
            return b"closed"
        size = head[1]
        if size == 126:
            size = int.from_bytes(reader.read(2))
        elif size == 127:
            size = int.from_bytes(reader.read(8))
        payload: bytes = reader.read(size)
        if head[0] & 0x0F != 9:
            return payload
