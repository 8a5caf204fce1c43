"""Browser contexts that are reused by tests, since opening one takes longer than most tests."""

from collections import defaultdict
from typing import Any

from playwright.async_api import Browser, BrowserContext


class ContextPool:
    """Browser contexts by their options. Two visitors of a test never share one.

    Each test's server has its own port and so another origin: a test does not find the storage of another.
    Cookies do not depend on the port, and are deleted.
    """

    def __init__(self, browser: Browser, timeout_ms: float) -> None:
        self._browser, self._timeout_ms = browser, timeout_ms
        self._free: dict[str, list[BrowserContext]] = defaultdict(list)
        self._in_use: list[tuple[str, BrowserContext]] = []

    async def acquire(self, options: dict[str, Any]) -> BrowserContext:
        """Return a context with these options that no other visitor of the test has."""
        kind = repr(sorted(options.items()))
        context = self._free[kind].pop() if self._free[kind] else await self._open(options)
        self._in_use.append((kind, context))
        return context

    async def release_all(self) -> None:
        """Close the pages of a test and make its contexts available to the next."""
        while self._in_use:
            kind, context = self._in_use.pop()
            for page in context.pages[1:]:
                await page.close()
            await context.clear_cookies()
            self._free[kind].append(context)

    async def _open(self, options: dict[str, Any]) -> BrowserContext:
        context = await self._browser.new_context(**options)
        context.set_default_timeout(self._timeout_ms)
        # While one page stays open, the next page starts one process instead of two.
        await context.new_page()
        return context
