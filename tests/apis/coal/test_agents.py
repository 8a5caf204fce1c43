"""Agents: they say how their world is, send its log line by line, and tell its console."""

import asyncio

import pytest

from coalserver.core.commands.worlds import archive_world, queue_console_command, start_world
from coalserver.core.ports import LineQuery
from coalserver.core.queries.worlds import get_visitor
from coalserver.domain.minecraft.world import WorldStatus
from tests.apis.app import TestApp
from tests.apis.coal.clients import FORM, WorldFixture, make_user, make_world

PING, LINE, LAST = (f"/api/v1/agents/{name}" for name in ("ping", "logline", "lastline"))
UP = {"server_name": "coal.example.org", "is_server_running": "True"}


def said(second: int = 1) -> str:
    return f"2023-11-14 22:13:0{second} [INFO] <Ada> hi"


async def lines_of(place: WorldFixture) -> list[str]:
    """The lines of a world that tell a time, the newest first."""
    found = await place.test_app.core.history.lines(LineQuery(place.id), 100)
    return [line.line for line in found]


@pytest.mark.parametrize(
    ("method", "path"), [("POST", PING), ("POST", LINE), ("POST", LINE + "s"), ("GET", LAST)]
)
async def test_agents_and_nobody_else_speak_for_a_world(test_app: TestApp, method, path):
    place, thomas = await make_world(test_app), await make_user(test_app)
    for nobody in (test_app.anonymous, thomas):
        answer = await nobody.request(method, path)
        assert answer.status == 401 and answer.headers["WWW-Authenticate"]
    assert (await place.agent.get("/api/v1/users")).status == 401
    await test_app.core.execute(archive_world, world_id=place.id)
    answer = await place.agent.request(method, path)
    assert (answer.status, answer.raw) == (404, b"")


@pytest.mark.parametrize(("path", "allowed"), [(PING, "POST"), (LINE, "POST"), (LAST, "GET")])
async def test_other_methods_are_told_which_one_there_is(test_app: TestApp, path, allowed):
    answer = await (await make_world(test_app)).agent.request("DELETE", path)
    assert answer.status == 405 and allowed in answer.headers["Allow"]


async def test_a_ping_says_how_a_world_is(test_app: TestApp):
    place, thomas = await make_world(test_app), await make_user(test_app)
    told = {
        **UP, "server_day": "10", "server_time": "1000", "is_raining": "True", "is_thundering": "False",
        "num_overloads": "2", "ms_behind": "4000", "skipped_ticks": "80", "address": "1.2.3.4:25566",
        "timestamp": "2023-11-14 22:13:20",
    }  # fmt: skip
    answer = await place.agent.send(PING, **told)
    assert (answer.status, answer.json) == (200, {"commands": []})
    shown = (await thomas.get(place.path)).json
    assert (shown["status"], shown["address"]) == ("RUNNING", "1.2.3.4:25566")
    assert (shown["server_day"], shown["server_time"]) == (10, 1000)
    assert (shown["is_raining"], shown["is_thundering"]) == (True, False)
    assert shown["last_ping"] == "2023-11-14 22:13:20 UTC-0000"
    assert (place.now.overloads, place.now.behind, place.now.skipped) == (2, 4000, 80)


@pytest.mark.parametrize(
    ("running", "status"),
    [("True", "running"), ("False", "stopped"), ("", "stopped"), (None, "unknown")],
)
async def test_a_ping_tells_whether_the_world_runs_or_that_nobody_knows(
    test_app: TestApp, running, status
):
    place = await make_world(test_app)
    more = {} if running is None else {"is_server_running": running}
    await place.agent.send(PING, **UP)
    await place.agent.send(PING, server_name="x", **more)
    assert place.now.status == status


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({}, "server_name: This field is required."),
        ({"server_name": " "}, "server_name: This field is required."),
        ({"server_name": "x" * 501}, "server_name: Field cannot be longer than 500 characters."),
        ({"server_name": "x", "server_day": "one"}, "server_day: Not a valid integer value."),
        ({"server_name": "x", "timestamp": "today"}, "timestamp: Not a valid datetime value."),
        ({"server_name": "x", "ms_behind": "9" * 30}, "ms_behind: Not a valid integer value."),
    ],
)
async def test_a_ping_that_cannot_be_read_is_refused(test_app: TestApp, fields, errors):
    answer = await (await make_world(test_app)).agent.send(PING, **fields)
    assert (answer.status, answer.json) == (400, {"errors": errors})


