"""A reverse proxy that serves another server below a path, and nothing else."""

import asyncio
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
CONNECTION_HEADER = re.compile(rb"\r\nConnection: [^\r]*", re.IGNORECASE)


@dataclass
class PathProxy:
    """A proxy on a port of its own. Each request has a connection of its own."""

    path: str
    #: Whether the server gets the path; else it is removed.
    keeps: bool
    listener: socket.socket
    target_port: int = 0
    #: Targets of requests outside of the path, which are answered with 404.
    outside: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The URL of the server behind the proxy, without a slash at its end."""
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}{self.path}"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            method, target, rest = head.split(b" ", 2)
            if not target.startswith(self.path.encode() + b"/"):
                self.outside.append(target.decode())
                writer.write(NOT_FOUND)
                return
            if not self.keeps:
                target = target.removeprefix(self.path.encode())
            if b"\r\nupgrade: websocket" not in rest.lower():
                rest = CONNECTION_HEADER.sub(b"", rest, 1)
                rest = rest[:-2] + b"Connection: close\r\n\r\n"
            server = await asyncio.open_connection("127.0.0.1", self.target_port)
            server[1].write(b" ".join((method, target, rest)))
            await asyncio.gather(pipe(reader, server[1]), pipe(server[0], writer))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def serve(self, stop: asyncio.Event) -> None:
        async with await asyncio.start_server(self.handle, sock=self.listener):
            await stop.wait()


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy bytes until the end, then end the other direction as well."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


@contextmanager
def run_path_proxy(path: str, *, keeps: bool) -> Iterator[PathProxy]:
    """Run a proxy in a thread. Its `target_port` is set once its server runs."""
    proxy = PathProxy(path, keeps, socket.create_server(("127.0.0.1", 0)))
    stop = asyncio.Event()
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        thread = threading.Thread(target=runner.run, args=(proxy.serve(stop),))
        thread.start()
        try:
            yield proxy
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join()
