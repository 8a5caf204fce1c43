"""The life cycle of the server: start, serve, restart after a restore, stop."""

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
from coalserver.core.hosting import Hosting
from coalserver.core.queries.accounts import has_admin
from coalserver.core.queries.games import all_games
from coalserver.core.state import State
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.room import Room
from coalserver.media.images import ImageStore
from coalserver.server.admin import AdminContext, build_core_context, public_url
from coalserver.server.app import (
    build_app_context,
    build_application,
    check_base_path,
    close_feed,
    retention_policy,
)
from coalserver.server.control import AdminCommands, listen
from coalserver.server.garbage import GarbageCollection
from coalserver.server.hosting_options import hosting_options
from coalserver.server.restore_request import RestoreRequest
from coalserver.server.sockets import (
    BACKLOG,
    bind_sockets,
    first_url,
    max_connections,
    raise_open_files_limit,
)
from coalserver.server.supervisor import Supervisor
from coalserver.server.world_backups import restore_worlds
from coalserver.services.housekeeping import Housekeeping
from coalserver.site.auth import SignupPolicy
from coalserver.storage.data_directory import DataDirectory
from coalserver.storage.sqlite.store import SqliteStore
from coalserver.web.connections import ConnectionRunner
from coalserver.web.streaming.parked_poll import runner_class

log = logging.getLogger(__name__)

#: Seconds for which a stopping server waits for running requests.
SHUTDOWN_TIMEOUT_SECONDS = 10
#: Microseconds in which searches are prepared before the server listens, about: enough for the names of 100,000 rooms,
#: which take 50 ms, and for 2,000 of them with options of 16 KiB.
STARTING_WORK = 1_500_000
SIGNALS = (signal.SIGINT, signal.SIGTERM)

#: Called with the URL at which the server listens and the code that makes an account the first
#: administrator; the code is empty if there is an administrator.
OnStarted = Callable[[str, str], None]


@dataclass(slots=True)
class ServerRuntime:
    """What outlives a restart after a restore, in contrast to the store and the core."""

    config: Config
    home: DataDirectory
    restore_request: RestoreRequest
    commands: AdminCommands
    #: Set when the process has to exit.
    stop_requested: asyncio.Event
    #: Set by a second signal: hosted worlds are left to their keepers.
    leave_requested: asyncio.Event = field(default_factory=asyncio.Event)
    #: Open during a restart: clients that connect meanwhile wait in the backlog.
    sockets: list[socket.socket] = field(default_factory=list)

    def open(self) -> None:
        """Bind the sockets unless they are bound already."""
        if not self.sockets:
            self.sockets = bind_sockets(self.config.host, self.config.port)

    def close(self) -> None:
        """Close the sockets; connections that are accepted already stay open."""
        while self.sockets:
            self.sockets.pop().close()


async def serve(config: Config, on_started: OnStarted, commands: AdminCommands) -> int:
    """Serve until a signal arrives or a write fails; return the exit status.

    Calls `on_started` when the server listens, and again after each restore. Holds the lock of
    the data directory; raises DataDirectoryLocked if another process has it. Raises ConfigError.
    """
    check_base_path(config)
    home = DataDirectory(config.data)
    with home.lock():
        runtime = ServerRuntime(config, home, RestoreRequest(home), commands, asyncio.Event())
        try:
            while True:
                store = SqliteStore(home.database)
                try:
                    status = await _serve(runtime, store, on_started)
                finally:
                    # The thread of the store is no daemon and would keep the process alive.
                    await store.close()
                if status or not runtime.restore_request.requested.is_set():
                    return status
                # Free the old state before the new one is loaded: memory holds only one of them.
                gc.collect()
                await runtime.restore_request.apply()
                if runtime.stop_requested.is_set():
                    return status
        finally:
            runtime.restore_request.discard()
            runtime.close()


def build_runner(
    application: web.Application, config: Config, connections: int
) -> ConnectionRunner:
    """Return the runner of the server with a limit of connections; `park_polls` decides on both fast paths."""
    runner = runner_class(config.park_polls)(
        application,
        max_connections=connections,
        unlimited=config.trusted_proxies + config.limits_exempt,
        access_log=None,
        # A closed connection cancels its handler, which frees parked requests. Executed commands
        # stay executed.
        handler_cancellation=True,
        shutdown_timeout=SHUTDOWN_TIMEOUT_SECONDS,
        keepalive_timeout=75,
    )
    runner.repeat_requests = config.park_polls
    return runner


