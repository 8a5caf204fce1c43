"""Orders to hosted worlds (document, 2.3.4; hosting.md, 3)."""

from dataclasses import replace
from typing import Any

import pytest

from coalserver.core.commands.hosting import MachineFacts
from coalserver.core.commands.hosting_settings import set_members_may_start
from coalserver.core.commands.worlds import archive_world
from coalserver.core.queries.admin import list_audit_entries
from coalserver.domain.audit import AuditAction
from coalserver.domain.minecraft.hosting.hosted_world import Wanted
from coalserver.domain.minecraft.hosting.transitions import Run
from coalserver.domain.minecraft.world import WorldStatus
from tests.apis.app import TestApp
from tests.apis.coal.clients import User, WorldFixture, make_admin, make_user, make_world
from tests.apis.hosting import ROOM, Stage, make_startable, set_stage

ORDERS = ("play", "pause", "restart", "kill", "save")


async def make_hosted(test_app: TestApp, name: str = "My World") -> WorldFixture:
    """Create a hosted world that can be started."""
    world = await make_world(test_app, name, hosted=True)
    await make_startable(test_app.core, world.id)
    return world


async def put(
    test_app: TestApp, world: WorldFixture, status: str, wanted: Wanted = Wanted.PAUSE
) -> None:
    stage = Stage(WorldStatus(status.lower()), wanted)
    await test_app.core.execute(set_stage, world_id=world.id, stage=stage)


async def hosting(user: User, world: WorldFixture) -> dict[str, Any]:
    answer = await user.get(world.path + "/hosting")
    assert answer.status == 200
    return answer.json  # type: ignore[no-any-return]


#: State; status of the answer and state afterwards for each order.
ANSWERS = [
    ("UNKNOWN", "play", 202, "QUEUED_START"),
    ("STOPPED", "play", 202, "QUEUED_START"),
    ("RUNNING", "play", 200, "RUNNING"),
    ("LOADING", "play", 200, "LOADING"),
    ("QUEUED_RESTART", "play", 200, "QUEUED_RESTART"),
    ("QUEUED_STOP", "play", 202, "QUEUED_STOP"),
    ("SAVING", "play", 202, "SAVING"),
    ("UNKNOWN", "pause", 200, "UNKNOWN"),
    ("STOPPED", "pause", 200, "STOPPED"),
    ("LOADING", "pause", 202, "STOPPED"),
    ("RUNNING", "pause", 202, "QUEUED_STOP"),
    ("QUEUED_STOP", "pause", 200, "QUEUED_STOP"),
    ("SAVING", "pause", 200, "SAVING"),
    ("STOPPED", "restart", 202, "QUEUED_START"),
    ("RUNNING", "restart", 202, "QUEUED_RESTART"),
    ("QUEUED_START", "restart", 200, "QUEUED_START"),
    ("QUEUED_RESTART", "restart", 200, "QUEUED_RESTART"),
    ("STOPPED", "kill", 200, "STOPPED"),
    ("SAVING", "kill", 200, "SAVING"),
    ("RUNNING", "kill", 202, "QUEUED_STOP"),
    ("RUNNING", "save", 202, "RUNNING"),
    ("STOPPED", "save", 202, "STOPPED"),
    ("SAVING", "save", 200, "SAVING"),
]


@pytest.mark.parametrize(("before", "order", "status", "after"), ANSWERS)
async def test_order_is_answered_by_the_state(
    test_app: TestApp, before: str, order: str, status: int, after: str
):
    root, world = await make_admin(test_app), await make_hosted(test_app)
    await put(test_app, world, before)
    answer = await root.post(f"{world.path}/queue/{order}")
    assert (answer.status, answer.raw) == (status, b"")
    assert (await hosting(root, world))["state"] == after


@pytest.mark.parametrize(
    ("state", "wanted", "word"),
    [
        ("LOADING", Wanted.PLAY, "QUEUED_START"),
        ("LOADED", Wanted.PLAY, "QUEUED_START"),
        ("QUEUED_RESTART", Wanted.PLAY, "QUEUED_START"),
        ("QUEUED_STOP", Wanted.PLAY, "QUEUED_START"),
        ("QUEUED_STOP", Wanted.PAUSE, "QUEUED_STOP"),
        ("SAVING", Wanted.PAUSE, "QUEUED_STOP"),
        ("RUNNING", Wanted.PLAY, "RUNNING"),
    ],
)
async def test_api_shows_only_the_five_statuses_of_the_document(
    test_app: TestApp, state: str, wanted: Wanted, word: str
):
    root, world = await make_admin(test_app), await make_hosted(test_app)
    await put(test_app, world, state, wanted)
    assert (await root.get(world.path)).json["status"] == word
    assert (await root.get("/api/v1/servers")).json["servers"][0]["status"] == word


async def test_all_users_can_play_and_only_admins_give_other_orders(test_app: TestApp):
    thomas, world = await make_user(test_app), await make_hosted(test_app)
    assert (await thomas.post(world.path + "/queue/play")).status == 202
    for order in ORDERS[1:]:
        answer = await thomas.post(f"{world.path}/queue/{order}")
        assert (answer.status, answer.raw) == (403, b"")
    assert (await hosting(thomas, world))["wanted"] == "play"


