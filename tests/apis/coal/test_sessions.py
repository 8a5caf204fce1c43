"""Play sessions (section 2.3.6 of the document)."""

from typing import Any

import pytest

from tests.apis.app import TestApp
from tests.apis.coal.clients import User, WorldFixture, make_user, make_world
from tests.apis.coal.log_lines import AT, DAY, login_line, logout_line, start_line, stop_line

MEMBERS = {
    "key",
    "server_key",
    "username",
    "player_key",
    "user_key",
    "login_timestamp",
    "logout_timestamp",
    "duration",
    "login_logline_key",
    "logout_logline_key",
    "created",
    "updated",
}


async def get_sessions(user: User, path: str) -> list[dict[str, Any]]:
    return (await user.get(path)).json["sessions"]  # type: ignore[no-any-return]


async def test_session_times_are_in_the_zone_of_the_agent(thomas: User, world: WorldFixture):
    await world.write_log(
        login_line("20:50:34", "gumptionthomas"), logout_line("23:06:00", "gumptionthomas")
    )
    (session,) = await get_sessions(thomas, world.path + "/sessions")
    assert set(session) == MEMBERS
    assert session["login_timestamp"] == "2013-04-13 20:50:34 CDT-0500"
    assert session["logout_timestamp"] == "2013-04-13 23:06:00 CDT-0500"
    assert session["duration"] == 8126 and type(session["duration"]) is int
    assert session["created"] == session["updated"] == "2013-04-14 05:00:00 UTC-0000"
    player = (await thomas.get(world.path + "/players/gumptionthomas")).json
    assert session["player_key"] == player["key"] and session["user_key"] == player["user_key"]
    for name in ("login", "logout"):
        (logged,) = (await thomas.get(f"{world.path}/loglines?tag={name}")).json["loglines"]
        assert session[f"{name}_logline_key"] == logged["key"]
        assert session[f"{name}_timestamp"] == logged["timestamp"]
    assert (await thomas.get(f"{world.path}/sessions/{session['key']}")).json == session


async def test_open_session_grows_and_has_no_end(
    test_app: TestApp, thomas: User, world: WorldFixture
):
    await world.write_log(login_line("23:59:00", "bob"))
    test_app.clock.advance(30.9)
    (session,) = await get_sessions(thomas, world.path + "/players/bob/sessions")
    assert session["duration"] == 90
    assert (
        session["logout_timestamp"] is session["logout_logline_key"] is session["user_key"] is None
    )


async def test_duration_of_a_session_is_never_negative(
    test_app: TestApp, thomas: User, world: WorldFixture
):
    await world.write_log(login_line("23:59:00", "bob"))
    test_app.clock.now -= 3600
    (session,) = await get_sessions(thomas, world.path + "/sessions")
    assert session["duration"] == 0
    assert (await thomas.get(world.path + "/players/bob")).json["last_session_duration"] == 0


async def test_stop_line_of_the_world_ends_all_sessions(thomas: User, world: WorldFixture):
    await world.write_log(
        start_line("10:00:00"), login_line("10:01:00", "bob"), login_line("10:02:00", "ada")
    )
    await world.write_log(stop_line("10:05:00"))
    ada, bob = await get_sessions(thomas, world.path + "/sessions")
    assert (ada["username"], ada["duration"], bob["duration"]) == ("ada", 180, 240)
    (last,) = (await thomas.get(world.path + "/loglines?tag=stopping")).json["loglines"]
    assert ada["logout_logline_key"] == bob["logout_logline_key"] == last["key"]


async def test_late_sessions_are_ordered_by_login(thomas: User, world: WorldFixture):
    for hour in ("12", "10", "14", "11", "13"):
        await world.write_log(
            login_line(f"{hour}:00:00", "bob"), logout_line(f"{hour}:30:00", "bob")
        )
    first = (await thomas.get(world.path + "/sessions?size=2")).json
    await world.write_log(
        login_line("15:00:00", "eve"), login_line("09:00:00", "ada"), logout_line("09:30:00", "ada")
    )
    second = (await thomas.get(f"{world.path}/sessions?size=50&cursor={first['cursor']}")).json
    hours = [
        session["login_timestamp"][11:13] for session in first["sessions"] + second["sessions"]
    ]
    assert hours == ["14", "13", "12", "11", "10", "09"] and "cursor" not in second
    assert len(await get_sessions(thomas, world.path + "/players/bob/sessions")) == 5


async def test_pages_split_logins_of_the_same_second(thomas: User, world: WorldFixture):
    await world.write_log(*(login_line("12:00:00", name) for name in "abcde"))
    found, cursor = [], ""
    for _ in range(3):
        page = (await thomas.get(f"{world.path}/sessions?size=2&cursor={cursor}")).json
        found += [session["username"] for session in page["sessions"]]
        cursor = page.get("cursor", "")
    assert sorted(found) == [*"abcde"] and not cursor


@pytest.mark.parametrize(
    ("bounds", "hours"),
    [
        ("since=2013-04-13+16:00:00", "1211"),
        ("before=2013-04-13+16:00:00", "10"),
        ("since=2013-04-13+16:00:00&before=2013-04-13+17:00:00", "11"),
        ("since=2013-04-13+16:00:00&before=2013-04-13+16:00:00", ""),
        ("since=&before=", "121110"),
        ("since=0001-01-01+00:00:00&before=9999-12-31+23:59:59", "121110"),
    ],
)
async def test_since_is_inclusive_and_before_exclusive_in_utc(
    thomas: User, world: WorldFixture, bounds: str, hours: str
):
    for hour in ("10", "11", "12"):
        await world.write_log(
            login_line(f"{hour}:00:00", "bob"), logout_line(f"{hour}:00:10", "bob")
        )
    for path in (world.path + "/sessions", world.path + "/players/bob/sessions"):
        sessions = await get_sessions(thomas, f"{path}?{bounds}")
        assert "".join(session["login_timestamp"][11:13] for session in sessions) == hours


@pytest.mark.parametrize("name", ["since", "before"])
@pytest.mark.parametrize(
    "date", [DAY, "2013-04-13T16:00:00", "2014-02-30 00:00:00", "x", "2013-04-13 16:00:60"]
)
async def test_invalid_date_is_rejected(thomas: User, world: WorldFixture, name: str, date: str):
    answer = await thomas.get(f"{world.path}/sessions?{name}={date.replace(' ', '+')}")
    assert (answer.status, answer.json) == (400, {"errors": f"{name}: Not a valid datetime value."})


async def test_session_of_another_server_is_not_found(
    test_app: TestApp, thomas: User, world: WorldFixture
):
    other = await make_world(test_app)
    await other.write_log(login_line("12:00:00", "bob"))
    (session,) = await get_sessions(thomas, other.path + "/sessions")
    assert await get_sessions(thomas, world.path + "/sessions") == []
    answer = await thomas.get(f"{world.path}/sessions/{session['key']}")
    assert (answer.status, answer.raw) == (404, b"")


async def test_sessions_survive_a_restart(persistent_test_app: TestApp):
    persistent_test_app.clock.now = AT
    thomas, world = await make_user(persistent_test_app), await make_world(persistent_test_app)
    await world.write_log(
        login_line("12:00:00", "bob"), logout_line("12:30:00", "bob"), login_line("13:00:00", "bob")
    )
    before = await get_sessions(thomas, world.path + "/sessions")
    await persistent_test_app.restart()
    assert await get_sessions(thomas, world.path + "/sessions") == before and len(before) == 2