async def _serve(runtime: ServerRuntime, store: SqliteStore, on_started: OnStarted) -> int:
    config, home = runtime.config, runtime.home
    await asyncio.to_thread(home.check_data)
    core = await Core.recover(store, build_core_context(config, home))
    app_context = build_app_context(config, home, runtime.restore_request, core, store)
    supervisor = Supervisor()
    supervisor.add("batch writer", core.writer.run, core.writer.close)
    connections = max_connections(raise_open_files_limit())
    application = build_application(app_context)
    runner = build_runner(application, config, connections)
    _install_signal_handlers(runtime)
    hosting, options = app_context.service(Hosting), hosting_options(config, home)
    try:
        await ensure_default_games(core)
        await delete_orphaned_images(core, app_context.service(ImageStore))
        await core.prepare_searches(STARTING_WORK)
        supervisor.add("housekeeping", Housekeeping(core, retention_policy(config)).run)
        await restore_worlds(home, options)
        # Processes that a former server left are found before anybody can give an order.
        await hosting.start()
        await runner.setup()
        runtime.open()
        for listener in runtime.sockets:
            await web.SockSite(runner, listener.dup(), backlog=BACKLOG).start()
        url = _listening_url(runtime)
        control = await listen(
            AdminContext(home, store, core, public_url(config, url), hosting, options.folder),
            runtime.commands,
        )
        log.info("Recovered %s.", describe_state(core.state))
        if connections:
            log.info(
                "Up to %d connections: as many as the limit of open files allows.", connections
            )
        tune_interpreter()
        garbage_collection = GarbageCollection()
        garbage_collection.start()
        supervisor.add("garbage collection", garbage_collection.run)
        code = "" if core.query(has_admin) else app_context.service(SignupPolicy).start_code
        on_started(url, code)
        try:
            await _wait_for_first(
                runtime.stop_requested.wait(),
                runtime.restore_request.requested.wait(),
                supervisor.wait_for_failure(),
            )
            await stop_hosting(runtime, hosting, supervisor)
        finally:
            if not runtime.restore_request.requested.is_set():
                runtime.close()
            await control.close()
    finally:
        await hosting.stop(leave=True)
        await close_feed(app_context)
        await runner.cleanup()
        error = await supervisor.stop()
    log.info("Stopped.")
    return 0 if error is None else 1


async def stop_hosting(runtime: ServerRuntime, hosting: Hosting, supervisor: Supervisor) -> None:
    """Stop the hosted worlds before anything else; pages and APIs show meanwhile how far they are.

    They go on if the server starts again at once, after a restore, and if nothing can be written any more.
    """
    leave = runtime.restore_request.requested.is_set() or supervisor.error is not None
    stopping = hosting.stop(leave=leave, leave_now=runtime.leave_requested)
    await _wait_for_first(stopping, supervisor.wait_for_failure())


async def ensure_default_games(core: Core) -> None:
    """Add the example game noughts unless it exists."""
    if all(game.tag != "noughts" for game in core.query(all_games)):
        await core.execute(
            add_game, tag="noughts", name="Noughts and Crosses", min_players=2, max_players=2
        )


async def delete_orphaned_images(core: Core, images: ImageStore) -> None:
    """Delete image files without a screenshot: of interrupted uploads and deletions.

    Must run before the server accepts uploads.
    """
    deleted = await images.delete_orphans(await core.all_screenshot_codes())
    if deleted:
        log.info("Deleted %d image files without a screenshot.", deleted)


def describe_state(state: State) -> str:
    """Return the numbers of open lobbies and rooms for the log."""
    open_rooms = sum(not room.ended for room in state.all(Room))
    open_lobbies = sum(lobby.open for lobby in state.all(Lobby))
    return f"{open_lobbies} lobbies and {open_rooms} rooms"


def tune_interpreter() -> None:
    """Tune thread switching for serving."""
    # With the default of 5 ms, a busy event loop delays the thread of the store and commits take
    # tens of milliseconds. Below 0.5 ms, the two threads switch too often.
    sys.setswitchinterval(5e-4)


def _install_signal_handlers(runtime: ServerRuntime) -> None:
    def stop() -> None:
        (
            runtime.leave_requested if runtime.stop_requested.is_set() else runtime.stop_requested
        ).set()

    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stop)


async def _wait_for_first(*outcomes: Coroutine[Any, Any, Any]) -> None:
    """Wait for the first of these coroutines and cancel the others."""
    tasks = [asyncio.ensure_future(outcome) for outcome in outcomes]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _listening_url(runtime: ServerRuntime) -> str:
    """Return the URL of the server, with the port that the system selected if it was 0."""
    return first_url(runtime.config.host, runtime.sockets[0].getsockname()[1])
