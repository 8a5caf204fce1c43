"""Ways into a room without a lobby: open one, or join one. Starting has a file of its own."""

from coalserver.core import topics
from coalserver.core.commands import members
from coalserver.core.commands.moderation import ban
from coalserver.core.commands.presence import mark_away
from coalserver.core.commands.rooms import join_room, open_room
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.events import RoomHostChanged, RoomMemberJoined, RoomOpened
from coalserver.domain.play.room import Room
from tests.domain.builders import raises_code

# Opening one without a lobby


def test_who_opens_a_room_plays_in_it_and_leads(table):
    pat = table.make_player()
    room = table.execute(open_room, game="free", player_id=pat, name="Room", capacity=4, data=b"3")
    assert (room.roster.host, room.roster.capacity, room.roster.get_seat(pat).data) == (
        pat,
        4,
        b"3",
    )
    assert table.events(RoomOpened, topics.rooms("free")) == [RoomOpened("free", room.id)]


def test_a_room_without_a_name_is_called_after_its_code(table):
    parts = {"game": "free", "capacity": 4, "name": "", "default_name": "Room "}
    room = table.execute(open_room, player_id=table.make_guest(), **parts)
    assert room.name == f"Room {room.code[:6]}"


def test_a_room_holds_no_more_than_the_game_takes(table):
    assert table.make_room(table.make_guest(), capacity=16).roster.capacity == 8


def test_a_room_frees_silent_seats_after_the_usual_grace_or_its_own(table):
    assert table.make_room(table.make_guest()).roster.grace == 300
    assert table.make_room(table.make_guest(), grace=30).roster.grace == 30


def test_a_game_with_rules_begins_with_everyone_in_their_seats(table):
    with raises_code(ErrorCode.TOO_FEW_PLAYERS, minimum=2):
        table.make_room(table.make_guest(), game="noughts")


def test_a_player_of_one_game_who_plays_opens_no_room(table):
    pat = table.make_player()
    table.make_room(pat)
    with raises_code(ErrorCode.ALREADY_IN_ROOM):
        table.make_room(pat)


def test_a_player_of_one_game_in_a_lobby_opens_no_room(table):
    pat = table.make_player()
    table.make_lobby(pat)
    with raises_code(ErrorCode.ALREADY_IN_LOBBY):
        table.make_room(pat)


def test_a_player_of_no_game_plays_side_by_side(table):
    ann = table.make_guest()
    table.make_lobby(ann)
    assert len({table.make_room(ann).id for _ in range(2)}) == 2


def test_who_is_banned_opens_no_room(table):
    pat = table.make_player()
    table.execute(ban, game="free", player_id=pat, duration="week")
    with raises_code(ErrorCode.BANNED):
        table.make_room(pat)


# Joining


def test_who_joins_has_a_seat_and_the_others_hear_it(table):
    room = table.make_room(table.make_guest())
    bob = table.make_guest("Bob")
    table.execute(join_room, room_id=room.id, player_id=bob)
    expected = [RoomMemberJoined("free", room.id, bob, "Bob", 1)]
    assert table.events(RoomMemberJoined, topics.room(room.id)) == expected
    assert table.events(RoomMemberJoined, topics.rooms("free")) == expected
    assert table.events(RoomMemberJoined, topics.player(bob)) == expected


def test_who_joins_a_silent_host_may_follow_him(table):
    ann, bob = table.make_guest(), table.make_guest("Bob")
    room = table.make_room(ann, transfer_host=True)
    table.execute(mark_away, player_id=ann)
    table.execute(join_room, room_id=room.id, player_id=bob)
    assert table.events(RoomHostChanged) == [RoomHostChanged("free", room.id, bob, "Bob")]


def test_a_room_that_never_was_is_not_found(table):
    with raises_code(ErrorCode.ROOM_NOT_FOUND):
        table.execute(join_room, room_id=99, player_id=table.make_guest())


def test_a_room_that_is_over_takes_nobody(table):
    ann = table.make_guest()
    room = table.make_room(ann)
    table.execute(members.close, kind=Room, id=room.id, by=ann)
    with raises_code(ErrorCode.ROOM_ENDED):
        table.execute(join_room, room_id=room.id, player_id=table.make_guest())


def test_who_is_in_already_is_told_so(table):
    pat = table.make_player()
    room = table.make_room(pat)
    with raises_code(ErrorCode.ALREADY_MEMBER):
        table.execute(join_room, room_id=room.id, player_id=pat)


def test_a_full_room_takes_nobody(table):
    room = table.make_room(table.make_guest(), capacity=1)
    with raises_code(ErrorCode.ROOM_FULL):
        table.execute(join_room, room_id=room.id, player_id=table.make_guest())


def test_a_wrong_password_is_refused_and_the_right_one_is_not(table):
    room = table.make_room(table.make_guest(), password="hunter2")
    bob = table.make_guest()
    with raises_code(ErrorCode.WRONG_PASSWORD):
        table.execute(join_room, room_id=room.id, player_id=bob, password="hunter3")
    table.execute(join_room, room_id=room.id, player_id=bob, password="hunter2")


def test_a_player_of_one_game_joins_no_second_room(table):
    first, second = table.make_room(table.make_guest()), table.make_room(table.make_guest())
    pat = table.make_player()
    table.execute(join_room, room_id=first.id, player_id=pat)
    with raises_code(ErrorCode.ALREADY_IN_ROOM):
        table.execute(join_room, room_id=second.id, player_id=pat)


def test_a_player_of_one_game_may_join_a_room_from_his_lobby(table):
    room = table.make_room(table.make_guest())
    pat = table.make_player()
    table.make_lobby(pat)
    table.execute(join_room, room_id=room.id, player_id=pat)


def test_who_is_banned_joins_nothing(table):
    room = table.make_room(table.make_guest())
    pat = table.make_player()
    table.execute(ban, game="free", player_id=pat, duration="year")
    with raises_code(ErrorCode.BANNED):
        table.execute(join_room, room_id=room.id, player_id=pat)


def test_a_player_of_another_game_joins_nothing(table):
    room = table.make_room(table.make_guest())
    with raises_code(ErrorCode.GAME_CLOSED):
        table.execute(join_room, room_id=room.id, player_id=table.make_player("noughts"))
