"""The admin socket: answers, errors, permissions and an orderly end."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from coalserver.cli.error_messages import error_message
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


async def echo(context: AdminContext, **params: Any) -> Any:
    """Return the parameters."""
    return params


async def raise_known_error(context: AdminContext) -> Any:
    raise DomainError(ErrorCode.GAME_NOT_FOUND)


async def raise_other_error(context: AdminContext) -> Any:
    raise DomainError(ErrorCode.MEMBERS_NOT_READY)


async def fail_to_write(context: AdminContext) -> Any:
    raise StoreFailed("disk full")


async def fail_for_operator(context: AdminContext) -> Any:
    raise OperatorError("Look here.")


@dataclass(frozen=True)
class SampleCommand:
    """A command for these tests."""

    run: Callable[..., Awaitable[Any]]


class Gate:
    """A command that runs until `through` is set."""

    def __init__(self) -> None:
        self.entered, self.through = asyncio.Event(), asyncio.Event()

    async def __call__(self, context: AdminContext) -> Any:
        self.entered.set()
        await self.through.wait()
        return "done"


@pytest.fixture
async def gate() -> Gate:
    return Gate()


@pytest.fixture
def commands(gate: Gate) -> AdminCommands:
    runs = (echo, raise_known_error, raise_other_error, fail_to_write, fail_for_operator)
    samples = {run.__name__: SampleCommand(run) for run in runs}
    return AdminCommands((samples | {"wait": SampleCommand(gate)}).get, error_message)


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[AdminContext]:
    home = DataDirectory(tmp_path / "data")
    with home.lock():
        async with open_offline(Config(), home) as context:
            yield context


@pytest.fixture
async def open_control(
    context: AdminContext, commands: AdminCommands
) -> AsyncIterator[ControlServer]:
    listening = await listen(context, commands)
    yield listening
    await listening.close()


async def send(context: AdminContext, command: str, **params: Any) -> dict[str, Any]:
    return await asyncio.to_thread(send_command, context.home.control, command, params)


async def send_raw(context: AdminContext, request: bytes) -> bytes:
    """Return the response to these bytes, up to the end of the connection."""
    reader, writer = await asyncio.open_unix_connection(context.home.control)
    writer.write(request)
    try:
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.usefixtures("open_control")
async def test_command_is_answered_with_its_result(context):
    params = {"text": "Königlich\n", "number": 2**40, "flag": False, "none": None}
    assert await send(context, "echo", **params) == {"answer": params}


@pytest.mark.usefixtures("open_control")
async def test_long_answer_arrives_whole(context):
    rows = [{"number": number, "name": f"Königlich {number}"} for number in range(1050)]
    params = {"rows": rows, "few": [1, [2]], "none": {}, "nested": {"rows": rows[:101], "last": ""}}
    assert await send(context, "echo", **params) == {"answer": params}


def test_answer_is_encoded_in_pieces():
    rows = [{"number": number} for number in range(1050)]
    pieces = list(control._json_pieces({"answer": {"rows": rows, "count": 1050}}))
    assert json.loads("".join(pieces)) == {"answer": {"rows": rows, "count": 1050}}
    assert max(piece.count("number") for piece in pieces) == control.ROWS_AT_ONCE


@pytest.mark.usefixtures("open_control")
@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (
            "raise_known_error",
            {"error": "There is no game with this tag.", "why": "game_not_found"},
        ),
        ("raise_other_error", {"error": "Not possible: not ready.", "why": "not_ready"}),
        ("fail_to_write", {"error": "disk full"}),
        ("fail_for_operator", {"error": "Look here."}),
        (
            "dance",
            {
                "error": "The running server does not know the command 'dance'. Restart it after an update."
            },
        ),
    ],
)
async def test_failed_command_is_answered_with_a_message(context, command, answer):
    assert await send(context, command) == answer


@pytest.mark.usefixtures("open_control")
@pytest.mark.parametrize(
    "request_line",
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
async def test_invalid_request_is_not_answered_and_does_no_harm(context, request_line):
    assert await send_raw(context, request_line) == b""
    assert await send(context, "echo") == {"answer": {}}


@pytest.mark.usefixtures("open_control")
async def test_socket_is_for_its_owner_only(context):
    assert context.home.control.stat().st_mode & 0o777 == 0o600


async def test_send_raises_before_open_and_after_close(context, commands):
    with pytest.raises(ServerNotRunning):
        await send(context, "echo")
    listening = await listen(context, commands)
    await listening.close()
    assert not context.home.control.exists()
    with pytest.raises(ServerNotRunning):
        await send(context, "echo")


async def test_socket_file_of_a_crashed_server_is_replaced(context, commands):
    first = await listen(context, commands)
    second = await listen(context, commands)
    assert await send(context, "echo", by="second") == {"answer": {"by": "second"}}
    await second.close()
    await first.close()


async def test_close_waits_for_a_running_command(context, commands, gate):
    listening = await listen(context, commands)
    answer = asyncio.create_task(send(context, "wait"))
    await gate.entered.wait()
    closing = asyncio.create_task(listening.close())
    await asyncio.sleep(0)
    assert not closing.done()
    gate.through.set()
    await closing
    assert await answer == {"answer": "done"}


async def test_close_does_not_wait_for_an_idle_connection(context, commands):
    listening = await listen(context, commands)
    reader, writer = await asyncio.open_unix_connection(context.home.control)
    await send(context, "echo")
    await listening.close()
    assert await reader.read() == b""
    writer.close()


async def test_closed_connection_is_an_error(context):
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.close()

    server = await asyncio.start_unix_server(hang_up, context.home.control)
    assert "closed the connection" in (await send(context, "echo"))["error"]
    server.close()
