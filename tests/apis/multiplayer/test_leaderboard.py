"""The leaderboard: the document's examples, additions to it, and invalid requests."""

import asyncio
import json

import pytest

from coalserver.core.commands.moderation import ban
from coalserver.core.commands.players import save_player_data
from tests.apis.multiplayer.clients import make_sample_game

PATH = "leaderboard.php"
#: Name and data of players in the document's second and third example, oldest first.
SAMPLE = (
    ("TestPlayer1", {"level": 15, "score": 4500, "inventory": ["sword"]}),
    ("TestPlayer2", {"level": 15, "score": 2000, "inventory": ["sword", "shield"]}),
    ("TestPlayer3", {"level": 8, "score": 3000, "inventory": ["bow"]}),
    ("TestPlayer4", {"level": 20, "score": 1000, "inventory": []}),
    ("TestPlayer5", {"level": 12, "inventory": ["staff"]}),
)


@pytest.fixture
async def arena(test_app):
    return await make_sample_game(test_app)


async def sampled(arena):
    return [await arena.make_player(name, **data) for name, data in SAMPLE]


async def board(arena, **params):
    """Return the player ids in the order of the leaderboard."""
    answer = await arena.anonymous.post(PATH, {"sort_by": ["score"], **params})
    assert answer.status == 200, answer.raw
    return [row["player_id"] for row in answer.json["leaderboard"]]


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        (["level", "score"], "41253"),
        (["score", "level"], "13245"),
    ],
)
async def test_leaderboard_matches_documented_examples(arena, fields, names):
    ids = {player_client.name: player_client.id for player_client in await sampled(arena)}
    answer = await arena.anonymous.post(PATH, {"sort_by": fields, "limit": 10})
    rows = [
        {"rank": rank, "player_id": ids[name], "player_name": name, "player_data": data}
        for rank, (name, data) in enumerate((SAMPLE[int(digit) - 1] for digit in names), 1)
    ]
    assert answer.status == 200
    assert answer.json == {
        "success": True, "leaderboard": rows, "total": 5, "sort_by": fields, "limit": 10,
    }  # fmt: skip


async def test_game_without_players_has_an_empty_leaderboard(arena):
    answer = await arena.anonymous.post(PATH, {"sort_by": ["level"]})
    assert answer.json == {
        "success": True, "leaderboard": [], "total": 0, "sort_by": ["level"], "limit": 10,
    }  # fmt: skip


async def test_camel_case_and_nulls_are_accepted(arena):
    (*_, last) = await sampled(arena)
    body = {"sortBy": ["score"], "sort_by": None, "limit": "3", "where": None, "around": None}
    answer = await arena.anonymous.post(PATH, body)
    assert (answer.status, answer.json["limit"], len(answer.json["leaderboard"])) == (200, 3, 3)
    assert last.id not in [row["player_id"] for row in answer.json["leaderboard"]]


async def test_leaderboard_accepts_credentials_in_the_query(arena, test_app):
    answer = await test_app.anonymous.post(
        f"/api/{PATH}?api_token={arena.api}", {"sort_by": ["level"]}
    )
    assert answer.status == 200


async def test_unity_client_receives_player_data_as_string(arena):
    await arena.make_player("Una", score=1)
    answer = await arena.anonymous.post(f"{PATH}?format=unity", {"sort_by": ["score"]})
    (row,) = answer.json["leaderboard"]
    assert "player_data" not in row
    assert json.loads(row["player_data_json"]) == {"score": 1}


async def test_around_returns_rows_around_a_player_and_their_offset(arena):
    player_clients = [await arena.make_player(score=-n) for n in range(7)]
    body = {"sort_by": ["score"], "limit": 3, "around": str(player_clients[4].id)}
    payload = (await arena.anonymous.post(PATH, body)).json
    assert [(row["rank"], row["player_id"]) for row in payload["leaderboard"]] == [
        (rank, player_clients[rank - 1].id) for rank in (4, 5, 6)
    ]
    assert (payload["offset"], payload["total"]) == (3, 7)


async def test_offset_skips_the_first_rows(arena):
    player_clients = [await arena.make_player(score=-n) for n in range(4)]
    assert await board(arena, offset=2, limit=1) == [player_clients[2].id]
    assert await board(arena, offset=9) == []


async def test_filters_rank_and_count_matching_players_only(arena):
    red = await arena.make_player(score=1, team={"name": "red"})
    await arena.make_player(score=2, team={"name": "blue"})
    body = {"sort_by": ["score"], "where": {"team.name": "red"}}
    payload = (await arena.anonymous.post(PATH, body)).json
    assert [row["player_id"] for row in payload["leaderboard"]] == [red.id]
    assert payload["total"] == 1


async def test_leaderboard_shows_changes_of_its_own_game_at_once(arena, test_app):
    first, second = await arena.make_player(score=1), await arena.make_player(score=2)
    other = await make_sample_game(test_app, "other")
    await other.make_player(score=3)
    assert await board(arena) == [second.id, first.id]
    await test_app.core.execute(save_player_data, player_id=first.id, data=b'{"score": 3}')
    assert await board(arena) == [first.id, second.id]


