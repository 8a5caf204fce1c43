"""Players of a world: the list, the page of one player, sessions, deaths and advancements."""

import re
import threading
from datetime import UTC, datetime
from urllib.parse import unquote

import pytest

from coalserver.core.commands.accounts import update_account
from coalserver.core.queries.accounts import get_account_by_email
from coalserver.domain.minecraft.visits import MarkKind, PresenceMark, Visit
from coalserver.site.worlds import players
from coalserver.site.worlds.statistics import hours_by_weekday, shade_table
from tests.apis.browser import Browser
from tests.site.sample_worlds import log_lines, login, logout, make_world

HOUR = 3600.0


async def fetch_page(browser, path):
    response = await browser.get(f"/servers/mill/{path}")
    assert response.status == 200, (path, response.status)
    return response.raw.decode()


def rows(text, kind):
    """Return the texts of the rows of a list, with single spaces."""
    found = re.findall(rf'<li[^>]*data-testid="{kind}-row">(.*?)</li>', text, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]*>", " ", row).split()) for row in found]


async def log_session(test_app, world, name, at, seconds):
    await log_lines(test_app, world, login(name), at=at)
    await log_lines(test_app, world, logout(name), at=at + seconds)


async def test_players_are_sorted_by_latest_login_and_show_play_time(test_app, world, ann):
    now = test_app.clock.now
    await log_session(test_app, world, "Ada", now - 10 * HOUR, 2 * HOUR)
    await log_session(test_app, world, "Bob", now - 5 * HOUR, HOUR)
    await log_session(test_app, world, "Ada", now - 3 * HOUR, 600)
    await log_lines(test_app, world, login("Eve"), at=now - 1800)
    await log_lines(test_app, world, "<Mute> never logged in")
    assert rows(await fetch_page(ann, "players"), "player") == [
        "E Eve Online 30 min 1 session",
        "A Ada Last seen 19:23 2 h 10 min 2 sessions",
        "B Bob Last seen 18:13 1 h 0 min 1 session",
    ]


async def test_player_list_is_paginated(test_app, world, ann):
    for number in range(60):
        await log_lines(
            test_app, world, login(f"player_{number:02}"), at=test_app.clock.now - 9000 + number
        )
    names, path = [], "players"
    while path:
        text = await fetch_page(ann, path)
        names += [row.split()[1] for row in rows(text, "player")]
        found = re.search(r'rel="next" href="/servers/mill/([^"]+)"', text)
        path = unquote(found[1]) if found else None
    assert names == [f"player_{number:02}" for number in range(59, -1, -1)]


async def test_player_page_shows_statistics_of_the_log(test_app, world, ann):
    begin = test_app.clock.now - 20 * HOUR
    await log_session(test_app, world, "Ada", begin, 2 * HOUR)
    await log_lines(
        test_app, world, "<Ada> hi", "Ada was slain by Zombie using [Sword]", "Ada was slain by Zombie",
        "Ada drowned", "Ada has made the advancement [Stone Age]", "<Bob> ho", "Bob drowned", at=begin + 60,
    )  # fmt: skip
    text = " ".join(re.sub(r"<[^>]*>", " ", await fetch_page(ann, "players/Ada")).split())
    for expected in (
        "Play time 2 h 0 min", "Sessions 1", "Messages 1", "Deaths 3", "Advancements 1",
        "First seen 02:13", "was slain by Zombie 2", "drowned 1",
        "has made the advancement [Stone Age]", "The last 12 months by weekday and hour, in the time zone UTC.",
    ):  # fmt: skip
        assert expected in text, expected
    assert 'data-testid="punch-card"' in await fetch_page(ann, "players/Ada")


async def test_player_page_without_sessions_has_empty_statistics(test_app, world, ann):
    await log_lines(test_app, world, "<Mute> hi")
    text = await fetch_page(ann, "players/Mute")
    assert "No sessions in the last 12 months." in text and "No deaths" in text


@pytest.mark.parametrize("name", ["Nobody", "ada", "%3Cscript%3E", "%00", "%2F..", "x" * 300])
async def test_unknown_player_is_not_found(test_app, world, ann, name):
    await log_lines(test_app, world, login("Ada"))
    response = await ann.get(f"/servers/mill/players/{name}")
    assert response.status == 404 and b"<script>" not in response.raw.replace(
        b'<script type="application', b""
    )


