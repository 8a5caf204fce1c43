"""Worlds that run as another user than coalserver (hosting.md, 6). Only root can do that."""

import logging
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from coalserver.core.commands.hosting_settings import add_version, set_properties
from coalserver.domain.minecraft.hosting.version import Version, VersionKind
from coalserver.hosting.options import HostingOptions
from coalserver.hosting.world_user import find_user
from coalserver.storage.data_directory import OperatorError
from tests.hosting.versions.jar_files import make_jar
from tests.hosting.worlds import Worlds, run_worlds

USER = "nobody"
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run worlds as another user")

#: A program in the place of Java. It reports what it can do, then waits for `stop`.
JAVA = r"""#!/bin/sh
if [ "$1" = -version ]; then echo 'openjdk version "17.0.1"' >&2; exit; fi
say() { echo "[12:00:00] [Server thread/INFO]: $*"; }
may() { name=$1; shift; if "$@" >/dev/null 2>&1; then say "may $name"; else say "may not $name"; fi; }
for word; do
    case $before in -jar) may "read the jar" cat "$word";; esac
    case $word in
    -Dlog4j.configurationFile=*) may "read log settings" cat "${word#*=}";;
    esac
    before=$word
done
say "user $(id -u) groups $(id -G)"
say "names $(tr '\0' '\n' < /proc/$$/environ | cut -d= -f1 | sort | xargs)"
say "umask $(umask) cores $(ulimit -c)"
may "write its folder" touch file
may "read its properties" cat server.properties
may "read the key" cat KEY
may "read the state" cat ../run/state.json
may "list the run" ls ../run
may "list worlds" ls ../..
may "list versions" ls ../../../versions
may "write beside its folder" touch ../file
may "write versions" touch ../../../versions/file
may "enter the other world" ls ../../OTHER/server
may "read the keeper's environment" cat /proc/$PPID/environ
may "list the keeper's descriptors" ls /proc/$PPID/fd
may "signal the keeper" kill -0 $PPID
say 'Done (1.0s)! For help, type "help"'
while read -r line; do
    [ "$line" = stop ] && say 'Stopping server' && exit 0
done
"""


@pytest.fixture
def top() -> Iterator[Path]:
    """A folder that every user may pass through, unlike those of pytest."""
    folder = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
async def others_worlds(top: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Worlds]:
    monkeypatch.setenv("COAL_METRICS_TOKEN", "secret")
    settings = top / "log settings"
    settings.mkdir(mode=0o700)
    for name in ("log4j2.xml", "log4j2-1.7.xml"):
        (settings / name).write_text("<Configuration/>")
    async with run_worlds(
        top / "hosting",
        user=USER,
        is_within_data=False,
        java=str(top / "java"),
        log_settings=settings,
    ) as worlds:
        yield worlds


async def add_jar_world(worlds: Worlds, top: Path, minecraft: str) -> int:
    """Add a world with a jar that the program in the place of Java runs; return its id."""
    world = await worlds.add()
    key = top / "key"
    key.write_text("secret")
    key.chmod(0o600)
    other = worlds.files(world + 1000)
    other.create((65533, 65533))
    java = JAVA.replace("KEY", str(key)).replace("OTHER", other.folder.name)
    (top / "java").write_text(java)
    (top / "java").chmod(0o755)
    jar = top / "server.jar"
    jar.write_bytes(make_jar(version={"id": minecraft, "java_version": 17}))

    async def add(version: Version) -> Version:
        return await worlds.core.execute(add_version, version=version)

    version = Version(0, "jar", VersionKind.JAR, 0.0)
    await worlds.hosting.catalog.add_jar(version, jar, add)
    await worlds.core.execute(set_properties, world_id=world, changes={"version": "jar"})
    return world


