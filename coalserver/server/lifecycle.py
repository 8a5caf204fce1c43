"""The life of the server: it starts, serves, ends for a restore and begins again, and stops."""

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from coalserver.config import Config
from coalserver.core.commands.games import add_game
from coalserver.core.engine import Core
from coalserver.core.queries.accounts import has_admin
from coalserver.core.queries.games import all_games
from coalserver.core.state import State
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.room import Room
from coalserver.media.images import ImageStore
from coalserver.server.admin import AdminContext, build_core_context, public_url
from coalserver.server.app import build_app_context, build_application, retention_policy
from coalserver.server.control import AdminCommands, listen
from coalserver.server.restore_request import RestoreRequest
from coalserver.server.sockets import BACKLOG, bind_sockets
from coalserver.server.supervisor import Supervisor
from coalserver.services.housekeeping import Housekeeping
from coalserver.site.auth import SignupPolicy
from coalserver.storage.data_directory import DataDirectory
from coalserver.storage.sqlite.store import SqliteStore
from coalserver.web.streaming.parked_poll import ParkingRunner

log = logging.getLogger(__name__)

#: Seconds that requests in hand have to finish once the server stops.
SHUTDOWN_TIMEOUT_SECONDS = 10
SIGNALS = (signal.SIGINT, signal.SIGTERM)

#: Told where the server listens, and what makes one its first admin (empty: there is an admin).
OnStarted = Callable[[str, str], None]


@dataclass(slots=True)
class ServerRuntime:
    """What stays where it is while a server ends for a restore and begins again."""

    config: Config
    home: DataDirectory
    restore_request: RestoreRequest
    commands: AdminCommands
    #: Somebody wants the process to end.
    stop_requested: asyncio.Event
    #: Who connects while nobody serves waits in these, and is not turned away.
    sockets: list[socket.socket] = field(default_factory=list)

    def open(self) -> None:
        """Begin to listen, or go on."""
        if not self.sockets:
            self.sockets = bind_sockets(self.config.host, self.config.port)

    def close(self) -> None:
        """Listen no more, once those have ended who serve."""
        while self.sockets:
            self.sockets.pop().close()


async def serve(config: Config, on_started: OnStarted, commands: AdminCommands) -> int:
    """Serve until a signal comes or a write fails; gives the exit status.

    `started` is called as soon as the server listens, and again when it listens with a backup in place. The data
    directory is locked meanwhile.
    """
    home = DataDirectory(config.data)
    with home.lock():
        runtime = ServerRuntime(config, home, RestoreRequest(home), commands, asyncio.Event())
        try:
            while True:
                store = SqliteStore(home.database)
                try:
                    status = await _serve(runtime, store, on_started)
                finally:
                    # Its thread is no daemon: left open, it would keep the process from ending.
                    await store.close()
                if status or not runtime.restore_request.requested.is_set():
                    return status
                # What has ended makes room first: the two are never held at once.
                gc.unfreeze()
                gc.collect()
                await runtime.restore_request.apply()
                if runtime.stop_requested.is_set():
                    return status
        finally:
            runtime.restore_request.discard()
            runtime.close()


async def _serve(runtime: ServerRuntime, store: SqliteStore, on_started: OnStarted) -> int:
    config, home = runtime.config, runtime.home
    core = await Core.recover(store, build_core_context(config, home))
    app_context = build_app_context(config, home, runtime.restore_request, core, store)
    supervisor = Supervisor()
    supervisor.add("ledger", core.writer.run, core.writer.close)
    runner = (ParkingRunner if config.park_polls else web.AppRunner)(
        build_application(app_context),
        access_log=None,
        # A client that has gone frees its parked request; what a command has done stays done.
        handler_cancellation=True,
        shutdown_timeout=SHUTDOWN_TIMEOUT_SECONDS,
        keepalive_timeout=75,
    )
    _install_signal_handlers(runtime.stop_requested)
    try:
        await ensure_default_games(core)
        await delete_orphaned_images(core, app_context.service(ImageStore))
        supervisor.add("housekeeping", Housekeeping(core, retention_policy(config)).run)
        await runner.setup()
        runtime.open()
        for listener in runtime.sockets:
            await web.SockSite(runner, listener.dup(), backlog=BACKLOG).start()
        url = _listening_url(runtime)
        control = await listen(
            AdminContext(home, store, core, public_url(config, url)), runtime.commands
        )
        log.info("Recovered %s.", describe_state(core.state))
        tune_interpreter()
        code = "" if core.query(has_admin) else app_context.service(SignupPolicy).start_code
        on_started(url, code)
        try:
            await _wait_for_first(
                runtime.stop_requested.wait(),
                runtime.restore_request.requested.wait(),
                supervisor.wait_for_failure(),
            )
        finally:
            if not runtime.restore_request.requested.is_set():
                runtime.close()
            await control.close()
    finally:
        core.feed.close()
        await runner.cleanup()
        error = await supervisor.stop()
    log.info("Stopped.")
    return 0 if error is None else 1


async def ensure_default_games(core: Core) -> None:
    """The example game is there to be played, from the first start on."""
    if all(game.tag != "noughts" for game in core.query(all_games)):
        await core.execute(
            add_game, tag="noughts", name="Noughts and Crosses", min_players=2, max_players=2
        )


async def delete_orphaned_images(core: Core, images: ImageStore) -> None:
    """Remove the files of screenshots that were never hung, or are down; nobody may be hanging any yet."""
    deleted = await images.delete_orphans(await core.all_screenshot_codes())
    if deleted:
        log.info("Removed %d files of no screenshot.", deleted)


def describe_state(state: State) -> str:
    running = sum(not room.ended for room in state.all(Room))
    gathering = sum(lobby.open for lobby in state.all(Lobby))
    return f"{gathering} lobbies and {running} rooms"


def tune_interpreter() -> None:
    """Set the interpreter up for serving."""
    # Else a busy loop keeps the store's thread from its turn, and commits wait for tens of
    # milliseconds. Still shorter, the two take the interpreter from one another too often.
    sys.setswitchinterval(5e-4)
    # What is there now stays, and looking at it over and over would cost pauses.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


def _install_signal_handlers(stop_requested: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stop_requested.set)


async def _wait_for_first(*outcomes: Coroutine[Any, Any, Any]) -> None:
    """Wait until one of these has happened."""
    tasks = [asyncio.ensure_future(one) for one in outcomes]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for one in tasks:
        one.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _listening_url(runtime: ServerRuntime) -> str:
    """Where we listen, with the port the system gave where none was named."""
    host = runtime.config.host
    return f"http://{f'[{host}]' if ':' in host else host}:{runtime.sockets[0].getsockname()[1]}"
