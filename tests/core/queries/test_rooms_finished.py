"""The finished room of a player, whose game the rules have ended."""

from coalserver.core.commands import members
from coalserver.core.commands.rooms import take_turn
from coalserver.core.queries.rooms import finished_room_of_player
from coalserver.domain.play.room import Room

WINNING = (0, 3, 1, 4, 2)


def make_won_game(table):
    """Return a game of noughts that its host has won, and both players."""
    players = [table.make_player("noughts") for _ in range(2)]
    room = table.make_started_room(*players)
    for number, cell in enumerate(WINNING):
        table.execute(
            take_turn, room_id=room.id, player_id=players[number % 2], turn={"cell": cell}
        )
    return room, players


def test_members_find_their_finished_room(table):
    room, players = make_won_game(table)
    for player in players:
        assert table.query(finished_room_of_player, player=player).id == room.id


def test_room_closed_later_by_the_host_hides_the_finished_one(table):
    _, (host, _) = make_won_game(table)
    later = table.make_started_room(host, table.make_player("noughts"))
    table.execute(members.close, kind=Room, id=later.id, by=host)
    assert table.query(finished_room_of_player, player=host) is None


def test_player_without_rooms_has_no_finished_room(table):
    assert table.query(finished_room_of_player, player=99) is None
