"""Fixtures: servers of sample APIs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from coalserver.core.engine import Core
from coalserver.core.unit_of_work import CoreContext
from coalserver.storage.memory import MemoryStore
from coalserver.web.api import Api
from coalserver.web.connections import ConnectionRunner
from coalserver.web.context import AppContext
from coalserver.web.routing import mount
from tests.web.sample_api import SampleServer

Serve = Callable[..., Awaitable[SampleServer]]


class Server(TestServer):
    """A test server with the connections of the real one."""

    async def _make_runner(self, **kwargs: Any) -> ConnectionRunner:
        return ConnectionRunner(self.app, **kwargs)


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts a server of some APIs: `server = await serve(*apis, body_limit=…, **app_context)`."""
    servers: list[SampleServer] = []

    async def start(*apis: Api, body_limit: int = 1 << 20, **kwargs: Any) -> SampleServer:
        core = await Core.recover(MemoryStore(), CoreContext(lambda: 1000.0))
        writer_task = asyncio.create_task(core.writer.run())
        app = web.Application(client_max_size=body_limit)
        app_context = AppContext(core, **kwargs)
        mount(app, app_context, apis)
        test_server = Server(app)
        await test_server.start_server()
        server = SampleServer(core, app_context, test_server, writer_task)
        servers.append(server)
        return server

    yield start
    for server in servers:
        await server.test_server.close()
        server.core.writer.close()
        if not server.writer_task.done():
            await server.writer_task