async def test_world_option_reserves_the_start_for_admins(test_app: TestApp):
    thomas, world = await make_user(test_app), await make_hosted(test_app)
    await test_app.core.execute(set_members_may_start, world_id=world.id, allowed=False)
    assert (await thomas.post(world.path + "/queue/play")).status == 403
    assert (await (await make_admin(test_app)).post(world.path + "/queue/play")).status == 202


async def test_member_has_ten_accepted_plays_an_hour(test_app: TestApp):
    thomas, root = await make_user(test_app), await make_admin(test_app)
    world = await make_hosted(test_app)
    for _ in range(10):
        assert (await thomas.post(world.path + "/queue/play")).status == 202
        assert (await thomas.post(world.path + "/queue/play")).status == 200
        assert (await root.post(world.path + "/queue/kill")).status == 202
        test_app.clock.advance(60)
    answer = await thomas.post(world.path + "/queue/play")
    assert (answer.status, answer.headers["Retry-After"]) == (429, "3001")
    assert answer.json == {"errors": "You have started worlds too often; try again later."}
    assert (await root.post(world.path + "/queue/play")).status == 202
    assert (await root.post(world.path + "/queue/kill")).status == 202
    test_app.clock.advance(3001)
    assert (await thomas.post(world.path + "/queue/play")).status == 202


@pytest.mark.parametrize("order", ORDERS)
async def test_world_that_is_not_hosted_takes_no_orders(test_app: TestApp, order: str):
    root, other = await make_admin(test_app), await make_world(test_app)
    archived = await make_world(test_app, hosted=True)
    await test_app.core.execute(archive_world, world_id=archived.id)
    for path in (other.path, archived.path, "/api/v1/servers/nothing"):
        answer = await root.post(f"{path}/queue/{order}")
        assert (answer.status, answer.raw) == (404, b"")
        answer = await root.get(f"{path}/hosting")
        assert (answer.status, answer.raw) == (404, b"")


#: What is missing, and the sentence.
REFUSALS = [
    ({"enabled": False}, "World hosting is switched off on this server."),
    ({"ending": True}, "The server is shutting down."),
    (
        {"missing_java": ("1.20.4", "17", "11")},
        "Minecraft 1.20.4 needs Java 17; this machine has 11.",
    ),
    (
        {"budget": 600},
        "Not enough memory: this world needs 656 MiB, 600 of 600 MiB are free.",
    ),
    (
        {"bound_ports": frozenset(range(25565, 25576))},
        "No port from 25565 to 25575 is free.",
    ),
    ({"disk_free": 1023}, "Not enough disk space: 1023 MiB are free, 1024 are kept free."),
    (
        {"fetch_error": "Error (404) fetching URL"},
        "Version 1.7.4 could not be fetched: Error (404) fetching URL.",
    ),
]


@pytest.mark.parametrize("order", ["play", "restart"])
@pytest.mark.parametrize(("change", "sentence"), REFUSALS)
async def test_refused_start_has_its_sentence_and_changes_nothing(
    test_app: TestApp, order: str, change: dict[str, Any], sentence: str
):
    root, world = await make_admin(test_app), await make_hosted(test_app)
    test_app.world_hosting.machine = replace(test_app.world_hosting.machine, **change)
    before, head = await hosting(root, world), test_app.core.feed.head
    answer = await root.post(f"{world.path}/queue/{order}")
    assert (answer.status, answer.json) == (400, {"errors": sentence})
    assert await hosting(root, world) == before
    assert test_app.core.feed.head == head


async def test_start_needs_version_eula_and_no_restore(test_app: TestApp):
    root, world = await make_admin(test_app), await make_world(test_app, hosted=True)
    play = world.path + "/queue/play"

    async def refusal() -> str:
        answer = await root.post(play)
        assert answer.status == 400
        return str(answer.json["errors"])

    assert await refusal() == "This world has no version yet."
    await make_startable(test_app.core, world.id)
    await root.send(world.path + "/properties", eula_agree="false")
    sentence = (
        "Nobody has agreed to the Minecraft EULA for this world. An admin can do so on its page."
    )
    assert await refusal() == sentence
    await root.send(world.path + "/properties", eula_agree="true")
    assert (await root.post(play)).status == 202


async def test_fixed_port_of_another_program_is_refused(test_app: TestApp):
    root, world = await make_admin(test_app), await make_hosted(test_app)
    await root.send(world.path + "/properties", server_port="25570")
    machine = test_app.world_hosting.machine
    test_app.world_hosting.machine = replace(machine, bound_ports=frozenset((25570,)))
    answer = await root.post(world.path + "/queue/play")
    assert (answer.status, answer.json) == (400, {"errors": "Port 25570 is in use."})


