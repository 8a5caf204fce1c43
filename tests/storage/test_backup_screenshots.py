"""Screenshots in backups."""

from pathlib import Path

import pytest

from coalserver.core.commands.screenshots import add_screenshot
from coalserver.core.commands.worlds import create_world
from coalserver.media.images import ImageStore
from coalserver.server.admin import AdminContext
from coalserver.server.lifecycle import delete_orphaned_images
from coalserver.storage import backup as archive
from coalserver.storage.data_directory import DataDirectory, OperatorError
from tests.media.test_images import make_picture
from tests.storage.backups import backup, file, home, in_context, restore

__all__ = ["file", "home"]


async def hang(home: DataDirectory) -> str:
    """One more screenshot; gives its code."""

    async def hung(context: AdminContext) -> str:
        pictures = ImageStore(home.screenshots, bytes(32), 2**20)
        world = await context.core.execute(create_world, name="World")
        picture = await pictures.save(make_picture(size=(60, 40)))
        await context.core.execute(
            add_screenshot, world_id=world.id, account_id=1, **picture._asdict()
        )
        pictures.close()
        return picture.code

    return str(await in_context(home, hung))


async def sweep(home: DataDirectory) -> None:
    async def swept(context: AdminContext) -> None:
        pictures = ImageStore(home.screenshots, bytes(32), 2**20)
        await delete_orphaned_images(context.core, pictures)
        pictures.close()

    await in_context(home, swept)


def there(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def test_restore_brings_back_screenshots_and_keeps_the_replaced(home, file):
    first = await hang(home)
    before = {path.name: path.read_bytes() for path in home.screenshots.iterdir()}
    await backup(home, file)
    for path in home.screenshots.iterdir():
        path.unlink()
    second = await hang(home)
    said = await restore(home, file)
    await sweep(home)
    assert {path.name: path.read_bytes() for path in home.screenshots.iterdir()} == before
    assert {name.partition("-")[0] for name in before} == {first}
    kept = there(Path(said["kept"]) / "screenshots")
    assert {name.partition("-")[0] for name in kept} == {second}


async def test_image_of_a_screenshot_is_not_an_orphan(home):
    code = await hang(home)
    (home.screenshots / f"{'0' * 32}-small.webp").write_bytes(b"left over")
    await sweep(home)
    assert {name.partition("-")[0] for name in there(home.screenshots)} == {code}


async def test_backup_has_image_files_only(home, file, tmp_path):
    await hang(home)
    (home.screenshots / "notes.txt").write_bytes(b"somebody's own")
    await backup(home, file)
    other = DataDirectory(tmp_path / "other")
    await restore(other, file)
    assert there(other.screenshots) == there(home.screenshots) - {"notes.txt"}


async def test_damaged_image_in_a_backup_changes_nothing(home, file):
    await hang(home)
    await backup(home, file)
    path = next(home.screenshots.glob("*-original.png"))
    content = path.read_bytes()
    file.write_bytes(file.read_bytes().replace(content, content[:-1] + b"x"))
    path.unlink()
    with pytest.raises(OperatorError, match="damaged at screenshots/"):
        await restore(home, file)
    assert not path.exists()
    assert archive.MEMBER_PATTERN.fullmatch(f"screenshots/{path.name}")
