"""Commands about stored data: executed by the running server, or on the file if none is running."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, TypeVar

import click

from coalserver.cli.error_messages import error_message
from coalserver.cli.options import Command, Invocation
from coalserver.cli.output import print_error, print_result
from coalserver.config import Config
from coalserver.core.ports import StoreFailed
from coalserver.server import control
from coalserver.server.admin import open_offline
from coalserver.server.control import AdminCommands
from coalserver.storage.data_directory import DataDirectory, DataDirectoryLocked, OperatorError
from coalserver.storage.sqlite.schema import StoreUnusable

T = TypeVar("T")

#: Seconds for which a command waits for another process to accept commands or to release the lock.
LOCK_TIMEOUT_SECONDS = 10
#: Seconds between two attempts.
RETRY_SECONDS = 0.1


class DataCommand(Command):
    """A click command about stored data, which prints why the data cannot be used."""

    def invoke(self, ctx: click.Context) -> int:
        """Execute the command and return the exit status."""
        invocation = ctx.find_object(Invocation)
        assert invocation is not None
        try:
            return self.execute(ctx, invocation)
        except (OperatorError, StoreUnusable) as error:
            return print_error(str(error), 1, invocation.as_json)
        except StoreFailed as error:
            return print_error(f"The data cannot be written: {error}.", 1, invocation.as_json)

    def execute(self, ctx: click.Context, invocation: Invocation) -> int:
        """Call the callback, which prints the result and returns the exit status."""
        status: int = super().invoke(ctx)
        return status


class AdminCommand(DataCommand):
    """A click command whose callback is a coroutine function of an AdminContext.

    `format` renders the result for people. Only a command that `creates_data` may initialize a
    data directory; others fail where there is none.
    """

    def __init__(
        self,
        *args: Any,
        format: Callable[[Any], str],
        creates_data: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.format = format
        self.creates_data = creates_data

    @property
    def run(self) -> Callable[..., Awaitable[Any]]:
        """The coroutine function, called with an AdminContext and the parameters."""
        assert self.callback is not None
        return self.callback

    def execute(self, ctx: click.Context, invocation: Invocation) -> int:
        """Execute the command, print its result and return the exit status."""
        with invocation.quiet_logging():
            outcome = self.send(ctx, invocation.settings, ctx.params)
        if "error" in outcome:
            return print_error(outcome["error"], 1, invocation.as_json, outcome.get("why"))
        return self.show(ctx, outcome["answer"], invocation.as_json)

    def send(self, ctx: click.Context, config: Config, params: Mapping[str, Any]) -> dict[str, Any]:
        """Execute the command with these parameters; return its `answer`, or `error` and perhaps `why`."""
        # The server knows the command by its path below the program, such as `game add`.
        return execute(config, self, ctx.command_path.partition(" ")[2], params)

    def show(self, ctx: click.Context, answer: Any, as_json: bool) -> int:
        """Print the answer and return the exit status."""
        print_result(answer, self.format(answer), as_json)
        return 0


def execute(
    config: Config, command: AdminCommand, name: str, params: Mapping[str, Any]
) -> dict[str, Any]:
    """Send a command to the running server; if none is running, execute it under the lock.

    Waits for a server that is starting or stopping. Raises OperatorError if there is no data
    directory, or if another process holds the lock and accepts no commands.
    """
    home = DataDirectory(config.data)
    deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
    while True:
        try:
            return control.send_command(home.control, name, params)
        except control.ServerNotRunning:
            if not (command.creates_data or home.is_initialized):
                raise OperatorError(f"There is no data in {home.path} yet.") from None
        try:
            with home.lock():
                return run(_execute_offline(config, home, command, name, params))
        except DataDirectoryLocked as error:
            if time.monotonic() > deadline:
                raise OperatorError(f"{error} It accepts no commands.") from None
        time.sleep(RETRY_SECONDS)


async def _execute_offline(
    config: Config,
    home: DataDirectory,
    command: AdminCommand,
    name: str,
    params: Mapping[str, Any],
) -> dict[str, Any]:
    async with open_offline(config, home) as context:
        commands = AdminCommands({name: command}.get, error_message)
        return await control.run_admin_command(context, name, params, commands)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on uvloop, or on asyncio's loop where uvloop is missing."""
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    with suppress(ImportError):
        from uvloop import new_event_loop as loop_factory
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(main)
