"""The whole application for tests: a clock set by hand, a ledger that writes, clients that call."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
from aiohttp.test_utils import TestServer
from argon2 import PasswordHasher
from multidict import CIMultiDictProxy
from yarl import URL

from coalserver.app import application, first_games, hosting_for, sweep_pictures
from coalserver.config import Config
from coalserver.core.commands.games import add_game
from coalserver.core.engine import Core
from coalserver.core.ports import Store
from coalserver.core.unit import Limits, Setting
from coalserver.dialects.coal.keys import Keys
from coalserver.dialects.site.admin_place import Place
from coalserver.dialects.site.signing_in import SignUps
from coalserver.games.noughts import RULES
from coalserver.passwords import Passwords
from coalserver.pictures import Pictures
from coalserver.safe import Safe
from coalserver.services.housekeeping import Housekeeping, Keeping
from coalserver.stores.memory import MemoryStore
from coalserver.web.dialect import Web
from coalserver.web.parked import ParkingRunner
from tests.dialects import toys

#: Seconds after which a test that waits for something has failed.
PATIENCE = 10
#: Proofs a thousand times as quick as the real ones.
WEAK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
ADMIN_CODE = "c0de" * 8
SAFE = Safe(bytes(32))
RULED = {"noughts": RULES, "cards": toys.CARDS, "faulty": toys.FAULTY}


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: CIMultiDictProxy[str]
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def error(self) -> str:
        """The error code, or the status of an answer that is no error."""
        return self.json["error"] if self.status >= 400 else str(self.status)

    @property
    def refused(self) -> tuple[int, str]:
        return self.status, self.error

    @property
    def cursor(self) -> int:
        return int(self.headers["X-Event-Cursor"])


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

        return Place((("port", "80", False),), str(self.folder), self.folder / "backups", make)

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
    def stranger(self) -> "Asker":
        """One who has no token."""
        return Asker(self)

    async def guest(self, name: str = "Ann") -> "Asker":
        """One who has just signed in."""
        body = {"credentialType": "guest", "username": name}
        answer = await self.stranger.post("/accounts/login", body)
        said = answer.json
        return Asker(self, said["token"], said["user"]["userId"], name)

    async def guests(self, *names: str) -> "list[Asker]":
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


@dataclass
class Asker:
    """One who calls: a player with a token, or a stranger."""

    house: House
    token: str = ""
    id: int = 0
    name: str = ""

    @property
    def user(self) -> dict[str, Any]:
        return {"userId": self.id, "username": self.name}

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    async def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> Answer:
        """Send a request; bytes go as they are, anything else as JSON. `_` in names is `-`."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        if data is not None:
            given.setdefault("Content-Type", "application/json")
        async with asyncio.timeout(PATIENCE), self.house.http.request(
            method,
            self.house.url(path),
            data=data,
            headers={**self.bearer, **given},
            skip_auto_headers=("Content-Type",),
            allow_redirects=False,
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.ask("GET", path, **headers)

    async def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return await self.ask("POST", path, body, **headers)

    async def put(self, path: str, body: Any = None, **headers: str) -> Answer:
        return await self.ask("PUT", path, body, **headers)

    async def opens(self, game: str = "noughts", name: str = "room", **more: Any) -> str:
        """Make a room; gives its path."""
        answer = await self.post(f"/games/{game}/rooms", {"name": name, **more})
        assert answer.status == 201, answer.raw
        return answer.headers["Location"]

    async def joins(self, path: str, **more: Any) -> None:
        answer = await self.post(path + "/join", more or None)
        assert answer.status == 200, answer.raw

    async def starts(self, room: str) -> str:
        """Start a session; gives its path."""
        answer = await self.post(room + "/start")
        assert answer.status == 201, answer.raw
        return answer.headers["Location"]

    async def plays(self, session: str, **turn: Any) -> None:
        answer = await self.post(session + "/turn", turn)
        assert answer.status == 204, answer.raw

    async def says(self, place: str, text: str) -> int:
        """Chat; gives the id of the event."""
        answer = await self.post(place + "/chat", {"text": text})
        assert answer.status == 201, answer.raw
        return int(answer.json["id"])

    async def hears(self, place: str, after: int = -1, wait: int = 0) -> list[dict[str, Any]]:
        """What a poll answers."""
        answer = await self.get(f"{place}/events?after-event-id={after}&wait={wait}")
        assert answer.status == 200, answer.raw
        return answer.json  # type: ignore[no-any-return]

    async def told(self, place: str, after: int = -1) -> list[str]:
        """The types of the events so far."""
        return [row["event"]["type"] for row in await self.hears(place, after)]


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
                store or MemoryStore(), Clock(), web, limits, tail, reopened, http, config, Path(folder)
            )
            await house.open()
            try:
                yield house
            finally:
                await house.close()


async def a_session(game: str, *players: Asker, **options: Any) -> str:
    """A session of these players, the first of whom is the host; the game is made if need be."""
    host, *others = players
    if (await host.get(f"/games/{game}/rooms")).status == 404:
        await host.house.game(game)
    room = await host.opens(game, options=options)
    for other in others:
        await other.joins(room)
    return await host.starts(room)