async def test_sessions_deaths_and_advancements_are_listed_and_filtered_by_player(
    test_app, world, ann
):
    now = test_app.clock.now
    await log_session(test_app, world, "Ada", now - 7200, 5400)
    await log_lines(test_app, world, login("Bob"), "Bob drowned", "Ada died", at=now - 60)
    await log_lines(test_app, world, "Bob has made the advancement [Diamonds!]", at=now - 30)
    sessions = rows(await fetch_page(ann, "sessions"), "visit")
    assert [row.split()[1] for row in sessions] == ["Bob", "Ada"]
    assert "Online" in sessions[0] and sessions[1].endswith("1 h 30 min")
    # Login and logout are on the same day, which is shown once.
    assert "20:13 – 21:43" in sessions[1]
    assert [row.split()[1:4] for row in rows(await fetch_page(ann, "deaths"), "happened")] == [
        ["Ada", "died", "22:12"], ["Bob", "drowned", "22:12"],
    ]  # fmt: skip
    assert len(rows(await fetch_page(ann, "deaths?player=Bob"), "happened")) == 1
    assert len(rows(await fetch_page(ann, "sessions?player=Ada"), "visit")) == 1
    assert "Diamonds!" in await fetch_page(ann, "achievements")
    assert rows(await fetch_page(ann, "achievements?player=Nobody"), "happened") == []


async def test_sessions_and_deaths_are_paginated(test_app, world, ann):
    for number in range(60):
        await log_session(test_app, world, "Ada", test_app.clock.now - 90_000 + number * 100, 50)
        await log_lines(
            test_app,
            world,
            f"Ada was slain by Zombie {number}",
            at=test_app.clock.now - 80_000 + number,
        )
    for path, kind in (("sessions", "visit"), ("deaths", "happened")):
        first = await fetch_page(ann, path)
        older = unquote(re.search(r'rel="next" href="/servers/mill/([^"]+)"', first)[1])
        second = await fetch_page(ann, older)
        assert (len(rows(first, kind)), len(rows(second, kind))) == (50, 10)
        assert "Newest" in second and 'rel="next"' not in second


@pytest.mark.parametrize("path", ["players", "sessions", "deaths", "achievements"])
@pytest.mark.parametrize(
    "query",
    [
        "before=x",
        "before=1~x",
        "before=nan~1",
        "before=inf~1",
        "before=1.1",
        "player=%00",
        "before=1e9~1",
    ],
)
async def test_invalid_position_is_ignored(ann, path, query):
    await fetch_page(ann, f"{path}?{query}")


@pytest.mark.parametrize("path", ["players", "players/Ada", "sessions", "deaths", "achievements"])
async def test_player_pages_of_public_world_require_account(test_app, ann, path):
    await make_world(test_app, "open", public=True)
    guest = Browser(test_app)
    response = await guest.get(f"/servers/open/{path}")
    assert response.headers["Location"].startswith("/login?next_url=%2Fservers%2Fopen")


async def test_punch_card_is_in_the_zone_of_the_account(test_app, world, ann):
    account = test_app.core.query(get_account_by_email, email="ann@example.org")
    await test_app.core.execute(update_account, account_id=account.id, zone="Asia/Tokyo")
    await log_session(test_app, world, "Ada", test_app.clock.now - HOUR, 600)
    assert "in the time zone Asia/Tokyo" in await fetch_page(ann, "players/Ada")


def make_visit(login_at, logout_at):
    login_mark = PresenceMark(login_at, 1, MarkKind.LOGGED_IN, login_at, "Ada", 1)
    logout_mark = (
        None
        if logout_at is None
        else PresenceMark(logout_at, 2, MarkKind.CONNECTION_LOST, logout_at, "Ada", 2)
    )

    class Stored:
        visit = Visit("Ada", login_mark, logout=logout_mark)

    return Stored()


def test_hours_are_counted_by_weekday_and_hour():
    monday = datetime(2024, 1, 1, 22, 30, tzinfo=UTC).timestamp()
    table = hours_by_weekday([make_visit(monday, monday + 2 * HOUR)], UTC, monday)
    assert (table[0][22], table[0][23], table[1][0]) == (0.5, 1.0, 0.5)
    assert sum(map(sum, table)) == 2
    assert shade_table(table)[0][23] == 4 and shade_table(table)[2][0] == 0


def test_open_visit_counts_until_now_but_at_most_seven_days():
    now = datetime(2024, 1, 1, tzinfo=UTC).timestamp()
    assert sum(map(sum, hours_by_weekday([make_visit(now - HOUR, None)], UTC, now))) == 1
    assert sum(map(sum, hours_by_weekday([make_visit(now - 1e8, None)], UTC, now))) == 7 * 24
    assert shade_table(hours_by_weekday([], UTC, now)) == [[0] * 24] * 7


def test_any_time_can_be_counted():
    for at in (-1e15, 1e15, 0.0):
        hours_by_weekday([make_visit(at, at + 10)], UTC, 0.0)


async def test_hours_of_many_visits_are_counted_outside_the_event_loop(
    test_app, world, ann, monkeypatch
):
    threads = []

    def counted(*arguments):
        threads.append(threading.current_thread())
        return hours_by_weekday(*arguments)

    monkeypatch.setattr(players, "hours_by_weekday", counted)
    await log_session(test_app, world, "Ada", test_app.clock.now - 5 * HOUR, HOUR)
    await fetch_page(ann, "players/Ada")
    assert len(threads) == 1 and threads[0] is not threading.main_thread()
