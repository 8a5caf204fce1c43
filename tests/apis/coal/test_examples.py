"""COAL's document as a table: each of its samples is asked, and answered in that form."""

import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from coalserver.core.commands.accounts import create_login_session
from coalserver.core.commands.worlds import record_ping
from coalserver.domain.minecraft.world import Ping
from tests.apis.app import Answer, ApiClient, TestApp
from tests.apis.coal.clients import FORM, User, WorldFixture, make_admin, make_user, make_world
from tests.apis.coal.examples import EXAMPLES, Example
from tests.apis.coal.log_lines import said

#: Members that ours have besides: of a server, and of properties.
MORE = {"gce": {"short_name"}, "server_port": {"max_world_size"}}
STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z]{3,4}[-+]\d{4}")
IN_THE_AGENTS_ZONE = ("timestamp", "login_timestamp", "logout_timestamp")
KEY = re.compile(r"[\w-]+", re.ASCII)


def at(text: str) -> float:
    """A time in Chicago."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/Chicago")).timestamp()


async def scene(test_app: TestApp) -> dict[str, str]:
    """The world of the samples, and the keys of what is in it."""
    test_app.clock.now = at("2013-03-04 15:05:52")
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
    await lived_in(test_app, world, pvp)
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
        name: place.path.rpartition("/")[2]
        for name, place in {"world": world, "pvp": pvp, "brave": brave}.items()
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


async def lived_in(test_app: TestApp, world: WorldFixture, pvp: WorldFixture) -> None:
    """Thomas, Mark and somebody else have played, and the agents have told of it."""
    test_app.clock.now = at("2013-04-15 23:00:00")
    await world.logs("2013-04-13 12:00:00 [INFO] Starting minecraft server version 1.5.1")
    await pvp.logs("2013-04-13 12:00:00 [INFO] Starting minecraft server version 1.5.1")
    for name, day, came, left in (
        ("vesicular", "13", "19:48:28", "20:20:19"),
        ("gumptionthomas", "13", "20:50:34", "23:06:00"),
        ("quazifene", "13", "21:21:30", "23:15:11"),
        ("gumptionthomas", "15", "22:31:18", "22:31:42"),
    ):
        await world.logs(
            f"2013-04-{day} {came} [INFO] {name}[/192.0.2.7:5] logged in with entity id 8 at (1.5, 64.0, -2.25)",
            f"2013-04-{day} {left} [INFO] {name} lost connection: Disconnected",
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


def alike(sample: Any, given: Any, name: str = "") -> None:
    """Members, types and formats are the sample's."""
    assert type(given) is type(sample), (name, given)
    if isinstance(sample, dict):
        more = next((added for mark, added in MORE.items() if mark in sample), set())
        assert set(given) == set(sample) | more
        for member, inner in sample.items():
            alike(inner, given[member], member)
    elif isinstance(sample, list):
        assert bool(given) is bool(sample), name
        for index, inner in enumerate(given):
            alike(sample[min(index, len(sample) - 1)], inner)
    elif isinstance(sample, str) and STAMP.fullmatch(sample):
        assert STAMP.fullmatch(given), (name, given)
        assert given.endswith("CDT-0500" if name in IN_THE_AGENTS_ZONE else "UTC-0000"), (
            name,
            given,
        )
    elif name == "key" or name.endswith("_key"):
        assert isinstance(given, str) and KEY.fullmatch(given), (name, given)


async def asked(
    test_app: TestApp, example: Example, keys: dict[str, str], media: str = FORM
) -> Answer:
    method, _, path = example.asks.partition(" ")
    headers = {name: text.format(**keys) for name, text in example.headers.items()}
    if example.body is not None:
        headers["Content_Type"] = media
    return await ApiClient(test_app).request(method, path.format(**keys), example.body, **headers)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
async def test_documented_example_matches(test_app: TestApp, example: Example):
    keys = await scene(test_app)
    answer = await asked(test_app, example, keys)
    assert answer.status == example.status, answer.raw
    if example.answer is None:
        assert answer.raw == b""
        return
    assert answer.headers["Content-Type"].startswith("application/json")
    rows = [(example.answer, answer.json)]
    if example.echoes and len(example.answer) == 1:
        (name,) = example.answer
        rows = list(zip(example.answer[name], answer.json[name], strict=False))
    alike(example.answer, answer.json)
    for sample, given in rows:
        for member in example.echoes:
            assert given[member] == sample[member], member


async def test_last_session_of_a_player_is_the_newest(test_app: TestApp):
    keys = await scene(test_app)
    thomas = ApiClient(test_app, keys["token"])
    players = (await thomas.get(f"/api/v1/servers/{keys['world']}/players")).json["players"]
    told = {player["username"]: player["last_session_duration"] for player in players}
    assert told == {"gumptionthomas": 24, "quazifene": 6821, "vesicular": 1911}


@pytest.mark.parametrize("media", ["", "application/json"])
@pytest.mark.parametrize(
    "example",
    [one for one in EXAMPLES if one.body and one.status < 300],
    ids=lambda example: example.name,
)
async def test_body_can_be_json_or_a_form_without_content_type(
    test_app: TestApp, example: Example, media: str
):
    keys = await scene(test_app)
    body = example.body or b""
    if media:
        pairs = (pair.split("=") for pair in body.decode().split("&"))
        body = (
            repr({name: text.replace("+", " ") for name, text in pairs}).replace("'", '"').encode()
        )
    like = Example(example.asks, example.status, body=body)
    answer = await asked(test_app, like, keys, media)
    assert answer.status == example.status, answer.raw
    alike(example.answer, answer.json)


async def make_list(test_app: TestApp, root: User, name: str) -> str:
    """Eight of something; gives where they are listed."""
    if name == "users":
        for number in range(7):
            await make_user(test_app, f"{number}@gmail.com")
        return "/api/v1/users"
    place = await make_world(test_app)
    if name == "servers":
        for _ in range(7):
            await make_world(test_app)
        return "/api/v1/servers"
    for number in range(8):
        line = said("12:00:00", f"bob{number}", "hi")
        if name == "sessions":
            line = line.replace(f"<bob{number}> hi", f"bob{number} joined the game")
        await place.logs(line)
    return f"{place.path}/{name}"


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
