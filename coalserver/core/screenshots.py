"""The gallery: all screenshots of all worlds, page by page, for who looks after their files."""

from coalserver.core.engine import Core
from coalserver.core.ports import PageKey, ScreenshotQuery
from coalserver.domain.minecraft.world import World

PAGE_SIZE = 500


async def all_screenshot_codes(core: Core) -> set[str]:
    """What the files of all screenshots are called, also of worlds that are no more ours."""
    codes: set[str] = set()
    for world in list(core.state.all(World)):
        after: PageKey | None = None
        while page := await core.history.screenshots(
            ScreenshotQuery(world.id, after=after), PAGE_SIZE
        ):
            codes.update(screenshot.code for screenshot in page)
            after = PageKey(page[-1].created, page[-1].id)
    return codes
