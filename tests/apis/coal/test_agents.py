"""Agents: pings, single log lines and console commands."""

import asyncio
import json

import pytest

from coalserver.core.commands.oauth import create_agent_client, issue_agent_tokens
from coalserver.core.commands.worlds import archive_world, queue_console_command
from coalserver.core.ingest import ingest_lines
from coalserver.core.ports import LineQuery
from coalserver.core.queries.worlds import get_visitor
from coalserver.domain.minecraft.log.dates import LiveDates
from coalserver.domain.minecraft.log.parser import parse_line
from coalserver.domain.minecraft.world import AgentFinding, WorldStatus
from tests.apis.app import TestApp
from tests.apis.coal.clients import FORM, User, WorldFixture, make_user, make_world

PING, LINE, LAST = (f"/api/v1/agents/{name}" for name in ("ping", "logline", "lastline"))
UP = {"server_name": "coal.example.org", "is_server_running": "True"}


def chat_line(second: int = 1) -> str:
    return f"2023-11-14 22:13:0{second} [INFO] <Ada> hi"


async def lines_of(world: WorldFixture) -> list[str]:
    """Return the lines of a world that have a time, newest first."""
    found = await world.test_app.core.history.lines(LineQuery(world.id), 100)
    return [line.line for line in found]


@pytest.mark.parametrize(
    ("method", "path"), [("POST", PING), ("POST", LINE), ("POST", LINE + "s"), ("GET", LAST)]
)
async def test_agent_routes_accept_only_the_agent_of_an_active_world(
    test_app: TestApp, method, path
):
    world, thomas = await make_world(test_app), await make_user(test_app)
    for client in (test_app.anonymous, thomas):
        answer = await client.request(method, path)
        assert answer.status == 401 and answer.headers["WWW-Authenticate"]
    assert (await world.agent.get("/api/v1/users")).status == 401
    await test_app.core.execute(archive_world, world_id=world.id)
    answer = await world.agent.request(method, path)
    assert (answer.status, answer.raw) == (404, b"")


@pytest.mark.parametrize(("path", "allowed"), [(PING, "POST"), (LINE, "POST"), (LAST, "GET")])
async def test_wrong_method_is_405_with_allow(test_app: TestApp, path, allowed):
    answer = await (await make_world(test_app)).agent.request("DELETE", path)
    assert answer.status == 405 and allowed in answer.headers["Allow"]


async def test_ping_updates_the_state_of_the_world(test_app: TestApp):
    world, thomas = await make_world(test_app), await make_user(test_app)
    fields = {
        **UP, "server_day": "10", "server_time": "1000", "is_raining": "True", "is_thundering": "False",
        "num_overloads": "2", "ms_behind": "4000", "skipped_ticks": "80", "address": "1.2.3.4:25566",
        "timestamp": "2023-11-14 22:13:20",
    }  # fmt: skip
    answer = await world.agent.send(PING, **fields)
    assert (answer.status, answer.json) == (200, {"commands": []})
    shown = (await thomas.get(world.path)).json
    assert (shown["status"], shown["address"]) == ("RUNNING", "1.2.3.4:25566")
    assert (shown["server_day"], shown["server_time"]) == (10, 1000)
    assert (shown["is_raining"], shown["is_thundering"]) == (True, False)
    assert shown["last_ping"] == "2023-11-14 22:13:20 UTC-0000"
    assert (world.current.overloads, world.current.behind, world.current.skipped) == (2, 4000, 80)


@pytest.mark.parametrize(
    ("running", "status"),
    [("True", "running"), ("False", "stopped"), ("", "stopped"), (None, "unknown")],
)
async def test_ping_sets_the_status_of_the_world(test_app: TestApp, running, status):
    world = await make_world(test_app)
    more = {} if running is None else {"is_server_running": running}
    await world.agent.send(PING, **UP)
    await world.agent.send(PING, server_name="x", **more)
    assert world.current.status == status


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
async def test_invalid_ping_is_rejected(test_app: TestApp, fields, errors):
    answer = await (await make_world(test_app)).agent.send(PING, **fields)
    assert (answer.status, answer.json) == (400, {"errors": errors})


