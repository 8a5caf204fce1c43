"""The samples of COAL's document: each request is sent and its response compared."""

import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from coalserver.core.commands.accounts import create_login_session
from coalserver.core.commands.worlds import record_ping
from coalserver.core.queries.hosting import hosted_worlds
from coalserver.domain.minecraft.hosting.hosted_world import Wanted
from coalserver.domain.minecraft.world import Ping, WorldStatus
from tests.apis.app import Answer, ApiClient, TestApp
from tests.apis.coal.clients import FORM, User, WorldFixture, make_admin, make_user, make_world
from tests.apis.coal.examples import EXAMPLES, Example
from tests.apis.coal.log_lines import chat_line
from tests.apis.hosting import Stage, make_startable, set_stage

#: Additional members of this server: of servers, and of properties.
MORE = {"gce": {"short_name"}, "server_port": {"max_world_size"}}
STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z]{3,4}[-+]\d{4}")
IN_THE_AGENTS_ZONE = ("timestamp", "login_timestamp", "logout_timestamp")
KEY = re.compile(r"[\w-]+", re.ASCII)


def chicago_time(text: str) -> float:
    """Return the timestamp of a local time in Chicago."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/Chicago")).timestamp()


async def make_scene(test_app: TestApp) -> dict[str, str]:
    """Create the worlds and users of the samples and return their keys and tokens."""
    test_app.clock.now = chicago_time("2013-03-04 15:05:52")
    thomas = await make_user(test_app, admin=True, usernames=("gumptionthomas",))
    test_app.clock.advance(1)
    world = await make_world(test_app)
    test_app.clock.advance(60)
    pvp = await make_world(test_app, "My PVP World", hosted=True)
    test_app.clock.advance(60)
    jennifer = await make_user(test_app, "j@gmail.com", nickname="jennifer")
    test_app.clock.advance(60)
    mark = await make_user(
        test_app, "m@gmail.com", nickname="mark", admin=True, usernames=("quazifene",)
    )
    test_app.clock.advance(60)
    inactive = await make_user(
        test_app, "x@gmail.com", nickname="x", active=False, usernames=("vesicular",)
    )
    brave = await make_world(test_app, "Brave New World", hosted=True)
    for user in (thomas, mark, inactive):
        await test_app.core.execute(create_login_session, account_id=user.id)
    await add_history(test_app, world, pvp)
    await make_startable(test_app.core, brave.id)
    await thomas.send(
        brave.path + "/properties",
        version="1.7.4",
        operator="gumptionthomas",
        white_list="true",
        motd="It's a brave new world out there",
        level_seed="",
        generator_settings="",
        resource_pack="",
    )
    player = (await thomas.get(world.path + "/players/gumptionthomas")).json
    sessions = (await thomas.get(world.path + "/players/gumptionthomas/sessions")).json["sessions"]
    keys = {
        name: world.path.rpartition("/")[2]
        for name, world in {"world": world, "pvp": pvp, "brave": brave}.items()
    }
    return {
        **keys,
        "token": thomas.token,
        "jennifer": jennifer.token,
        "inactive": inactive.token,
        "thomas_key": player["user_key"],
        "player": player["key"],
        "session": sessions[-1]["key"],
    }


async def add_history(test_app: TestApp, world: WorldFixture, pvp: WorldFixture) -> None:
    """Add the visits and pings of the samples."""
    test_app.clock.now = chicago_time("2013-04-15 23:00:00")
    await world.write_log("2013-04-13 12:00:00 [INFO] Starting minecraft server version 1.5.1")
    await pvp.write_log("2013-04-13 12:00:00 [INFO] Starting minecraft server version 1.5.1")
    for name, day, login, logout in (
        ("vesicular", "13", "19:48:28", "20:20:19"),
        ("gumptionthomas", "13", "20:50:34", "23:06:00"),
        ("quazifene", "13", "21:21:30", "23:15:11"),
        ("gumptionthomas", "15", "22:31:18", "22:31:42"),
    ):
        await world.write_log(
            f"2013-04-{day} {login} [INFO] {name}[/192.0.2.7:5] logged in with entity id 8 at (1.5, 64.0, -2.25)",
            f"2013-04-{day} {logout} [INFO] {name} lost connection: Disconnected",
        )
    ping = Ping(running=True, day=15744, time=19767, raining=True, thundering=True)
    await test_app.core.execute(record_ping, world_id=world.id, ping=ping)
    ping = Ping(
        running=True,
        address="1.2.3.4:56789",
        day=15223,
        time=14141,
        raining=False,
        thundering=False,
    )
    await test_app.core.execute(record_ping, world_id=pvp.id, ping=ping)


def assert_same_shape(sample: Any, actual: Any, name: str = "") -> None:
    """Check that members, types and formats equal the sample's."""
    assert type(actual) is type(sample), (name, actual)
    if isinstance(sample, dict):
        more = next((added for mark, added in MORE.items() if mark in sample), set())
        assert set(actual) == set(sample) | more
        for member, inner in sample.items():
            assert_same_shape(inner, actual[member], member)
    elif isinstance(sample, list):
        assert bool(actual) is bool(sample), name
        for index, inner in enumerate(actual):
            assert_same_shape(sample[min(index, len(sample) - 1)], inner)
    elif isinstance(sample, str) and STAMP.fullmatch(sample):
        assert STAMP.fullmatch(actual), (name, actual)
        assert actual.endswith("CDT-0500" if name in IN_THE_AGENTS_ZONE else "UTC-0000"), (
            name,
            actual,
        )
    elif name == "key" or name.endswith("_key"):
        assert isinstance(actual, str) and KEY.fullmatch(actual), (name, actual)


