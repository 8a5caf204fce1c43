"""Who plays in a world, when, and what became of them: lists and the page of one player."""

import re
from datetime import UTC, datetime
from urllib.parse import unquote

import pytest

from coalserver.core.commands.accounts import update_account
from coalserver.core.queries.accounts import get_account_by_email
from coalserver.domain.minecraft.visits import MarkKind, PresenceMark, Visit
from coalserver.site.worlds.statistics import hours_by_weekday, shade_table
from tests.apis.browser import Browser
from tests.site.sample_worlds import logged, login, logout, make_world

HOUR = 3600.0


async def page(browser, path):
    answer = await browser.get(f"/servers/mill/{path}")
    assert answer.status == 200, (path, answer.status)
    return answer.raw.decode()


def rows(text, kind):
    """What the rows of a list say, blanks aside."""
    found = re.findall(rf'<li[^>]*data-testid="{kind}-row">(.*?)</li>', text, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]*>", " ", one).split()) for one in found]


async def stay(test_app, world, name, at, seconds):
    await logged(test_app, world, login(name), at=at)
    await logged(test_app, world, logout(name), at=at + seconds)


async def test_players_are_listed_by_their_latest_login_with_what_they_have_played(
    test_app, world, ann
):
    now = test_app.clock.now
    await stay(test_app, world, "Ada", now - 10 * HOUR, 2 * HOUR)
    await stay(test_app, world, "Bob", now - 5 * HOUR, HOUR)
    await stay(test_app, world, "Ada", now - 3 * HOUR, 600)
    await logged(test_app, world, login("Eve"), at=now - 1800)
    await logged(test_app, world, "<Mute> never logged in")
    assert [one.partition(" 20")[0] for one in rows(await page(ann, "players"), "player")] == [
        "E Eve Here now 30 min 1 visit",
        "A Ada Last seen Nov 14,",
        "B Bob Last seen Nov 14,",
    ]
    assert "2 h 10 min 2 visits" in rows(await page(ann, "players"), "player")[1]


async def test_many_players_are_on_pages(test_app, world, ann):
    for number in range(60):
        await logged(
            test_app, world, login(f"player_{number:02}"), at=test_app.clock.now - 9000 + number
        )
    seen, path = [], "players"
    while path:
        text = await page(ann, path)
        seen += [one.split()[1] for one in rows(text, "player")]
        found = re.search(r'rel="next" href="/servers/mill/([^"]+)"', text)
        path = unquote(found[1]) if found else None
    assert seen == [f"player_{number:02}" for number in range(59, -1, -1)]


async def test_the_page_of_a_player_has_numbers_from_the_log(test_app, world, ann):
    begin = test_app.clock.now - 20 * HOUR
    await stay(test_app, world, "Ada", begin, 2 * HOUR)
    await logged(
        test_app, world, "<Ada> hi", "Ada was slain by Zombie using [Sword]", "Ada was slain by Zombie",
        "Ada drowned", "Ada has made the advancement [Stone Age]", "<Bob> ho", "Bob drowned", at=begin + 60,
    )  # fmt: skip
    text = " ".join(re.sub(r"<[^>]*>", " ", await page(ann, "players/Ada")).split())
    for said in (
        "Play time 2 h 0 min", "Visits 1", "Messages 1", "Deaths 3", "Advancements 1",
        "First seen Nov 14, 2023", "was slain by Zombie 2", "drowned 1",
        "has made the advancement [Stone Age]", "Hours of the last year by day and hour, in UTC time.",
    ):  # fmt: skip
        assert said in text, said
    assert 'data-testid="punch-card"' in await page(ann, "players/Ada")


async def test_of_somebody_who_never_came_there_is_a_page_without_visits(test_app, world, ann):
    await logged(test_app, world, "<Mute> hi")
    text = await page(ann, "players/Mute")
    assert "No visits in the last year." in text and "Never died." in text


@pytest.mark.parametrize("name", ["Nobody", "ada", "%3Cscript%3E", "%00", "%2F..", "x" * 300])
async def test_nobody_is_found_who_is_not_there(test_app, world, ann, name):
    await logged(test_app, world, login("Ada"))
    answer = await ann.get(f"/servers/mill/players/{name}")
    assert answer.status == 404 and b"<script>" not in answer.raw.replace(
        b'<script type="application', b""
    )