async def test_findings_of_a_ping_are_kept_until_the_next(persistent_test_app: TestApp):
    world = await make_world(persistent_test_app)
    found = {"code": "log_missing", "detail": "../x\ny", "text": "No log."}
    await world.agent.send(PING, **UP, findings=json.dumps([found]))
    expected = (AgentFinding("log_missing", "../x y", "No log."),)
    assert world.current.findings == expected
    await persistent_test_app.restart()
    assert world.current.findings == expected
    long = {"code": "zone", "detail": "x" * 1000}
    await world.agent.post(PING, {**UP, "findings": [long]})
    assert world.current.findings == (AgentFinding("zone", "x" * 300),)
    await world.agent.send(PING, **UP)
    assert world.current.findings == ()


@pytest.mark.parametrize(
    "findings", ["x", "{}", "[1]", '[{"code": "A B"}]', '[{"code": "a", "detail": 1}]', "[{}]" * 9, 5,
                 json.dumps([{"code": "a"}] * 21), "[" * 5000],
)  # fmt: skip
async def test_invalid_findings_are_rejected(test_app: TestApp, findings):
    world = await make_world(test_app)
    answer = await world.agent.post(PING, {**UP, "findings": findings})
    assert answer.status == 400 and answer.json["errors"].startswith("findings: ")


async def test_commands_are_repeated_until_acknowledged(persistent_test_app: TestApp):
    world = await make_world(persistent_test_app)
    for text in ("/say a", "/say b"):
        await persistent_test_app.core.execute(queue_console_command, world_id=world.id, text=text)
    body = {"server_name": "x", "is_server_running": True, "commands_after": 0}
    lost = (await world.agent.post(PING, body)).json["commands"]
    assert [(one["username"], one["command"]) for one in lost] == [
        (None, "/say a"),
        (None, "/say b"),
    ]
    await persistent_test_app.restart()
    assert (await world.agent.post(PING, body)).json["commands"] == lost
    body["commands_after"] = lost[0]["id"]
    assert (await world.agent.post(PING, body)).json["commands"] == lost[1:]
    body["commands_after"] = lost[1]["id"]
    assert (await world.agent.post(PING, body)).json["commands"] == []


async def test_ping_can_be_json(test_app: TestApp):
    world = await make_world(test_app)
    answer = await world.agent.post(
        PING, {"server_name": "x", "is_server_running": True, "server_day": 3}
    )
    assert (
        answer.status == 200
        and world.current.status is WorldStatus.RUNNING
        and world.current.day == 3
    )


async def test_last_ping_is_saved_once_a_minute(test_app: TestApp):
    world = await make_world(test_app)
    first = test_app.clock()
    for seconds, noted in ((0, first), (30, first), (31, first + 61)):
        test_app.clock.advance(seconds)
        await world.agent.send(PING, **UP)
        assert world.current.last_ping == noted


async def test_world_time_advances_while_the_world_runs(test_app: TestApp):
    world, thomas = await make_world(test_app), await make_user(test_app)
    await world.agent.send(PING, **UP, server_day="2", server_time="1000")
    test_app.clock.advance(1220)
    shown = (await thomas.get(world.path)).json
    assert (shown["server_day"], shown["server_time"]) == (2, (1000 + 20 * 1220) % 24000)
    # An unchanged time does not restart the clock of the world.
    await world.agent.send(PING, **UP, server_day="2", server_time="1000")
    assert (await thomas.get(world.path)).json["server_time"] == 1400
    await world.agent.send(PING, server_name="x", is_server_running="0")
    assert (await thomas.get(world.path)).json["server_time"] == 1000


async def test_omitted_weather_is_unchanged_and_empty_weather_is_cleared(test_app: TestApp):
    world = await make_world(test_app)
    await world.agent.send(PING, **UP, is_raining="True", is_thundering="True")
    await world.agent.send(PING, **UP, is_raining="")
    assert (world.current.raining, world.current.thundering) == (False, True)


async def test_commands_are_delivered_once_and_only_to_a_running_world(test_app: TestApp):
    world = await make_world(test_app)
    await test_app.core.execute(
        queue_console_command, world_id=world.id, text="/say <Ada> hi", username="Ada"
    )
    await test_app.core.execute(queue_console_command, world_id=world.id, text="list")
    for idle in ({"is_server_running": "false"}, {}):
        assert (await world.agent.send(PING, server_name="x", **idle)).json == {"commands": []}
    both = await asyncio.gather(world.agent.send(PING, **UP), world.agent.send(PING, **UP))
    assert [command for answer in both for command in answer.json["commands"]] == [
        {"username": "Ada", "command": "/say <Ada> hi"},
        {"username": None, "command": "list"},
    ]


