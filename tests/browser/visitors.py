"""People at the page: what they see and do, in the page's own words."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from playwright.async_api import ConsoleMessage, Locator, Page, expect

#: Nothing moves: what is drawn in steps would cost most of the time.
CALM = {"reduced_motion": "reduce"}
PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True, **CALM}
DESKTOP = {"viewport": {"width": 1280, "height": 800}, **CALM}

#: Opens the page for somebody; see the fixture `visit`.
Visit = Callable[..., Awaitable["Visitor"]]

#: What a browser itself says when a request meets no server.
NO_SERVER = r"net::ERR_|WebSocket connection to .* failed"

#: More places than any view has to stop at.
MAX_TABS = 60


def refused(status: int) -> str:
    """What a browser itself says when a server refuses."""
    return rf"Failed to load resource: the server responded with a status of {status} "


def remembering(player: Mapping[str, Any]) -> str:
    """A script that leaves in the browser what the page keeps of somebody who has taken a name."""
    kept = json.dumps({"token": player["token"], "user": player["user"]})
    return f"""
        if (location.protocol === "http:" && !localStorage.length)
            localStorage.setItem("coalserver.player", {json.dumps(kept)});
    """


def read_board(grid: str) -> str:
    """The rows of a board, as Playwright writes what assistive technology gets to know."""
    names = {"X": "cross", "O": "nought", ".": "empty"}
    heard = ["- grid:"]
    for number, mark in enumerate(grid):
        row, column = divmod(number, 3)
        if column == 0:
            heard.append("  - row:")
        heard += [
            "    - gridcell:",
            f'      - button "Row {row + 1}, column {column + 1}, {names[mark]}"',
        ]
    return "\n".join(heard)


class Visitor:
    """One person with one tab. Notes what the browser complains of; a test says what it foresaw."""

    def __init__(
        self,
        page: Page,
        url: str,
        complaints: list[str] | None = None,
        foreseen: list[str] | None = None,
    ) -> None:
        self.page, self._url = page, url
        self._complaints = [] if complaints is None else complaints
        self._foreseen = [] if foreseen is None else foreseen
        page.on("console", self._record_message)
        page.on("pageerror", lambda error: self._complaints.append(str(error)))

    def _record_message(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._complaints.append(message.text)

    def expect_errors(self, *patterns: str) -> None:
        self._foreseen += patterns

    @property
    def complaints(self) -> list[str]:
        return [
            said
            for said in self._complaints
            # A room may go between an event and the reading that it leads to; the browser says so itself.
            if not any(re.search(p, said) for p in (*self._foreseen, refused(410)))
        ]

    async def stays(self) -> None:
        """From here on `stayed` says whether the page has been loaded anew."""
        await self.page.evaluate("window.stays = true")

    async def stayed(self) -> bool:
        return bool(await self.page.evaluate("window.stays === true"))

    # What they see

    @property
    def board(self) -> Locator:
        return self.page.get_by_role("grid")

    @property
    def announcements(self) -> Locator:
        """What is said to screen readers alone."""
        return self.page.locator("#say")

    def part(self, name: str) -> Locator:
        """What the page calls so in `data-testid`."""
        return self.page.get_by_test_id(name)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def cell(self, number: int) -> Locator:
        return self.page.get_by_test_id(f"cell-{number}")

    def line(self, text: str) -> Locator:
        """Lines of the chat that say exactly this."""
        said = self.page.locator("[data-ref=text]").get_by_text(text, exact=True)
        return self.part("chat-line").filter(has=said)

    def room(self, name: str) -> Locator:
        """The row of a room on the first page."""
        named = self.page.locator("[data-ref=link]").get_by_text(name, exact=True)
        return self.part("room-row").filter(has=named)

    async def sees(self, part: str, text: str | re.Pattern[str]) -> None:
        await expect(self.part(part)).to_have_text(text)

    async def sees_error(self, title: str, words: str | None = None) -> None:
        """A page that has nothing but something to tell."""
        await expect(self.part("error").get_by_role("heading")).to_have_text(title)
        if words is not None:
            await expect(self.part("error").locator("p").first).to_have_text(words)

    async def sees_marks(self, grid: str) -> None:
        """The board as `X.O......`, heard as a screen reader tells it."""
        await expect(self.board).to_match_aria_snapshot(read_board(grid))

    async def is_live(self) -> None:
        await expect(self.page.get_by_test_id("connection")).to_have_text("Live")

    async def is_cut(self) -> None:
        await expect(self.page.get_by_test_id("connection")).to_have_text("Reconnecting…")

    # What they do

    async def takes_name(self, name: str) -> None:
        await self.part("name-input").fill(name)
        await self.part("name-save").click()
        await self.sees("my-name", name)

    async def opens_room(
        self, name: str = "", password: str = "", ready_check: bool = False
    ) -> str:
        """Gives the link to it."""
        if password or ready_check:
            await self.page.get_by_text("Password and ready check").click()
            await self.part("room-password").fill(password)
            await self.part("room-ready-check").set_checked(ready_check)
        await self.part("room-name").fill(name)
        await self.part("create-room").click()
        return await self.part("room-link").input_value()

    async def opens_tab(self) -> "Visitor":
        """One more tab of theirs, at the same address."""
        page = await self.page.context.new_page()
        tab = Visitor(page, self._url, self._complaints, self._foreseen)
        await tab.page.goto(self.page.url)
        return tab

    async def goes_to(self, place: str) -> None:
        """Follow a link to a room or session, given by its path in the API."""
        await self.page.goto(f"{self._url}/#{place.removeprefix('/games')}")

    async def keys(self, *keys: str) -> None:
        for key in keys:
            await self.page.keyboard.press(key)

    async def types(self, text: str) -> None:
        """Into what has the focus, and Enter."""
        await self.page.keyboard.type(text)
        await self.page.keyboard.press("Enter")

    async def tabs_to(self, wanted: Locator) -> None:
        """Press Tab until it has the focus."""
        for _ in range(MAX_TABS):
            await self.page.keyboard.press("Tab")
            if await wanted.evaluate("node => node === document.activeElement"):
                return
        raise AssertionError(f"Tab does not lead to {wanted}.")

    async def says(self, text: str) -> None:
        await self.part("chat-input").fill(text)
        await self.part("chat-input").press("Enter")

    async def plays(self, number: int) -> None:
        await expect(self.cell(number)).to_be_enabled()
        await self.cell(number).click()
