"""The context of administrative commands: the core on the store of a data directory."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from coalserver import games
from coalserver.config import Config
from coalserver.core.commands.audit import execute_audited
from coalserver.core.engine import Core
from coalserver.core.hosting import Hosting
from coalserver.core.unit_of_work import CoreContext, Limits
from coalserver.domain.audit import COMMAND_LINE, AuditAction
from coalserver.domain.minecraft.world import RESERVED_SHORT_NAMES
from coalserver.security.encryption import SecretCipher
from coalserver.server.sockets import first_url
from coalserver.storage.data_directory import DataDirectory
from coalserver.storage.sqlite.store import SqliteStore

DAY = 86_400
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AdminContext:
    """What a command of the command line can use, in a running server or without one."""

    home: DataDirectory
    store: SqliteStore
    core: Core
    #: Public URL of the server for people and agents.
    url: str
    hosting: Hosting
    #: Folder of the hosted worlds.
    hosting_folder: Path

    async def execute(
        self, action: AuditAction, subject: str, command: Callable[..., T], /, **params: Any
    ) -> T:
        """Execute a command of the core and record an audit entry for the command line."""
        params = {
            "actor": COMMAND_LINE,
            "action": action,
            "subject": subject,
            "command": command,
            **params,
        }
        return await self.core.execute(execute_audited, **params)


def public_url(config: Config, listening_url: str) -> str:
    """Return `base_url`, or else the listening URL; a wildcard address becomes localhost."""
    local_url = listening_url.replace("//0.0.0.0", "//localhost").replace("//[::]", "//localhost")
    return (config.base_url or local_url).rstrip("/")


def build_core_context(config: Config, home: DataDirectory) -> CoreContext:
    """Return clock, rules, limits and keys for the core.

    The caller must hold the lock of the data directory: a missing key is created.
    """
    limits = Limits(
        max_seats=config.seats_at_once,
        away_after=config.away_after,
        handover_after=config.handover_after,
        seat_grace=config.seat_grace,
        guest_token=config.guest_token_days * DAY,
        account_token=config.account_token_days * DAY,
        host_grace=config.hosts_grace,
        access_token=config.access_token_seconds,
        storage_keys=config.keys_per_player,
        player_bytes=config.data_per_player,
        game_players=config.players_per_game,
        game_bytes=config.bytes_per_game,
        screenshots=config.screenshots_per_user,
        room_feed_bytes=config.room_feed_bytes,
        feed_bytes=config.feed_bytes,
    )
    rules = dict(games.load_rules())
    # Below the base path, a short link with its name would lead to the home page.
    base_path = urlsplit(config.base_url).path.strip("/")
    return CoreContext(
        clock=time.time,
        monotonic=time.monotonic,
        rules=rules,
        limits=limits,
        signing_key=home.load_key("passwords"),
        cipher=SecretCipher(home.load_key("oauth")),
        reserved_short_names=RESERVED_SHORT_NAMES | {base_path},
    )


@asynccontextmanager
async def open_offline(config: Config, home: DataDirectory) -> AsyncIterator[AdminContext]:
    """Open a data directory without a server; everything is written when the context ends.

    The caller must hold the lock of the data directory.
    """
    # Imported here: a command that a running server executes does not need them.
    from coalserver.hosting.offline import OfflineHosting
    from coalserver.server.hosting_options import hosting_options

    await asyncio.to_thread(home.check_data)
    store = SqliteStore(home.database)
    try:
        core = await Core.recover(store, build_core_context(config, home))
        writer = asyncio.create_task(core.writer.run())
        try:
            url = first_url(config.host, config.port)
            options = hosting_options(config, home)
            hosting = OfflineHosting(core, options)
            yield AdminContext(home, store, core, public_url(config, url), hosting, options.folder)
        finally:
            core.writer.close()
            await writer
    finally:
        # The thread of the store is no daemon and would keep the process alive.
        await store.close()
