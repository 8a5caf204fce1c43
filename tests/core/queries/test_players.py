"""All players of a game, in pieces between which other commands run."""

import pytest

from coalserver.core.commands.games import add_game
from coalserver.core.commands.players import register_player, rename_player
from coalserver.core.queries import players
from coalserver.core.queries.players import players_of_game


@pytest.fixture(params=[True, False], ids=["ids copied", "a range of ids"])
def register(table, request, monkeypatch):
    """Return a function that registers players of games; neither way may be seen."""
    monkeypatch.setattr(players, "MAX_COPIED_IDS", 100 if request.param else 0)
    for tag in ("arena", "chess"):
        table.execute(add_game, tag=tag)
    return lambda game: table.execute(register_player, game=game, name="Pat", data=b"{}")[0].id


def test_pieces_have_each_player_of_the_game_once_oldest_first(table, register):
    ids = [register(game) for game in ("arena", "chess", "arena", "arena", "chess", "arena")]
    count, pieces = players_of_game(table.state, game="arena", size=2)
    found = list(pieces)
    assert count == 4 and all(len(piece) <= 2 for piece in found)
    assert [one.id for piece in found for one in piece] == [ids[0], ids[2], ids[3], ids[5]]


def test_game_without_players_has_none(table, register):
    count, pieces = players_of_game(table.state, game="nowhere")
    assert (count, [one for piece in pieces for one in piece]) == (0, [])


def test_players_who_change_or_come_between_pieces_are_neither_lost_nor_repeated(table, register):
    ids = [register("arena") for _ in range(6)]
    count, pieces = players_of_game(table.state, game="arena", size=2)
    found = list(next(pieces))
    for id in (ids[0], ids[5]):
        table.execute(rename_player, player_id=id, name="New")
    register("arena")
    found += [one for piece in pieces for one in piece]
    assert [one.id for one in found] == ids and count == 6
    assert [one.name for one in found] == ["Pat"] * 5 + ["New"]
