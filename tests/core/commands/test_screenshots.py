"""Screenshots: added, finished and deleted."""

import pytest

from coalserver.core.commands.screenshots import (
    add_screenshot,
    delete_screenshot,
    finish_screenshot,
)
from coalserver.core.commands.worlds import archive_world, create_world
from coalserver.core.ports import ScreenshotQuery
from coalserver.core.topics import world as topic
from coalserver.domain.errors import DomainError

IMAGE = {"code": "0" * 32, "type": "image/png", "width": 640, "height": 480, "size": 9}


async def test_screenshot_is_in_the_history_until_deleted(core):
    world = await core.execute(create_world, name="World")
    added = await core.execute(add_screenshot, world_id=world.id, account_id=1, **IMAGE)
    assert 0 <= added.random_order < 1
    assert await core.history.screenshots(ScreenshotQuery(world.id), 9) == [added]
    finished = await core.execute(finish_screenshot, screenshot=added)
    assert await core.history.screenshot(added.id) == finished
    await core.execute(delete_screenshot, screenshot=finished)
    assert await core.history.screenshots(ScreenshotQuery(world.id), 9) == []
    entries, _ = await core.entries([topic(world.id)], -1, 9)
    names = [type(entry.event).__name__ for entry in entries]
    assert names == ["WorldAdded", "ScreenshotAdded", "ScreenshotAdded", "ScreenshotDeleted"]


async def test_archived_world_accepts_no_screenshots(core):
    world = await core.execute(create_world, name="World")
    await core.execute(archive_world, world_id=world.id)
    with pytest.raises(DomainError):
        await core.execute(add_screenshot, world_id=world.id, account_id=1, **IMAGE)
