"""Saved games of hosted worlds, from the order to the file (hosting.md, 9)."""

import asyncio
import errno
import threading
from pathlib import Path
from typing import Any

import pytest

from coalserver.core.commands.hosting import begin_restore
from coalserver.core.commands.worlds import archive_world
from coalserver.domain.audit import COMMAND_LINE, TIME, AuditAction
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.hosting.refusals import trouble_text
from coalserver.domain.minecraft.hosting.transitions import Answer
from coalserver.domain.minecraft.log.kinds import LineKind
from coalserver.hosting import packing, saving
from coalserver.hosting.archives import Limits, open_archive, unpack
from coalserver.hosting.low_priority import Progress
from coalserver.hosting.restores import OLD, recover_restore
from coalserver.hosting.save_errors import failed
from coalserver.hosting.saves import SavedGame, SavedGames, SaveKind
from tests.hosting.fake_child import STYLES, is_torn
from tests.hosting.worlds import Worlds
from tests.processes import TIMEOUT_SECONDS


async def saves(worlds: Worlds, world: int) -> list[SavedGame]:
    return list(await worlds.hosting.saves(world))  # type: ignore[arg-type]


async def save(worlds: Worlds, world: int) -> SavedGame:
    """Make a saved game and wait for it."""
    assert await worlds.hosting.save(world, COMMAND_LINE) is Answer.ACCEPTED
    await worlds.until(lambda: not worlds.hosted(world).saving)
    return (await saves(worlds, world))[0]


def torn(worlds: Worlds, world: int, saved: SavedGame, folder: Path) -> bool:
    games = SavedGames(worlds.files(world).folder)
    with games.open(saved.id) as file, open_archive(file, Limits()) as archive:
        unpack(archive, folder, Progress())
    return is_torn(folder / "world")


CHAT_KINDS = {
    LineKind.CHAT,
    LineKind.CHANNEL,
    LineKind.EMOTE,
    LineKind.SAY_COMMAND,
    LineKind.ANNOUNCEMENT,
}


