"""Rooms: creation without a lobby, leaving and closing. test_members.py has what lobbies share."""

from coalserver.core import topics
from coalserver.core.commands import members
from coalserver.core.commands.members import TOUCH_SECONDS
from coalserver.core.commands.messages import send_action
from coalserver.core.commands.rooms import join_room, open_room
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.actions import Action, Target
from coalserver.domain.play.events import LobbyMemberLeft, RoomClosed, RoomOpened
from coalserver.domain.play.lobby import CloseReason, Lobby, LobbyState
from coalserver.domain.play.room import Room
from tests.domain.builders import failing_rule, make_rules, raises_code

# Creation


def test_creator_is_host_and_member(table):
    pat = table.make_player()
    room = table.execute(open_room, game="free", player_id=pat, name="Room", capacity=4, data=b"3")
    assert (room.roster.host, room.roster.capacity, room.roster.get_seat(pat).data) == (
        pat,
        4,
        b"3",
    )
    assert table.events(RoomOpened, topics.rooms("free")) == [RoomOpened("free", room.id)]


def test_room_without_a_name_gets_a_default_name(table):
    parts = {"game": "free", "capacity": 4, "name": "", "default_name": "Room "}
    room = table.execute(open_room, player_id=table.make_guest(), **parts)
    assert room.name == f"Room {room.code[:6]}"


def test_capacity_is_limited_by_the_game(table):
    assert table.make_room(table.make_guest(), capacity=16).roster.capacity == 8


def test_grace_defaults_to_the_limit_and_may_differ(table):
    assert table.make_room(table.make_guest()).roster.grace == 300
    assert table.make_room(table.make_guest(), grace=30).roster.grace == 30


def test_game_with_rules_requires_a_lobby(table):
    with raises_code(ErrorCode.TOO_FEW_PLAYERS, minimum=2):
        table.make_room(table.make_guest(), game="noughts")


def test_bound_player_in_a_lobby_may_join_a_room(table):
    room = table.make_room(table.make_guest())
    pat = table.make_player()
    table.make_lobby(pat)
    table.execute(join_room, room_id=room.id, player_id=pat)


# Leaving and closing


def test_leaving_a_room_leaves_its_lobby_without_an_event(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob, game="free")
    table.clear_events()
    table.execute(members.leave, kind=Room, id=room.id, player_id=bob)
    assert list(table.lobby(room.lobby).roster) == [ann]
    assert table.events(LobbyMemberLeft) == []


def test_member_who_left_the_lobby_can_leave_the_room(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob, game="free")
    table.execute(members.leave, kind=Lobby, id=room.lobby, player_id=bob)
    assert list(table.execute(members.leave, kind=Room, id=room.id, player_id=bob).roster) == [ann]


def test_member_who_leaves_a_game_of_two_loses(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob, transfer_host=True)
    left = table.execute(members.leave, kind=Room, id=room.id, player_id=ann)
    assert (left.close_reason, left.outcome) == (CloseReason.FINISHED, b'{"winner":1}')


def test_host_who_leaves_a_game_of_two_loses_without_host_transfer(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob, transfer_host=False)
    assert (
        table.execute(members.leave, kind=Room, id=room.id, player_id=ann).outcome
        == b'{"winner":1}'
    )


def test_member_cannot_leave_without_can_leave(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_room(ann, bob, can_leave=False)
    with raises_code(ErrorCode.CANNOT_LEAVE):
        table.execute(members.leave, kind=Room, id=room.id, player_id=bob)


def test_failing_rules_prevent_leaving(table):
    table.set_rules("free", make_rules(left=failing_rule))
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob, game="free")
    with raises_code(ErrorCode.RULES_FAILED):
        table.execute(members.leave, kind=Room, id=room.id, player_id=bob)
    assert table.room(room.id) == room


def test_closing_a_room_deletes_its_actions_and_closes_its_lobby(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob, game="free")
    table.execute(send_action, room_id=room.id, sender=ann, target=Target.ALL, type="move")
    table.execute(members.close, kind=Room, id=room.id, by=ann)
    assert table.events(RoomClosed) == [RoomClosed("free", room.id, "closed")]
    assert table.lobby(room.lobby).state is LobbyState.CLOSED
    assert table.state.count(Action) == 0


def test_chat_updates_touched_at_most_once_an_hour(table):
    ann = table.make_guest()
    room = table.make_room(ann)
    table.now += TOUCH_SECONDS - 1
    table.execute(members.chat, kind=Room, id=room.id, player_id=ann, text="hi")
    assert table.room(room.id) is room
    table.now += 1
    table.execute(members.chat, kind=Room, id=room.id, player_id=ann, text="hi")
    assert table.room(room.id).touched == table.now