async def test_an_agent_that_counts_loses_no_command_with_an_answer(persistent_test_app: TestApp):
    place = await make_world(persistent_test_app)
    for text in ("/say a", "/say b"):
        await persistent_test_app.core.execute(queue_console_command, world_id=place.id, text=text)
    body = {"server_name": "x", "is_server_running": True, "commands_after": 0}
    lost = (await place.agent.post(PING, body)).json["commands"]
    assert [(one["username"], one["command"]) for one in lost] == [
        (None, "/say a"),
        (None, "/say b"),
    ]
    await persistent_test_app.restart()
    assert (await place.agent.post(PING, body)).json["commands"] == lost
    body["commands_after"] = lost[0]["id"]
    assert (await place.agent.post(PING, body)).json["commands"] == lost[1:]
    body["commands_after"] = lost[1]["id"]
    assert (await place.agent.post(PING, body)).json["commands"] == []


async def test_a_ping_may_come_as_json(test_app: TestApp):
    place = await make_world(test_app)
    answer = await place.agent.post(
        PING, {"server_name": "x", "is_server_running": True, "server_day": 3}
    )
    assert answer.status == 200 and place.now.status is WorldStatus.RUNNING and place.now.day == 3


async def test_the_last_ping_is_noted_each_minute(test_app: TestApp):
    place = await make_world(test_app)
    first = test_app.clock()
    for seconds, noted in ((0, first), (30, first), (31, first + 61)):
        test_app.clock.advance(seconds)
        await place.agent.send(PING, **UP)
        assert place.now.last_ping == noted


async def test_the_day_goes_on_while_the_world_runs(test_app: TestApp):
    place, thomas = await make_world(test_app), await make_user(test_app)
    await place.agent.send(PING, **UP, server_day="2", server_time="1000")
    test_app.clock.advance(1220)
    shown = (await thomas.get(place.path)).json
    assert (shown["server_day"], shown["server_time"]) == (2, (1000 + 20 * 1220) % 24000)
    # The same again tells nothing new of when it was that time.
    await place.agent.send(PING, **UP, server_day="2", server_time="1000")
    assert (await thomas.get(place.path)).json["server_time"] == 1400
    await place.agent.send(PING, server_name="x", is_server_running="0")
    assert (await thomas.get(place.path)).json["server_time"] == 1000


async def test_weather_that_is_not_told_stays_and_an_empty_one_is_none(test_app: TestApp):
    place = await make_world(test_app)
    await place.agent.send(PING, **UP, is_raining="True", is_thundering="True")
    await place.agent.send(PING, **UP, is_raining="")
    assert (place.now.raining, place.now.thundering) == (False, True)


async def test_commands_are_handed_out_once_and_to_a_world_that_runs(test_app: TestApp):
    place = await make_world(test_app)
    await test_app.core.execute(
        queue_console_command, world_id=place.id, text="/say <Ada> hi", username="Ada"
    )
    await test_app.core.execute(queue_console_command, world_id=place.id, text="list")
    for idle in ({"is_server_running": "false"}, {}):
        assert (await place.agent.send(PING, server_name="x", **idle)).json == {"commands": []}
    both = await asyncio.gather(place.agent.send(PING, **UP), place.agent.send(PING, **UP))
    assert [command for answer in both for command in answer.json["commands"]] == [
        {"username": "Ada", "command": "/say <Ada> hi"},
        {"username": None, "command": "list"},
    ]


