"""The composition root: configuration -> store -> core -> services -> dialects. Imports everything."""

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from aiohttp import web

from coalserver import apis, site
from coalserver.apis.hosts.auth import Hosting
from coalserver.config import Config, as_shown
from coalserver.config.schema import settings
from coalserver.core.commands.games import add_game
from coalserver.core.engine import Core
from coalserver.core.queries.accounts import admin_there
from coalserver.core.queries.games import all_games
from coalserver.core.screenshots import every_code
from coalserver.core.state import State
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.room import Room
from coalserver.media.images import Pictures
from coalserver.security.opaque_keys import Keys
from coalserver.security.passwords import Passwords
from coalserver.server.admin import DAY, Desk, found_at, setting_for
from coalserver.server.control import AdminCommands, listen
from coalserver.server.restore_request import Renewal
from coalserver.server.sockets import BACKLOG, listening
from coalserver.server.supervisor import Supervisor
from coalserver.services.housekeeping import Housekeeping, Keeping
from coalserver.site.admin.system import Place
from coalserver.site.auth import SignUps
from coalserver.storage import backup
from coalserver.storage.data_directory import DataDirectory, Trouble
from coalserver.storage.sqlite.store import SqliteStore
from coalserver.web.api import Dialect, Web
from coalserver.web.pages import pages
from coalserver.web.routing import mount
from coalserver.web.streaming.parked_poll import ParkingRunner

log = logging.getLogger(__name__)

#: Seconds that requests in hand have to finish once the server stops.
PATIENCE = 10
SIGNALS = (signal.SIGINT, signal.SIGTERM)

#: Told where the server listens, and what makes one its first admin (empty: there is an admin).
Started = Callable[[str, str], None]


@dataclass(slots=True)
class Ground:
    """What stays where it is while a server ends for a restore and begins again."""

    config: Config
    home: DataDirectory
    renewal: Renewal
    commands: AdminCommands
    #: Somebody wants the process to end.
    signalled: asyncio.Event
    #: Who connects while nobody serves waits in these, and is not turned away.
    doors: list[socket.socket] = field(default_factory=list)

    def open(self) -> None:
        """Begin to listen, or go on."""
        if not self.doors:
            self.doors = listening(self.config.host, self.config.port)

    def close(self) -> None:
        """Listen no more, once those have ended who serve."""
        while self.doors:
            self.doors.pop().close()


async def serve(config: Config, started: Started, commands: AdminCommands) -> int:
    """Serve until a signal comes or a write fails; gives the exit status.

    `started` is called as soon as the server listens, and again when it listens with a backup in place. The data
    directory is locked meanwhile.
    """
    home = DataDirectory(config.data)
    with home.lock():
        ground = Ground(config, home, Renewal(home), commands, asyncio.Event())
        try:
            while True:
                store = SqliteStore(home.database)
                try:
                    status = await _serve(ground, store, started)
                finally:
                    # Its thread is no daemon: left open, it would keep the process from ending.
                    await store.close()
                if status or not ground.renewal.asked.is_set():
                    return status
                # What has ended makes room first: the two are never held at once.
                gc.unfreeze()
                gc.collect()
                await ground.renewal.carry_out()
                if ground.signalled.is_set():
                    return status
        finally:
            ground.renewal.drop()
            ground.close()


async def _serve(ground: Ground, store: SqliteStore, started: Started) -> int:
    config, home = ground.config, ground.home
    core = await Core.recover(store, setting_for(config, home))
    shared = web_for(ground, core, store)
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
    _heed_signals(ground.signalled)
    try:
        await first_games(core)
        await sweep_pictures(core, shared.service(Pictures))
        supervisor.add("housekeeping", Housekeeping(core, keeping_for(config)).run)
        await runner.setup()
        ground.open()
        for door in ground.doors:
            await web.SockSite(runner, door.dup(), backlog=BACKLOG).start()
        url = _address(ground)
        control = await listen(Desk(home, store, core, found_at(config, url)), ground.commands)
        log.info("Recovered %s.", recovered(core.state))
        settle()
        code = "" if core.see(admin_there) else shared.service(SignUps).code
        started(url, code)
        try:
            await _first(ground.signalled.wait(), ground.renewal.asked.wait(), supervisor.failed())
        finally:
            if not ground.renewal.asked.is_set():
                ground.close()
            await control.close()
    finally:
        core.feed.close()
        await runner.cleanup()
        fault = await supervisor.stop()
    log.info("Stopped.")
    return 0 if fault is None else 1


def web_for(ground: Ground, core: Core, store: SqliteStore) -> Web:
    """What dialects share, as the configuration wants it."""
    config, home = ground.config, ground.home
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
            Place: place_for(ground, store),
        },
    )


def place_for(ground: Ground, store: SqliteStore) -> Place:
    """What the pages of admins show of the machine, and how they have a backup made and put back."""
    home, renewal = ground.home, ground.renewal
    plain, shown = as_shown(Config()), as_shown(ground.config)

    async def make(file: Path) -> None:
        try:
            await backup.backup(home, store, file)
        except Trouble as fault:
            refuse(fault)

    def look(file: Path) -> Mapping[str, Any]:
        try:
            return backup.described(file)
        except Trouble as fault:
            refuse(fault)

    async def restore(file: Path, by: int, name: str, may: Callable[[], object]) -> None:
        try:
            await renewal.ask(file, by, name, may)
        except Trouble as fault:
            refuse(fault)

    def refuse(fault: Trouble) -> NoReturn:
        if isinstance(fault, backup.Unsound):
            raise Refusal(Why.MALFORMED, fields={f"backup_{fault.why}": [str(fault)]}) from fault
        raise OSError(str(fault)) from fault

    rows = tuple(
        (one.name, one.about.help, shown[one.name], shown[one.name] == plain[one.name])
        for one in settings(Config)
    )
    folder, most = home.path / "backups", ground.config.backup_limit
    return Place(
        *(rows, str(home.path), folder, make, home.scratch, most, look, restore, renewal.fault)
    )


def hosting_for(config: Config) -> Hosting:
    return Hosting(game=config.hosts_game, strict=config.hosts_login == "strict")


def every_dialect() -> list[Dialect]:
    """Return the APIs, by name, and the site."""
    return [*apis.every_dialect(), site.DIALECT]


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


def _heed_signals(signalled: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for one in SIGNALS:
        loop.add_signal_handler(one, signalled.set)


async def _first(*ends: Coroutine[Any, Any, Any]) -> None:
    """Wait until one of these has happened."""
    waiting = [asyncio.ensure_future(one) for one in ends]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


def _address(ground: Ground) -> str:
    """Where we listen, with the port the system gave where none was named."""
    host = ground.config.host
    return f"http://{f'[{host}]' if ':' in host else host}:{ground.doors[0].getsockname()[1]}"
