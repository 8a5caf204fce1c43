"""The whole application for tests: a manual clock, a running writer and API clients.

The fixtures `test_app` and `persistent_test_app` create its HTTP client with pytest-aiohttp's `aiohttp_client`.
Requests go through the session of that client with absolute URLs, since `TestClient.request` decodes and
normalizes paths: tests of percent-encoded and invalid paths need the bytes that they state.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any, ClassVar

import aiohttp
import aiohttp_jinja2
import jinja2
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from argon2 import PasswordHasher
from yarl import URL

from coalserver.apis.ops.metrics import MetricsSettings
from coalserver.config import Config
from coalserver.core.commands.games import add_game
from coalserver.core.engine import Core
from coalserver.core.hosting import Hosting
from coalserver.core.ports import Store
from coalserver.core.unit_of_work import CoreContext, Limits
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.games.noughts import RULES
from coalserver.media.images import ImageStore
from coalserver.security.encryption import SecretCipher
from coalserver.security.opaque_keys import OpaqueKeys
from coalserver.security.passwords import PasswordService
from coalserver.server.app import build_application, hosts_api_settings, use_limiter
from coalserver.server.lifecycle import delete_orphaned_images, ensure_default_games
from coalserver.services.housekeeping import Housekeeping, RetentionPolicy
from coalserver.site.admin.backups import BackupService
from coalserver.site.admin.system import SystemService
from coalserver.site.auth import SignupPolicy
from coalserver.storage.memory import MemoryStore
from coalserver.web.connections import ConnectionRunner
from coalserver.web.context import AppContext
from coalserver.web.pages.pages import TemplateCompiler
from coalserver.web.streaming.parked_poll import runner_class
from tests.apis import sample_rules
from tests.apis.client import TIMEOUT_SECONDS, Answer, ApiClient, make_session
from tests.apis.hosting import SampleHosting

#: Re-exported for the tests that run an application.
__all__ = ["TIMEOUT_SECONDS", "Answer", "ApiClient", "make_session"]

#: Hashes a thousand times as fast as the real ones.
FAST_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
ADMIN_CODE = "c0de" * 8
#: SO_LINGER with no time to linger: closing a connection resets it.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
CIPHER = SecretCipher(bytes(32))


class CompiledTemplates(jinja2.BytecodeCache):
    """Compiled templates in memory, for the applications of all tests."""

    def __init__(self) -> None:
        self._compiled: dict[str, bytes] = {}

    def load_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        if bucket.key in self._compiled:
            bucket.bytecode_from_string(self._compiled[bucket.key])

    def dump_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        self._compiled[bucket.key] = bucket.bytecode_to_string()


async def _compile_nothing(app: web.Application) -> None:
    """Do nothing, in place of `TemplateCompiler.finish`."""


TEMPLATES = CompiledTemplates()
SAMPLE_RULES = {"noughts": RULES, "cards": sample_rules.CARDS, "faulty": sample_rules.FAULTY}


#: The networks of tests.
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1"))
#: Many tests do more in a second than one player may.
UNLIMITED = Config(limits_exempt=LOOPBACK)

#: Starts a server and returns its client, as the fixture `aiohttp_client` does.
ClientFactory = Callable[..., Awaitable["TestClient[Any, Any]"]]


class Clock:
    """A clock that stands still until `advance`."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class Server(TestServer):
    """A test server that parks polls as the real one does, or does not."""

    #: The setting of this name; see the fixture `park_polls`.
    park_polls: ClassVar[bool] = True

    async def _make_runner(self, **kwargs: Any) -> ConnectionRunner:
        return runner_class(self.park_polls)(self.app, **kwargs)


