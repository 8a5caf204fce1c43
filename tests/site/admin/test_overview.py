"""The overview for admins."""

from tests.apis.browser import make_account
from tests.site.admins import make_admin, make_world, words


async def test_the_first_page_tells_what_is_to_be_done(test_app):
    browser = await make_admin(test_app)
    await make_account(test_app, "new@example.org", active=False)
    await make_world(test_app, "Overworld")
    ann = await test_app.sign_in_guest("Ann")
    await ann.create_room(name="Friday")
    told = words(await browser.get("/admin"))
    assert "Waiting for approval new@example.org" in told
    assert "Overworld" in told and "2 users" in told and "1 open room" in told