async def test_a_world_that_is_not_heard_of_is_in_a_state_that_nobody_knows(test_app: TestApp):
    place = await make_world(test_app)
    await place.agent.send(PING, **UP)
    await test_app.advance(299)
    assert place.now.status is WorldStatus.RUNNING
    await test_app.advance(61)
    assert place.now.status is WorldStatus.UNKNOWN
    await place.agent.send(PING, **UP)
    assert place.now.status is WorldStatus.RUNNING


async def test_a_world_that_is_wanted_and_does_not_come_is_in_a_state_that_nobody_knows(
    test_app: TestApp,
):
    place = await make_world(test_app, hosted=True)
    await test_app.core.execute(start_world, world_id=place.id)
    await test_app.advance(299)
    assert place.now.status is WorldStatus.QUEUED_START
    await test_app.advance(61)
    assert place.now.status is WorldStatus.UNKNOWN and place.now.pending_since is None


async def test_a_line_is_new_once(persistent_test_app: TestApp):
    place = await make_world(persistent_test_app)
    line = {"line": said(), "zone": "UTC"}
    answer = await place.agent.send(LINE, **line)
    assert (answer.status, answer.json) == (201, {})
    answer = await place.agent.send(LINE, line=line["line"], zone="America/Chicago")
    assert (answer.status, answer.json) == (200, {})
    await persistent_test_app.restart()
    assert (await place.agent.send(LINE, **line)).status == 200
    assert await lines_of(place) == [line["line"]]


async def test_of_two_that_send_one_line_at_once_one_is_told_that_it_is_new(
    persistent_test_app: TestApp,
):
    place = await make_world(persistent_test_app)
    answers = await asyncio.gather(
        *(place.agent.send(LINE, line=said(), zone="UTC") for _ in range(5))
    )
    assert sorted(answer.status for answer in answers) == [200, 200, 200, 200, 201]
    assert await lines_of(place) == [said()]


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({}, "zone: This field is required. line: This field is required."),
        ({"line": "", "zone": ""}, "zone: This field is required. line: This field is required."),
        ({"line": " ", "zone": "UTC"}, "line: This field is required."),
        ({"line": "x"}, "zone: This field is required."),
    ],
)
async def test_a_line_needs_a_text_and_a_zone(test_app: TestApp, fields, errors):
    answer = await (await make_world(test_app)).agent.send(LINE, **fields)
    assert (answer.status, answer.json) == (400, {"errors": errors})


@pytest.mark.parametrize(
    "line",
    [
        "2014-02-30 10:00:00 [INFO] <Ada> impossible",
        "0001-01-01 00:00:00 [INFO] <Ada> too old",
        "9999-12-31 23:59:59 [INFO] <Ada> too young",
        "2023-11-14 25:00:00 [INFO] <Ada> no such hour",
        "foo bar [INFO] x",
        "java.lang.NullPointerException: null",
        "2023-11-14 22:13:00 [INFO] <Ada> " + "a" * 501,
        "2023-11-14 22:13:00 [INFO] <Ada> " + "ä" * 10_000,
        "2023-11-14 22:13:00 [INFO] <Ada> \ud83e\udd16 böb 北亰",
        "\x1b[31m[",
    ],
)
async def test_no_line_is_refused_for_what_it_says(test_app: TestApp, line: str):
    line = line.encode("utf-16", "surrogatepass").decode("utf-16")
    place, thomas = await make_world(test_app, "World"), await make_user(test_app)
    assert (await place.agent.send(LINE, line=line, zone="Europe/Berlin")).status == 201
    assert (await place.agent.send(LINE, line=line, zone="America/Chicago")).status == 200
    assert (await thomas.get(place.path)).status == 200


