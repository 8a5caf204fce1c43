"""Admins with a browser, and what is told on pages."""

import html
import re

from coalserver.core.commands.account_admin import change_account
from coalserver.core.commands.agents import open_world
from coalserver.core.queries.accounts import account_called
from coalserver.core.queries.deeds import deeds
from coalserver.domain.accounts.account import Account
from coalserver.domain.minecraft.world import World
from tests.apis.app import Answer, House
from tests.apis.browser import Surfer, an_account, signed_in

ROOT = "root@example.org"
BACKUP = "coalserver-20260101T000000Z.tar"


async def an_admin(house: House, email: str = ROOT) -> Surfer:
    """A browser in which an admin is signed in."""
    await an_account(house, email, admin=True)
    surfer = Surfer(house)
    assert (await surfer.signs_in(email)).status == 302
    return surfer


async def a_member(house: House, email: str = "ann@example.org") -> Surfer:
    return await signed_in(house, email)


async def no_admin_any_more(house: House, email: str = ROOT) -> None:
    await house.core.do(change_account, account=account(house, email).id, admin=False)


def account(house: House, email: str = ROOT) -> Account:
    return house.core.see(account_called, email=email)


async def a_world(house: House, name: str = "Overworld", short_name: str = "") -> World:
    world, _ = await house.core.do(open_world, name=name, short_name=short_name)
    return world


async def asks(surfer: Surfer, path: str, seen: str = "/admin/games", **fields: str) -> Answer:
    """Send a form with a seal that some page of admins has shown."""
    return await surfer.send(path, seen=seen, **fields)


def a_backup(house: House, content: bytes = b"everything", name: str = BACKUP) -> str:
    """A backup that lies where they are kept."""
    folder = house.folder / "backups"
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    return name


def done(house: House) -> list[tuple[str, str, str]]:
    """What was done, oldest first."""
    found, _ = house.core.see(deeds, limit=1000)
    return [(str(one.what), one.about, one.detail) for one in reversed(found)]


def words(answer: Answer) -> str:
    """What is read on a page, without its tags."""
    text = re.sub(r"<script.*?</script>|<[^>]*>", " ", answer.raw.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(text))


def shown(answer: Answer, id: str) -> str:
    """What is shown this once under a name."""
    found = re.search(rf'id="{id}"[^>]*>([^<]+)<', answer.raw.decode())
    assert found, answer.raw
    return html.unescape(found[1])
