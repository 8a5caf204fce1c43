"""Admin page of games: adding them and resetting their tokens."""

import pytest

from coalserver.core.queries.games import all_games, game_by_token
from tests.site.admins import done, make_admin, shown, submit, words

CHESS = {"tag": "chess", "name": "Chess", "min": "2", "max": "4", "open": "1"}


@pytest.fixture
async def browser(test_app):
    return await make_admin(test_app)


def tags(test_app):
    return [game.tag for game in test_app.core.query(all_games)]


async def test_added_game_shows_its_tokens_once(test_app, browser):
    answer = await submit(browser, "/admin/games", **CHESS)
    assert answer.status == 200 and answer.headers["Cache-Control"] == "no-store"
    api, private = shown(answer, "api-token"), shown(answer, "private-token")
    game = test_app.core.query(game_by_token, secret=api)
    assert (game.tag, game.name, game.min_players, game.max_players, game.open) == (
        "chess",
        "Chess",
        2,
        4,
        True,
    )
    page = (await browser.get("/admin/games")).raw.decode()
    assert api not in page and private not in page and "Chess" in page
    assert done(test_app) == [("game_added", "chess", "")]


async def test_game_can_be_limited_to_its_own_players(test_app, browser):
    await submit(browser, "/admin/games", **{**CHESS, "open": "", "name": ""})
    game = test_app.core.query(all_games)[-1]
    assert (game.open, game.name) == (False, "Chess")
    assert "Own players only" in words(await browser.get("/admin/games"))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tag": ""}, "A tag has"),
        ({"tag": "Über"}, "A tag has"),
        ({"tag": "x" * 33}, "A tag has"),
        ({"tag": "noughts"}, "Another game uses this tag."),
        ({"min": "3", "max": "2"}, "1 to 1000 players"),
        ({"min": "0"}, "1 to 1000 players"),
        ({"max": "1001"}, "1 to 1000 players"),
        ({"min": "two"}, "1 to 1000 players"),
        ({"name": "x" * 101}, "Enter a name"),
    ],
)
async def test_invalid_game_is_rejected(test_app, browser, fields, message):
    before = tags(test_app)
    answer = await submit(browser, "/admin/games", **{**CHESS, **fields})
    assert answer.status == 400 and message in words(answer)
    assert tags(test_app) == before and done(test_app) == []


async def test_token_reset_invalidates_old_tokens(test_app, browser):
    first = shown(await submit(browser, "/admin/games", **CHESS), "api-token")
    second = shown(await submit(browser, "/admin/games/chess/rotate"), "api-token")
    assert test_app.core.query(game_by_token, secret=first) is None
    assert test_app.core.query(game_by_token, secret=second).tag == "chess"
    assert (await submit(browser, "/admin/games/nothing/rotate")).status == 404


async def test_games_come_in_pages(test_app, browser):
    for number in range(52):
        await test_app.create_game(f"g{number}")
    first, second = await browser.get("/admin/games"), await browser.get("/admin/games?page=2")
    assert "<code>g48</code>" in first.raw.decode() and "<code>g49</code>" not in first.raw.decode()
    assert "<code>g51</code>" in second.raw.decode()