async def test_silent_world_becomes_unknown(test_app: TestApp):
    world = await make_world(test_app)
    await world.agent.send(PING, **UP)
    await test_app.advance(299)
    assert world.current.status is WorldStatus.RUNNING
    await test_app.advance(61)
    assert world.current.status is WorldStatus.UNKNOWN
    await world.agent.send(PING, **UP)
    assert world.current.status is WorldStatus.RUNNING


async def test_hosted_world_has_no_agent(test_app: TestApp):
    """A token that its agent was given before the world's hosting exists no longer works either."""
    world = await make_world(test_app, hosted=True)
    shown = await test_app.core.execute(create_agent_client, world_id=world.id)
    issued = await test_app.core.execute(issue_agent_tokens, client=shown.client.id)
    agent = User(test_app, issued.access)
    for path, fields in ((PING, {"is_server_running": "true"}), (LINE, {"line": chat_line()})):
        answer = await agent.send(path, **fields)
        assert (answer.status, answer.json) == (400, {"errors": "This server runs it itself."})
    assert world.current.last_ping is None


async def test_repeated_line_is_200_and_new_line_201(persistent_test_app: TestApp):
    world = await make_world(persistent_test_app)
    line = {"line": chat_line(), "zone": "UTC"}
    answer = await world.agent.send(LINE, **line)
    assert (answer.status, answer.json) == (201, {})
    answer = await world.agent.send(LINE, line=line["line"], zone="America/Chicago")
    assert (answer.status, answer.json) == (200, {})
    await persistent_test_app.restart()
    assert (await world.agent.send(LINE, **line)).status == 200
    assert await lines_of(world) == [line["line"]]


async def test_concurrent_equal_lines_are_stored_once(
    persistent_test_app: TestApp,
):
    world = await make_world(persistent_test_app)
    answers = await asyncio.gather(
        *(world.agent.send(LINE, line=chat_line(), zone="UTC") for _ in range(5))
    )
    assert sorted(answer.status for answer in answers) == [200, 200, 200, 200, 201]
    assert await lines_of(world) == [chat_line()]


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({}, "zone: This field is required. line: This field is required."),
        ({"line": "", "zone": ""}, "zone: This field is required. line: This field is required."),
        ({"line": " ", "zone": "UTC"}, "line: This field is required."),
        ({"line": "x"}, "zone: This field is required."),
    ],
)
async def test_line_without_text_or_zone_is_rejected(test_app: TestApp, fields, errors):
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
async def test_line_with_any_content_is_accepted(test_app: TestApp, line: str):
    line = line.encode("utf-16", "surrogatepass").decode("utf-16")
    world, thomas = await make_world(test_app, "World"), await make_user(test_app)
    assert (await world.agent.send(LINE, line=line, zone="Europe/Berlin")).status == 201
    assert (await world.agent.send(LINE, line=line, zone="America/Chicago")).status == 200
    assert (await thomas.get(world.path)).status == 200


@pytest.mark.parametrize(
    ("body", "media"),
    [
        (b"line=%ba%%00b%%FFc&zone=UTC", FORM),
        (b"line=%ba\0b\xffc&zone=UTC", FORM),
        (b'{"line": "%ba\\u0000b\xffc", "zone": "UTC"}', "application/json"),
        (b'{"line": "%ba\0b\\ud800c", "zone": "UTC"}', "application/json"),
    ],
)
async def test_invalid_characters_in_a_line_are_replaced(
    test_app: TestApp, body: bytes, media: str
):
    world = await make_world(test_app)
    answer = await world.agent.request(
        "POST", LINE, body % chat_line().encode(), Content_Type=media
    )
    assert answer.status == 201
    assert await lines_of(world) == [chat_line() + "a\ufffdb\ufffdc"]


async def test_unknown_zone_is_treated_as_utc(test_app: TestApp):
    world = await make_world(test_app)
    assert (await world.agent.send(LINE, line=chat_line(), zone="Middle/Earth")).status == 201
    [line] = await test_app.core.history.lines(LineQuery(world.id), 1)
    assert (line.zone, line.at) == ("UTC", test_app.clock() - 19)


@pytest.mark.parametrize("zone", ["America/Chicago", "UTC", "Asia/Kathmandu"])
async def test_line_without_date_gets_the_present_day(test_app: TestApp, zone: str):
    world = await make_world(test_app)
    clock = {"America/Chicago": "16:13:10", "UTC": "22:13:10", "Asia/Kathmandu": "03:58:10"}[zone]
    await world.agent.send(LINE, line=f"[{clock}] [Server thread/INFO]: <Ada> hi", zone=zone)
    [line] = await test_app.core.history.lines(LineQuery(world.id), 1)
    assert (line.at, line.zone, line.chat) == (test_app.clock() - 10, zone, "hi")


