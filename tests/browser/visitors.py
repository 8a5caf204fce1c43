"""Visitors of the site: actions and expectations on one page, by the texts it shows."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from playwright.async_api import ConsoleMessage, Locator, Page, Route, expect

#: Animations would take most of the time of a test.
REDUCED_MOTION = {"reduced_motion": "reduce"}
PHONE = {
    "viewport": {"width": 360, "height": 740},
    "is_mobile": True,
    "has_touch": True,
    **REDUCED_MOTION,
}
DESKTOP = {"viewport": {"width": 1280, "height": 800}, **REDUCED_MOTION}

#: Opens a page for a new visitor; see the fixture `visit`.
Visit = Callable[..., Awaitable["Visitor"]]

#: Console message of the browser for a request without a server.
NO_SERVER = r"net::ERR_|WebSocket connection to .* failed"

#: More than the focusable elements of any page.
MAX_TABS = 60


def http_error(status: int) -> str:
    """Return a pattern for the browser's console message for an HTTP status."""
    return rf"Failed to load resource: the server responded with a status of {status} "


def store_player_script(player: Mapping[str, Any]) -> str:
    """Return a script that stores a player, as the page does after a name is set."""
    stored = json.dumps({"token": player["token"], "user": player["user"]})
    return f"""
        if (location.protocol === "http:" && !localStorage.length)
            localStorage.setItem("coalserver.player", {json.dumps(stored)});
    """


def board_snapshot(grid: str) -> str:
    """Return the ARIA snapshot of a board given as `X.O......`."""
    names = {"X": "cross", "O": "nought", ".": "empty"}
    lines = ["- grid:"]
    for number, mark in enumerate(grid):
        row, column = divmod(number, 3)
        if column == 0:
            lines.append("  - row:")
        lines += [
            "    - gridcell:",
            f'      - button "Row {row + 1}, column {column + 1}, {names[mark]}"',
        ]
    return "\n".join(lines)


class Visitor:
    """A visitor with one tab. Collects console errors; a test declares those it expects."""

    def __init__(
        self,
        page: Page,
        url: str,
        console_errors: list[str] | None = None,
        expected: list[str] | None = None,
    ) -> None:
        self.page, self._url = page, url
        self._console_errors = [] if console_errors is None else console_errors
        self._expected = [] if expected is None else expected
        page.on("console", self._record_message)
        page.on("pageerror", lambda error: self._console_errors.append(str(error)))

    def _record_message(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._console_errors.append(message.text)

    def expect_errors(self, *patterns: str) -> None:
        self._expected += patterns

    @property
    def console_errors(self) -> list[str]:
        return [
            message
            for message in self._console_errors
            # A room may close between an event and the request that follows it: 410.
            if not any(
                re.search(pattern, message) for pattern in (*self._expected, http_error(410))
            )
        ]

    async def mark_page(self) -> None:
        """Mark the page, so that `is_same_page` tells whether it was reloaded."""
        await self.page.evaluate("window.markedPage = true")

    async def is_same_page(self) -> bool:
        return bool(await self.page.evaluate("window.markedPage === true"))

    # Elements and expectations

    @property
    def board(self) -> Locator:
        return self.page.get_by_role("grid")

    @property
    def announcements(self) -> Locator:
        """The live region for screen readers."""
        return self.page.locator("#announcements")

    def part(self, name: str) -> Locator:
        """Return the element with this `data-testid`."""
        return self.page.get_by_test_id(name)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def cell(self, number: int) -> Locator:
        return self.page.get_by_test_id(f"cell-{number}")

    def chat_line(self, text: str) -> Locator:
        """Return the chat lines with exactly this text."""
        label = self.page.locator("[data-ref=text]").get_by_text(text, exact=True)
        return self.part("chat-line").filter(has=label)

    def room_row(self, name: str) -> Locator:
        """Return the row of a room on the start page."""
        link = self.page.locator("[data-ref=link]").get_by_text(name, exact=True)
        return self.part("room-row").filter(has=link)

    async def expect_text(self, part: str, text: str | re.Pattern[str]) -> None:
        await expect(self.part(part)).to_have_text(text)

    async def expect_error_page(self, title: str, text: str | None = None) -> None:
        """Expect a page that shows only an error."""
        await expect(self.part("error").get_by_role("heading")).to_have_text(title)
        if text is not None:
            await expect(self.part("error").locator("p").first).to_have_text(text)

    async def expect_board(self, grid: str) -> None:
        """Expect the board, given as `X.O......`, in the accessibility tree."""
        await expect(self.board).to_match_aria_snapshot(board_snapshot(grid))

    async def expect_live(self) -> None:
        await expect(self.page.get_by_test_id("connection")).to_have_text("Live")

    async def expect_reconnecting(self) -> None:
        await expect(self.page.get_by_test_id("connection")).to_have_text("Reconnecting…")

    # Actions

    async def set_name(self, name: str) -> None:
        await self.part("name-input").fill(name)
        await self.part("name-save").click()
        await self.expect_text("my-name", name)

    async def create_room(
        self, name: str = "", password: str = "", ready_check: bool = False
    ) -> str:
        """Create a room and return the link to it."""
        if password or ready_check:
            await self.page.get_by_text("Password and ready check").click()
            await self.part("room-password").fill(password)
            await self.part("room-ready-check").set_checked(ready_check)
        await self.part("room-name").fill(name)
        await self.part("create-room").click()
        return await self.part("room-link").input_value()

    async def open_tab(self) -> "Visitor":
        """Open one more tab of this visitor at the same address."""
        page = await self.page.context.new_page()
        tab = Visitor(page, self._url, self._console_errors, self._expected)
        await tab.page.goto(self.page.url)
        return tab

    async def delay_response(self, path: str) -> asyncio.Event:
        """Delay responses to GET requests of a path until the event is set."""
        release = asyncio.Event()

        async def delay(route: Route) -> None:
            if route.request.method == "GET":
                await release.wait()
            await route.continue_()

        await self.page.route(f"**{path}", delay)
        return release

    async def open_path(self, path: str) -> None:
        """Follow a link to a room or session, given by its path in the API."""
        await self.page.goto(f"{self._url}/#{path.removeprefix('/games')}")

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.page.keyboard.press(key)

    async def type_line(self, text: str) -> None:
        """Type into the focused element and press Enter."""
        await self.page.keyboard.type(text)
        await self.page.keyboard.press("Enter")

    async def tab_to(self, target: Locator) -> None:
        """Press Tab until the element has the focus."""
        for _ in range(MAX_TABS):
            await self.page.keyboard.press("Tab")
            if await target.evaluate("node => node === document.activeElement"):
                return
        raise AssertionError(f"Tab does not lead to {target}.")

    async def send_chat(self, text: str) -> None:
        await self.part("chat-input").fill(text)
        await self.part("chat-input").press("Enter")

    async def play(self, number: int) -> None:
        await expect(self.cell(number)).to_be_enabled()
        await self.cell(number).click()
