"""Lists of chats, deaths, achievements and log lines."""

from typing import Any

import pytest

from coalserver.core.commands.claims import set_usernames
from coalserver.core.commands.worlds import archive_world
from tests.apis.app import TestApp
from tests.apis.coal.clients import User, WorldFixture, make_admin, make_world
from tests.apis.coal.log_lines import AT, chat_line, log_line, login_line, logout_line, start_line

LISTS = ("chats", "deaths", "achievements", "loglines")
ROW = {
    "key",
    "server_key",
    "username",
    "player_key",
    "user_key",
    "timestamp",
    "line",
    "created",
    "updated",
}
MEMBERS = {
    "chats": ROW | {"chat"},
    "deaths": ROW | {"message"},
    "achievements": ROW | {"name", "message"},
    "loglines": ROW | {"log_level", "ip", "port", "location", "chat", "tags"},
}
EARNED = "bob has just earned the achievement [Taking Inventory]"


async def rows(user: User, path: str) -> list[dict[str, Any]]:
    answer = await user.get(path)
    assert answer.status == 200, answer.raw
    (found,) = (value for name, value in answer.json.items() if name != "cursor")
    return found  # type: ignore[no-any-return]


async def test_each_list_has_its_lines_and_members(thomas: User, world: WorldFixture):
    await world.write_log(
        chat_line("10:00:00", "bob", "hi"),
        log_line("10:00:01", "bob drowned"),
        log_line("10:00:02", EARNED),
        log_line("10:00:03", "Preparing spawn area: 1%"),
    )
    for name in LISTS:
        found = await rows(thomas, f"{world.path}/{name}")
        assert len(found) == (4 if name == "loglines" else 1)
        assert all(set(row) == MEMBERS[name] for row in found)
    (chat,), (death,) = (
        await rows(thomas, world.path + "/chats"),
        await rows(thomas, world.path + "/deaths"),
    )
    assert (chat["chat"], death["message"]) == ("hi", "drowned")
    assert (
        chat["timestamp"] == "2013-04-13 10:00:00 CDT-0500"
        and chat["created"] == "2013-04-14 05:00:00 UTC-0000"
    )


@pytest.mark.parametrize(
    "text",
    [
        "has made the advancement [Stone Age]",
        "has reached the goal [Stone Age]",
        "has completed the challenge [Stone Age]",
        "has just earned the achievement [Stone Age]",
    ],
)
async def test_advancements_are_listed_as_achievements(
    thomas: User, world: WorldFixture, text: str
):
    await world.write_log(log_line("10:00:00", "bob " + text))
    (row,) = await rows(thomas, world.path + "/achievements?q=stone")
    assert (row["name"], row["message"], row["username"]) == ("Stone Age", text, "bob")


async def test_login_line_has_address_and_location(thomas: User, world: WorldFixture):
    await world.write_log(login_line("10:00:00", "bob"), logout_line("10:01:00", "bob"))
    logout, login = await rows(thomas, world.path + "/loglines")
    assert login["tags"] == ["timestamp", "connection", "login"] and logout["tags"][-1] == "logout"
    assert (login["ip"], login["port"], login["log_level"]) == ("192.0.2.7", "52142", "INFO")
    assert login["location"] == {"x": 1.5, "y": 64.0, "z": -2.25} and logout["location"] is None


async def test_user_key_of_a_line_follows_the_claims(
    test_app: TestApp, thomas: User, world: WorldFixture
):
    await world.write_log(chat_line("10:00:00", "bob", "hi"))
    (row,) = await rows(thomas, world.path + "/chats")
    assert row["player_key"] and row["user_key"] is None
    await test_app.core.execute(set_usernames, account_id=thomas.id, usernames=("bob",))
    (row,) = await rows(thomas, world.path + "/chats")
    assert row["user_key"] == (await thomas.get("/api/v1/users/self")).json["key"]


async def test_console_chat_belongs_to_no_player(thomas: User, world: WorldFixture):
    await world.write_log(
        log_line("10:00:00", "[Server] hello all"),
        log_line("10:00:01", "[Server] <t@gmail.com> hi"),
    )
    site, console = await rows(thomas, world.path + "/chats")
    assert console["username"] is console["player_key"] is console["user_key"] is None
    assert (site["chat"], site["player_key"]) == ("hi", None)


