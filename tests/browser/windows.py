"""Windows of the browser: to open one costs more than most of what is done in it."""

from collections import defaultdict
from typing import Any

from playwright.async_api import Browser, BrowserContext


class Windows:
    """Browser contexts, two visitors of one test never in the same, kept from test to test.

    Each test's server is at a port of its own and so another origin: what one test leaves in a
    browser's storage, no other finds.
    """

    def __init__(self, browser: Browser, timeout_seconds: float) -> None:
        self._browser, self._patience = browser, timeout_seconds
        self._free: dict[str, list[BrowserContext]] = defaultdict(list)
        self._taken: list[tuple[str, BrowserContext]] = []

    async def next(self, how: dict[str, Any]) -> BrowserContext:
        """One with these settings that nobody else in this test has."""
        kind = repr(sorted(how.items()))
        context = self._free[kind].pop() if self._free[kind] else await self._open(how)
        self._taken.append((kind, context))
        return context

    async def close_pages(self) -> None:
        """All of a test, which is over."""
        while self._taken:
            kind, context = self._taken.pop()
            for page in context.pages[1:]:
                await page.close()
            self._free[kind].append(context)

    async def _open(self, how: dict[str, Any]) -> BrowserContext:
        context = await self._browser.new_context(**how)
        context.set_default_timeout(self._patience)
        # As long as one page stays, the next needs one process, and otherwise two.
        await context.new_page()
        return context
