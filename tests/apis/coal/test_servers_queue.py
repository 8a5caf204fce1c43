"""Starting and stopping hosted worlds (section 2.3.4 of the document)."""

import pytest

from coalserver.core.commands.worlds import archive_world, record_ping, update_world_status
from coalserver.domain.minecraft.world import Ping, WorldStatus
from tests.apis.app import TestApp
from tests.apis.coal.clients import make_admin, make_user, make_world

#: Status before; response status and new status of play; the same of pause.
ANSWERS = [
    ("RUNNING", (200, "RUNNING"), (202, "QUEUED_STOP")),
    ("QUEUED_START", (200, "QUEUED_START"), (202, "QUEUED_STOP")),
    ("LOADING", (202, "LOADING"), (202, "QUEUED_STOP")),
    ("LOADED", (202, "LOADED"), (202, "QUEUED_STOP")),
    ("QUEUED_RESTART", (202, "QUEUED_START"), (202, "QUEUED_STOP")),
    ("QUEUED_STOP", (202, "QUEUED_START"), (200, "QUEUED_STOP")),
    ("SAVING", (202, "QUEUED_START"), (202, "SAVING")),
    ("STOPPED", (202, "QUEUED_START"), (200, "STOPPED")),
    ("UNKNOWN", (202, "QUEUED_START"), (202, "QUEUED_STOP")),
]


@pytest.mark.parametrize(("before", "play", "pause"), ANSWERS)
async def test_play_and_pause_depend_on_the_status(
    test_app: TestApp, before: str, play: tuple[int, str], pause: tuple[int, str]
):
    root = await make_admin(test_app)
    for end, (status, after) in (("play", play), ("pause", pause)):
        world = await make_world(test_app, hosted=True)
        await test_app.core.execute(
            update_world_status, world_id=world.id, status=WorldStatus(before.lower())
        )
        answer = await root.post(f"{world.path}/queue/{end}")
        assert (answer.status, answer.raw) == (status, b"")
        assert (await root.get(world.path)).json["status"] == after


async def test_all_users_can_play_and_only_admins_pause(test_app: TestApp):
    thomas, world = await make_user(test_app), await make_world(test_app, hosted=True)
    assert (await thomas.post(world.path + "/queue/play")).status == 202
    answer = await thomas.post(world.path + "/queue/pause")
    assert (answer.status, answer.raw) == (403, b"")


@pytest.mark.parametrize("end", ["play", "pause"])
async def test_world_that_is_not_hosted_cannot_be_queued(test_app: TestApp, end: str):
    root, other = await make_admin(test_app), await make_world(test_app)
    archived = await make_world(test_app, hosted=True)
    await test_app.core.execute(archive_world, world_id=archived.id)
    for path in (other.path, archived.path, "/api/v1/servers/nothing"):
        answer = await root.post(f"{path}/queue/{end}")
        assert (answer.status, answer.raw) == (404, b"")


async def test_status_of_a_queued_world_follows_its_pings(test_app: TestApp):
    thomas, world = await make_user(test_app), await make_world(test_app, hosted=True)
    await thomas.post(world.path + "/queue/play")
    # The world does not run yet and stays queued.
    await test_app.core.execute(record_ping, world_id=world.id, ping=Ping(running=False))
    assert (await thomas.get(world.path)).json["status"] == "QUEUED_START"
    ping = Ping(running=True, address="192.0.2.7:25570")
    await test_app.core.execute(record_ping, world_id=world.id, ping=ping)
    document = (await thomas.get(world.path)).json
    assert (document["status"], document["address"]) == ("RUNNING", "192.0.2.7:25570")


async def test_restart_waits_for_the_new_process(test_app: TestApp):
    """Defect 15: a ping of the old process counted as one of the new process."""
    thomas, world = await make_user(test_app), await make_world(test_app, hosted=True)
    await test_app.core.execute(
        update_world_status, world_id=world.id, status=WorldStatus.QUEUED_RESTART
    )
    for running, status in ((True, "QUEUED_RESTART"), (False, "QUEUED_START"), (True, "RUNNING")):
        await test_app.core.execute(record_ping, world_id=world.id, ping=Ping(running=running))
        assert (await thomas.get(world.path)).json["status"] == status


async def test_queued_world_without_pings_becomes_unknown(test_app: TestApp):
    thomas, world = await make_user(test_app), await make_world(test_app, hosted=True)
    await thomas.post(world.path + "/queue/play")
    await test_app.advance(301)
    assert (await thomas.get(world.path)).json["status"] == "UNKNOWN"
