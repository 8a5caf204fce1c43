"""Those who speak COAL's API: users with a token each, and the agents of worlds."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from coalserver.core.commands.account_admin import add_account
from coalserver.core.commands.agents import open_world
from coalserver.core.commands.claims import set_usernames
from coalserver.core.commands.oauth import add_personal_token, admit_agent
from coalserver.core.ingest import take_lines
from coalserver.domain.minecraft.log.dates import Live
from coalserver.domain.minecraft.log.parser import read_all
from coalserver.domain.minecraft.world import World
from coalserver.security.opaque_keys import SERVER, Keys
from tests.apis.app import Answer, Asker, House

FORM = "application/x-www-form-urlencoded"


@dataclass
class User(Asker):
    """One with an account; `id` is its number."""

    async def send(self, path: str, **fields: Any) -> Answer:
        """Send a form."""
        body = urlencode(fields).encode()
        return await self.ask("POST", path, body, Content_Type=FORM)


@dataclass
class Place:
    """A world, by the path of its document."""

    house: House
    id: int
    path: str
    agent: User

    @property
    def now(self) -> World:
        world = self.house.core.state.get(World, self.id)
        assert world is not None
        return world

    async def logs(self, *lines: str, zone: str = "America/Chicago") -> None:
        """These lines stand in its log, and have come."""
        calendar = Live.at(self.house.clock(), zone)
        await take_lines(self.house.core, world=self.id, readings=read_all(lines, calendar)[0])


async def a_user(
    house: House,
    email: str = "t@gmail.com",
    *,
    nickname: str = "thomas",
    admin: bool = False,
    active: bool = True,
    usernames: tuple[str, ...] = (),
) -> User:
    """One with an account and a token."""
    account = await house.core.do(
        add_account, email=email, password="", nickname=nickname, admin=admin, active=active
    )
    if usernames:
        await house.core.do(set_usernames, account=account.id, usernames=usernames)
    token = await house.core.do(add_personal_token, account=account.id, lasts=None)
    return User(house, token, account.id, email)


async def an_admin(house: House, email: str = "admin@example.org", **more: Any) -> User:
    return await a_user(house, email, nickname="root", admin=True, **more)


async def a_world(house: House, name: str = "My World", *, hosted: bool = False) -> Place:
    """A world with an agent that has a token."""
    world, shown = await house.core.do(open_world, name=name, hosted=hosted)
    issued = await house.core.do(admit_agent, client=shown.client.id)
    key = house.shared.service(Keys).of(SERVER, world.id)
    agent = User(house, issued.access, shown.client.id, shown.client.code)
    return Place(house, world.id, f"/api/v1/servers/{key}", agent)
