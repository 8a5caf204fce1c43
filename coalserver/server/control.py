"""The control socket: how the command line has orders carried out by a running server.

One JSON object a line each way, one order a connection. The answer is `{"answer": …}`, or
`{"error": …}` with a sentence, and `"why"` where the core refused.
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

#: Longest order, and seconds it may take to arrive.
MAX_LINE_BYTES = 2**20
TIMEOUT_SECONDS = 10
#: The system takes 107 bytes on Linux and 103 elsewhere.
MAX_SOCKET_PATH_BYTES = 100


class AdminCommand(Protocol):
    """A command of the command line that a running server can execute."""

    @property
    def run(self) -> Callable[..., Awaitable[Any]]: ...


@dataclass(frozen=True, slots=True)
class AdminCommands:
    """The commands that the admin socket takes, by name, and the message for a refused one."""

    commands: Mapping[str, AdminCommand]
    message: Callable[[DomainError], str]


class ServerNotRunning(Exception):
    """No server listens on the socket."""


async def run_admin_command(
    context: AdminContext, name: str, params: Mapping[str, Any], commands: AdminCommands
) -> dict[str, Any]:
    """Do an order, here or in the server; gives what goes over the socket."""
    command = commands.commands.get(name)
    if command is None:
        return {"error": f"The running server knows no order {name!r}: restart it after an update."}
    try:
        return {"answer": await command.run(context, **params)}
    except DomainError as refusal:
        return {"error": commands.message(refusal), "why": refusal.code.value}
    except (OperatorError, StoreFailed) as error:
        return {"error": str(error)}


class ControlServer:
    """The listening side. Orders that have begun are finished before it closes."""

    def __init__(self, context: AdminContext, commands: AdminCommands) -> None:
        self._context = context
        self._commands = commands
        self._server: asyncio.Server | None = None
        self._closing = False
        self._reading: set[asyncio.Task[Any]] = set()
        self._busy: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Begin to listen, for the owner of the data directory only."""
        listener = _bind(self._context.home.control)
        self._server = await asyncio.start_unix_server(
            self._serve_connection, sock=listener, limit=MAX_LINE_BYTES
        )

    async def close(self) -> None:
        """Take no more orders, and return when the ones begun are answered."""
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
                # No order, or too long or too late a one, or we are closing: nobody to talk to.
                return
            finally:
                self._reading.discard(task)
            if self._closing:
                return
            self._busy.add(task)
            result = await run_admin_command(self._context, name, params, self._commands)
            log.info("Order %s: %s.", name, "done" if "answer" in result else "not done")
            writer.write(json.dumps(result).encode() + b"\n")
            with suppress(OSError):
                await asyncio.wait_for(writer.drain(), TIMEOUT_SECONDS)
        finally:
            self._busy.discard(task)
            writer.close()


async def listen(context: AdminContext, commands: AdminCommands) -> ControlServer:
    """Take orders for a desk from now on. Whoever calls holds the lock of the data directory."""
    control = ControlServer(context, commands)
    await control.open()
    return control


def send_command(path: Path, command: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Have a running server carry out an order; NobodyThere if none listens."""
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
        return {"error": "The server broke off before it answered; its log says why."}
    result: dict[str, Any] = json.loads(reply)
    return result


def _bind(path: Path) -> socket.socket:
    """A socket under this name, in place of one that a crash has left."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Before it has a name, so that there is no moment in which others could come in.
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
    """A name for a socket that the system takes, however long its path is."""
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH_BYTES:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
