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
from coalserver.domain.errors import Refusal
from coalserver.server.admin import Desk
from coalserver.storage.data_directory import Trouble

log = logging.getLogger(__name__)

#: Longest order, and seconds it may take to arrive.
LINE = 2**20
PATIENCE = 10
#: The system takes 107 bytes on Linux and 103 elsewhere.
PATH = 100


class AdminCommand(Protocol):
    """A command of the command line that a running server can execute."""

    @property
    def run(self) -> Callable[..., Awaitable[Any]]: ...


@dataclass(frozen=True, slots=True)
class AdminCommands:
    """The commands that the admin socket takes, by name, and the message for a refused one."""

    commands: Mapping[str, AdminCommand]
    message: Callable[[Refusal], str]


class NobodyThere(Exception):
    """No server listens on the socket."""


async def carried_out(
    desk: Desk, name: str, asked: Mapping[str, Any], orders: AdminCommands
) -> dict[str, Any]:
    """Do an order, here or in the server; gives what goes over the socket."""
    order = orders.commands.get(name)
    if order is None:
        return {"error": f"The running server knows no order {name!r}: restart it after an update."}
    try:
        return {"answer": await order.run(desk, **asked)}
    except Refusal as refusal:
        return {"error": orders.message(refusal), "why": refusal.why.value}
    except (Trouble, StoreFailed) as fault:
        return {"error": str(fault)}


class Control:
    """The listening side. Orders that have begun are finished before it closes."""

    def __init__(self, desk: Desk, orders: AdminCommands) -> None:
        self._desk = desk
        self._orders = orders
        self._server: asyncio.Server | None = None
        self._closing = False
        self._reading: set[asyncio.Task[Any]] = set()
        self._busy: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Begin to listen, for the owner of the data directory only."""
        door = _bound(self._desk.home.control)
        self._server = await asyncio.start_unix_server(self._served, sock=door, limit=LINE)

    async def close(self) -> None:
        """Take no more orders, and return when the ones begun are answered."""
        self._closing = True
        if self._server is not None:
            self._server.close()
            self._desk.home.control.unlink(missing_ok=True)
        for task in self._reading:
            task.cancel()
        if self._reading or self._busy:
            await asyncio.wait(self._reading | self._busy)

    async def _served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            self._reading.add(task)
            try:
                line = json.loads(await asyncio.wait_for(reader.readline(), PATIENCE))
                name, asked = line["order"], line["asked"]
            except (ValueError, LookupError, TypeError, OSError, asyncio.CancelledError):
                # No order, or too long or too late a one, or we are closing: nobody to talk to.
                return
            finally:
                self._reading.discard(task)
            if self._closing:
                return
            self._busy.add(task)
            answer = await carried_out(self._desk, name, asked, self._orders)
            log.info("Order %s: %s.", name, "done" if "answer" in answer else "not done")
            writer.write(json.dumps(answer).encode() + b"\n")
            with suppress(OSError):
                await asyncio.wait_for(writer.drain(), PATIENCE)
        finally:
            self._busy.discard(task)
            writer.close()


async def listen(desk: Desk, orders: AdminCommands) -> Control:
    """Take orders for a desk from now on. Whoever calls holds the lock of the data directory."""
    control = Control(desk, orders)
    await control.open()
    return control


def ask(path: Path, order: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Have a running server carry out an order; NobodyThere if none listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        try:
            with _reachable(path) as name:
                line.connect(name)
        except (FileNotFoundError, ConnectionRefusedError):
            raise NobodyThere(str(path)) from None
        except OSError as fault:
            raise Trouble(f"{path} cannot be reached: {fault.strerror}.") from None
        said = b""
        with suppress(ConnectionError), line.makefile("rb") as file:
            line.sendall(json.dumps({"order": order, "asked": asked}).encode() + b"\n")
            said = file.readline()
    if not said.endswith(b"\n"):
        return {"error": "The server broke off before it answered; its log says why."}
    answer: dict[str, Any] = json.loads(said)
    return answer


def _bound(path: Path) -> socket.socket:
    """A socket under this name, in place of one that a crash has left."""
    path.unlink(missing_ok=True)
    door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Before it has a name, so that there is no moment in which others could come in.
        os.fchmod(door.fileno(), 0o600)
        with _reachable(path) as name:
            door.bind(name)
        path.chmod(0o600)
        door.listen()
        door.setblocking(False)
    except BaseException:
        door.close()
        raise
    return door


@contextmanager
def _reachable(path: Path) -> Iterator[str]:
    """A name for a socket that the system takes, however long its path is."""
    if len(os.fsencode(path)) <= PATH:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
