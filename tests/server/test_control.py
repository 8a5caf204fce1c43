"""The control socket: one order a connection, for the owner only, and it closes in good order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from coalserver.cli.output import error_message
from coalserver.config import Config
from coalserver.core.ports import StoreFailed
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.server import control
from coalserver.server.admin import AdminContext, open_offline
from coalserver.server.control import (
    AdminCommands,
    ControlServer,
    ServerNotRunning,
    listen,
    send_command,
)
from coalserver.storage.data_directory import DataDirectory, OperatorError


async def echo(desk: AdminContext, **asked: Any) -> Any:
    """Give back what was asked."""
    return asked


async def refuse(desk: AdminContext) -> Any:
    raise DomainError(ErrorCode.GAME_NOT_FOUND)


async def refuse_oddly(desk: AdminContext) -> Any:
    raise DomainError(ErrorCode.MEMBERS_NOT_READY)


async def fail(desk: AdminContext) -> Any:
    raise StoreFailed("disk full")


async def trouble(desk: AdminContext) -> Any:
    raise OperatorError("Look here.")


@dataclass(frozen=True)
class SampleCommand:
    """A command for these tests."""

    run: Callable[..., Awaitable[Any]]


class Gate:
    """An order that takes until it is let through."""

    def __init__(self) -> None:
        self.entered, self.through = asyncio.Event(), asyncio.Event()

    async def __call__(self, desk: AdminContext) -> Any:
        self.entered.set()
        await self.through.wait()
        return "done"


@pytest.fixture
async def gate() -> Gate:
    return Gate()


@pytest.fixture
def orders(gate: Gate) -> AdminCommands:
    runs = (echo, refuse, refuse_oddly, fail, trouble)
    commands = {run.__name__: SampleCommand(run) for run in runs}
    return AdminCommands(commands | {"wait": SampleCommand(gate)}, error_message)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[AdminContext]:
    home = DataDirectory(tmp_path / "data")
    with home.lock():
        async with open_offline(Config(), home) as desk:
            yield desk


@pytest.fixture
async def open_control(desk: AdminContext, orders: AdminCommands) -> AsyncIterator[ControlServer]:
    listening = await listen(desk, orders)
    yield listening
    await listening.close()


async def asked(desk: AdminContext, order: str, **facts: Any) -> dict[str, Any]:
    return await asyncio.to_thread(send_command, desk.home.control, order, facts)


async def raw(desk: AdminContext, said: bytes) -> bytes:
    """What comes back for these bytes, up to the end of the connection, however it ends."""
    reader, writer = await asyncio.open_unix_connection(desk.home.control)
    writer.write(said)
    try:
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.usefixtures("open_control")
async def test_an_order_is_answered_with_what_it_gives(desk):
    facts = {"text": "Königlich\n", "number": 2**40, "flag": False, "none": None}
    assert await asked(desk, "echo", **facts) == {"answer": facts}


@pytest.mark.usefixtures("open_control")
@pytest.mark.parametrize(
    ("order", "answer"),
    [
        ("refuse", {"error": "There is no game with this tag.", "why": "game_not_found"}),
        ("refuse_oddly", {"error": "Not possible: not ready.", "why": "not_ready"}),
        ("fail", {"error": "disk full"}),
        ("trouble", {"error": "Look here."}),
        (
            "dance",
            {"error": "The running server knows no order 'dance': restart it after an update."},
        ),
    ],
)
async def test_what_is_not_done_is_answered_with_a_sentence(desk, order, answer):
    assert await asked(desk, order) == answer


@pytest.mark.usefixtures("open_control")
@pytest.mark.parametrize(
    "said",
    [
        b"hello\n",
        b"[]\n",
        b"{}\n",
        b'{"order": "echo"}\n',
        b"1\n",
        b"\n",
        b"x" * (control.MAX_LINE_BYTES + 2),
    ],
)
async def test_what_is_no_order_is_not_answered_and_hurts_nobody(desk, said):
    assert await raw(desk, said) == b""
    assert await asked(desk, "echo") == {"answer": {}}


@pytest.mark.usefixtures("open_control")
async def test_the_socket_is_for_its_owner_only(desk):
    assert desk.home.control.stat().st_mode & 0o777 == 0o600


async def test_nobody_listens_before_it_opens_or_after_it_closed(desk, orders):
    with pytest.raises(ServerNotRunning):
        await asked(desk, "echo")
    listening = await listen(desk, orders)
    await listening.close()
    assert not desk.home.control.exists()
    with pytest.raises(ServerNotRunning):
        await asked(desk, "echo")


async def test_a_socket_that_a_crash_left_is_replaced(desk, orders):
    first = await listen(desk, orders)
    second = await listen(desk, orders)
    assert await asked(desk, "echo", by="second") == {"answer": {"by": "second"}}
    await second.close()
    await first.close()


async def test_closing_waits_for_an_order_that_has_begun(desk, orders, gate):
    listening = await listen(desk, orders)
    answer = asyncio.create_task(asked(desk, "wait"))
    await gate.entered.wait()
    closing = asyncio.create_task(listening.close())
    await asyncio.sleep(0)
    assert not closing.done()
    gate.through.set()
    await closing
    assert await answer == {"answer": "done"}


async def test_closing_does_not_wait_for_one_who_says_nothing(desk, orders):
    listening = await listen(desk, orders)
    reader, writer = await asyncio.open_unix_connection(desk.home.control)
    await asked(desk, "echo")
    await listening.close()
    assert await reader.read() == b""
    writer.close()


async def test_a_server_that_breaks_off_is_said(desk, orders, gate):
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.close()

    server = await asyncio.start_unix_server(hang_up, desk.home.control)
    assert "broke off" in (await asked(desk, "echo"))["error"]
    server.close()
