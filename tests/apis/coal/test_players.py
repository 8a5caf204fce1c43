"""Players (section 2.3.5 of the document)."""

import pytest

from tests.apis.app import TestApp
from tests.apis.coal.clients import make_user, make_world
from tests.apis.coal.log_lines import AT, chat_line, login_line, logout_line

MEMBERS = {
    "key",
    "server_key",
    "username",
    "user_key",
    "last_login",
    "last_session_duration",
    "is_playing",
}


async def test_player_is_found_by_key_and_exact_username(test_app: TestApp):
    thomas, world = (
        await make_user(test_app, usernames=("gumptionthomas",)),
        await make_world(test_app),
    )
    test_app.clock.now = AT
    await world.write_log(
        login_line("20:50:34", "gumptionthomas"), logout_line("23:06:00", "gumptionthomas")
    )
    (player,) = (await thomas.get(world.path + "/players")).json["players"]
    assert set(player) == MEMBERS
    assert player["username"] == "gumptionthomas"
    assert player["user_key"] == (await thomas.get("/api/v1/users/self")).json["key"]
    assert player["server_key"] == (await thomas.get(world.path)).json["key"]
    # 20:50:34 in Chicago; the document's sample omits the conversion to UTC.
    assert player["last_login"] == "2013-04-14 01:50:34 UTC-0000"
    assert (player["last_session_duration"], player["is_playing"]) == (8126, False)
    for name in ("gumptionthomas", player["key"]):
        assert (await thomas.get(f"{world.path}/players/{name}")).json == player
    for name in ("GumptionThomas", "nobody", "gumptionthoma"):
        answer = await thomas.get(f"{world.path}/players/{name}")
        assert (answer.status, answer.raw) == (404, b"")


async def test_session_of_an_online_player_grows(test_app: TestApp):
    thomas, world = await make_user(test_app), await make_world(test_app)
    test_app.clock.now = AT
    await world.write_log(login_line("12:00:00", "bob"))
    path = world.path + "/players/bob"
    before = (await thomas.get(path)).json
    test_app.clock.advance(90.7)
    after = (await thomas.get(path)).json
    assert before["is_playing"] is after["is_playing"] is True
    assert after["last_session_duration"] - before["last_session_duration"] in (90, 91)
    assert type(after["last_session_duration"]) is int


async def test_player_known_from_chat_has_no_login(test_app: TestApp):
    thomas, world = await make_user(test_app), await make_world(test_app)
    await world.write_log(chat_line("12:00:00", "bob", "hi"))
    player = (await thomas.get(world.path + "/players/bob")).json
    assert (player["last_login"], player["last_session_duration"]) == (None, None)
    assert (player["is_playing"], player["user_key"]) == (False, None)


async def test_players_are_ordered_by_username_upper_case_first(test_app: TestApp):
    thomas, world = await make_user(test_app), await make_world(test_app)
    await world.write_log(
        *(chat_line("12:00:00", name, "hi") for name in ("bob", "Zoe", "_x", "ada", "Bob"))
    )
    found, cursor = [], ""
    for _ in range(3):
        page = (await thomas.get(f"{world.path}/players?size=2&cursor={cursor}")).json
        found += [player["username"] for player in page["players"]]
        cursor = page.get("cursor", "")
        # A player before the cursor does not move the pages.
        await world.write_log(chat_line("12:00:01", "Aaron", "hi"))
    assert found == ["Bob", "Zoe", "_x", "ada", "bob"] and not cursor


async def test_player_of_another_server_is_not_found(test_app: TestApp):
    thomas, world, other = (
        await make_user(test_app),
        await make_world(test_app),
        await make_world(test_app),
    )
    await other.write_log(chat_line("12:00:00", "bob", "hi"))
    key = (await thomas.get(other.path + "/players/bob")).json["key"]
    for name in ("bob", key):
        for end in ("", "/sessions"):
            answer = await thomas.get(f"{world.path}/players/{name}{end}")
            assert (answer.status, answer.raw) == (404, b"")


@pytest.mark.parametrize("end", ["/players", "/players/bob", "/sessions", "/players/bob/sessions"])
async def test_invalid_size_is_400_also_for_an_unknown_server(test_app: TestApp, end: str):
    thomas = await make_user(test_app)
    if not end.endswith("bob"):
        assert (await thomas.get(f"/api/v1/servers/nothing{end}?size=0")).status == 400
    assert (await thomas.get("/api/v1/servers/nothing" + end)).status == 404