@root_only
async def test_world_runs_as_its_user_and_sees_nothing_else(
    others_worlds: Worlds, top: Path
) -> None:
    worlds = others_worlds
    world = await add_jar_world(worlds, top, "1.16.5")
    await worlds.play(world)
    entry = pwd.getpwnam(USER)
    texts = {text.partition("]: ")[2] for text in worlds.texts(world)}
    keeper = worlds.state(world).keeper["pid"]
    environment = Path(f"/proc/{keeper}/environ").read_bytes()
    await worlds.order(world, "pause")
    await worlds.wait_for(world, "stopped")
    assert texts == {
        "may read the jar",
        "may read log settings",
        f"user {entry.pw_uid} groups {entry.pw_gid}",
        "names HOME JAVA_HOME LANG PATH TZ",
        "umask 0077 cores 0",
        "may write its folder",
        "may read its properties",
        "may not read the key",
        "may not read the state",
        "may not list the run",
        "may not list worlds",
        "may not list versions",
        "may not write beside its folder",
        "may not write versions",
        "may not enter the other world",
        "may not read the keeper's environment",
        "may not list the keeper's descriptors",
        "may not signal the keeper",
        'Done (1.0s)! For help, type "help"',
    }
    assert environment == b"LANG=C.UTF-8\0"
    for path in worlds.files(world).server.rglob("*"):
        assert path.stat().st_uid == entry.pw_uid, path
    assert worlds.files(world).run.stat().st_uid == 0


@root_only
async def test_jar_from_before_the_user_was_set_is_readable(top: Path) -> None:
    async with run_worlds(
        top / "hosting", java=str(top / "java"), log_settings=Path("static/mc")
    ) as worlds:
        world = await add_jar_world(worlds, top, "1.20.4")
        await worlds.play(world)
        await worlds.order(world, "pause")
        await worlds.wait_for(world, "stopped")
        assert worlds.files(world).server.stat().st_uid == 0
        await worlds.restart(user=USER, is_within_data=False)
        await worlds.play(world)
        for text in ("may read the jar", "may read its properties", "may write its folder"):
            # Once as root, once as the user.
            assert sum(one.endswith(text) for one in worlds.texts(world)) == 2, text
        await worlds.order(world, "pause")
        await worlds.wait_for(world, "stopped")


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


def options(folder: Path, user: str = USER) -> HostingOptions:
    return HostingOptions(folder, user=user, is_within_data=False)


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize(
    ("user", "within", "sentence"),
    [
        ("no-such-user", False, "There is no user no-such-user (hosting_user)."),
        ("root", False, "hosting_user cannot be root."),
        (USER, True, "hosting_user needs a hosting_folder outside the data directory."),
    ],
)
def test_user_that_cannot_be_used_ends_the_start(
    tmp_path: Path, user: str, within: bool, sentence: str
) -> None:
    with pytest.raises(OperatorError) as caught:
        find_user(HostingOptions(tmp_path, user=user, is_within_data=within))
    assert str(caught.value) == sentence


@pytest.mark.usefixtures("as_root")
def test_folder_that_the_user_cannot_reach_is_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    assert find_user(options(closed / "hosting")) is not None
    assert f"hosting_user nobody may not pass through {closed}." in caplog.messages


def test_user_is_not_used_without_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with caplog.at_level(logging.WARNING):
        assert find_user(options(tmp_path)) is None
    [message] = caplog.messages
    assert message == "hosting_user is not used: only root can run worlds as another user."


@root_only
async def test_process_of_another_user_ends_with_its_keeper(
    others_worlds: Worlds, top: Path
) -> None:
    worlds = others_worlds
    world = await add_jar_world(worlds, top, "1.20.4")
    await worlds.play(world)
    state = worlds.state(world)
    os.kill(state.keeper["pid"], signal.SIGKILL)
    # The kernel clears the signal when a process changes its user; it must have been set after that.
    await worlds.until(lambda: not state.child_lives)
    await worlds.until(lambda: worlds.hosted(world).run_id != state.run)
    await worlds.wait_for(world, "running")
    await worlds.order(world, "kill")
    await worlds.wait_for(world, "stopped")


@root_only
async def test_what_the_process_leaves_harms_nothing_at_the_next_start(
    others_worlds: Worlds, top: Path
) -> None:
    worlds = others_worlds
    world = await add_jar_world(worlds, top, "1.20.4")
    key, server = top / "key", worlds.files(world).server
    for _ in range(2):
        await worlds.play(world)
        await worlds.order(world, "pause")
        await worlds.wait_for(world, "stopped")
        properties = (server / "server.properties").read_text()
        assert "server-port" in properties and "secret" not in properties
        assert (key.read_text(), key.stat().st_uid, key.stat().st_mode & 0o777) == (
            "secret",
            0,
            0o600,
        )
        for name in ("server.properties", "eula.txt"):
            (server / name).unlink()
            (server / name).symlink_to(key)
            os.chown(server / name, 65534, 65534, follow_symlinks=False)
        os.mkfifo(server / ".server.properties.new")
