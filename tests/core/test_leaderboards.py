"""Leaderboards: order, filters, ties and changes of data."""

import asyncio
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coalserver.core import leaderboards
from coalserver.core.commands.moderation import ban, unban
from coalserver.core.commands.players import (
    register_player,
    rename_player,
    save_player_data,
)
from coalserver.core.leaderboards import CHUNK_SIZE, MAX_LEADERBOARDS, Leaderboard
from coalserver.core.queries.games import leaderboard_page
from coalserver.domain.errors import ErrorCode
from tests.core.stores import let_others_run
from tests.domain.builders import raises_code


def rank_players(*documents, by=("score",), where=()):
    """Return the order of players 1, 2, … with these data."""
    leaderboard = Leaderboard(by, where)
    for id, document in enumerate(documents, 1):
        leaderboard.update_player(id, document)
    return leaderboard.players(0, len(documents))


async def add_players(core, *documents, game="free"):
    """Register players with these data; return their ids."""
    return [
        (await core.execute(register_player, game=game, name="Pat", data=json.dumps(one).encode()))[
            0
        ].id
        for one in documents
    ]


async def order(core, *by, where=(), game="free"):
    """Return the ids of a game's players in order."""
    leaderboard = await core.leaderboards.get(game, by, where)
    return leaderboard.players(0, len(leaderboard))


def test_larger_numbers_rank_first():
    assert rank_players({"score": 1}, {"score": 2.5}, {"score": -3}) == [2, 1, 3]


def test_second_field_breaks_ties():
    documents = {"level": 1, "score": 5}, {"level": 2, "score": 1}, {"level": 1, "score": 7}
    assert rank_players(*documents, by=("level", "score")) == [2, 3, 1]


def test_older_player_ranks_first_among_equals():
    assert rank_players({"score": 1}, {"score": 1}, {"score": 1.0}) == [1, 2, 3]


@pytest.mark.parametrize("value", ["9", True, None, [9], {"score": 9}])
def test_value_that_is_not_a_number_ranks_last(value):
    assert rank_players({}, {"score": value}, {"score": -(10**18)}) == [3, 1, 2]


def test_integers_are_compared_exactly():
    large = 2**63 - 1
    assert rank_players({"score": large - 1}, {"score": large}, {"score": large - 2}) == [2, 1, 3]


def test_dotted_field_reads_nested_objects():
    documents = {"stats": {"wins": 1}}, {"stats": {"wins": 2}}, {"stats": [2]}, {"stats.wins": 3}
    assert rank_players(*documents, by=("stats.wins",)) == [2, 1, 3, 4]


def test_filter_excludes_players_that_do_not_match():
    documents = [{"score": n, "role": role} for n, role in enumerate(("host", "player", "host"))]
    assert rank_players(*documents, where=(("role", "host"),)) == [3, 1]


def test_null_filter_matches_null_and_missing_fields():
    assert rank_players({"team": 1}, {"team": None}, {}, where=(("team", None),)) == [2, 3]


def test_filter_distinguishes_true_from_one():
    documents = {"vip": True}, {"vip": 1}, {"vip": 1.0}
    assert rank_players(*documents, where=(("vip", True),)) == [1]
    assert rank_players(*documents, where=(("vip", 1),)) == [2, 3]


def test_removed_player_has_no_rank():
    leaderboard = Leaderboard(("score",))
    leaderboard.update_player(1, {"score": 1})
    leaderboard.update_player(1, None)
    leaderboard.update_player(2, None)
    assert (len(leaderboard), leaderboard.rank_of(1), leaderboard.players(0, 9)) == (0, None, [])


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 9),
            st.none()
            | st.fixed_dictionaries(
                {}, optional={"a": st.integers(-2, 2) | st.text(max_size=1), "b": st.booleans()}
            ),
        )
    )
)
def test_leaderboard_equals_a_sorted_list(changes):
    leaderboard, now = Leaderboard(("a",), (("b", True),)), {}
    for id, document in changes:
        leaderboard.update_player(id, document)
        now[id] = document

    def last(id):
        value = now[id].get("a")
        return -value if isinstance(value, int) else math.inf

    there = [id for id, document in now.items() if document and document.get("b")]
    there.sort(key=lambda id: (last(id), id))
    assert leaderboard.players(0, 99) == there
    assert [leaderboard.rank_of(id) for id in there] == list(range(len(there)))


async def test_leaderboard_has_players_of_its_game_only(core):
    own = await add_players(core, {"score": 1})
    await add_players(core, {"score": 2}, game="noughts")
    assert await order(core, "score") == own


async def test_changed_data_is_in_the_next_result(core):
    one, two = await add_players(core, {"score": 1}, {"score": 2})
    assert await order(core, "score") == [two, one]
    await core.execute(save_player_data, player_id=one, data=b'{"score": 3}')
    assert await order(core, "score") == [one, two]
    (three,) = await add_players(core, {"score": 2})
    assert await order(core, "score") == [one, two, three]


async def test_player_enters_and_leaves_with_changed_data(core):
    one, two = await add_players(core, {"team": "red"}, {"team": "blue"})
    where = (("team", "red"),)
    assert await order(core, "score", where=where) == [one]
    await core.execute(save_player_data, player_id=two, data=b'{"team": "red"}')
    await core.execute(save_player_data, player_id=one, data=b'{"team": "blue"}')
    assert await order(core, "score", where=where) == [two]


