"""Screenshots in backups."""

from pathlib import Path

import pytest

from coalserver.core.commands.screenshots import add_screenshot
from coalserver.core.commands.worlds import create_world
from coalserver.media.images import ImageStore
from coalserver.server.admin import AdminContext
from coalserver.server.lifecycle import delete_orphaned_images
from coalserver.storage import backup as backups
from coalserver.storage.data_directory import DataDirectory, OperatorError
from tests.media.test_images import make_image
from tests.storage.backups import backup, file, home, in_context, restore

__all__ = ["file", "home"]


async def add_sample_screenshot(home: DataDirectory) -> str:
    """Add a screenshot and return its code."""

    async def add(context: AdminContext) -> str:
        images = ImageStore(home.screenshots, bytes(32), 2**20)
        world = await context.core.execute(create_world, name="World")
        image = await images.save(make_image(size=(60, 40)))
        await context.core.execute(
            add_screenshot, world_id=world.id, account_id=1, **image._asdict()
        )
        images.close()
        return image.code

    return str(await in_context(home, add))


async def delete_orphans(home: DataDirectory) -> None:
    async def delete(context: AdminContext) -> None:
        images = ImageStore(home.screenshots, bytes(32), 2**20)
        await delete_orphaned_images(context.core, images)
        images.close()

    await in_context(home, delete)


def file_names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def test_restore_brings_back_screenshots_and_keeps_the_replaced(home, file):
    first = await add_sample_screenshot(home)
    before = {path.name: path.read_bytes() for path in home.screenshots.iterdir()}
    await backup(home, file)
    for path in home.screenshots.iterdir():
        path.unlink()
    second = await add_sample_screenshot(home)
    result = await restore(home, file)
    await delete_orphans(home)
    assert {path.name: path.read_bytes() for path in home.screenshots.iterdir()} == before
    assert {name.partition("-")[0] for name in before} == {first}
    kept = file_names(Path(result["kept"]) / "screenshots")
    assert {name.partition("-")[0] for name in kept} == {second}


async def test_image_of_a_screenshot_is_not_an_orphan(home):
    code = await add_sample_screenshot(home)
    (home.screenshots / f"{'0' * 32}-small.webp").write_bytes(b"left over")
    await delete_orphans(home)
    assert {name.partition("-")[0] for name in file_names(home.screenshots)} == {code}


async def test_backup_has_image_files_only(home, file, tmp_path):
    await add_sample_screenshot(home)
    (home.screenshots / "notes.txt").write_bytes(b"another file")
    await backup(home, file)
    other = DataDirectory(tmp_path / "other")
    await restore(other, file)
    assert file_names(other.screenshots) == file_names(home.screenshots) - {"notes.txt"}


async def test_damaged_image_in_a_backup_changes_nothing(home, file):
    await add_sample_screenshot(home)
    await backup(home, file)
    path = next(home.screenshots.glob("*-original.png"))
    content = path.read_bytes()
    file.write_bytes(file.read_bytes().replace(content, content[:-1] + b"x"))
    path.unlink()
    with pytest.raises(OperatorError, match="damaged at screenshots/"):
        await restore(home, file)
    assert not path.exists()
    assert backups.MEMBER_PATTERN.fullmatch(f"screenshots/{path.name}")
