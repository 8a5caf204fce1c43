"""The gallery: all screenshots of all worlds, page by page, for who looks after their files."""

from coalserver.core.engine import Core
from coalserver.core.ports import Place, Screenshots
from coalserver.domain.minecraft.world import World

PAGE = 500


async def every_code(core: Core) -> set[str]:
    """What the files of all screenshots are called, also of worlds that are no more ours."""
    codes: set[str] = set()
    for world in list(core.state.all(World)):
        after: Place | None = None
        while page := await core.history.screenshots(Screenshots(world.id, after=after), PAGE):
            codes.update(screenshot.code for screenshot in page)
            after = Place(page[-1].created, page[-1].id)
    return codes