async def test_concurrent_changes_and_reads_give_a_consistent_order(arena, test_app):
    first, second = await arena.make_player(score=1), await arena.make_player(score=2)

    async def raise_score(player_client, score):
        data = json.dumps({"score": score}).encode()
        await test_app.core.execute(save_player_data, player_id=player_client.id, data=data)
        return await board(arena)

    orders = await asyncio.gather(
        *(raise_score(player_client, n) for n in range(3, 9) for player_client in (first, second))
    )
    assert all(sorted(order) == [first.id, second.id] for order in orders)
    assert await board(arena) == [first.id, second.id]


async def test_leaderboard_is_the_same_after_a_restart(arena, test_app):
    for player_client in [await arena.make_player(score=n % 2) for n in range(5)]:
        await test_app.core.execute(
            save_player_data,
            player_id=player_client.id,
            data=b'{"score": %d}' % (player_client.id % 3),
        )
    before = await board(arena)
    await test_app.restart()
    assert await board(arena) == before


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"{", "Invalid JSON body"),
        (b"[]", "Invalid JSON body"),
        (b"7", "Invalid JSON body"),
        ({}, "sort_by must be a non-empty array of field names"),
        ({"sort_by": []}, "sort_by must be a non-empty array of field names"),
        ({"sort_by": "level"}, "sort_by must be a non-empty array of field names"),
        ({"sort_by": {"a": 1}}, "sort_by must be a non-empty array of field names"),
        ({"sort_by": [1, None, "", " ", "a..b", "."]},
         "No valid sort fields provided after sanitization"),
        ({"sort_by": ["x" * 121, "a\n"]}, "No valid sort fields provided after sanitization"),
        ({"sort_by": ["a"], "limit": 0}, "limit must be between 1 and 100"),
        ({"sort_by": ["a"], "limit": 101}, "limit must be between 1 and 100"),
        ({"sort_by": ["a"], "limit": "many"}, "limit must be between 1 and 100"),
        ({"sort_by": ["a"], "limit": True}, "limit must be between 1 and 100"),
        ({"sort_by": ["a"], "limit": [5]}, "limit must be between 1 and 100"),
        ({"sort_by": ["a"], "offset": -1}, "offset must be a whole number from 0"),
        ({"sort_by": ["a"], "where": []},
         "where must be an object of at most 8 fields and plain values"),
        ({"sort_by": ["a"], "where": {"a": {"b": 1}}},
         "where must be an object of at most 8 fields and plain values"),
        ({"sort_by": ["a"], "where": {"a..b": 1}},
         "where must be an object of at most 8 fields and plain values"),
        ({"sort_by": ["a"], "around": "me"}, "around must be a player_id"),
    ],
)  # fmt: skip
async def test_invalid_leaderboard_request_is_rejected(arena, body, error):
    answer = await arena.anonymous.post(PATH, body)
    assert (answer.status, answer.json) == (400, {"success": False, "error": error})


async def test_around_an_unknown_player_is_rejected(arena, test_app):
    stranger = await (await make_sample_game(test_app, "other")).make_player(score=1)
    answer = await arena.anonymous.post(PATH, {"sort_by": ["score"], "around": stranger.id})
    assert answer.status == 404


async def test_repeated_and_invalid_fields_are_left_out(arena):
    answer = await arena.anonymous.post(PATH, {"sort_by": ["a", 5, "a", "b.c", ""]})
    assert answer.json["sort_by"] == ["a", "b.c"]


@pytest.mark.parametrize(
    ("api", "refused"),
    [
        ("", (400, "api_token is required")),
        ("wrong", (401, "Invalid or expired api_token")),
    ],
)
async def test_api_token_is_checked_first(test_app, api, refused):
    headers = {"X_Api_Token": api} if api else {}
    answer = await test_app.anonymous.post(f"/api/{PATH}", b"{", **headers)
    assert (answer.status, answer.json["error"]) == refused


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_other_methods_are_not_allowed(arena, method):
    answer = await arena.anonymous.request(method, PATH)
    assert (answer.status, answer.json["error"]) == (405, "Method not allowed. Use POST.")


async def test_banned_player_is_neither_ranked_nor_counted(arena, test_app):
    first, second = [await arena.make_player(score=score) for score in (2, 1)]
    assert await board(arena) == [first.id, second.id]
    await test_app.core.execute(ban, game=arena.tag, player_id=first.id, duration="day")
    answer = await arena.anonymous.post(PATH, {"sort_by": ["score"]})
    assert [row["player_id"] for row in answer.json["leaderboard"]] == [second.id]
    assert answer.json["total"] == 1
    answer = await arena.anonymous.post(PATH, {"sort_by": ["score"], "around": first.id})
    assert answer.json["success"] is False