class Held:
    """Packs saved games only once `go` is set; `begun` counts them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go, self.begun = threading.Event(), 0
        real = packing.pack

        def pack(*args: Any, **kwargs: Any) -> Any:
            self.begun += 1
            progress = args[3]
            progress.update(1, 2)
            while not self.go.wait(0.01):
                progress.check()
            return real(*args, **kwargs)

        monkeypatch.setattr("coalserver.hosting.saves.pack", pack)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    return Held(monkeypatch)


async def stop(worlds: Worlds, world: int) -> None:
    await worlds.configure(stop_warning=0)
    await worlds.order(world, "pause")
    await worlds.wait_for(world, "stopped")


async def test_running_world_is_saved_whole(worlds: Worlds, tmp_path: Path) -> None:
    world = await worlds.add()
    await worlds.play(world)
    saved = await save(worlds, world)
    assert saved.kind is SaveKind.MANUAL and not saved.after_kill
    assert not torn(worlds, world, saved, tmp_path / "new")
    assert worlds.state(world).marks == {}
    await worlds.wait_for_text(world, "Automatic saving is now enabled")
    assert worlds.trouble(world) is None
    assert [entry.action for entry in worlds.audit()][-1] is AuditAction.WORLD_SAVED
    assert worlds.hosting.figures(world).saved_games == 1
    await worlds.write(world, "stop")
    await worlds.wait_for(world, "stopped")


@pytest.mark.parametrize("style", STYLES)
async def test_every_style_of_console_is_understood(
    worlds: Worlds, tmp_path: Path, style: str
) -> None:
    world = await worlds.add("--style", style)
    await worlds.play(world)
    saved = await save(worlds, world)
    assert not torn(worlds, world, saved, tmp_path / "new")
    assert worlds.state(world).marks == {}
    # What the game says about it is no chat.
    await stop(worlds, world)
    assert {one.kind for one in worlds.stored(world)}.isdisjoint(CHAT_KINDS)


async def test_stopped_world_is_saved(worlds: Worlds, tmp_path: Path) -> None:
    world = await worlds.add()
    await worlds.play(world)
    await stop(worlds, world)
    saved = await save(worlds, world)
    assert not torn(worlds, world, saved, tmp_path / "new")
    assert worlds.status(world) == "stopped"


async def test_world_that_never_ran_is_not_saved(worlds: Worlds) -> None:
    world = await worlds.add()
    with pytest.raises(DomainError) as caught:
        await worlds.hosting.save(world, COMMAND_LINE)
    assert caught.value.details["refusal"].text == "The world is neither running nor stopped."


async def test_killed_world_is_marked_in_its_saved_game(worlds: Worlds) -> None:
    world = await worlds.add()
    await worlds.play(world)
    await worlds.order(world, "kill")
    await worlds.wait_for(world, "stopped")
    assert (await save(worlds, world)).after_kill


async def test_program_without_save_commands_gets_no_commands(worlds: Worlds) -> None:
    world = await worlds.add(no_save=True)
    await worlds.play(world)
    await save(worlds, world)
    assert not any("saving" in text.lower() for text in worlds.texts(world))


async def test_pause_after_a_player_makes_a_saved_game(worlds: Worlds, held: Held) -> None:
    world = await worlds.add("--then", "join Ada", "--then", "leave Ada")
    await worlds.play(world)
    await worlds.until(lambda: worlds.hosted(world).played_since_save)
    await worlds.configure(stop_warning=0)
    await worlds.order(world, "pause")
    await worlds.wait_for(world, "saving")
    # Half of the copy, which is 70 percent of all.
    await worlds.until(lambda: worlds.run(world).world.percent == 35)
    held.go.set()
    await worlds.wait_for(world, "stopped")
    [saved] = await saves(worlds, world)
    assert saved.kind is SaveKind.PAUSE
    assert not worlds.hosted(world).played_since_save
    assert worlds.run(world).world.percent is None


async def test_pause_without_a_player_makes_none(worlds: Worlds) -> None:
    world = await worlds.add()
    await worlds.play(world)
    await stop(worlds, world)
    assert await saves(worlds, world) == []


async def test_pause_makes_none_where_that_is_switched_off(worlds: Worlds) -> None:
    world = await worlds.add("--then", "join Ada")
    await worlds.configure(save_on_pause=False)
    await worlds.play(world)
    await worlds.until(lambda: worlds.hosted(world).played_since_save)
    await stop(worlds, world)
    assert await saves(worlds, world) == []


async def test_play_while_saving_starts_afterwards(worlds: Worlds, held: Held) -> None:
    world = await worlds.add("--then", "join Ada")
    await worlds.configure(stop_warning=0)
    await worlds.play(world)
    await worlds.until(lambda: worlds.hosted(world).played_since_save)
    await worlds.order(world, "pause")
    await worlds.wait_for(world, "saving")
    assert await worlds.order(world, "play") is Answer.ACCEPTED
    assert await worlds.order(world, "kill") is Answer.ALREADY
    held.go.set()
    await worlds.wait_for(world, "running")
    assert len(await saves(worlds, world)) == 1


async def test_player_who_is_there_counts_for_the_next_saved_game(worlds: Worlds) -> None:
    world = await worlds.add("--then", "join Ada")
    await worlds.play(world)
    await worlds.until(lambda: worlds.hosted(world).played_since_save)
    await save(worlds, world)
    assert worlds.hosted(world).played_since_save
    await stop(worlds, world)
    assert [one.kind for one in await saves(worlds, world)] == [SaveKind.PAUSE, SaveKind.MANUAL]


async def test_player_who_came_just_before_the_pause_counts(worlds: Worlds) -> None:
    world = await worlds.add()
    await worlds.play(world)
    process = worlds.hosting.process(world)
    assert process is not None
    process.seen.played = True
    await stop(worlds, world)
    assert [one.kind for one in await saves(worlds, world)] == [SaveKind.PAUSE]


async def test_full_disk_fails_the_save_and_switches_saving_on(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pack(*args: Any) -> None:
        raise failed(OSError(errno.ENOSPC, "No space left on device"))

    world = await worlds.add()
    await worlds.play(world)
    monkeypatch.setattr("coalserver.hosting.saves.pack", pack)
    await worlds.hosting.save(world, COMMAND_LINE)
    await worlds.until(lambda: not worlds.hosted(world).saving)
    trouble = worlds.hosted(world).trouble
    assert trouble is not None
    assert trouble_text(trouble) == (
        "The saved game could not be made: no space is left on the disk."
    )
    assert worlds.status(world) == "running"
    await worlds.wait_for_text(world, "Automatic saving is now enabled")


async def test_error_of_our_own_does_not_keep_the_world_busy(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pack(*args: Any) -> None:
        raise AssertionError("unexpected")

    world = await worlds.add()
    await worlds.play(world)
    monkeypatch.setattr("coalserver.hosting.saves.pack", pack)
    await worlds.hosting.save(world, COMMAND_LINE)
    await worlds.until(lambda: not worlds.hosted(world).saving)
    assert worlds.trouble(world) == "save_failed"
    monkeypatch.undo()
    await save(worlds, world)


async def test_archived_world_is_saved_after_its_end(worlds: Worlds, held: Held) -> None:
    world = await worlds.add("--then", "join Ada")
    await worlds.configure(stop_warning=0)
    await worlds.play(world)
    await worlds.until(lambda: worlds.hosted(world).played_since_save)
    await worlds.core.execute(archive_world, world_id=world)
    await worlds.until(lambda: held.begun)
    held.go.set()
    await worlds.wait_for(world, "stopped")
    assert len(SavedGames(worlds.files(world).folder).all()) == 1


async def test_saved_game_that_is_removed_before_its_restore_fails_it(
    worlds: Worlds, held: Held
) -> None:
    other = await worlds.add(name="Second")
    await worlds.play(other)
    held.go.set()
    world, saved, newer = await prepare(worlds)
    held.go.clear()
    # The restore waits for its turn.
    begun = held.begun
    await worlds.hosting.save(other, COMMAND_LINE)
    await worlds.until(lambda: held.begun > begun)
    await worlds.hosting.restore_save(world, saved.id, COMMAND_LINE)
    await worlds.hosting.remove_save(world, saved.id, COMMAND_LINE)
    held.go.set()
    await worlds.until(lambda: not worlds.hosted(world).restoring)
    assert worlds.trouble(world) == "restore_failed"
    assert newer.exists()


async def test_two_saves_at_once_are_one(worlds: Worlds, held: Held) -> None:
    world = await worlds.add()
    await worlds.play(world)
    answers = await asyncio.gather(
        worlds.hosting.save(world, COMMAND_LINE), worlds.hosting.save(world, COMMAND_LINE)
    )
    assert sorted(answers) == [Answer.ACCEPTED, Answer.ALREADY]
    held.go.set()
    await worlds.until(lambda: not worlds.hosted(world).saving)
    assert len(await saves(worlds, world)) == 1


async def test_save_right_after_another_is_made(worlds: Worlds) -> None:
    world = await worlds.add()
    await worlds.play(world)
    for _ in range(2):
        assert await worlds.hosting.save(world, COMMAND_LINE) is Answer.ACCEPTED
        await worlds.until(lambda: not worlds.hosted(world).saving)
    assert len(await saves(worlds, world)) == 2


async def test_end_of_a_save_is_not_seen_before_the_new_number(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await worlds.add()
    await worlds.play(world)
    await saves(worlds, world)
    service, was_saving = worlds.hosting._saving, []
    count = service._count

    async def watched_count(world_id: int) -> list[SavedGame]:
        found = await count(world_id)
        was_saving.append(worlds.hosted(world).saving)
        return found

    monkeypatch.setattr(service, "_count", watched_count)
    await worlds.hosting.save(world, COMMAND_LINE)
    await worlds.until(lambda: not worlds.hosted(world).saving)
    assert worlds.hosting.figures(world).saved_games == 1
    assert was_saving == [True]


async def test_one_world_is_saved_at_a_time(worlds: Worlds, held: Held) -> None:
    both = [await worlds.add(), await worlds.add(name="Second")]
    for world in both:
        await worlds.play(world)
    for world in both:
        await worlds.hosting.save(world, COMMAND_LINE)
    await worlds.until(lambda: held.begun)
    await asyncio.sleep(0.2)
    assert held.begun == 1
    assert sum("save_off" in worlds.state(world).marks for world in both) == 1
    held.go.set()
    await worlds.until(lambda: not any(worlds.hosted(world).saving for world in both))
    assert [len(await saves(worlds, world)) for world in both] == [1, 1]


async def test_pause_waits_for_the_copy_of_a_running_world(
    worlds: Worlds, held: Held, tmp_path: Path
) -> None:
    world = await worlds.add()
    await worlds.configure(stop_warning=0)
    await worlds.play(world)
    await worlds.hosting.save(world, COMMAND_LINE)
    await worlds.until(lambda: held.begun)
    await worlds.order(world, "pause")
    await asyncio.sleep(0.3)
    assert not any("Stopping" in text for text in worlds.texts(world))
    held.go.set()
    await worlds.wait_for(world, "stopped")
    await worlds.until(lambda: not worlds.hosted(world).saving)
    [saved] = await saves(worlds, world)
    assert not torn(worlds, world, saved, tmp_path / "new")
    await worlds.wait_for_text(world, "Automatic saving is now enabled")


async def test_kill_during_a_save_does_not_wait(worlds: Worlds, held: Held) -> None:
    world = await worlds.add()
    await worlds.play(world)
    await worlds.hosting.save(world, COMMAND_LINE)
    await worlds.until(lambda: held.begun)
    await worlds.order(world, "kill")
    await worlds.wait_for(world, "stopped")
    assert worlds.hosted(world).saving
    # A start waits until its files are copied.
    await worlds.order(world, "play")
    await asyncio.sleep(0.3)
    assert worlds.status(world) == "queued_start"
    held.go.set()
    await worlds.wait_for(world, "running")
    await worlds.until(lambda: not worlds.hosted(world).saving)
    assert len(await saves(worlds, world)) == 1


async def test_crash_while_the_game_writes_fails_the_save(worlds: Worlds) -> None:
    # It writes for as long when it starts.
    world = await worlds.add("--save-seconds", "5")
    await worlds.play(world)
    await worlds.hosting.save(world, COMMAND_LINE)
    await worlds.wait_for_text(world, "Automatic saving is now disabled")
    await worlds.order(world, "kill")
    await worlds.until(lambda: not worlds.hosted(world).saving)
    assert worlds.trouble(world) == "save_failed"
    assert await saves(worlds, world) == []
    assert list((worlds.files(world).folder / "saves").glob("*")) == []


async def test_save_without_an_answer_fails_and_switches_saving_on(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coalserver.hosting.save_commands.SAVE_ALL_SECONDS", 0.1)
    world = await worlds.add("--save-seconds", "1")
    await worlds.play(world)
    await worlds.hosting.save(world, COMMAND_LINE)
    await worlds.until(lambda: not worlds.hosted(world).saving)
    trouble = worlds.hosted(world).trouble
    assert trouble is not None
    assert trouble_text(trouble) == (
        "The saved game could not be made: the game did not say in time that it has saved the world."
    )
    assert worlds.state(world).marks == {}
    await worlds.wait_for_text(world, "Automatic saving is now enabled")
    monkeypatch.undo()
    await save(worlds, world)
    assert worlds.trouble(world) is None


async def test_save_needs_space_for_the_world(worlds: Worlds) -> None:
    world = await worlds.add()
    await worlds.play(world)
    await stop(worlds, world)
    # A sparse file: the world is larger than the disk.
    with (worlds.files(world).server / "large").open("wb") as file:
        file.truncate(1 << 42)
    await worlds.hosting.save(world, COMMAND_LINE)
    await worlds.until(lambda: not worlds.hosted(world).saving)
    assert worlds.trouble(world) == "disk"
    assert await saves(worlds, world) == []


async def test_rotation_keeps_the_newest(worlds: Worlds) -> None:
    world = await worlds.add()
    await worlds.configure(backup_depth=1)
    await worlds.play(world)
    await stop(worlds, world)
    made = [await save(worlds, world) for _ in range(3)]
    assert await saves(worlds, world) == made[:0:-1]


async def test_save_tells_time_and_weather(worlds: Worlds) -> None:
    world = await worlds.add()
    await worlds.play(world)
    await save(worlds, world)
    found = worlds.run(world).world
    assert found.day is not None and found.time is not None and found.raining is not None


async def test_stopped_world_tells_time_and_weather(worlds: Worlds) -> None:
    world = await worlds.add()
    await worlds.play(world)
    await stop(worlds, world)
    await worlds.until(lambda: worlds.run(world).world.day is not None)


# The end of coalserver


async def test_end_of_the_server_waits_for_a_running_save(worlds: Worlds, held: Held) -> None:
    world = await worlds.add()
    await worlds.configure(stop_warning=0)
    await worlds.play(world)
    await worlds.hosting.save(world, COMMAND_LINE)
    await worlds.until(lambda: held.begun)
    closing = asyncio.create_task(worlds.close(leave=False))
    await asyncio.sleep(0.3)
    assert not closing.done()
    held.go.set()
    await closing
    await worlds.open()
    assert not worlds.hosted(world).saving
    assert len(await saves(worlds, world)) == 1
    texts = worlds.texts(world)
    enabled = next(n for n, text in enumerate(texts) if "saving is now enabled" in text)
    stopping = next(n for n, text in enumerate(texts) if "Stopping server" in text)
    assert enabled < stopping


async def test_world_that_is_left_saves_again(worlds: Worlds, held: Held) -> None:
    world = await worlds.add()
    await worlds.play(world)
    await worlds.hosting.save(world, COMMAND_LINE)
    await worlds.until(lambda: held.begun)
    await worlds.restart()
    await worlds.wait_for_text(world, "Automatic saving is now enabled")
    assert worlds.state(world).marks == {}
    assert worlds.status(world) == "running"
    assert not worlds.hosted(world).saving
    assert await saves(worlds, world) == []
    assert list((worlds.files(world).folder / "saves").glob("*")) == []


async def test_save_that_waits_is_given_up_at_the_end(worlds: Worlds, held: Held) -> None:
    both = [await worlds.add(), await worlds.add(name="Second")]
    for world in both:
        await worlds.play(world)
        await worlds.hosting.save(world, COMMAND_LINE)
    await worlds.until(lambda: held.begun)
    closing = asyncio.create_task(worlds.close(leave=True))
    await closing
    await worlds.open()
    assert not any(worlds.hosted(world).saving for world in both)


# Nightly


async def test_nightly_save_is_made_of_worlds_that_were_played(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coalserver.hosting.nightly.MAX_WAIT_SECONDS", 0.05)
    monkeypatch.setattr("coalserver.hosting.nightly.MIN_WAIT_SECONDS", 0.05)
    await worlds.restart()
    played, unplayed = await worlds.add("--then", "join Ada"), await worlds.add(name="Second")
    for world in (played, unplayed):
        await worlds.play(world)
    await worlds.until(lambda: worlds.hosted(played).played_since_save)
    worlds.clock_ahead += 86_400
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not await saves(worlds, played):
            await asyncio.sleep(0.05)
    [saved] = await saves(worlds, played)
    assert saved.kind is SaveKind.NIGHTLY
    assert await saves(worlds, unplayed) == []
    entry = next(one for one in worlds.audit() if one.action is AuditAction.WORLD_SAVED)
    assert entry.actor == TIME


# Restores


async def prepare(worlds: Worlds) -> tuple[int, SavedGame, Path]:
    """Return a stopped world with a saved game, and a file that is not in it."""
    world = await worlds.add()
    await worlds.play(world)
    await stop(worlds, world)
    saved = await save(worlds, world)
    newer = worlds.files(world).server / "world" / "newer"
    newer.touch()
    return world, saved, newer


async def test_restore_replaces_the_files(worlds: Worlds) -> None:
    world, saved, newer = await prepare(worlds)
    await worlds.hosting.restore_save(world, saved.id, COMMAND_LINE)
    await worlds.until(lambda: not worlds.hosted(world).restoring)
    assert not newer.exists()
    [old] = (worlds.files(world).folder / OLD).iterdir()
    assert (old / "world" / "newer").exists()
    assert worlds.audit()[-1].action is AuditAction.SAVED_GAME_RESTORED
    await worlds.play(world)


async def test_restore_is_refused_while_the_world_runs(worlds: Worlds) -> None:
    world, saved, _ = await prepare(worlds)
    await worlds.play(world)
    with pytest.raises(DomainError) as caught:
        await worlds.hosting.restore_save(world, saved.id, COMMAND_LINE)
    assert caught.value.details["refusal"].text == "Stop the world first."


async def test_play_is_refused_during_a_restore(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, saved, newer = await prepare(worlds)
    go, real = threading.Event(), saving.restore

    def restore(*args: Any, **kwargs: Any) -> Any:
        go.wait(TIMEOUT_SECONDS)
        return real(*args, **kwargs)

    monkeypatch.setattr(saving, "restore", restore)
    await worlds.hosting.restore_save(world, saved.id, COMMAND_LINE)
    for act in (worlds.order(world, "play"), worlds.hosting.save(world, COMMAND_LINE)):
        with pytest.raises(DomainError) as caught:
            await act
        assert caught.value.details["refusal"].text == (
            "A saved game of this world is being restored."
        )
    go.set()
    await worlds.until(lambda: not worlds.hosted(world).restoring)
    assert not newer.exists()
    await worlds.play(world)


async def test_failed_restore_leaves_the_world(worlds: Worlds) -> None:
    world, saved, newer = await prepare(worlds)
    games = SavedGames(worlds.files(world).folder)
    content = bytearray(games.path(saved.id).read_bytes())
    content[200] ^= 0xFF
    games.path(saved.id).write_bytes(content)
    await worlds.hosting.restore_save(world, saved.id, COMMAND_LINE)
    await worlds.until(lambda: not worlds.hosted(world).restoring)
    assert worlds.trouble(world) == "restore_failed"
    assert newer.exists()
    assert recover_restore(worlds.files(world).folder) is None


@pytest.mark.parametrize("whole", [False, True])
async def test_interrupted_restore_is_finished_or_undone(worlds: Worlds, whole: bool) -> None:
    world, saved, newer = await prepare(worlds)
    folder = worlds.files(world).folder
    facts = await worlds.hosting.facts(worlds.run(world), starts=False)
    params = {"world_id": world, "saved_game": saved.id, "actor": 0, "facts": facts}
    await worlds.core.execute(begin_restore, **params)
    games = SavedGames(folder)
    with games.open(saved.id) as file, open_archive(file, Limits()) as archive:
        unpack(archive, folder / "server.new", Progress())
    if whole:
        (folder / "complete").write_text('{"save": "x", "level_name": "world"}')
    await worlds.restart()
    assert not worlds.hosted(world).restoring
    assert newer.exists() is not whole
    assert worlds.trouble(world) == (None if whole else "restore_failed")
    assert not (folder / "server.new").exists()
    await worlds.play(world)


# Changes and downloads


async def test_unknown_saved_game_is_not_found(worlds: Worlds) -> None:
    world, _, _ = await prepare(worlds)
    hosting, name = worlds.hosting, "20200101T000000Z-manual"
    acts = (
        hosting.download_save(world, name, 0),
        hosting.change_save(world, name, 0, pinned=True),
        hosting.remove_save(world, "../../x", 0),
        hosting.restore_save(world, name, 0),
    )
    for act in acts:
        with pytest.raises(DomainError) as caught:
            await act
        assert caught.value.code is ErrorCode.SAVE_NOT_FOUND


async def test_saved_game_is_pinned_downloaded_and_removed(worlds: Worlds) -> None:
    world, saved, _ = await prepare(worlds)
    hosting = worlds.hosting
    changed = await hosting.change_save(world, saved.id, 0, pinned=True, note="Before the dragon")
    assert (changed.pinned, changed.note) == (True, "Before the dragon")
    path = await hosting.download_save(world, saved.id, 0)
    with path.open("rb") as file:
        await hosting.remove_save(world, saved.id, 0)
        assert file.read()[:2] == b"PK"
    assert await saves(worlds, world) == []
    assert hosting.figures(world).saved_games == 0
    assert [entry.action for entry in worlds.audit()][-3:] == [
        AuditAction.SAVED_GAME_PINNED,
        AuditAction.SAVED_GAME_DOWNLOADED,
        AuditAction.SAVED_GAME_REMOVED,
    ]


async def test_uploaded_world_is_a_saved_game(worlds: Worlds) -> None:
    world, saved, _ = await prepare(worlds)
    hosting = worlds.hosting
    path = await hosting.upload_path(world)
    path.write_bytes(SavedGames(worlds.files(world).folder).path(saved.id).read_bytes())
    uploaded = await hosting.upload_save(world, path, 0)
    path.unlink()
    assert uploaded.kind is SaveKind.UPLOAD
    assert {one.id for one in await saves(worlds, world)} == {saved.id, uploaded.id}


async def test_upload_that_is_no_archive_is_refused(worlds: Worlds) -> None:
    world = await worlds.add()
    path = await worlds.hosting.upload_path(world)
    path.write_bytes(b"not a zip")
    with pytest.raises(DomainError) as caught:
        await worlds.hosting.upload_save(world, path, 0)
    assert caught.value.code is ErrorCode.ARCHIVE_REFUSED
    assert str(caught.value.details["text"]).startswith("This archive is not safe: ")
    # What a killed process leaves is deleted at the next start.
    await worlds.restart()
    await saves(worlds, world)
    assert not path.exists()


async def test_members_may_not_use_saved_games(worlds: Worlds) -> None:
    world, saved, _ = await prepare(worlds)
    hosting, stranger = worlds.hosting, 4711
    path = await hosting.upload_path(world)
    acts = (
        hosting.save(world, stranger),
        hosting.download_save(world, saved.id, stranger),
        hosting.change_save(world, saved.id, stranger, note="x"),
        hosting.remove_save(world, saved.id, stranger),
        hosting.upload_save(world, path, stranger),
        hosting.restore_save(world, saved.id, stranger),
    )
    for act in acts:
        with pytest.raises(DomainError) as caught:
            await act
        assert caught.value.code is ErrorCode.ADMIN_REQUIRED
