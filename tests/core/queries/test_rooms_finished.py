"""What is found of a game that the rules have ended."""

from coalserver.core.commands import members
from coalserver.core.commands.rooms import take_turn
from coalserver.core.queries.rooms import finished_room_of_player
from coalserver.domain.play.room import Room

WINNING = (0, 3, 1, 4, 2)


def make_won_game(table):
    """A game of noughts that its host has won; gives it and both players."""
    players = [table.make_player("noughts") for _ in range(2)]
    room = table.make_started_room(*players)
    for number, cell in enumerate(WINNING):
        table.execute(
            take_turn, room_id=room.id, player_id=players[number % 2], turn={"cell": cell}
        )
    return room, players


def test_who_sat_to_the_end_finds_the_game(table):
    room, players = make_won_game(table)
    for player in players:
        assert table.query(finished_room_of_player, player=player).id == room.id


def test_a_game_that_the_host_ended_later_hides_it(table):
    _, (host, _) = make_won_game(table)
    later = table.make_started_room(host, table.make_player("noughts"))
    table.execute(members.close, kind=Room, id=later.id, by=host)
    assert table.query(finished_room_of_player, player=host) is None


def test_who_never_played_finds_nothing(table):
    assert table.query(finished_room_of_player, player=99) is None