async def test_lists_of_a_player_have_only_their_lines(thomas: User, world: WorldFixture):
    for name in ("bob", "Bob", "eve"):
        await world.write_log(
            chat_line("10:00:00", name, "hi"),
            log_line("10:00:01", name + " drowned"),
            log_line("10:00:02", EARNED.replace("bob", name)),
            login_line("10:00:03", name),
        )
    key = next(
        player
        for player in await rows(thomas, world.path + "/players")
        if player["username"] == "Bob"
    )["key"]
    for name in LISTS:
        for player in ("Bob", key):
            found = await rows(thomas, f"{world.path}/players/{player}/{name}")
            assert {row["username"] for row in found} == {"Bob"}
            assert len(found) == (4 if name == "loglines" else 1)
        assert (await thomas.get(f"{world.path}/players/nobody/{name}")).status == 404
    assert await rows(thomas, f"{world.path}/players/eve/chats?q=bye") == []


@pytest.mark.parametrize("name", LISTS)
async def test_line_key_is_found_only_in_lists_of_its_line(
    test_app: TestApp, thomas: User, world: WorldFixture, name: str
):
    other = await make_world(test_app, "Other")
    for world_with_lines in (world, other):
        await world_with_lines.write_log(
            chat_line("10:00:00", "bob", "hi"),
            log_line("10:00:01", "bob drowned"),
            log_line("10:00:02", EARNED),
        )
    keys = {each: (await rows(thomas, f"{world.path}/{each}"))[0]["key"] for each in LISTS[:3]}
    for each, key in keys.items():
        answer = await thomas.get(f"{world.path}/{name}/{key}")
        assert answer.status == (200 if name in (each, "loglines") else 404)
        assert answer.status == 200 or answer.raw == b""
        assert (await thomas.get(f"{other.path}/{name}/{key}")).status == 404
    player = (await rows(thomas, world.path + "/players"))[0]["key"]
    self_key = (await thomas.get("/api/v1/users/self")).json["key"]
    for key in (player, self_key, world.path.rpartition("/")[2], "x", "0", "1", "%00"):
        assert (await thomas.get(f"{world.path}/{name}/{key}")).status == 404


async def test_line_key_is_not_found_among_other_kinds(thomas: User, world: WorldFixture):
    await world.write_log(chat_line("10:00:00", "bob", "hi"))
    (row,) = await rows(thomas, world.path + "/chats")
    for path in (
        "/api/v1/users/",
        "/api/v1/servers/",
        f"{world.path}/players/",
        f"{world.path}/sessions/",
    ):
        answer = await thomas.get(path + row["key"])
        assert (answer.status, answer.raw) == (404, b"")


async def test_tag_filters_lines(thomas: User, world: WorldFixture):
    await world.write_log(
        start_line("09:00:00"), login_line("10:00:00", "bob"), chat_line("10:01:00", "bob", "hi")
    )
    for tag, count in {
        "login": 1,
        "chat": 1,
        "server": 1,
        "timestamp": 3,
        "": 3,
        "nothing": 0,
        "%00%ff'": 0,
    }.items():
        assert len(await rows(thomas, f"{world.path}/loglines?tag={tag}")) == count, tag
    assert len(await rows(thomas, world.path + "/players/bob/loglines?tag=connection")) == 1
    assert await rows(thomas, world.path + "/loglines?tag=chat&q=logged") == []


async def test_line_without_time_is_found_only_by_search(thomas: User, world: WorldFixture):
    await world.write_log("java.lang.NullPointerException: null", "\tat net.minecraft.World.tick")
    assert await rows(thomas, world.path + "/loglines") == []
    found = await rows(thomas, world.path + "/loglines?q=java.lang.NullPointerException")
    assert [row["timestamp"] for row in found] == [None] and found[0]["tags"] == ["unknown"]
    first = (await thomas.get(f"{world.path}/loglines/{found[0]['key']}")).json
    assert first == found[0]


@pytest.mark.parametrize(
    ("bounds", "texts"),
    [
        ("since=2013-04-13+15:00:01", "cb"),
        ("before=2013-04-13+15:00:01", "a"),
        ("since=2013-04-13+15:00:01&before=2013-04-13+15:00:02", "b"),
        ("since=2013-04-13+15:00:01&before=2013-04-13+15:00:01", ""),
        ("since=&before=&q=", "cba"),
        ("since=2013-04-13+15:00:01&q=b", "b"),
    ],
)
async def test_since_is_inclusive_and_before_exclusive(
    thomas: User, world: WorldFixture, bounds: str, texts: str
):
    await world.write_log(
        *(chat_line(f"10:00:0{second}", "bob", text) for second, text in enumerate("abc"))
    )
    for path in (world.path, world.path + "/players/bob"):
        assert "".join(row["chat"] for row in await rows(thomas, f"{path}/chats?{bounds}")) == texts


