"""Backups hold the files of screenshots, and a restore brings them back."""

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
from tests.storage.backups import at_desk, backup, file, home, restore

__all__ = ["file", "home"]


async def hang(home: DataDirectory) -> str:
    """One more screenshot; gives its code."""

    async def hung(desk: AdminContext) -> str:
        pictures = ImageStore(home.screenshots, bytes(32), 2**20)
        world = await desk.core.execute(create_world, name="World")
        picture = await pictures.save(make_picture(size=(60, 40)))
        await desk.core.execute(
            add_screenshot, world_id=world.id, account_id=1, **picture._asdict()
        )
        pictures.close()
        return picture.code

    return str(await at_desk(home, hung))


async def sweep(home: DataDirectory) -> None:
    async def swept(desk: AdminContext) -> None:
        pictures = ImageStore(home.screenshots, bytes(32), 2**20)
        await delete_orphaned_images(desk.core, pictures)
        pictures.close()

    await at_desk(home, swept)


def there(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def test_screenshots_come_back_and_those_that_are_replaced_are_kept(home, file):
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


async def test_a_screenshot_that_hangs_is_not_swept(home):
    code = await hang(home)
    (home.screenshots / f"{'0' * 32}-small.webp").write_bytes(b"left over")
    await sweep(home)
    assert {name.partition("-")[0] for name in there(home.screenshots)} == {code}


async def test_nothing_but_pictures_is_taken_along(home, file, tmp_path):
    await hang(home)
    (home.screenshots / "notes.txt").write_bytes(b"somebody's own")
    await backup(home, file)
    other = DataDirectory(tmp_path / "other")
    await restore(other, file)
    assert there(other.screenshots) == there(home.screenshots) - {"notes.txt"}


async def test_a_damaged_picture_in_a_backup_changes_nothing(home, file):
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