async def test_visits_deaths_and_advancements_are_listed_and_one_may_see_one_player_alone(
    test_app, world, ann
):
    now = test_app.clock.now
    await stay(test_app, world, "Ada", now - 7200, 5400)
    await logged(test_app, world, login("Bob"), "Bob drowned", "Ada died", at=now - 60)
    await logged(test_app, world, "Bob has made the advancement [Diamonds!]", at=now - 30)
    visits = rows(await page(ann, "sessions"), "visit")
    assert [one.split()[1] for one in visits] == ["Bob", "Ada"]
    assert "Here now" in visits[0] and visits[1].endswith("1 h 30 min")
    # The day is said once.
    assert visits[1].count("2023") == 1
    assert [one.split()[1:4] for one in rows(await page(ann, "deaths"), "happened")] == [
        ["Ada", "died", "Nov"], ["Bob", "drowned", "Nov"],
    ]  # fmt: skip
    assert len(rows(await page(ann, "deaths?player=Bob"), "happened")) == 1
    assert len(rows(await page(ann, "sessions?player=Ada"), "visit")) == 1
    assert "Diamonds!" in await page(ann, "achievements")
    assert rows(await page(ann, "achievements?player=Nobody"), "happened") == []


async def test_long_lists_are_on_pages(test_app, world, ann):
    for number in range(60):
        await stay(test_app, world, "Ada", test_app.clock.now - 90_000 + number * 100, 50)
        await logged(
            test_app, world, f"Ada died of {number}", at=test_app.clock.now - 80_000 + number
        )
    for path, kind in (("sessions", "visit"), ("deaths", "happened")):
        first = await page(ann, path)
        older = unquote(re.search(r'rel="next" href="/servers/mill/([^"]+)"', first)[1])
        second = await page(ann, older)
        assert (len(rows(first, kind)), len(rows(second, kind))) == (50, 10)
        assert "To the newest" in second and 'rel="next"' not in second


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
async def test_odd_addresses_are_no_fault(ann, path, query):
    await page(ann, f"{path}?{query}")


@pytest.mark.parametrize("path", ["players", "players/Ada", "sessions", "deaths", "achievements"])
async def test_these_pages_are_for_members_even_of_a_public_world(test_app, ann, path):
    await make_world(test_app, "open", public=True)
    stranger = Browser(test_app)
    answer = await stranger.get(f"/servers/open/{path}")
    assert answer.headers["Location"].startswith("/login?next_url=%2Fservers%2Fopen")


async def test_a_card_is_in_the_zone_of_who_looks(test_app, world, ann):
    account = test_app.core.query(get_account_by_email, email="ann@example.org")
    await test_app.core.execute(update_account, account_id=account.id, zone="Asia/Tokyo")
    await stay(test_app, world, "Ada", test_app.clock.now - HOUR, 600)
    assert "in Asia/Tokyo time" in await page(ann, "players/Ada")


def make_stay(login_at, logout_at):
    come = PresenceMark(login_at, 1, MarkKind.LOGGED_IN, login_at, "Ada", 1)
    gone = (
        None
        if logout_at is None
        else PresenceMark(logout_at, 2, MarkKind.CONNECTION_LOST, logout_at, "Ada", 2)
    )

    class Kept:
        visit = Visit("Ada", come, logout=gone)

    return Kept()


def test_hours_are_counted_where_they_were_spent():
    monday = datetime(2024, 1, 1, 22, 30, tzinfo=UTC).timestamp()
    card = hours_by_weekday([make_stay(monday, monday + 2 * HOUR)], UTC, monday)
    assert (card[0][22], card[0][23], card[1][0]) == (0.5, 1.0, 0.5)
    assert sum(map(sum, card)) == 2
    assert shade_table(card)[0][23] == 4 and shade_table(card)[2][0] == 0


def test_who_is_there_counts_until_now_but_not_for_ever():
    now = datetime(2024, 1, 1, tzinfo=UTC).timestamp()
    assert sum(map(sum, hours_by_weekday([make_stay(now - HOUR, None)], UTC, now))) == 1
    assert sum(map(sum, hours_by_weekday([make_stay(now - 1e8, None)], UTC, now))) == 7 * 24
    assert shade_table(hours_by_weekday([], UTC, now)) == [[0] * 24] * 7


def test_any_time_has_a_place_on_the_card():
    for at in (-1e15, 1e15, 0.0):
        hours_by_weekday([make_stay(at, at + 10)], UTC, 0.0)
