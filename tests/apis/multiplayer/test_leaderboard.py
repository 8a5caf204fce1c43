"""The leaderboard: the document's samples, what is beyond them, and what is refused."""

import asyncio
import json

import pytest

from coalserver.core.commands.players import save_player_data
from tests.apis.multiplayer.clients import make_sample_game

PATH = "leaderboard.php"
#: Name and data of the document's second and third sample, in the order in which they were made.
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


async def board(arena, **asked):
    """Ids in the order of the leaderboard."""
    answer = await arena.anonymous.post(PATH, {"sort_by": ["score"], **asked})
    assert answer.status == 200, answer.raw
    return [row["player_id"] for row in answer.json["leaderboard"]]


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        (["level", "score"], "41253"),
        (["score", "level"], "13245"),
    ],
)
async def test_the_samples_of_the_document(arena, fields, names):
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


async def test_a_game_without_players_has_an_empty_one(arena):
    answer = await arena.anonymous.post(PATH, {"sort_by": ["level"]})
    assert answer.json == {
        "success": True, "leaderboard": [], "total": 0, "sort_by": ["level"], "limit": 10,
    }  # fmt: skip


async def test_another_spelling_and_nulls_are_understood(arena):
    (*_, last) = await sampled(arena)
    body = {"sortBy": ["score"], "sort_by": None, "limit": "3", "where": None, "around": None}
    answer = await arena.anonymous.post(PATH, body)
    assert (answer.status, answer.json["limit"], len(answer.json["leaderboard"])) == (200, 3, 3)
    assert last.id not in [row["player_id"] for row in answer.json["leaderboard"]]


async def test_credentials_may_be_in_the_query(arena, test_app):
    answer = await test_app.anonymous.post(
        f"/api/{PATH}?api_token={arena.api}", {"sort_by": ["level"]}
    )
    assert answer.status == 200


async def test_unity_reads_the_data_as_a_string(arena):
    await arena.make_player("Una", score=1)
    answer = await arena.anonymous.post(f"{PATH}?format=unity", {"sort_by": ["score"]})
    (row,) = answer.json["leaderboard"]
    assert "player_data" not in row
    assert json.loads(row["player_data_json"]) == {"score": 1}


async def test_around_a_player_says_from_where(arena):
    player_clients = [await arena.make_player(score=-n) for n in range(7)]
    body = {"sort_by": ["score"], "limit": 3, "around": str(player_clients[4].id)}
    said = (await arena.anonymous.post(PATH, body)).json
    assert [(row["rank"], row["player_id"]) for row in said["leaderboard"]] == [
        (rank, player_clients[rank - 1].id) for rank in (4, 5, 6)
    ]
    assert (said["offset"], said["total"]) == (3, 7)


async def test_an_offset_leaves_out_the_first(arena):
    player_clients = [await arena.make_player(score=-n) for n in range(4)]
    assert await board(arena, offset=2, limit=1) == [player_clients[2].id]
    assert await board(arena, offset=9) == []


async def test_filters_count_only_who_matches(arena):
    red = await arena.make_player(score=1, team={"name": "red"})
    await arena.make_player(score=2, team={"name": "blue"})
    body = {"sort_by": ["score"], "where": {"team.name": "red"}}
    said = (await arena.anonymous.post(PATH, body)).json
    assert [row["player_id"] for row in said["leaderboard"]] == [red.id]
    assert said["total"] == 1


async def test_a_change_is_seen_at_once_and_of_this_game_only(arena, test_app):
    one, two = await arena.make_player(score=1), await arena.make_player(score=2)
    other = await make_sample_game(test_app, "other")
    await other.make_player(score=3)
    assert await board(arena) == [two.id, one.id]
    await test_app.core.execute(save_player_data, player_id=one.id, data=b'{"score": 3}')
    assert await board(arena) == [one.id, two.id]


async def test_two_who_change_and_look_at_once_see_an_order_that_was(arena, test_app):
    one, two = await arena.make_player(score=1), await arena.make_player(score=2)

    async def climbs(player_client, score):
        data = json.dumps({"score": score}).encode()
        await test_app.core.execute(save_player_data, player_id=player_client.id, data=data)
        return await board(arena)

    seen = await asyncio.gather(
        *(climbs(player_client, n) for n in range(3, 9) for player_client in (one, two))
    )
    assert all(sorted(order) == [one.id, two.id] for order in seen)
    assert await board(arena) == [one.id, two.id]


async def test_it_is_the_same_after_a_restart(arena, test_app):
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
async def test_what_cannot_be_meant_is_refused(arena, body, error):
    answer = await arena.anonymous.post(PATH, body)
    assert (answer.status, answer.json) == (400, {"success": False, "error": error})


async def test_around_somebody_who_is_not_in_it_is_refused(arena, test_app):
    stranger = await (await make_sample_game(test_app, "other")).make_player(score=1)
    answer = await arena.anonymous.post(PATH, {"sort_by": ["score"], "around": stranger.id})
    assert answer.status == 404


async def test_repeated_fields_count_once_and_invalid_ones_not_at_all(arena):
    answer = await arena.anonymous.post(PATH, {"sort_by": ["a", 5, "a", "b.c", ""]})
    assert answer.json["sort_by"] == ["a", "b.c"]


@pytest.mark.parametrize(
    ("api", "refused"),
    [
        ("", (400, "api_token is required")),
        ("wrong", (401, "Invalid or expired api_token")),
    ],
)
async def test_the_api_token_is_needed_before_anything_else(test_app, api, refused):
    headers = {"X_Api_Token": api} if api else {}
    answer = await test_app.anonymous.post(f"/api/{PATH}", b"{", **headers)
    assert (answer.status, answer.json["error"]) == refused


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_another_method_is_not_allowed(arena, method):
    answer = await arena.anonymous.request(method, PATH)
    assert (answer.status, answer.json["error"]) == (405, "Method not allowed. Use POST.")
