"""Ways into a room without a lobby: open one, or join one. Starting has a file of its own."""

from coalserver.core import topics
from coalserver.core.commands.bans import ban
from coalserver.core.commands.presence import mark_away
from coalserver.core.commands.rooms import (
    close_room,
    join_room,
    open_room,
)
from coalserver.domain.errors import Why
from coalserver.domain.play.room_events import PlayerEntered, RoomHostChanged, RoomOpened
from tests.domain.builders import refused

# Opening one without a lobby


def test_who_opens_a_room_plays_in_it_and_leads(table):
    pat = table.a_player()
    room = table.do(open_room, game="free", player=pat, name="Room", capacity=4, data=b"3")
    assert (room.roster.host, room.roster.capacity, room.roster.of(pat).data) == (pat, 4, b"3")
    assert table.said(RoomOpened, topics.rooms("free")) == [RoomOpened("free", room.id)]


def test_a_room_without_a_name_is_called_after_its_code(table):
    parts = {"game": "free", "capacity": 4, "name": "", "unnamed": "Room "}
    room = table.do(open_room, player=table.a_guest(), **parts)
    assert room.name == f"Room {room.code[:6]}"


def test_a_room_holds_no_more_than_the_game_takes(table):
    assert table.a_room(table.a_guest(), capacity=16).roster.capacity == 8


def test_a_room_frees_silent_seats_after_the_usual_grace_or_its_own(table):
    assert table.a_room(table.a_guest()).roster.grace == 300
    assert table.a_room(table.a_guest(), grace=30).roster.grace == 30


def test_a_game_with_rules_begins_with_everyone_in_their_seats(table):
    with refused(Why.TOO_FEW_PLAYERS, least=2):
        table.a_room(table.a_guest(), game="noughts")


def test_a_player_of_one_game_who_plays_opens_no_room(table):
    pat = table.a_player()
    table.a_room(pat)
    with refused(Why.IN_A_ROOM):
        table.a_room(pat)


def test_a_player_of_one_game_in_a_lobby_opens_no_room(table):
    pat = table.a_player()
    table.a_lobby(pat)
    with refused(Why.IN_A_LOBBY):
        table.a_room(pat)


def test_a_player_of_no_game_plays_side_by_side(table):
    ann = table.a_guest()
    table.a_lobby(ann)
    assert len({table.a_room(ann).id for _ in range(2)}) == 2


def test_who_is_banned_opens_no_room(table):
    pat = table.a_player()
    table.do(ban, game="free", player=pat, duration="week")
    with refused(Why.BANNED):
        table.a_room(pat)


# Joining


def test_who_joins_has_a_seat_and_the_others_hear_it(table):
    room = table.a_room(table.a_guest())
    bob = table.a_guest("Bob")
    table.do(join_room, room_id=room.id, player=bob)
    expected = [PlayerEntered("free", room.id, bob, "Bob", 1)]
    assert table.said(PlayerEntered, topics.room(room.id)) == expected
    assert table.said(PlayerEntered, topics.rooms("free")) == expected
    assert table.said(PlayerEntered, topics.player(bob)) == expected


def test_who_joins_a_silent_host_may_follow_him(table):
    ann, bob = table.a_guest(), table.a_guest("Bob")
    room = table.a_room(ann, hand_over=True)
    table.do(mark_away, player=ann)
    table.do(join_room, room_id=room.id, player=bob)
    assert table.said(RoomHostChanged) == [RoomHostChanged("free", room.id, bob, "Bob")]


def test_a_room_that_never_was_is_not_found(table):
    with refused(Why.ROOM_NOT_FOUND):
        table.do(join_room, room_id=99, player=table.a_guest())


def test_a_room_that_is_over_takes_nobody(table):
    ann = table.a_guest()
    room = table.a_room(ann)
    table.do(close_room, room_id=room.id, by=ann)
    with refused(Why.ROOM_OVER):
        table.do(join_room, room_id=room.id, player=table.a_guest())


def test_who_is_in_already_is_told_so(table):
    pat = table.a_player()
    room = table.a_room(pat)
    with refused(Why.ALREADY_HERE):
        table.do(join_room, room_id=room.id, player=pat)


def test_a_full_room_takes_nobody(table):
    room = table.a_room(table.a_guest(), capacity=1)
    with refused(Why.ROOM_FULL):
        table.do(join_room, room_id=room.id, player=table.a_guest())


def test_a_wrong_password_is_refused_and_the_right_one_is_not(table):
    room = table.a_room(table.a_guest(), password="hunter2")
    bob = table.a_guest()
    with refused(Why.WRONG_PASSWORD):
        table.do(join_room, room_id=room.id, player=bob, password="hunter3")
    table.do(join_room, room_id=room.id, player=bob, password="hunter2")


def test_a_player_of_one_game_joins_no_second_room(table):
    first, second = table.a_room(table.a_guest()), table.a_room(table.a_guest())
    pat = table.a_player()
    table.do(join_room, room_id=first.id, player=pat)
    with refused(Why.IN_A_ROOM):
        table.do(join_room, room_id=second.id, player=pat)


def test_a_player_of_one_game_may_join_a_room_from_his_lobby(table):
    room = table.a_room(table.a_guest())
    pat = table.a_player()
    table.a_lobby(pat)
    table.do(join_room, room_id=room.id, player=pat)


def test_who_is_banned_joins_nothing(table):
    room = table.a_room(table.a_guest())
    pat = table.a_player()
    table.do(ban, game="free", player=pat, duration="year")
    with refused(Why.BANNED):
        table.do(join_room, room_id=room.id, player=pat)


def test_a_player_of_another_game_joins_nothing(table):
    room = table.a_room(table.a_guest())
    with refused(Why.GAME_CLOSED):
        table.do(join_room, room_id=room.id, player=table.a_player("noughts"))
