"""Clients of COAL's API: users with a token, and the agents of worlds."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from coalserver.core.commands.accounts import create_account
from coalserver.core.commands.agents import create_world_with_agent
from coalserver.core.commands.claims import set_usernames
from coalserver.core.commands.oauth import create_personal_token, issue_agent_tokens
from coalserver.core.ingest import ingest_lines
from coalserver.domain.minecraft.log.dates import LiveDates
from coalserver.domain.minecraft.log.parser import parse_lines
from coalserver.domain.minecraft.world import World
from coalserver.security.opaque_keys import SERVER, OpaqueKeys
from tests.apis.app import Answer, ApiClient, TestApp

FORM = "application/x-www-form-urlencoded"
#: Of the bodies of `make_form`.
MULTIPART = "multipart/form-data; boundary=b"


def make_form(content: bytes, name: str = "file", before: bytes = b"") -> bytes:
    """Return a multipart body with a file, after these earlier parts."""
    head = f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="x.bin"\r\n\r\n'
    return before + head.encode() + content + b"\r\n--b--\r\n"


@dataclass
class User(ApiClient):
    """A client with the token of an account; `id` is the account's."""

    async def send(self, path: str, **fields: Any) -> Answer:
        """Post a form."""
        body = urlencode(fields).encode()
        return await self.request("POST", path, body, Content_Type=FORM)


@dataclass
class WorldFixture:
    """A world with its path in the API and its agent."""

    test_app: TestApp
    id: int
    path: str
    agent: User

    @property
    def current(self) -> World:
        world = self.test_app.core.state.get(World, self.id)
        assert world is not None
        return world

    async def write_log(self, *lines: str, zone: str = "America/Chicago") -> None:
        """Ingest lines as if the agent had sent them now."""
        calendar = LiveDates.from_time(self.test_app.clock(), zone)
        await ingest_lines(
            self.test_app.core, world_id=self.id, parsed_lines=parse_lines(lines, calendar)[0]
        )


async def make_user(
    test_app: TestApp,
    email: str = "t@gmail.com",
    *,
    nickname: str = "thomas",
    admin: bool = False,
    active: bool = True,
    usernames: tuple[str, ...] = (),
) -> User:
    """Create an account and return a client with a token of it."""
    account = await test_app.core.execute(
        create_account, email=email, password="", nickname=nickname, admin=admin, active=active
    )
    if usernames:
        await test_app.core.execute(set_usernames, account_id=account.id, usernames=usernames)
    token = await test_app.core.execute(create_personal_token, account_id=account.id, lifetime=None)
    return User(test_app, token, account.id, email)


async def make_admin(test_app: TestApp, email: str = "admin@example.org", **more: Any) -> User:
    return await make_user(test_app, email, nickname="root", admin=True, **more)


async def make_world(
    test_app: TestApp, name: str = "My World", *, hosted: bool = False
) -> WorldFixture:
    """Create a world with an agent that has a token; a hosted world has none, and its token is invalid."""
    world, shown = await test_app.core.execute(create_world_with_agent, name=name, hosted=hosted)
    key = test_app.app_context.service(OpaqueKeys).of(SERVER, world.id)
    if shown is None:
        return WorldFixture(test_app, world.id, f"/api/v1/servers/{key}", User(test_app, "none"))
    issued = await test_app.core.execute(issue_agent_tokens, client=shown.client.id)
    agent = User(test_app, issued.access, shown.client.id, shown.client.code)
    return WorldFixture(test_app, world.id, f"/api/v1/servers/{key}", agent)