async def send_example(
    test_app: TestApp, example: Example, keys: dict[str, str], media: str = FORM
) -> Answer:
    method, _, path = example.request.partition(" ")
    headers = {name: text.format(**keys) for name, text in example.headers.items()}
    if example.body is not None:
        headers["Content_Type"] = media
    return await ApiClient(test_app).request(method, path.format(**keys), example.body, **headers)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
async def test_documented_example_matches(test_app: TestApp, example: Example):
    keys = await make_scene(test_app)
    if "/queue/pause" in example.request:
        (brave,) = (world for world in test_app.core.query(hosted_worlds) if "Brave" in world.name)
        stage = Stage(WorldStatus.RUNNING, Wanted.PLAY)
        await test_app.core.execute(set_stage, world_id=brave.id, stage=stage)
    answer = await send_example(test_app, example, keys)
    assert answer.status == example.status, answer.raw
    if example.answer is None:
        assert answer.raw == b""
        return
    assert answer.headers["Content-Type"].startswith("application/json")
    rows = [(example.answer, answer.json)]
    if example.echoes and len(example.answer) == 1:
        (name,) = example.answer
        rows = list(zip(example.answer[name], answer.json[name], strict=False))
    assert_same_shape(example.answer, answer.json)
    for sample, actual in rows:
        for member in example.echoes:
            assert actual[member] == sample[member], member


async def test_last_session_of_a_player_is_the_newest(test_app: TestApp):
    keys = await make_scene(test_app)
    thomas = ApiClient(test_app, keys["token"])
    players = (await thomas.get(f"/api/v1/servers/{keys['world']}/players")).json["players"]
    durations = {player["username"]: player["last_session_duration"] for player in players}
    assert durations == {"gumptionthomas": 24, "quazifene": 6821, "vesicular": 1911}


@pytest.mark.parametrize("media", ["", "application/json"])
@pytest.mark.parametrize(
    "example",
    [example for example in EXAMPLES if example.body and example.status < 300],
    ids=lambda example: example.name,
)
async def test_body_can_be_json_or_a_form_without_content_type(
    test_app: TestApp, example: Example, media: str
):
    keys = await make_scene(test_app)
    body = example.body or b""
    if media:
        pairs = (pair.split("=") for pair in body.decode().split("&"))
        body = (
            repr({name: text.replace("+", " ") for name, text in pairs}).replace("'", '"').encode()
        )
    variant = Example(example.request, example.status, body=body)
    answer = await send_example(test_app, variant, keys, media)
    assert answer.status == example.status, answer.raw
    assert_same_shape(example.answer, answer.json)


async def make_list(test_app: TestApp, root: User, name: str) -> str:
    """Create eight entries of a list and return the path of the list."""
    if name == "users":
        for number in range(7):
            await make_user(test_app, f"{number}@gmail.com")
        return "/api/v1/users"
    world = await make_world(test_app)
    if name == "servers":
        for _ in range(7):
            await make_world(test_app)
        return "/api/v1/servers"
    for number in range(8):
        line = chat_line("12:00:00", f"bob{number}", "hi")
        if name == "sessions":
            line = line.replace(f"<bob{number}> hi", f"bob{number} joined the game")
        await world.write_log(line)
    return f"{world.path}/{name}"


@pytest.mark.parametrize("name", ["users", "servers", "players", "sessions"])
async def test_list_continues_at_its_cursor(test_app: TestApp, name: str):
    root = await make_admin(test_app)
    path = await make_list(test_app, root, name)
    first = (await root.get(path + "?size=5")).json
    assert set(first) == {name, "cursor"} and len(first[name]) == 5
    assert isinstance(first["cursor"], str) and KEY.fullmatch(first["cursor"])
    second = (await root.get(f"{path}?size=5&cursor={first['cursor']}")).json
    assert set(second) == {name} and len(second[name]) == 3
    whole = (await root.get(path)).json
    assert whole == {name: first[name] + second[name]}
    assert set((await root.get(path + "?size=8")).json) == {name}
