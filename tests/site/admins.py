"""Admins with a browser, and the texts of pages."""

import html
import re

from coalserver.core.commands.accounts import update_account
from coalserver.core.commands.agents import create_world_with_agent
from coalserver.core.queries.accounts import get_account_by_email
from coalserver.core.queries.admin import list_audit_entries
from coalserver.domain.accounts.account import Account
from coalserver.domain.minecraft.world import World
from tests.apis.app import Answer, TestApp
from tests.apis.browser import Browser, make_account, make_signed_in_browser

ROOT = "root@example.org"
BACKUP = "coalserver-20260101T000000Z.tar"


async def make_admin(test_app: TestApp, email: str = ROOT) -> Browser:
    """Return a browser in which an admin is signed in."""
    await make_account(test_app, email, admin=True)
    browser = Browser(test_app)
    assert (await browser.sign_in(email)).status == 302
    return browser


async def make_member(test_app: TestApp, email: str = "ann@example.org") -> Browser:
    return await make_signed_in_browser(test_app, email)


async def revoke_admin(test_app: TestApp, email: str = ROOT) -> None:
    await test_app.core.execute(update_account, account_id=account(test_app, email).id, admin=False)


def account(test_app: TestApp, email: str = ROOT) -> Account:
    return test_app.core.query(get_account_by_email, email=email)


async def make_world(test_app: TestApp, name: str = "Overworld", short_name: str = "") -> World:
    world, _ = await test_app.core.execute(
        create_world_with_agent, name=name, short_name=short_name
    )
    return world


async def submit(browser: Browser, path: str, page: str = "/admin/games", **fields: str) -> Answer:
    """Send a form with a CSRF token of an admin page."""
    return await browser.send(path, page=page, **fields)


def make_backup(test_app: TestApp, content: bytes = b"everything", name: str = BACKUP) -> str:
    """Create a backup in the folder that the admin pages list."""
    folder = test_app.folder / "backups"
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    return name


def done(test_app: TestApp) -> list[tuple[str, str, str]]:
    """Return the audit entries, oldest first."""
    found, _ = test_app.core.query(list_audit_entries, limit=1000)
    return [(str(one.action), one.subject, one.detail) for one in reversed(found)]


def words(answer: Answer) -> str:
    """What is read on a page, without its tags."""
    text = re.sub(r"<script.*?</script>|<[^>]*>", " ", answer.raw.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(text))


def shown(answer: Answer, id: str) -> str:
    """What is shown this once under a name."""
    found = re.search(rf'id="{id}"[^>]*>([^<]+)<', answer.raw.decode())
    assert found, answer.raw
    return html.unescape(found[1])
