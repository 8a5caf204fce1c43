"""Screenshots: hung in a world, finished, taken down."""

import pytest

from coalserver.core.commands.screenshots import (
    finish_screenshot,
    hang_screenshot,
    take_down_screenshot,
)
from coalserver.core.commands.worlds import add_world, end_world
from coalserver.core.ports import Screenshots
from coalserver.core.topics import world as topic
from coalserver.domain.errors import Refusal

PICTURE = {"code": "0" * 32, "type": "image/png", "width": 640, "height": 480, "size": 9}


async def test_a_screenshot_is_in_the_history_from_first_to_last(core):
    world = await core.do(add_world, name="World")
    hung = await core.do(hang_screenshot, world_id=world.id, account=1, **PICTURE)
    assert 0 <= hung.chance < 1
    assert await core.history.screenshots(Screenshots(world.id), 9) == [hung]
    done = await core.do(finish_screenshot, screenshot=hung)
    assert await core.history.screenshot(hung.id) == done
    await core.do(take_down_screenshot, screenshot=done)
    assert await core.history.screenshots(Screenshots(world.id), 9) == []
    entries, _ = await core.entries([topic(world.id)], -1, 9)
    names = [type(entry.event).__name__ for entry in entries]
    assert names == ["WorldAdded", "ScreenshotHung", "ScreenshotHung", "ScreenshotTaken"]


async def test_a_world_that_is_not_ours_takes_no_screenshots(core):
    world = await core.do(add_world, name="World")
    await core.do(end_world, world_id=world.id)
    with pytest.raises(Refusal):
        await core.do(hang_screenshot, world_id=world.id, account=1, **PICTURE)
