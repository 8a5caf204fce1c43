"""Systems other than Linux: everything can be imported, the server runs, and hosting is refused (hosting.md, 6)."""

import subprocess
import sys
from pathlib import Path

import pytest

from coalserver.core.commands.hosting import update_run
from coalserver.domain.errors import DomainError
from coalserver.domain.minecraft.hosting.refusals import RefusalCode
from coalserver.domain.minecraft.hosting.transitions import queue_start
from coalserver.hosting import keeper_client, service
from coalserver.hosting.options import HostingOptions
from coalserver.storage.data_directory import DataDirectory, OperatorError
from tests.hosting.worlds import Worlds
from tests.processes import ROOT

#: Makes a system without what only Unix or only Linux has, then imports every module.
IMPORT_ALL = """
import os, pkgutil, signal, sys
import asyncio, ctypes, psutil, socket, subprocess, sysconfig, tempfile, zipfile, zoneinfo, aiohttp, aiohttp.web
for name in ("fcntl", "pwd", "resource", "grp", "termios"):
    sys.modules[name] = None
for name in ("memfd_create", "MFD_CLOEXEC", "pidfd_open", "O_PATH", "O_NOFOLLOW", "O_DIRECTORY", "O_NONBLOCK",
             "O_NOCTTY", "O_CLOEXEC", "posix_spawn", "geteuid", "fork", "setsid", "statvfs", "fwalk"):
    delattr(os, name)
for name in ("SIGHUP", "SIGQUIT", "SIGXFSZ", "SIGKILL", "pidfd_send_signal"):
    delattr(signal, name)
sys.platform = "other"
import coalserver
for found in pkgutil.walk_packages(coalserver.__path__, "coalserver."):
    if not found.name.endswith("__main__"):
        __import__(found.name)
from coalserver.hosting import keeper_client
assert not keeper_client.SUPPORTED
print("imported")
"""


def test_every_module_can_be_imported() -> None:
    result = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (result.stdout, result.stderr[-1500:]) == ("imported\n", "")


async def test_hosting_is_refused_and_said_once(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = await worlds.add()
    # As in a copy of a data directory from Linux: the world is to run.
    await worlds.core.execute(update_run, world_id=world, transition=queue_start)
    monkeypatch.setattr(keeper_client, "SUPPORTED", False)
    await worlds.restart(user="no-such-user")
    await worlds.wait_for(world, "stopped")
    assert caplog.messages.count("World hosting needs Linux; it is switched off.") == 1
    assert not worlds.hosting.enabled
    with pytest.raises(DomainError) as caught:
        await worlds.order(world, "play")
    assert caught.value.details["refusal"].code is RefusalCode.HOSTING_OFF
    assert worlds.status(world) == "stopped"


async def test_nothing_is_said_where_hosting_is_off_anyway(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(keeper_client, "SUPPORTED", False)
    await worlds.restart(enabled=False)
    assert not any("Linux" in message for message in caplog.messages)


def test_user_matters_only_where_worlds_are_hosted(tmp_path: Path) -> None:
    options = HostingOptions(tmp_path, enabled=False, user="no-such-user")
    assert service.find_user(options) is None


def test_data_directory_without_locks_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coalserver.storage.data_directory.fcntl", None)
    with pytest.raises(OperatorError, match="cannot lock its data directory"):
        with DataDirectory(tmp_path / "data").lock():
            pass
