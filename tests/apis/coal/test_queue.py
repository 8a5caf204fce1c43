"""Asking for worlds to run and to rest, as the document has it (2.3.4)."""

import pytest

from coalserver.core.commands.worlds import end_world, ping_world, world_on_its_way
from coalserver.domain.minecraft.world import Ping, Status
from tests.apis.app import House
from tests.apis.coal.folk import a_user, a_world, an_admin

#: Status before; what play and what pause answer, and the status they leave.
ASKED = [
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


@pytest.mark.parametrize(("before", "play", "pause"), ASKED)
async def test_play_and_pause_answer_by_what_is_already_so(
    house: House, before: str, play: tuple[int, str], pause: tuple[int, str]
):
    root = await an_admin(house)
    for end, (status, after) in (("play", play), ("pause", pause)):
        place = await a_world(house, hosted=True)
        await house.core.do(world_on_its_way, world_id=place.id, status=Status(before.lower()))
        answer = await root.post(f"{place.path}/queue/{end}")
        assert (answer.status, answer.raw) == (status, b"")
        assert (await root.get(place.path)).json["status"] == after


async def test_anybody_may_play_and_only_an_admin_may_pause(house: House):
    thomas, place = await a_user(house), await a_world(house, hosted=True)
    assert (await thomas.post(place.path + "/queue/play")).status == 202
    answer = await thomas.post(place.path + "/queue/pause")
    assert (answer.status, answer.raw) == (403, b"")


@pytest.mark.parametrize("end", ["play", "pause"])
async def test_only_worlds_of_ours_are_queued(house: House, end: str):
    root, other = await an_admin(house), await a_world(house)
    gone = await a_world(house, hosted=True)
    await house.core.do(end_world, world_id=gone.id)
    for path in (other.path, gone.path, "/api/v1/servers/nothing"):
        answer = await root.post(f"{path}/queue/{end}")
        assert (answer.status, answer.raw) == (404, b"")


async def test_what_comes_of_a_queued_world_is_seen_by_its_status(house: House):
    thomas, place = await a_user(house), await a_world(house, hosted=True)
    await thomas.post(place.path + "/queue/play")
    # It does not run yet, and is asked to all the same.
    await house.core.do(ping_world, world_id=place.id, ping=Ping(running=False))
    assert (await thomas.get(place.path)).json["status"] == "QUEUED_START"
    ping = Ping(running=True, address="192.0.2.7:25570")
    await house.core.do(ping_world, world_id=place.id, ping=ping)
    told = (await thomas.get(place.path)).json
    assert (told["status"], told["address"]) == ("RUNNING", "192.0.2.7:25570")


async def test_a_restart_waits_for_the_new_process(house: House):
    """The original took a ping of the old one for the new one (hole 15)."""
    thomas, place = await a_user(house), await a_world(house, hosted=True)
    await house.core.do(world_on_its_way, world_id=place.id, status=Status.QUEUED_RESTART)
    for running, status in ((True, "QUEUED_RESTART"), (False, "QUEUED_START"), (True, "RUNNING")):
        await house.core.do(ping_world, world_id=place.id, ping=Ping(running=running))
        assert (await thomas.get(place.path)).json["status"] == status


async def test_what_nobody_runs_is_unknown_after_a_while(house: House):
    thomas, place = await a_user(house), await a_world(house, hosted=True)
    await thomas.post(place.path + "/queue/play")
    await house.after(301)
    assert (await thomas.get(place.path)).json["status"] == "UNKNOWN"
