"""An RCON server like Minecraft's: it reads one packet at a time and drops clients that send two at once."""

import socket
import socketserver
import struct
import threading
from typing import Any


class RemoteConsole:
    """A server that records commands and counts connections."""

    def __init__(self, password: str = "pa55") -> None:
        self.password = password
        self.commands: list[str] = []
        self.connections = 0
        self._connections: set[socket.socket] = set()
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                outer.connections += 1
                outer._connections.add(self.request)
                try:
                    outer._serve(self.request)
                except OSError:
                    pass

        class Threads(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._server = Threads(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )
        self._thread.start()

    def _serve(self, connection: Any) -> None:
        authenticated = False
        while True:
            # Like the game, treat the bytes of one read as one packet.
            raw = connection.recv(1460)
            if len(raw) < 10 or struct.unpack("<i", raw[:4])[0] != len(raw) - 4:
                connection.close()
                return
            id, kind = struct.unpack("<ii", raw[4:12])
            body = raw[12:-2].decode()
            if kind == 3:
                authenticated = body == self.password
                self._answer(connection, id if authenticated else -1, 2, "")
            elif not authenticated:
                self._answer(connection, -1, 2, "")
            elif kind == 2:
                self.commands.append(body)
                if body == "stop":
                    connection.close()
                    return
                for part in ("x" * 4096, "y" * 10) if body == "help" else (f"Done: {body}",):
                    self._answer(connection, id, 0, part)
            else:
                self._answer(connection, id, 0, f"Unknown request {kind:x}")

    @staticmethod
    def _answer(connection: Any, id: int, kind: int, text: str) -> None:
        packet = struct.pack("<ii", id, kind) + text.encode() + b"\0\0"
        connection.sendall(struct.pack("<i", len(packet)) + packet)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        for connection in self._connections:
            # Some are closed already.
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            connection.close()
        self._thread.join()