@dataclass
class TestApp:
    """A server with its store, core and clients."""

    #: Keeps pytest from collecting the class.
    __test__ = False

    store: Store
    clock: Clock
    web: dict[str, Any]
    limits: Limits
    tail: int
    reopen_store: Callable[[Store], Store]
    make_client: ClientFactory
    config: Config
    #: Folder of the files beside the store.
    folder: Path
    core: Core = field(init=False)
    app_context: AppContext = field(init=False)
    server: Server = field(init=False)
    #: The HTTP client of the server; a restart creates another one.
    client: "TestClient[Any, Any]" = field(init=False)
    housekeeping: Housekeeping = field(init=False)
    #: Hosting without processes.
    world_hosting: SampleHosting = field(init=False)
    #: Restore requests: file, requesting account and its name.
    restore_requests: list[tuple[str, int, str]] = field(default_factory=list)
    _writing: "asyncio.Task[None]" = field(init=False)

    async def open(self, port: int | None = None) -> None:
        """Open the store and start a server, on a free port unless one is given."""
        setting = CoreContext(
            self.clock, rules=dict(SAMPLE_RULES), limits=self.limits, signing_key=b"seal"
        )
        setting.cipher = CIPHER
        self.core = await Core.recover(self.store, setting, self.tail)
        self._writing = asyncio.create_task(self.core.writer.run())
        self.housekeeping = Housekeeping(self.core, RetentionPolicy())
        self.world_hosting = SampleHosting(self.core)
        hosting = hosts_api_settings(self.config)
        services = {
            Config: self.config,
            PasswordService: PasswordService(FAST_HASHER),
            ImageStore: ImageStore(
                self.folder / "screenshots", bytes(32), self.config.screenshot_limit, self.clock
            ),
            OpaqueKeys: OpaqueKeys(bytes(32)),
            type(hosting): hosting,
            MetricsSettings: MetricsSettings(self.config.metrics_token),
            SignupPolicy: SignupPolicy(self.config.open_signup, ADMIN_CODE),
            SystemService: SystemService(
                (("port", "port to listen on; 0 selects a free port", "80", False),)
            ),
            BackupService: self.build_backup_service(),
            Hosting: self.world_hosting,
        }
        settings = {"use_limiter": use_limiter(self.config), **self.web}
        self.app_context = AppContext(self.core, services=services, **settings)
        await ensure_default_games(self.core)
        await delete_orphaned_images(self.core, self.app_context.service(ImageStore))
        self.server = Server(self.build_application(), port=port)
        # Browser keeps cookies itself, and many clients of one test wait at the same time.
        self.client = await self.make_client(
            self.server,
            cookie_jar=aiohttp.DummyCookieJar(),
            connector=aiohttp.TCPConnector(limit=0),
        )

    @property
    def http(self) -> aiohttp.ClientSession:
        """The session of the HTTP client, for absolute URLs."""
        return self.client.session

    def build_application(self) -> web.Application:
        """Build the application. Its pages compile only the templates that they need, once for all tests."""
        application = build_application(self.app_context)
        aiohttp_jinja2.get_env(application).bytecode_cache = TEMPLATES
        self.app_context.per_process(TemplateCompiler).finish = _compile_nothing
        return application

    def build_backup_service(self) -> BackupService:
        """Create the backup service. Its backups are one small file; other tests create real ones."""

        async def make(file: Path) -> None:
            await asyncio.to_thread(file.write_bytes, b"everything")

        def look(file: Path) -> dict[str, str]:
            if file.read_bytes() != b"everything":
                raise DomainError(
                    ErrorCode.INVALID_REQUEST, fields={"backup_foreign": ["Not everything."]}
                )
            return {"made": "2023-11-14T22:13:20Z", "coalserver": "0.1"}

        async def restore(file: Path, by: int, name: str, may: Callable[[], object]) -> None:
            look(file)
            may()
            self.restore_requests.append((file.name, by, name))

        return BackupService(
            data_directory=str(self.folder),
            backup_directory=self.folder / "backups",
            create_backup=make,
            temp_directory=lambda: nullcontext(Path(mkdtemp(dir=self.folder))),
            max_upload_bytes=1000,
            read_manifest=look,
            restore=restore,
        )

    async def close(self) -> None:
        self.core.feed.close()
        await self.server.close()
        self.core.writer.close()
        await self._writing
        await self.store.close()

    async def restart(self, *, same_port: bool = False) -> None:
        """Close the server and open it again on the same store."""
        port = self.server.port if same_port else None
        await self.close()
        self.store = self.reopen_store(self.store)
        await self.open(port)

    async def cut_connections(self) -> None:
        """Reset all connections, as a network that fails does."""
        runner = self.server.runner
        assert isinstance(runner, ConnectionRunner) and runner.server is not None
        for connection in list(runner.server.connections):
            if connection.transport is not None:
                opened = connection.transport.get_extra_info("socket")
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                connection.transport.abort()
        # The session of the tests notices that its connections are lost, and opens another one.
        lost = True
        while lost:
            try:
                lost = (await self.anonymous.get("/health")).status != 200
            except aiohttp.ClientError:
                pass

    async def advance(self, seconds: float) -> None:
        """Advance the clock and run housekeeping."""
        self.clock.advance(seconds)
        await self.housekeeping.run_once()

    def url(self, path: str) -> URL:
        """Return a URL of this server; percent-encoding is kept."""
        base = f"http://{self.server.host}:{self.server.port}"
        return URL(base + "/" + path.lstrip("/"), encoded=True)

    @property
    def anonymous(self) -> ApiClient:
        """A client without a token."""
        return ApiClient(self)

    async def sign_in_guest(self, name: str = "Ann") -> ApiClient:
        """Log a guest in and return its client."""
        body = {"credentialType": "guest", "username": name}
        answer = await self.anonymous.post("/accounts/login", body)
        payload = answer.json
        return ApiClient(self, payload["token"], payload["user"]["userId"], name)

    async def sign_in_guests(self, *names: str) -> list[ApiClient]:
        return [await self.sign_in_guest(name) for name in names]

    async def create_game(self, tag: str, low: int = 1, high: int = 16, **more: Any) -> str:
        """Create a game. Only the tags of SAMPLE_RULES have rules."""
        await self.core.execute(add_game, tag=tag, min_players=low, max_players=high, **more)
        return tag

    async def wait_until(self, holds: Callable[[], bool]) -> None:
        """Let everything else go on until this holds."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not holds():
                await asyncio.sleep(0)

    async def start_waiting(self, call: Awaitable[Any]) -> "asyncio.Task[Any]":
        """Start a call and return its task once it waits for events."""
        waiting = self.core.feed.waiter_count()
        task = asyncio.ensure_future(call)

        def waits_now() -> bool:
            # Those that were ended before may leave only now.
            nonlocal waiting
            count = self.core.feed.waiter_count()
            waiting = min(waiting, count)
            return count > waiting or task.done()

        await self.wait_until(waits_now)
        return task


@asynccontextmanager
async def run_test_app(
    store: Store | None = None,
    *,
    tail: int = 20_000,
    limits: Limits = Limits(),
    reopen_store: Callable[[Store], Store] = lambda store: store,
    config: Config = UNLIMITED,
    make_client: ClientFactory | None = None,
    **web: Any,
) -> AsyncIterator[TestApp]:
    """Run an application and close it afterwards.

    `make_client` is the fixture `aiohttp_client`; without it, an equal factory is used.
    """
    async with AsyncExitStack() as stack:

        async def start_client(server: Server, **kwargs: Any) -> "TestClient[Any, Any]":
            client = TestClient(server, **kwargs)
            stack.push_async_callback(client.close)
            await client.start_server()
            return client

        folder = stack.enter_context(TemporaryDirectory())
        test_app = TestApp(
            store or MemoryStore(),
            Clock(),
            web,
            limits,
            tail,
            reopen_store,
            make_client or start_client,
            config,
            Path(folder),
        )
        await test_app.open()
        try:
            yield test_app
        finally:
            await test_app.close()
