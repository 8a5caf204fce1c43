"""Saved games as APIs, pages and the command line get them: what a failing disk looks like."""

import errno

import pytest

from coalserver.domain.audit import COMMAND_LINE
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.hosting.low_priority import Progress
from coalserver.hosting.saves import SavedGames, SaveKind, SaveRequest
from tests.hosting.worlds import Worlds
from tests.hosting.zips import make_server


async def test_disk_that_fails_a_change_is_a_refusal_with_its_sentence(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await worlds.add()
    folder = worlds.options.folder / "worlds" / str(world)
    folder.mkdir(parents=True, exist_ok=True)
    make_server(folder)
    games, progress = SavedGames(folder), Progress()
    save = games.finish(games.copy(SaveRequest(SaveKind.MANUAL), progress), progress)

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("coalserver.hosting.saves.write_private", fail)
    monkeypatch.setattr(SavedGames, "delete", fail)
    for change in (
        worlds.hosting.change_save(world, save.id, COMMAND_LINE, pinned=True),
        worlds.hosting.remove_save(world, save.id, COMMAND_LINE),
    ):
        with pytest.raises(DomainError) as caught:
            await change
        assert caught.value.code is ErrorCode.ARCHIVE_REFUSED
        sentence = "The saved game could not be changed: Read-only file system."
        assert caught.value.details["text"] == sentence