async def test_restart_keeps_the_port_unless_the_range_has_changed(test_app: TestApp):
    root, world = await make_admin(test_app), await make_hosted(test_app)
    machine = test_app.world_hosting.machine
    assert (await root.post(world.path + "/queue/play")).status == 202
    for first, port in ((25560, 25565), (25570, 25570)):
        # Its own port is bound, by the process that is to be stopped.
        bound = frozenset((25565,))
        test_app.world_hosting.machine = replace(machine, first_port=first, bound_ports=bound)
        await put(test_app, world, "RUNNING", Wanted.PLAY)
        assert (await root.post(world.path + "/queue/restart")).status == 202
        assert (await hosting(root, world))["port"] == port


@pytest.mark.parametrize("order", ["play", "restart"])
async def test_start_after_another_order_meanwhile_is_checked_against_the_machine(
    test_app: TestApp, monkeypatch: pytest.MonkeyPatch, order: str
):
    root, world = await make_admin(test_app), await make_hosted(test_app)
    await put(test_app, world, "LOADING", Wanted.PLAY)
    looks: list[bool] = []

    async def look(run: Run, *, starts: bool) -> MachineFacts:
        looks.append(starts)
        if len(looks) == 1:
            await test_app.core.execute(
                set_stage, world_id=world.id, stage=Stage(WorldStatus.STOPPED)
            )
        return ROOM if starts else MachineFacts(for_start=False)

    monkeypatch.setattr(test_app.world_hosting, "facts", look)
    answer = await root.post(world.path + "/queue/" + order)
    assert (answer.status, looks) == (202, [False, True])
    assert (await hosting(root, world))["state"] == "QUEUED_START"


async def test_two_worlds_get_different_ports_and_share_the_memory(test_app: TestApp):
    root = await make_admin(test_app)
    worlds = [await make_hosted(test_app, name) for name in ("A", "B", "C")]
    await root.send(worlds[2].path + "/properties", server_port="25565")
    machine = test_app.world_hosting.machine
    test_app.world_hosting.machine = replace(machine, budget=656 * 2)
    for world, port in zip(worlds, (25566, 25567), strict=False):
        assert (await root.post(world.path + "/queue/play")).status == 202
        assert (await hosting(root, world))["port"] == port
    answer = await root.post(worlds[2].path + "/queue/play")
    assert answer.json == {
        "errors": "Not enough memory: this world needs 656 MiB, 0 of 1312 MiB are free."
    }
    assert (await root.post(worlds[0].path + "/queue/pause")).status == 202
    assert (await root.post(worlds[2].path + "/queue/play")).status == 202


@pytest.mark.parametrize("state", ["LOADED", "QUEUED_START", "QUEUED_STOP", "UNKNOWN"])
async def test_world_is_saved_only_while_it_runs_or_is_stopped(test_app: TestApp, state: str):
    root, world = await make_admin(test_app), await make_hosted(test_app)
    await put(test_app, world, state)
    answer = await root.post(world.path + "/queue/save")
    assert answer.json == {"errors": "The world is neither running nor stopped."}


async def test_second_save_waits_for_the_first(test_app: TestApp):
    root, world = await make_admin(test_app), await make_hosted(test_app)
    await put(test_app, world, "STOPPED")
    assert (await root.post(world.path + "/queue/save")).status == 202
    assert (await hosting(root, world))["saving"] is True
    assert (await root.post(world.path + "/queue/save")).status == 200


async def test_hosting_has_all_its_members(test_app: TestApp):
    root, thomas = await make_admin(test_app), await make_user(test_app)
    world = await make_hosted(test_app)
    await put(test_app, world, "RUNNING", Wanted.PLAY)
    seen = await hosting(root, world)
    assert seen == {
        **dict.fromkeys(("percent", "trouble", "port", "cpu", "memory_used", "pid")),
        **dict.fromkeys(("ticks_per_second", "idle_seconds_left", "started")),
        "state": "RUNNING",
        "wanted": "play",
        "pending": [],
        "version": "1.7.4",
        "memory": "256M",
        "players": 0,
        "max_players": 20,
        "crashes": 0,
        "saving": False,
        "saved_games": 0,
    }
    members = await hosting(thomas, world)
    assert members == {name: value for name, value in seen.items() if name != "pid"}
    answer = await User(test_app, "").get(world.path + "/hosting")
    assert answer.status == 401


async def test_console_command_of_an_admin_is_recorded(test_app: TestApp):
    world = await make_hosted(test_app)
    admin, member = await make_admin(test_app), await make_user(test_app)
    await put(test_app, world, "RUNNING")
    before = test_app.core.query(list_audit_entries, limit=10)[0]
    assert (await member.post(world.path + "/console", {"command": "op Eve"})).status == 403
    assert (await admin.post(world.path + "/console", {"command": "  "})).status in (202, 400)
    assert test_app.core.query(list_audit_entries, limit=10)[0] == before
    assert (await admin.post(world.path + "/console", {"command": "op\nAda"})).status == 202
    entry = test_app.core.query(list_audit_entries, limit=1)[0][0]
    assert (entry.action, entry.subject) == (AuditAction.CONSOLE_COMMAND_SENT, "My World")
    assert (entry.detail, bool(entry.actor)) == ("op Ada", True)
    await put(test_app, world, "STOPPED")
    refused = await admin.post(world.path + "/console", {"command": "list"})
    assert (refused.status, refused.json["errors"]) == (400, "The world is not running.")