async def test_lastline_returns_the_line_with_the_latest_time(test_app: TestApp):
    world = await make_world(test_app)
    assert (await world.agent.get(LAST)).json == {"lastline": None}
    for line in ("no header", chat_line(9), chat_line(3)):
        await world.agent.send(LINE, line=line, zone="UTC")
    answer = await world.agent.get(LAST)
    assert (answer.status, answer.json) == (200, {"lastline": chat_line(9)})


def misread(text: str) -> str:
    """Return a text in UTF-8 as the original agent reads it."""
    return text.encode().decode("iso-8859-2")


@pytest.mark.parametrize("text", ["señor ação très ålø", "žluťoučký", "日本 🐎", "ÃŸ"])
async def test_utf_8_read_as_latin_2_by_the_original_agent_is_repaired(
    persistent_test_app: TestApp, text: str
):
    world = await make_world(persistent_test_app)
    line = f"{chat_line()} {text}"
    assert (await world.agent.send(LINE, line=misread(line), zone="UTC")).status == 201
    assert await lines_of(world) == [line]
    await persistent_test_app.restart()
    assert (await world.agent.send(LINE, line=misread(line), zone="UTC")).status == 200
    # The agent looks for the last line in its log, as it reads it.
    assert (await world.agent.get(LAST)).json == {"lastline": misread(line)}


@pytest.mark.parametrize("text", ["señor", "žluťoučký", "日本 🐎", "Ă", "plain"])
async def test_text_that_was_read_correctly_is_kept(test_app: TestApp, text: str):
    world = await make_world(test_app)
    line = f"{chat_line()} {text}"
    await world.agent.send(LINE, line=line, zone="UTC")
    assert await lines_of(world) == [line]
    assert (await world.agent.get(LAST)).json == {"lastline": line}


async def test_line_stored_garbled_by_an_earlier_version_is_not_stored_again(test_app: TestApp):
    world = await make_world(test_app)
    garbled = misread(f"{chat_line()} señor")
    parsed = parse_line(garbled, LiveDates.from_time(test_app.clock(), "UTC"))
    await ingest_lines(test_app.core, world_id=world.id, parsed_lines=[parsed])
    assert (await world.agent.send(LINE, line=garbled, zone="UTC")).status == 200
    assert await lines_of(world) == [garbled]


async def test_old_lines_leave_the_present_state_unchanged(test_app: TestApp):
    world, thomas = await make_world(test_app), await make_user(test_app)
    await world.write_log(
        "[16:00:00] [Server thread/INFO]: Ada[/127.0.0.1:5] logged in with entity id 1 at (1, 2, 3)"
    )
    await world.agent.send(PING, **UP)
    before = (await thomas.get(world.path)).json
    for line in (
        "2012-10-07 15:10:00 [INFO] Starting minecraft server version 1.3.2",
        "2012-10-07 15:10:09 [INFO] Ada[/127.0.0.1:5] logged in with entity id 9 at (1.5, 64.0, -2.25)",
        "2012-10-07 15:20:00 [INFO] Ada lost connection: Disconnected",
        "2012-10-07 15:30:00 [INFO] Stopping server",
    ):
        assert (await world.agent.send(LINE, line=line, zone="America/Chicago")).status == 201
    after = (await thomas.get(world.path)).json
    assert (after["status"], after["last_ping"]) == (before["status"], before["last_ping"])
    ada = test_app.core.query(get_visitor, world=world.id, username="Ada")
    assert ada.online and ada.last_login == test_app.clock() - 800


async def test_old_start_line_sets_the_version_but_not_the_status(test_app: TestApp):
    world = await make_world(test_app)
    line = "2012-10-07 15:10:00 [INFO] Starting minecraft server version 1.3.2"
    await world.agent.send(LINE, line=line, zone="America/Chicago")
    assert (world.current.status, world.current.version) == (WorldStatus.UNKNOWN, "1.3.2")
    await world.agent.send(
        LINE, line="2023-11-14 22:13:00 [INFO] Starting minecraft server version 1.20", zone="UTC"
    )
    assert (world.current.status, world.current.version) == (WorldStatus.RUNNING, "1.20")