@pytest.mark.parametrize("name", LISTS)
async def test_invalid_parameters_are_400_also_in_an_unknown_world(thomas: User, name: str):
    for path in (f"/api/v1/servers/nothing/{name}", f"/api/v1/servers/nothing/players/x/{name}"):
        answer = await thomas.get(path + "?size=0&since=x&cursor=!")
        assert answer.status == 400
        assert answer.json["errors"] == (
            "size: Number must be between 1 and 50. since: Not a valid datetime value."
        )
        assert (await thomas.get(path)).status == 404


@pytest.mark.parametrize("query", ["", "&q=word", "&tag=chat"])
@pytest.mark.parametrize("player_path", ["", "/players/bob"])
async def test_pages_are_stable_while_older_and_newer_lines_arrive(
    thomas: User, world: WorldFixture, query: str, player_path: str
):
    path = f"{world.path}{player_path}/loglines?size=10{query}"
    await world.write_log(
        *(chat_line(f"10:{minute}:00", "bob", f"word {minute}") for minute in range(20, 45))
    )
    first = (await thomas.get(path)).json
    await world.write_log(
        *(chat_line(f"12:{minute}:00", "bob", f"word {minute}") for minute in range(10, 20))
    )
    await world.write_log(
        *(chat_line(f"09:{minute}:00", "bob", f"word {minute}") for minute in range(10, 20))
    )
    second = (await thomas.get(f"{path}&cursor={first['cursor']}")).json
    third = (await thomas.get(f"{path}&cursor={second['cursor']}")).json
    times = [row["line"][11:16] for page in (first, second, third) for row in page["loglines"]]
    assert times == [f"10:{minute}" for minute in range(44, 19, -1)] + [
        f"09:{minute}" for minute in range(19, 14, -1)
    ]
    assert "cursor" in third


async def test_search_results_are_paged_until_the_last_page(thomas: User, world: WorldFixture):
    await world.write_log(
        *(chat_line(f"10:{minute}:00", "bob", "needle") for minute in range(10, 35))
    )
    cursor, sizes = "", []
    for _ in range(3):
        page = (await thomas.get(f"{world.path}/chats?q=needle&cursor={cursor}")).json
        cursor = page.get("cursor", "")
        sizes.append((len(page["chats"]), bool(cursor)))
    assert sizes == [(10, True), (10, True), (5, False)]
    answer = await thomas.get(f"{world.path}/chats?q=needle&cursor=broken!")
    assert answer.status == 400 and answer.json["errors"].startswith("Invalid cursor broken!")


async def test_long_line_is_returned_completely(thomas: User, world: WorldFixture):
    text = "x" * 5000
    await world.write_log(chat_line("10:00:00", "bob", text))
    (row,) = await rows(thomas, world.path + "/chats")
    assert row["chat"] == text


async def test_lines_of_an_archived_world_are_not_found(
    test_app: TestApp, thomas: User, world: WorldFixture
):
    await world.write_log(chat_line("10:00:00", "bob", "hi"))
    (row,) = await rows(thomas, world.path + "/chats")
    await test_app.core.execute(archive_world, world_id=world.id)
    for path in ("/chats", "/loglines", f"/chats/{row['key']}", "/players/bob/chats"):
        assert (await thomas.get(world.path + path)).status == 404


async def test_agent_cannot_read_lines(world: WorldFixture):
    assert (await world.agent.get(world.path + "/loglines")).status == 401


async def test_lines_survive_a_restart(persistent_test_app: TestApp):
    persistent_test_app.clock.now = AT
    root, world = await make_admin(persistent_test_app), await make_world(persistent_test_app)
    await world.write_log(chat_line("10:00:00", "bob", "hi"), "undated")
    before = await rows(root, world.path + "/loglines?q=hi")
    await persistent_test_app.restart()
    assert await rows(root, world.path + "/loglines?q=hi") == before and len(before) == 1
    assert len(await rows(root, world.path + "/loglines?q=undated")) == 1
