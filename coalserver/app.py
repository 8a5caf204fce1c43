"""The composition root: configuration -> store -> core -> services -> dialects. Imports everything."""

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from coalserver import archive
from coalserver.config import Config, as_shown
from coalserver.control import listen
from coalserver.core.commands.games import add_game
from coalserver.core.engine import Core
from coalserver.core.gallery import every_code
from coalserver.core.queries.games import all_games
from coalserver.core.queries.people import admin_there
from coalserver.core.state import State
from coalserver.desk import DAY, Desk, found_at, setting_for
from coalserver.dialects import every_dialect
from coalserver.dialects.coal.keys import Keys
from coalserver.dialects.hosts.auth import Hosting
from coalserver.dialects.site.admin_place import Place
from coalserver.dialects.site.signing_in import SignUps
from coalserver.domain.lobby import Lobby
from coalserver.domain.room import Room
from coalserver.housing import DataDirectory, Trouble
from coalserver.passwords import Passwords
from coalserver.pictures import Pictures
from coalserver.services.housekeeping import Housekeeping, Keeping
from coalserver.stores.sqlite import SqliteStore
from coalserver.supervisor import Supervisor
from coalserver.web import pages
from coalserver.web.dialect import Web
from coalserver.web.mount import mount
from coalserver.web.parked import ParkingRunner

log = logging.getLogger(__name__)

#: Seconds that requests in hand have to finish once the server stops.
PATIENCE = 10
SIGNALS = (signal.SIGINT, signal.SIGTERM)


#: Told where the server listens, and what makes one its first admin (empty: there is an admin).
Started = Callable[[str, str], None]


async def serve(config: Config, started: Started) -> int:
    """Serve until a signal comes or a write fails; gives the exit status.

    `started` is called as soon as the server listens. The data directory is locked meanwhile.
    """
    home = DataDirectory(config.data)
    with home.lock():
        store = SqliteStore(home.database)
        try:
            return await _serve(config, home, store, started)
        finally:
            # Its thread is no daemon: left open, it would keep the process from ending.
            await store.close()


async def _serve(
    config: Config, home: DataDirectory, store: SqliteStore, started: Started
) -> int:
    core = await Core.recover(store, setting_for(config, home))
    shared = web_for(config, core, home, store)
    supervisor = Supervisor()
    supervisor.add("ledger", core.ledger.run, core.ledger.close)
    runner = (ParkingRunner if config.park_polls else web.AppRunner)(
        application(shared),
        access_log=None,
        # A client that has gone frees its parked request; what a command has done stays done.
        handler_cancellation=True,
        shutdown_timeout=PATIENCE,
        keepalive_timeout=75,
    )
    stopped = _on_signals()
    try:
        await first_games(core)
        await sweep_pictures(core, shared.service(Pictures))
        supervisor.add("housekeeping", Housekeeping(core, keeping_for(config)).run)
        await runner.setup()
        site = web.TCPSite(runner, config.host, config.port, backlog=4096)
        await site.start()
        url = _address(config, runner)
        control = await listen(Desk(home, store, core, found_at(config, url)))
        log.info("Recovered %s.", recovered(core.state))
        settle()
        code = "" if core.see(admin_there) else shared.service(SignUps).code
        started(url, code)
        try:
            await _first(stopped, asyncio.ensure_future(supervisor.failed()))
        finally:
            await control.close()
    finally:
        core.feed.close()
        await runner.cleanup()
        fault = await supervisor.stop()
    log.info("Stopped.")
    return 0 if fault is None else 1


def web_for(config: Config, core: Core, home: DataDirectory, store: SqliteStore) -> Web:
    """What dialects share, as the configuration wants it."""
    return Web(
        core,
        poll_seconds=config.poll_seconds,
        body_limit=config.body_limit,
        base_url=config.base_url,
        trusted_proxies=config.trusted_proxies,
        services={
            Config: config,
            Passwords: Passwords(),
            Pictures: Pictures(
                home.screenshots, home.key("pictures"), config.screenshot_limit, core.setting.clock
            ),
            Keys: Keys(home.key("coal")),
            Hosting: hosting_for(config),
            SignUps: SignUps(open=config.open_signup),
            Place: place_for(config, home, store),
        },
    )


def place_for(config: Config, home: DataDirectory, store: SqliteStore) -> Place:
    """What the pages of admins show of the machine, and how they have a backup made."""
    plain, shown = as_shown(Config()), as_shown(config)

    async def make(file: Path) -> None:
        try:
            await archive.backup(home, store, file)
        except Trouble as fault:
            raise OSError(str(fault)) from fault

    rows = tuple((name, value, value == plain[name]) for name, value in shown.items())
    return Place(rows, str(home.path), home.path / "backups", make)


def hosting_for(config: Config) -> Hosting:
    return Hosting(game=config.hosts_game, strict=config.hosts_login == "strict")


def application(shared: Web) -> web.Application:
    """The aiohttp application with every dialect mounted."""
    app = web.Application(client_max_size=shared.body_limit)
    pages.set_up(app)
    mount(app, shared, every_dialect())

    async def send_home(app: web.Application) -> None:
        # Who waits for events would otherwise hold up the end.
        shared.core.feed.close()

    async def let_go(app: web.Application) -> None:
        for service in shared.services.values():
            if isinstance(service, Passwords | Pictures):
                service.close()

    app.on_shutdown.append(send_home)
    app.on_cleanup.append(let_go)
    return app


def keeping_for(config: Config) -> Keeping:
    return Keeping(
        away_after=config.away_after,
        closed_kept=config.closed_kept,
        idle_room=config.idle_room_days * DAY,
        events_kept=config.event_days * DAY,
        events_least=config.event_count,
    )


async def first_games(core: Core) -> None:
    """The example game is there to be played, from the first start on."""
    if all(game.tag != "noughts" for game in core.see(all_games)):
        await core.do(
            add_game, tag="noughts", name="Noughts and Crosses", min_players=2, max_players=2
        )


async def sweep_pictures(core: Core, pictures: Pictures) -> None:
    """Remove the files of screenshots that were never hung, or are down; nobody may be hanging any yet."""
    gone = await pictures.sweep(await every_code(core))
    if gone:
        log.info("Removed %d files of no screenshot.", gone)


def recovered(state: State) -> str:
    running = sum(not room.over for room in state.all(Room))
    gathering = sum(lobby.open for lobby in state.all(Lobby))
    return f"{gathering} lobbies and {running} rooms"


def settle() -> None:
    """Set the interpreter up for serving."""
    # Else a busy loop keeps the store's thread from its turn, and commits wait for tens of
    # milliseconds. Still shorter, the two take the interpreter from one another too often.
    sys.setswitchinterval(5e-4)
    # What is there now stays, and looking at it over and over would cost pauses.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


def _on_signals() -> "asyncio.Future[None]":
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[None] = loop.create_future()

    def stop() -> None:
        if not stopped.done():
            stopped.set_result(None)

    for one in SIGNALS:
        loop.add_signal_handler(one, stop)
    return stopped


async def _first(*futures: "asyncio.Future[Any]") -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
    for future in futures:
        future.cancel()


def _address(config: Config, runner: web.AppRunner) -> str:
    """Where we listen, with the port the system gave where none was named."""
    port = runner.addresses[0][1]
    host = f"[{config.host}]" if ":" in config.host else config.host
    return f"http://{host}:{port}"


