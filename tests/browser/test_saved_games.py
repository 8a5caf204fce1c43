"""Saved games of a world that the server runs: on the page of the world and on their own page."""

import asyncio
import io
import zipfile

from playwright.async_api import expect

from tests.browser.test_hosted_worlds import machine, open_as_admin, server
from tests.browser.test_profile import SCREENS, expect_no_horizontal_scroll
from tests.browser.visitors import PHONE, http_error
from tests.hosting.zips import world_zip
from tests.processes import TIMEOUT_SECONDS

__all__ = ["machine", "server"]

UPLOAD = {"name": "old.zip", "mimeType": "application/zip", "buffer": world_zip()}
CAKE = {**UPLOAD, "buffer": b"a cake"}


@SCREENS
async def test_saved_game_of_a_running_world_appears_by_itself(visit, machine, server, screen):
    page = f"/servers/{machine.world}"
    root = await open_as_admin(visit, page, **screen)
    await root.page.get_by_role("button", name="Start").click()
    save = root.page.get_by_role("button", name="Save now")
    await expect(save).to_be_visible()
    await root.page.get_by_role("link", name="Saved games").click()
    main = root.page.get_by_role("main")
    await expect(main).to_contain_text("No saved games yet")
    await save.click()
    await expect(main).to_contain_text("1 saved game,")
    await expect(main).to_contain_text("Manual")
    await expect(save).to_be_visible()
    await expect(main).to_contain_text("To restore a saved game, stop the world first.")
    await expect(root.page.get_by_role("link", name="Restore…")).to_have_count(0)
    await expect_no_horizontal_scroll(root)

    async with root.page.expect_download() as downloading:
        await root.page.get_by_role("link", name="Download").click()
    download = await downloading.value
    assert download.suggested_filename == "World.zip"
    with zipfile.ZipFile(await download.path()) as archive:
        assert "world/level.dat" in archive.namelist()

    await root.page.goto(server.url + page)
    await save.click()
    await expect(root.page.get_by_text("Saving…")).to_be_hidden()
    await expect(save).to_be_visible()
    await root.page.get_by_role("link", name="Saved games").click()
    await expect(main).to_contain_text("2 saved games,")


async def test_world_is_uploaded_and_restored_without_scripts(visit, machine, server):
    path = f"/admin/servers/{machine.world}/saves"
    root = await open_as_admin(visit, path, **PHONE, java_script_enabled=False)
    root.expect_errors(http_error(400))
    main = root.page.get_by_role("main")
    send = main.get_by_role("button", name="Upload")
    await root.page.get_by_label("World file").set_input_files(CAKE)
    await send.click()
    refusal = "This archive is not safe: it is not a zip archive, or is cut off."
    await expect(root.page.get_by_role("alert")).to_have_text(refusal)
    await root.page.get_by_label("World file").set_input_files(UPLOAD)
    await send.click()
    await expect(main).to_contain_text("Saved game uploaded")

    more = main.locator(".save-more summary")
    await more.click()
    await main.get_by_label("Note").fill("Old <b>server</b>")
    await main.get_by_role("button", name="Save", exact=True).click()
    await expect(main).to_contain_text("Old <b>server</b>")
    await more.click()
    await expect_no_horizontal_scroll(root)
    await main.get_by_role("button", name="Pin").click()
    await expect(main.get_by_text("Pinned", exact=True)).to_be_visible()

    await main.get_by_role("link", name="Restore…").click()
    await expect(main).to_contain_text("What was built since then is lost.")
    await main.get_by_role("link", name="Cancel").click()
    await main.get_by_role("link", name="Restore…").click()
    await main.get_by_role("button", name="Restore").click()
    await expect(main).to_contain_text("The saved game is being restored.")
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while await main.get_by_text("Restoring…").count():
            await root.page.reload()
    level = machine.files.server / "world" / "level.dat"
    with zipfile.ZipFile(io.BytesIO(UPLOAD["buffer"])) as archive:
        assert level.read_bytes() == archive.read("world/level.dat")

    await more.click()
    await main.get_by_role("link", name="Delete…").click()
    await expect(main).to_contain_text("This cannot be undone.")
    await main.get_by_role("button", name="Delete", exact=True).click()
    await expect(main).to_contain_text("No saved games yet")
