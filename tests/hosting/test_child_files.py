"""What the process of a world puts in the place of its files is neither followed nor waited for."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from coalserver.domain.minecraft.hosting.properties_file import FileSettings
from coalserver.domain.minecraft.server_properties import effective_properties
from coalserver.hosting.child_files import open_regular, read_regular
from coalserver.hosting.level import InvalidLevel, read_level
from coalserver.hosting.world_files import MAX_PROPERTIES_BYTES, WorldFiles

SECRET = "secret=of coalserver"
PROPERTIES = effective_properties(b"{}")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(SECRET)
    return path


@pytest.fixture
def files(tmp_path: Path) -> WorldFiles:
    files = WorldFiles(tmp_path / "hosting", 1)
    files.create()
    return files


#: What may lie in the place of a file, by its path and the path of the key.
OBSTACLES: dict[str, Callable[[Path, Path], object]] = {
    "link": lambda path, secret: path.symlink_to(secret),
    "relative link": lambda path, secret: path.symlink_to(os.path.relpath(secret, path.parent)),
    "dangling link": lambda path, secret: path.symlink_to(secret.with_name("none")),
    "link to itself": lambda path, secret: path.symlink_to(path),
    "device": lambda path, secret: path.symlink_to("/dev/zero"),
    "pipe": lambda path, secret: os.mkfifo(path),
    "socket": lambda path, secret: os.mknod(path, stat.S_IFSOCK | 0o600),
}


@pytest.mark.parametrize("name", OBSTACLES)
def test_only_regular_files_are_read(files: WorldFiles, secret: Path, name: str) -> None:
    OBSTACLES[name](files.server / "file", secret)
    assert read_regular(files.server, "file", 100) is None
    with pytest.raises(OSError):
        open_regular(files.server, "file")


def test_no_folder_on_the_way_is_followed(files: WorldFiles, secret: Path) -> None:
    (files.server / "logs").symlink_to(secret.parent)
    assert read_regular(files.server, "logs/key", 100) is None
    assert read_regular(files.server / "logs", "key", 100) is None
    for name in ("../key", "a/../../key", str(secret), ""):
        assert read_regular(files.server, name, 100) is None
    (files.server / "logs").unlink()
    (files.server / "logs").mkdir()
    (files.server / "logs" / "latest.log").write_text("a line\n")
    assert read_regular(files.server, "logs/latest.log", 4) == b"a li"


def test_no_descriptor_is_left_open(files: WorldFiles, secret: Path) -> None:
    OBSTACLES["pipe"](files.server / "pipe", secret)
    (files.server / "file").write_text("x")
    before = os.listdir("/proc/self/fd")
    for name in ("pipe", "file", "file/x", "none", "none/x"):
        read_regular(files.server, name, 10)
    assert len(os.listdir("/proc/self/fd")) == len(before)


@pytest.mark.parametrize("name", OBSTACLES)
def test_properties_replace_what_lies_in_their_place(
    files: WorldFiles, secret: Path, name: str
) -> None:
    path = files.server / "server.properties"
    OBSTACLES[name](path, secret)
    files.write_properties(PROPERTIES, FileSettings(minecraft="1.20.4", port=25565))
    assert path.is_file() and not path.is_symlink()
    assert "server-port=25565" in path.read_text()
    assert "coalserver" not in path.read_text()
    assert secret.read_text() == SECRET


@pytest.mark.parametrize("name", OBSTACLES)
@pytest.mark.parametrize("agreed", [True, False])
def test_agreement_replaces_what_lies_in_its_place(
    files: WorldFiles, secret: Path, name: str, agreed: bool
) -> None:
    path = files.server / "eula.txt"
    OBSTACLES[name](path, secret)
    files.write_eula(agreed)
    assert path.is_file() and not path.is_symlink()
    assert f"eula={str(agreed).lower()}" in path.read_text()
    assert secret.read_text() == SECRET


@pytest.mark.parametrize("name", OBSTACLES)
def test_unfinished_file_is_not_written_through(files: WorldFiles, secret: Path, name: str) -> None:
    OBSTACLES[name](files.server / ".eula.txt.new", secret)
    files.write_eula(True)
    assert "eula=true" in (files.server / "eula.txt").read_text()
    assert secret.read_text() == SECRET


def test_huge_properties_are_cut(files: WorldFiles) -> None:
    path = files.server / "server.properties"
    with path.open("wb") as file:
        file.write(b"motd=old\n")
        file.truncate(1 << 40)
    files.write_properties(PROPERTIES, FileSettings(minecraft="1.20.4", port=25565))
    assert path.stat().st_size < 7 * MAX_PROPERTIES_BYTES
    assert "server-port=25565" in path.read_text()


@pytest.mark.parametrize("name", OBSTACLES)
def test_level_is_not_read_through_other_files(files: WorldFiles, secret: Path, name: str) -> None:
    world = files.server / "world"
    world.mkdir()
    OBSTACLES[name](world / "level.dat", secret)
    with pytest.raises(InvalidLevel):
        read_level(world)


def test_level_in_a_linked_folder_is_not_read(files: WorldFiles, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (files.server / "world").symlink_to(other)
    with pytest.raises(InvalidLevel, match="cannot be opened"):
        read_level(files.server / "world")


root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@root_only
def test_files_are_given_to_the_user(files: WorldFiles, secret: Path) -> None:
    (files.server / "world" / "region").mkdir(parents=True)
    (files.server / "world" / "region" / "r.0.0.mca").touch(0o600)
    (files.server / "link").symlink_to(secret)
    os.link(secret, files.server / "second name")
    files.create((65534, 65534))
    files.write_eula(True)
    for path in (files.server, *files.server.rglob("*")):
        owner = 0 if path.name == "second name" else 65534
        assert path.lstat().st_uid == owner, path
    assert secret.stat().st_uid == 0
    assert files.run.stat().st_uid == 0
    assert files.run.stat().st_mode & 0o777 == 0o700
    for folder in (files.folder, files.folder.parent, files.folder.parent.parent):
        assert (folder.stat().st_uid, folder.stat().st_mode & 0o777) == (0, 0o711)


@root_only
def test_folder_of_the_operator_keeps_its_mode(tmp_path: Path) -> None:
    folder = tmp_path / "srv"
    folder.mkdir()
    folder.chmod(0o2755)
    WorldFiles(folder, 1).create((65534, 65534))
    assert folder.stat().st_mode & 0o7777 == 0o2755
