"""The profile page in a browser, at phone and desktop width."""

import pytest
from playwright.async_api import expect

from tests.browser.crowd import EMAIL, PASSWORD
from tests.browser.visitors import DESKTOP, PHONE, http_error

SCREENS = pytest.mark.parametrize("screen", [PHONE, DESKTOP], ids=["phone", "desktop"])


async def expect_no_horizontal_scroll(visitor):
    """Expect that the page does not scroll horizontally."""
    # A page that follows a form is there before its style sheet.
    await visitor.page.wait_for_load_state("load")
    width = visitor.page.viewport_size["width"]
    assert await visitor.page.evaluate("document.documentElement.scrollWidth") <= width


def section(visitor, name):
    return visitor.page.get_by_role("region", name=name, exact=True)


@SCREENS
async def test_name_is_claimed_by_code_in_chat(member, fake_agent, screen):
    ann = await member("/profile", **screen)
    names = section(ann, "Minecraft names")
    await expect(names).to_contain_text("No Minecraft names yet.")
    await names.get_by_role("button", name="Claim a name").click()
    code = await names.locator("#claim-code").text_content()
    await expect_no_horizontal_scroll(ann)
    await ann.mark_page()
    await fake_agent.send_lines(f"<AnnPlays> {code.lower()}")
    await expect(names.get_by_text("AnnPlays")).to_be_visible()
    await expect(names.locator("#claim-code")).to_have_count(0)
    assert await ann.is_same_page()


@SCREENS
async def test_password_change_requires_current_password(member, fake_agent, screen):
    ann = await member("/profile", **screen)
    ann.expect_errors(http_error(403))
    password = section(ann, "Password")
    for old, message in (
        ("wrong horse", "The current password is incorrect."),
        (PASSWORD, "Password changed."),
    ):
        await password.get_by_label("Current password").fill(old)
        await password.get_by_label("New password").fill("correct battery")
        await password.get_by_role("button", name="Change password").click()
        await expect(password).to_contain_text(message)
        await expect(password.get_by_label("Current password")).to_have_value("")
        await expect_no_horizontal_scroll(ann)
    await ann.page.goto(ann.page.url.partition("?")[0])
    await ann.page.get_by_role("link", name="Sign out everywhere…").click()
    await ann.page.get_by_role("button", name="Sign out everywhere").click()
    await ann.page.get_by_label("E-mail").fill(EMAIL)
    await ann.page.get_by_label("Password").fill("correct battery")
    await ann.page.get_by_label("Password").press("Enter")
    await expect(ann.page.get_by_role("link", name="Profile")).to_be_visible()


@SCREENS
async def test_token_is_shown_once_copied_and_revoked(member, fake_agent, screen):
    ann = await member("/profile", **screen)
    tokens = section(ann, "API tokens")
    await tokens.get_by_label("Name").fill("Map <b>")
    await tokens.get_by_role("button", name="Create token").click()
    secret = await tokens.locator("#fresh-token").text_content()
    assert len(secret) == 40
    # The scripts of the new page make the button work.
    await ann.page.wait_for_load_state("load")
    await tokens.get_by_role("button", name="Copy", exact=True).click()
    await expect(
        tokens.get_by_role("button", name="Copied").or_(tokens.get_by_text("Selected"))
    ).to_be_visible()
    await expect_no_horizontal_scroll(ann)
    await ann.page.goto(ann.page.url.partition("/profile")[0] + "/profile")
    await expect(tokens).to_contain_text("Map <b>")
    assert secret not in await ann.page.content()
    await tokens.get_by_role("link", name="Revoke…: Map <b>").click()
    await expect_no_horizontal_scroll(ann)
    await expect(ann.page.get_by_role("main")).to_contain_text("that use Map <b> lose access")
    await ann.page.get_by_role("button", name="Revoke token").click()
    await expect(tokens).to_contain_text("Token revoked.")
    await expect(tokens).not_to_contain_text("Map <b>")


async def test_zone_and_language_can_be_set_by_keyboard(member, fake_agent):
    ann = await member("/profile", **PHONE)
    await ann.tab_to(ann.page.get_by_label("Time zone"))
    await ann.press("Control+a")
    await ann.page.keyboard.type("Europe/Berlin")
    await ann.tab_to(ann.page.get_by_label("Language"))
    await ann.press("D", "Enter")
    await ann.page.get_by_role("button", name="Save").focus()
    await ann.press("Enter")
    await expect(ann.page.locator("html")).to_have_attribute("lang", "de")
    await expect(ann.page.get_by_role("heading", level=1)).to_have_text("Profil")
    await expect(ann.page.get_by_label("Zeitzone")).to_have_value("Europe/Berlin")


async def test_profile_works_without_javascript(server, visit, fake_agent):
    ann = await visit("/login", java_script_enabled=False)
    await ann.page.get_by_label("E-mail").fill(EMAIL)
    await ann.page.get_by_label("Password").fill(PASSWORD)
    await ann.page.get_by_label("Password").press("Enter")
    await ann.page.get_by_role("link", name="Profile").click()
    await ann.page.get_by_role("button", name="Claim a name").click()
    await expect(ann.page.locator("#claim-code")).to_be_visible()
    await expect(ann.page.get_by_role("button", name="Copy")).to_have_count(0)