async def test_equal_filters_in_any_order_share_a_leaderboard(core):
    get = core.leaderboards.get
    one = await get("free", ("a",), (("b", 1), ("c", "x")))
    assert await get("free", ("a",), (("c", "x"), ("b", 1.0))) is one
    assert await get("free", ("a",), (("b", True), ("c", "x"))) is not one


async def test_rename_does_not_update_the_leaderboard(core, monkeypatch):
    (one,) = await add_players(core, {"score": 1})
    leaderboard = await core.leaderboards.get("free", ("score",))
    monkeypatch.setattr(leaderboard, "update_player", None)
    await core.execute(rename_player, player_id=one, name="Other")


async def test_concurrent_requests_share_a_leaderboard(core):
    await add_players(core, {"score": 1})
    get = core.leaderboards.get
    one, two = await asyncio.gather(get("free", ("score",)), get("free", ("score",)))
    assert one is two


async def test_changes_while_filling_are_included(core, monkeypatch):
    ids = await add_players(core, *({"score": n} for n in range(3 * CHUNK_SIZE)))
    fill, changes = leaderboards.fill, []

    def fill_and_wait(leaderboard, pieces, cancelled):
        players = [player for piece in pieces for player in piece]
        fill(leaderboard, [players[::2]], cancelled)
        loop.call_soon_threadsafe(changes.append, asyncio.run_coroutine_threadsafe(change(), loop))
        while not changes or not changes[0].done():
            cancelled.wait(0.001)
        fill(leaderboard, [players[1::2]], cancelled)

    async def change():
        await core.execute(save_player_data, player_id=ids[0], data=b'{"score": 9000}')
        await core.execute(save_player_data, player_id=ids[1], data=b'{"score": 8000}')
        await add_players(core, {"score": 7000})

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(leaderboards, "fill", fill_and_wait)
    found = await order(core, "score")
    assert found == [ids[0], ids[1], ids[-1] + 1, *reversed(ids[2:])]


async def test_cancelled_request_does_not_stop_the_filling(core):
    await add_players(core, {"score": 1})
    first = asyncio.ensure_future(core.leaderboards.get("free", ("score",)))
    await let_others_run()
    second = asyncio.ensure_future(core.leaderboards.get("free", ("score",)))
    first.cancel()
    assert len(await second) == 1


async def test_least_recently_used_leaderboard_is_dropped(core):
    get = core.leaderboards.get
    first, second = await get("free", ("f0",)), await get("free", ("f1",))
    for n in range(2, MAX_LEADERBOARDS):
        await get("free", (f"f{n}",))
    await get("noughts", ("score",))
    assert await get("free", ("f0",)) is first
    await get("free", ("another",))
    assert await get("free", ("f0",)) is first
    assert await get("free", ("f1",)) is not second


async def test_too_many_leaderboards_at_once_are_refused(core):
    waiting = [
        asyncio.ensure_future(core.leaderboards.get("free", (f"f{n}",)))
        for n in range(MAX_LEADERBOARDS)
    ]
    await asyncio.sleep(0)
    with raises_code(ErrorCode.RATE_LIMITED):
        await core.leaderboards.get("free", ("another",))
    await asyncio.gather(*waiting)
    assert len(await core.leaderboards.get("free", ("another",))) == 0


async def test_page_around_a_player_is_centred_within_bounds(core):
    ids = await add_players(core, *({"score": -n} for n in range(10)))
    leaderboard = await core.leaderboards.get("free", ("score",))

    def around(id, limit):
        players, start = core.query(
            leaderboard_page, leaderboard=leaderboard, start=0, limit=limit, around=id
        )
        assert [player.id for player in players] == ids[start : start + limit]
        return start

    assert around(ids[5], 3) == 4
    assert around(ids[0], 3) == 0
    assert around(ids[9], 3) == 7
    assert around(ids[4], 100) == 0
    with raises_code(ErrorCode.PLAYER_NOT_FOUND):
        around(999, 3)


@pytest.mark.parametrize("built", [True, False])
async def test_banned_player_is_not_ranked_while_the_ban_holds(core, clock, built):
    first, second, third = await add_players(core, {"score": 3}, {"score": 2}, {"score": 1})
    if built:
        assert await order(core, "score") == [first, second, third]
    for duration, id in (("hour", first), ("forever", second)):
        await core.execute(ban, game="free", player_id=id, duration=duration)
    await core.execute(save_player_data, player_id=first, data=b'{"score":9}')
    assert await order(core, "score") == [third]
    clock.now += 3599
    assert await order(core, "score") == [third]
    clock.now += 1
    assert await order(core, "score") == [first, third]
    await core.execute(unban, game="free", player_id=second)
    assert await order(core, "score") == [first, second, third]


async def test_longer_ban_replaces_one_that_would_have_expired(core, clock):
    (player,) = await add_players(core, {"score": 1})
    for duration in ("hour", "day"):
        await core.execute(ban, game="free", player_id=player, duration=duration)
    clock.now += 3600
    assert await order(core, "score") == []


async def test_ban_while_a_leaderboard_is_built_is_observed(core):
    first, second = await add_players(core, {"score": 2}, {"score": 1})
    building = asyncio.ensure_future(order(core, "score"))
    await asyncio.sleep(0)
    await core.execute(ban, game="free", player_id=first, duration="day")
    assert await building == [second]
