"""The data directory: lock, keys and temporary files."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from coalserver.media.files import write_private
from coalserver.storage.data_directory import (
    KEY_SIZE,
    DataDirectory,
    DataDirectoryLocked,
    OperatorError,
)
from tests.processes import ROOT, TIMEOUT_SECONDS


@pytest.fixture
def home(tmp_path: Path) -> DataDirectory:
    return DataDirectory(tmp_path / "a" / "data")


def test_directory_is_created_with_parents_for_its_owner_only(home):
    with home.lock():
        assert home.path.stat().st_mode & 0o777 == 0o700
    assert not home.is_initialized


def test_existing_directory_keeps_its_mode(home):
    home.path.mkdir(parents=True)
    home.path.chmod(0o750)
    with home.lock():
        assert home.path.stat().st_mode & 0o777 == 0o750


def test_second_lock_raises_with_the_process_id(home):
    with (
        home.lock(),
        pytest.raises(DataDirectoryLocked, match=f"in use by process {os.getpid()}"),
    ):
        with DataDirectory(home.path).lock():
            pass
    with home.lock():
        pass


def test_process_id_of_a_dead_process_is_ignored(home):
    with home.lock():
        pass
    (home.path / "lock").write_text("123456789012345\n")
    with home.lock():
        assert (home.path / "lock").read_text() == f"{os.getpid()}\n"


def test_lock_is_released_when_the_process_is_killed(home):
    code = f"""
        import os, pathlib, signal
        from coalserver.storage.data_directory import DataDirectory
        with DataDirectory(pathlib.Path({str(home.path)!r})).lock():
            os.kill(os.getpid(), signal.SIGKILL)
    """
    line = [sys.executable, "-c", textwrap.dedent(code)]
    assert subprocess.run(line, cwd=ROOT, timeout=TIMEOUT_SECONDS, check=False).returncode == -9
    with home.lock():
        pass


def test_key_is_created_once_for_its_owner_only(home):
    with home.lock():
        key = home.load_key("passwords")
        assert len(key) == KEY_SIZE
        assert home.load_key("passwords") == key
        assert DataDirectory(home.path).load_key("passwords") == key
        assert home.load_key("other") != key
    assert (home.keys / "passwords").stat().st_mode & 0o777 == 0o600
    assert home.keys.stat().st_mode & 0o777 == 0o700


def test_damaged_key_is_not_replaced(home):
    with home.lock():
        home.load_key("passwords")
        (home.keys / "passwords").write_bytes(b"short")
        with pytest.raises(OperatorError, match="is damaged: it has 5 bytes, not 32"):
            home.load_key("passwords")


def test_partially_written_key_is_ignored(home):
    with home.lock():
        (home.path / ".it.part").write_bytes(b"half")
        write_private(home.path / "it", b"whole")
        assert (home.path / "it").read_bytes() == b"whole"
        assert not (home.path / ".it.part").exists()


def test_temp_directory_is_deleted_afterwards_or_at_the_next_lock(home):
    with home.lock(), home.temp_directory() as scratch:
        (scratch / "file").write_bytes(b"x")
    assert not scratch.exists()
    (home.path / "scratch-dead").mkdir()
    (home.path / "scratch-dead" / "file").write_bytes(b"x")
    with home.lock():
        assert not (home.path / "scratch-dead").exists()


def test_directory_that_cannot_be_created_raises(tmp_path):
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "file" / "data"):
        with pytest.raises(OperatorError, match="cannot be created"), DataDirectory(path).lock():
            pass


def test_path_is_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    home = DataDirectory(Path("data"))
    monkeypatch.chdir("/")
    assert home.path == tmp_path / "data"
