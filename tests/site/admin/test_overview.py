"""The overview for admins."""

from tests.apis.browser import make_account
from tests.site.admins import make_admin, make_world, words


async def test_overview_shows_pending_users_worlds_and_counts(test_app):
    browser = await make_admin(test_app)
    await make_account(test_app, "new@example.org", active=False)
    await make_world(test_app, "Overworld")
    ann = await test_app.sign_in_guest("Ann")
    await ann.create_room(name="Friday")
    text = words(await browser.get("/admin"))
    assert "Waiting for approval new@example.org" in text
    assert "Overworld" in text and "2 users" in text and "1 open room" in text
