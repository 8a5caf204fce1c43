"""Saved games of hosted worlds on the command line (hosting.md, 9 and 12), with and without a running server."""

import os
import signal
import stat
import time
import zipfile
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from coalserver.domain.minecraft.hosting.hosted_world import Trouble, TroubleCode
from tests.cli.hosted import WAIT, Hosted
from tests.hosting.zips import world_zip

SAVE_NOT_FOUND = "There is no such saved game."


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Return a zip file with a world."""
    path = tmp_path / "old world.zip"
    path.write_bytes(world_zip())
    return path


def serving(hosted: Hosted, server: bool) -> AbstractContextManager[object]:
    """Return a context in which the server runs, or does not."""
    return hosted.serve() if server else nullcontext()


def upload(hosted: Hosted, archive: Path) -> dict[str, object]:
    result = hosted("world", "upload", hosted.key_of_world(), str(archive), "--json")
    assert result.status == 0, result
    return dict(result.document)


@pytest.mark.parametrize("server", [True, False], ids=["server", "offline"])
def test_world_is_uploaded_pinned_downloaded_and_restored(
    hosted: Hosted, archive: Path, tmp_path: Path, server: bool
) -> None:
    key = hosted.key_of_world()
    with serving(hosted, server):
        assert hosted("world", "saves", key).out.strip() == "No saved games yet."
        first = upload(hosted, archive)
        assert first | {"id": "", "made": "", "size": 0} == {
            "id": "", "made": "", "size": 0, "kind": "upload", "version": "1.20.1",
            "pinned": False, "after_kill": False, "note": "",
        }  # fmt: skip
        second = upload(hosted, archive)
        pinned = hosted("world", "pin", key, str(first["id"]), "--json").document
        assert pinned == {**first, "pinned": True}
        saves = hosted("world", "saves", key, "--json").document
        assert saves == {"saves": [second, pinned]}
        assert str(first["id"]) in hosted("world", "saves", key).out
        unpinned = hosted("world", "pin", key, str(first["id"]), "--off", "--json").document
        assert unpinned == first

        newest, named = tmp_path / "newest.zip", tmp_path / "named.zip"
        result = hosted("world", "download", key, str(newest), "--json")
        size = newest.stat().st_size
        assert result.document == {"file": str(newest), "bytes": size, "save": second["id"]}
        assert size == second["size"] and stat.S_IMODE(newest.stat().st_mode) == 0o600
        assert hosted("world", "download", key, str(first["id"]), str(named)).status == 0
        with zipfile.ZipFile(named) as zip_file:
            assert "world/level.dat" in zip_file.namelist()
        assert not [*tmp_path.glob(".*.part")]

        restored = hosted("world", "restore", key, str(first["id"]), "--json")
        assert restored.status == 0 and restored.document == {"restored": first["id"]}
        assert (hosted.files.server / "world" / "level.dat").exists()
        # The world is free again.
        assert hosted("world", "restore", key, str(second["id"])).status == 0
    actions = [action for action in hosted.actions() if action[0].startswith("saved_game")]
    assert actions == [
        ("saved_game_uploaded", "World"), ("saved_game_uploaded", "World"),
        ("saved_game_pinned", "World"), ("saved_game_pinned", "World"),
        ("saved_game_downloaded", "World"), ("saved_game_downloaded", "World"),
        ("saved_game_restored", "World"), ("saved_game_restored", "World"),
    ]  # fmt: skip


@pytest.mark.parametrize("server", [True, False], ids=["server", "offline"])
def test_refusals_are_sentences(
    hosted: Hosted, archive: Path, tmp_path: Path, server: bool
) -> None:
    key = hosted.key_of_world()
    external = hosted("world", "add", "Elsewhere", "--json").document["key"]
    cake, target = tmp_path / "cake.zip", tmp_path / "target.zip"
    cake.write_bytes(b"a cake")
    os.mkfifo(tmp_path / "pipe")
    with serving(hosted, server):
        for command in (
            ("restore", key, "x"),
            ("pin", key, "../x"),
            ("download", key, str(target)),
        ):
            assert hosted.refusal("world", *command) == SAVE_NOT_FOUND
        assert hosted.refusal("world", "download", key, "x", str(target)) == SAVE_NOT_FOUND
        unsafe = "This archive is not safe: it is not a zip archive, or is cut off."
        assert hosted.refusal("world", "upload", key, str(cake)) == unsafe
        missing = tmp_path / "missing.zip"
        expected = f"{missing} cannot be read: No such file or directory."
        assert hosted.refusal("world", "upload", key, str(missing)) == expected
        for path in (tmp_path, tmp_path / "pipe"):
            assert hosted.refusal("world", "upload", key, str(path)) == f"{path} is not a file."
        for command in (("saves",), ("restore", "x"), ("upload", str(archive))):
            refused = hosted.refusal("world", command[0], external, *command[1:])
            assert refused == hosted.refusal("world", "console", external)
        upload(hosted, archive)
        exists = f"{cake} exists already. Choose another name."
        assert hosted.refusal("world", "download", key, str(cake)) == exists
        assert cake.read_bytes() == b"a cake"
        nowhere = tmp_path / "nowhere" / "w.zip"
        expected = f"{nowhere} cannot be written: No such file or directory."
        assert hosted.refusal("world", "download", key, str(nowhere)) == expected
    assert not [*(hosted.files.folder / "saves").glob("*.part")] and not target.exists()


def test_relative_paths_are_those_of_the_caller(
    hosted: Hosted, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = hosted.key_of_world()
    with hosted.serve():
        here = tmp_path / "here"
        here.mkdir()
        archive.rename(here / "mine.zip")
        monkeypatch.chdir(here)
        assert hosted("world", "upload", key, "mine.zip").status == 0
        result = hosted("world", "download", key, "copy.zip", "--json")
        assert result.document["file"] == str(here / "copy.zip") and (here / "copy.zip").exists()


def test_running_world_is_not_restored(hosted: Hosted, archive: Path) -> None:
    key = hosted.key_of_world()
    with hosted.serve() as server:
        save = str(upload(hosted, archive)["id"])
        assert hosted("world", "play", key, *WAIT).status == 0
        assert hosted.refusal("world", "restore", key, save) == "Stop the world first."
        server.stop(signal.SIGKILL)
        # Its process goes on without the server.
        assert hosted.refusal("world", "restore", key, save) == "Stop the world first."


def test_damaged_saved_game_is_not_restored(hosted: Hosted, archive: Path) -> None:
    key = hosted.key_of_world()
    save = str(upload(hosted, archive)["id"])
    path = hosted.files.folder / "saves" / f"{save}.zip"
    content = bytearray(path.read_bytes())
    content[40:60] = bytes(20)
    path.write_bytes(content)
    for server in (False, True):
        with serving(hosted, server):
            sentence = hosted.refusal("world", "restore", key, save)
            assert sentence.startswith("The saved game could not be restored: "), sentence
            assert not (hosted.files.folder / "server.new").exists()


def test_saved_world_is_listed(hosted: Hosted) -> None:
    key = hosted.key_of_world()
    with hosted.serve():
        assert hosted("world", "play", key, *WAIT).status == 0
        assert hosted("world", "save", key, *WAIT).status == 0
        [save] = hosted("world", "saves", key, "--json").document["saves"]
        assert (save["kind"], save["after_kill"]) == ("manual", False)
        assert save["size"] > 0
    assert hosted("world", "saves", key, "--json").document["saves"][-1] == save


def test_second_saved_game_of_a_download_is_a_usage_error(hosted: Hosted) -> None:
    result = hosted("world", "download", "w", "one", "two", "file.zip")
    assert result.status == 2 and "at most one saved game" in result.err


@pytest.mark.parametrize("server", [True, False], ids=["server", "offline"])
def test_older_trouble_is_not_that_of_the_restore(
    hosted: Hosted, archive: Path, server: bool
) -> None:
    """The clock was set back since, so that its time does not tell."""
    key = hosted.key_of_world()
    hosted.set_trouble(Trouble(TroubleCode.CRASH_LOOP, time.time() + 1000))
    save = str(upload(hosted, archive)["id"])
    with serving(hosted, server):
        result = hosted("world", "restore", key, save, "--json")
    assert (result.status, result.document) == (0, {"restored": save})
