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


async def test_overview_shows_some_worlds_and_counts_the_others(test_app):
    browser = await make_admin(test_app)
    for number in range(23):
        await make_world(test_app, f"World {number}")
    answer = await browser.get("/admin")
    text = words(answer)
    assert "23 worlds" in text and "World 19" in text and "World 20" not in text
    assert '<a href="/admin/servers">and 3 more</a>' in answer.raw.decode()