@pytest.mark.parametrize(
    ("body", "media"),
    [
        (b"line=%ba%%00b%%FFc&zone=UTC", FORM),
        (b"line=%ba\0b\xffc&zone=UTC", FORM),
        (b'{"line": "%ba\\u0000b\xffc", "zone": "UTC"}', "application/json"),
        (b'{"line": "%ba\0b\\ud800c", "zone": "UTC"}', "application/json"),
    ],
)
async def test_what_is_no_text_in_a_line_holds_nobody_up(
    test_app: TestApp, body: bytes, media: str
):
    place = await make_world(test_app)
    answer = await place.agent.request("POST", LINE, body % said().encode(), Content_Type=media)
    assert answer.status == 201
    assert await lines_of(place) == [said() + "a\ufffdb\ufffdc"]


async def test_a_zone_nobody_knows_is_utc(test_app: TestApp):
    place = await make_world(test_app)
    assert (await place.agent.send(LINE, line=said(), zone="Middle/Earth")).status == 201
    [line] = await test_app.core.history.lines(LineQuery(place.id), 1)
    assert (line.zone, line.at) == ("UTC", test_app.clock() - 19)


@pytest.mark.parametrize("zone", ["America/Chicago", "UTC", "Asia/Kathmandu"])
async def test_lines_without_a_date_were_written_just_now(test_app: TestApp, zone: str):
    place = await make_world(test_app)
    clock = {"America/Chicago": "16:13:10", "UTC": "22:13:10", "Asia/Kathmandu": "03:58:10"}[zone]
    await place.agent.send(LINE, line=f"[{clock}] [Server thread/INFO]: <Ada> hi", zone=zone)
    [line] = await test_app.core.history.lines(LineQuery(place.id), 1)
    assert (line.at, line.zone, line.chat) == (test_app.clock() - 10, zone, "hi")


async def test_the_last_line_is_the_one_that_was_written_last(test_app: TestApp):
    place = await make_world(test_app)
    assert (await place.agent.get(LAST)).json == {"lastline": None}
    for line in ("no header", said(9), said(3)):
        await place.agent.send(LINE, line=line, zone="UTC")
    answer = await place.agent.get(LAST)
    assert (answer.status, answer.json) == (200, {"lastline": said(9)})


async def test_lines_of_long_ago_change_nothing_of_today(test_app: TestApp):
    place, thomas = await make_world(test_app), await make_user(test_app)
    await place.logs(
        "[16:00:00] [Server thread/INFO]: Ada[/127.0.0.1:5] logged in with entity id 1 at (1, 2, 3)"
    )
    await place.agent.send(PING, **UP)
    before = (await thomas.get(place.path)).json
    for line in (
        "2012-10-07 15:10:00 [INFO] Starting minecraft server version 1.3.2",
        "2012-10-07 15:10:09 [INFO] Ada[/127.0.0.1:5] logged in with entity id 9 at (1.5, 64.0, -2.25)",
        "2012-10-07 15:20:00 [INFO] Ada lost connection: Disconnected",
        "2012-10-07 15:30:00 [INFO] Stopping server",
    ):
        assert (await place.agent.send(LINE, line=line, zone="America/Chicago")).status == 201
    after = (await thomas.get(place.path)).json
    assert (after["status"], after["last_ping"]) == (before["status"], before["last_ping"])
    ada = test_app.core.query(get_visitor, world=place.id, username="Ada")
    assert ada.online and ada.last_login == test_app.clock() - 800


async def test_a_world_of_which_only_an_old_log_is_known_does_not_run(test_app: TestApp):
    place = await make_world(test_app)
    line = "2012-10-07 15:10:00 [INFO] Starting minecraft server version 1.3.2"
    await place.agent.send(LINE, line=line, zone="America/Chicago")
    assert (place.now.status, place.now.version) == (WorldStatus.UNKNOWN, "1.3.2")
    await place.agent.send(
        LINE, line="2023-11-14 22:13:00 [INFO] Starting minecraft server version 1.20", zone="UTC"
    )
    assert (place.now.status, place.now.version) == (WorldStatus.RUNNING, "1.20")
