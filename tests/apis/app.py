"""The whole application for tests: a clock set by hand, a ledger that writes, clients that call."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

import aiohttp
from aiohttp.test_utils import TestServer
from argon2 import PasswordHasher
from yarl import URL

from coalserver.config import Config
from coalserver.core.commands.games import add_game
from coalserver.core.engine import Core
from coalserver.core.ports import Store
from coalserver.core.unit_of_work import Limits, Setting
from coalserver.domain.errors import Refusal, Why
from coalserver.games.noughts import RULES
from coalserver.media.images import Pictures
from coalserver.security.encryption import Safe
from coalserver.security.opaque_keys import Keys
from coalserver.security.passwords import Passwords
from coalserver.server.app import application, first_games, hosting_for, sweep_pictures
from coalserver.services.housekeeping import Housekeeping, Keeping
from coalserver.site.admin.system import Place
from coalserver.site.auth import SignUps
from coalserver.storage.memory import MemoryStore
from coalserver.web.api import Web
from coalserver.web.streaming.parked_poll import ParkingRunner
from tests.apis import sample_rules
from tests.apis.callers import PATIENCE, Answer, Asker, a_session

#: Who opens a house has callers at its door.
__all__ = ["PATIENCE", "Answer", "Asker", "a_session"]

#: Proofs a thousand times as quick as the real ones.
WEAK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
ADMIN_CODE = "c0de" * 8
SAFE = Safe(bytes(32))
RULED = {"noughts": RULES, "cards": sample_rules.CARDS, "faulty": sample_rules.FAULTY}


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds


class Server(TestServer):
    """A test server whose connections park polls, as the real one's do."""

    async def _make_runner(self, **kwargs: Any) -> ParkingRunner:
        return ParkingRunner(self.app, **kwargs)


@dataclass
class House:
    """Everything one server has, and who calls it."""

    store: Store
    clock: Clock
    web: dict[str, Any]
    limits: Limits
    tail: int
    reopened: Callable[[Store], Store]
    #: The connections of all who call; they outlive a restart.
    http: aiohttp.ClientSession
    config: Config
    #: Where files lie that are not in the store.
    folder: Path
    core: Core = field(init=False)
    shared: Web = field(init=False)
    server: Server = field(init=False)
    keeper: Housekeeping = field(init=False)
    #: Which backup was to be put back, and for whom.
    restored: list[tuple[str, int, str]] = field(default_factory=list)
    _writing: "asyncio.Task[None]" = field(init=False)

    async def open(self) -> None:
        setting = Setting(self.clock, rules=dict(RULED), limits=self.limits, seal=b"seal")
        setting.safe = SAFE
        self.core = await Core.recover(self.store, setting, self.tail)
        self._writing = asyncio.create_task(self.core.ledger.run())
        self.keeper = Housekeeping(self.core, Keeping())
        hosting = hosting_for(self.config)
        services = {
            Config: self.config,
            Passwords: Passwords(WEAK),
            Pictures: Pictures(
                self.folder / "screenshots", bytes(32), self.config.screenshot_limit, self.clock
            ),
            Keys: Keys(bytes(32)),
            type(hosting): hosting,
            SignUps: SignUps(self.config.open_signup, ADMIN_CODE),
            Place: self.place(),
        }
        self.shared = Web(self.core, services=services, **self.web)
        await first_games(self.core)
        await sweep_pictures(self.core, self.shared.service(Pictures))
        self.server = Server(application(self.shared))
        await self.server.start_server()

    def place(self) -> Place:
        """What admins see of the machine. A backup is a small file here: tests/archives.py makes real ones."""

        async def make(file: Path) -> None:
            await asyncio.to_thread(file.write_bytes, b"everything")

        def look(file: Path) -> dict[str, str]:
            if file.read_bytes() != b"everything":
                raise Refusal(Why.MALFORMED, fields={"backup_foreign": ["Not everything."]})
            return {"made": "2023-11-14T22:13:20Z", "coalserver": "0.1"}

        async def restore(file: Path, by: int, name: str, may: Callable[[], object]) -> None:
            look(file)
            may()
            self.restored.append((file.name, by, name))

        rows = (("port", "port to listen on", "80", False),)
        here = (rows, str(self.folder), self.folder / "backups", make)
        return Place(
            *here, lambda: nullcontext(Path(mkdtemp(dir=self.folder))), 1000, look, restore
        )

    async def close(self) -> None:
        self.core.feed.close()
        await self.server.close()
        self.core.ledger.close()
        await self._writing
        await self.store.close()

    async def restart(self) -> None:
        """End, and begin again with what was kept. Players keep their tokens."""
        await self.close()
        self.store = self.reopened(self.store)
        await self.open()

    async def after(self, seconds: float) -> None:
        """So much time goes by, and housekeeping sees it."""
        self.clock.forward(seconds)
        await self.keeper.round()

    def url(self, path: str) -> URL:
        """An address of this server; what is percent-encoded stays so."""
        base = f"http://{self.server.host}:{self.server.port}"
        return URL(base + "/" + path.lstrip("/"), encoded=True)

    @property
    def stranger(self) -> Asker:
        """One who has no token."""
        return Asker(self)

    async def guest(self, name: str = "Ann") -> Asker:
        """One who has just signed in."""
        body = {"credentialType": "guest", "username": name}
        answer = await self.stranger.post("/accounts/login", body)
        said = answer.json
        return Asker(self, said["token"], said["user"]["userId"], name)

    async def guests(self, *names: str) -> list[Asker]:
        return [await self.guest(name) for name in names]

    async def game(self, tag: str, low: int = 1, high: int = 16, **more: Any) -> str:
        """One more game; it has no rules unless the tag is one that has."""
        await self.core.do(add_game, tag=tag, min_players=low, max_players=high, **more)
        return tag

    async def until(self, holds: Callable[[], bool]) -> None:
        """Let everything else go on until this holds."""
        async with asyncio.timeout(PATIENCE):
            while not holds():
                await asyncio.sleep(0)

    async def begun(self, call: Awaitable[Any]) -> "asyncio.Task[Any]":
        """A call that now waits for events."""
        waiting = self.core.feed.waiting()
        task = asyncio.ensure_future(call)
        await self.until(lambda: self.core.feed.waiting() > waiting or task.done())
        return task


@asynccontextmanager
async def a_house(
    store: Store | None = None,
    *,
    tail: int = 20_000,
    limits: Limits = Limits(),
    reopened: Callable[[Store], Store] = lambda store: store,
    config: Config = Config(),
    **web: Any,
) -> AsyncIterator[House]:
    """A server that is closed afterwards."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http:
        with TemporaryDirectory() as folder:
            house = House(
                store or MemoryStore(),
                Clock(),
                web,
                limits,
                tail,
                reopened,
                http,
                config,
                Path(folder),
            )
            await house.open()
            try:
                yield house
            finally:
                await house.close()
