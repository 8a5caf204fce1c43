"""The admin socket: the command line sends commands to a running server through it.

A Unix socket with one command for each connection. Both sides send one line of JSON: the client
`{"order": name, "asked": parameters}`, the server `{"answer": result}` or `{"error": message}`, with
the error code as `"why"` if the domain refused the command. The member names are those of 0.1, so
that a command line and a server of different versions understand one another.
"""

import asyncio
import json
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from coalserver.core.ports import StoreFailed
from coalserver.domain.errors import DomainError
from coalserver.server.admin import AdminContext
from coalserver.storage.data_directory import OperatorError

log = logging.getLogger(__name__)

#: Longest request line, and seconds until it has to arrive.
MAX_LINE_BYTES = 2**20
TIMEOUT_SECONDS = 10
#: Rows of a list that are encoded at once.
ROWS_AT_ONCE = 100
#: Linux accepts 107 bytes, other systems 103.
MAX_SOCKET_PATH_BYTES = 100


class AdminCommand(Protocol):
    """A command of the command line that a running server executes."""

    @property
    def run(self) -> Callable[..., Awaitable[Any]]:
        """The coroutine function, called with an AdminContext and the parameters."""


@dataclass(frozen=True, slots=True)
class AdminCommands:
    """The commands that the admin socket accepts, and how errors are rendered."""

    #: Returns a command by its name, such as `game add`; None where there is none.
    find: Callable[[str], AdminCommand | None]
    message: Callable[[DomainError], str]


class ServerNotRunning(Exception):
    """No server listens on the socket."""


async def run_admin_command(
    context: AdminContext, name: str, params: Mapping[str, Any], commands: AdminCommands
) -> dict[str, Any]:
    """Execute a command and return the response of the socket protocol."""
    command = commands.find(name)
    if command is None:
        return {
            "error": f"The running server does not know the command {name!r}. Restart it after an update."
        }
    try:
        return {"answer": await command.run(context, **params)}
    except DomainError as error:
        return {"error": commands.message(error), "why": error.code.value}
    except (OperatorError, StoreFailed) as error:
        return {"error": str(error)}


class ControlServer:
    """The server side of the socket. Closing waits for running commands."""

    def __init__(self, context: AdminContext, commands: AdminCommands) -> None:
        self._context = context
        self._commands = commands
        self._server: asyncio.Server | None = None
        self._closing = False
        self._reading: set[asyncio.Task[Any]] = set()
        self._busy: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Listen. Only the owner of the data directory can connect."""
        listener = _bind(self._context.home.control)
        self._server = await asyncio.start_unix_server(
            self._serve_connection, sock=listener, limit=MAX_LINE_BYTES
        )

    async def close(self) -> None:
        """Accept no more commands and return when the running ones are answered."""
        self._closing = True
        if self._server is not None:
            self._server.close()
            self._context.home.control.unlink(missing_ok=True)
        for task in self._reading:
            task.cancel()
        if self._reading or self._busy:
            await asyncio.wait(self._reading | self._busy)

    async def _serve_connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            self._reading.add(task)
            try:
                line = json.loads(await asyncio.wait_for(reader.readline(), TIMEOUT_SECONDS))
                name, params = line["order"], line["asked"]
            except (ValueError, LookupError, TypeError, OSError, asyncio.CancelledError):
                # Not a command, too long, too late, or the server is closing: close without an answer.
                return
            finally:
                self._reading.discard(task)
            if self._closing:
                return
            self._busy.add(task)
            result = await run_admin_command(self._context, name, params, self._commands)
            log.info("Command %s %s.", name, "executed" if "answer" in result else "failed")
            with suppress(OSError):
                for piece in _json_pieces(result):
                    writer.write(piece.encode())
                    await asyncio.wait_for(writer.drain(), TIMEOUT_SECONDS)
                    # Without it, a drained buffer would let no other request run.
                    await asyncio.sleep(0)
                writer.write(b"\n")
                await asyncio.wait_for(writer.drain(), TIMEOUT_SECONDS)
        finally:
            self._busy.discard(task)
            writer.close()


def _json_pieces(value: Any) -> Iterator[str]:
    """Yield a document in pieces: the rows of a long list, and what is in an object with them, one after another."""
    if isinstance(value, dict) and value:
        opening = "{"
        for name, member in value.items():
            yield f"{opening}{json.dumps(str(name))}: "
            yield from _json_pieces(member)
            opening = ", "
        yield "}"
    elif isinstance(value, list) and len(value) > ROWS_AT_ONCE:
        opening = "["
        for start in range(0, len(value), ROWS_AT_ONCE):
            yield opening + json.dumps(value[start : start + ROWS_AT_ONCE])[1:-1]
            opening = ", "
        yield "]"
    else:
        yield json.dumps(value)


async def listen(context: AdminContext, commands: AdminCommands) -> ControlServer:
    """Return an open ControlServer. The caller must hold the lock of the data directory."""
    control = ControlServer(context, commands)
    await control.open()
    return control


def send_command(path: Path, command: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Send a command to the running server and return its response.

    Raises ServerNotRunning, or OperatorError if the socket cannot be used.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            with _short_address(path) as name:
                connection.connect(name)
        except (FileNotFoundError, ConnectionRefusedError):
            raise ServerNotRunning(str(path)) from None
        except OSError as error:
            raise OperatorError(f"{path} cannot be reached: {error.strerror}.") from None
        reply = b""
        with suppress(ConnectionError), connection.makefile("rb") as file:
            connection.sendall(json.dumps({"order": command, "asked": params}).encode() + b"\n")
            reply = file.readline()
    if not reply.endswith(b"\n"):
        return {"error": "The server closed the connection without an answer. See its log."}
    result: dict[str, Any] = json.loads(reply)
    return result


def _bind(path: Path) -> socket.socket:
    """Return a socket bound to the path; a socket file that a crash left is replaced."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Before it is bound, so that other users cannot connect in between.
        os.fchmod(listener.fileno(), 0o600)
        with _short_address(path) as name:
            listener.bind(name)
        path.chmod(0o600)
        listener.listen()
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


@contextmanager
def _short_address(path: Path) -> Iterator[str]:
    """Yield an address for the path; a path that is too long goes through /proc."""
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH_BYTES:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
