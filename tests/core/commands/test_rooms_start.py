"""Starting: how a lobby becomes a room, who comes along, and who stays behind."""

import pytest

from coalserver.core import topics
from coalserver.core.commands.lobbies import join_lobby, set_ready
from coalserver.core.commands.presence import mark_away
from coalserver.core.commands.rooms import join_room, start_lobby
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.events import LobbyClosed, LobbyMemberLeft, RoomOpened
from coalserver.domain.play.lobby import CloseReason, LobbyState
from coalserver.domain.play.room import Room
from tests.domain.builders import make_rules, raises_code


def test_the_members_of_the_lobby_play(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob)
    assert [(seat.player, seat.number) for seat in room.roster.seats] == [(ann, 0), (bob, 1)]
    assert table.room_state(room.id)["grid"] == "........."


def test_the_lobby_has_started_and_keeps_its_members(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob)
    lobby = table.lobby(room.lobby)
    assert (lobby.state, lobby.close_reason, lobby.room) == (
        LobbyState.STARTED,
        CloseReason.STARTED,
        room.id,
    )
    assert list(lobby.roster) == [ann, bob]


def test_the_lobby_hears_which_room_it_became(table):
    room = table.make_started_room(table.make_guest(), table.make_guest())
    expected = [LobbyClosed("noughts", room.lobby, "started", room.id)]
    assert table.events(LobbyClosed, topics.lobby(room.lobby)) == expected
    assert table.events(LobbyClosed, topics.lobbies("noughts")) == expected


def test_the_room_is_heard_of_where_rooms_are_listed(table):
    room = table.make_started_room(table.make_guest(), table.make_guest())
    expected = [RoomOpened("noughts", room.id, room.lobby)]
    assert table.events(RoomOpened, topics.rooms("noughts")) == expected


def test_the_room_is_like_the_lobby(table):
    ann = table.make_guest()
    room = table.make_started_room(
        ann,
        game="free",
        capacity=5,
        options=b'{"a":1}',
        can_leave=False,
        transfer_host=True,
        realtime=True,
        password="hunter2",
        data=b"3",
    )
    assert (room.name, room.options, room.realtime) == ("Lobby", b'{"a":1}', True)
    roster = room.roster
    assert (roster.capacity, roster.can_leave, roster.transfer_host) == (5, False, True)
    assert roster.get_seat(ann).data == b"3"
    with raises_code(ErrorCode.WRONG_PASSWORD):
        table.execute(join_room, room_id=room.id, player_id=table.make_guest())


def test_a_room_may_be_called_otherwise(table):
    ann = table.make_guest()
    lobby = table.make_lobby(ann)
    assert table.execute(start_lobby, lobby_id=lobby.id, by=ann, name="Game").name == "Game"


def test_a_room_may_hand_over_what_its_lobby_did_not(table):
    assert table.make_started_room(
        table.make_guest(), game="free", transfer_host=True
    ).roster.transfer_host


@pytest.mark.parametrize(("keep_seats", "grace"), [(True, None), (False, 300)])
def test_silence_costs_a_seat_or_never_does(table, keep_seats, grace):
    room = table.make_started_room(table.make_guest(), game="free", keep_seats=keep_seats)
    assert room.roster.grace == grace


def test_in_a_game_with_rules_nobody_comes_later(table):
    table.set_rules("free", make_rules())
    room = table.make_started_room(table.make_guest(), table.make_guest(), game="free")
    with raises_code(ErrorCode.ROOM_FULL):
        table.execute(join_room, room_id=room.id, player_id=table.make_guest())


def test_without_rules_others_may_come_later(table):
    room = table.make_started_room(table.make_guest(), game="free")
    table.execute(join_room, room_id=room.id, player_id=table.make_guest())


def test_chance_decides_who_begins_where_that_was_chosen(table):
    firsts = set()
    for _ in range(20):
        room = table.make_started_room(
            table.make_guest(), table.make_guest(), options=b'{"first":"random"}'
        )
        firsts.add(room.current)
    assert firsts == {(0,), (1,)}


def test_the_host_begins_even_if_others_were_there_before_him(table):
    ann, bob = table.make_guest(), table.make_guest()
    lobby = table.make_lobby(ann, bob, game="noughts", transfer_host=True)
    table.execute(mark_away, player_id=ann)
    room = table.execute(start_lobby, lobby_id=lobby.id, by=bob)
    assert room.roster.get_seat(bob).number == 0


@pytest.mark.parametrize(
    ("who", "why"), [("bob", ErrorCode.NOT_HOST), ("eve", ErrorCode.NOT_MEMBER)]
)
def test_only_the_host_starts(table, who, why):
    players = {name: table.make_guest(name) for name in ("ann", "bob", "eve")}
    lobby = table.make_lobby(players["ann"], players["bob"], game="noughts")
    with raises_code(why):
        table.execute(start_lobby, lobby_id=lobby.id, by=players[who])


def test_a_lobby_starts_once(table):
    ann = table.make_guest()
    room = table.make_started_room(ann, game="free")
    with raises_code(ErrorCode.LOBBY_STARTED):
        table.execute(start_lobby, lobby_id=room.lobby, by=ann)


def test_a_lobby_that_never_was_does_not_start(table):
    with raises_code(ErrorCode.LOBBY_NOT_FOUND):
        table.execute(start_lobby, lobby_id=99, by=table.make_guest())


def test_too_few_do_not_start_and_are_told_how_many_it_takes(table):
    ann = table.make_guest()
    lobby = table.make_lobby(ann, game="noughts")
    with raises_code(ErrorCode.TOO_FEW_PLAYERS, minimum=2):
        table.execute(start_lobby, lobby_id=lobby.id, by=ann)
    assert (table.lobby(lobby.id), table.state.count(Room)) == (lobby, 0)


def test_a_lobby_that_must_be_full_does_not_start_before(table):
    ann, bob = table.make_guest(), table.make_guest()
    lobby = table.make_lobby(ann, capacity=2, strict_full=True)
    with raises_code(ErrorCode.LOBBY_NOT_FULL):
        table.execute(start_lobby, lobby_id=lobby.id, by=ann)
    table.execute(join_lobby, lobby_id=lobby.id, player_id=bob)
    table.execute(start_lobby, lobby_id=lobby.id, by=ann)


def test_where_that_is_checked_everyone_must_be_ready(table):
    ann, bob = table.make_guest(), table.make_guest()
    lobby = table.make_lobby(ann, bob, ready_check=True)
    with raises_code(ErrorCode.MEMBERS_NOT_READY):
        table.execute(start_lobby, lobby_id=lobby.id, by=ann)
    table.execute(set_ready, lobby_id=lobby.id, player_id=bob, ready=True)
    table.execute(start_lobby, lobby_id=lobby.id, by=ann)


@pytest.mark.parametrize("broken", ["setup", "current", "outcome"])
def test_rules_that_fail_start_nothing(table, broken):
    def failing(*_):
        raise ZeroDivisionError

    table.set_rules("free", make_rules(**{broken: failing}))
    ann = table.make_guest()
    lobby = table.make_lobby(ann, table.make_guest())
    table.clear_events()
    with raises_code(ErrorCode.RULES_FAILED, rule="failing"):
        table.execute(start_lobby, lobby_id=lobby.id, by=ann)
    assert (table.lobby(lobby.id).state, table.entries) == (LobbyState.OPEN, [])


def test_rules_that_set_up_what_is_not_json_start_nothing(table):
    table.set_rules("free", make_rules(setup=lambda seats, options, rng: {1, 2}))
    ann = table.make_guest()
    lobby = table.make_lobby(ann, table.make_guest())
    with raises_code(ErrorCode.RULES_FAILED):
        table.execute(start_lobby, lobby_id=lobby.id, by=ann)
    assert table.lobby(lobby.id).open


# Who stays behind


def started_without(table, game="free", **parts):
    """A lobby of Ann, Bob and Cid, of whom Bob is away; started with those who are there."""
    ann, bob, cid = table.make_guest(), table.make_guest("Bob"), table.make_guest()
    lobby = table.make_lobby(ann, bob, cid, game=game, **parts)
    table.execute(mark_away, player_id=bob)
    table.clear_events()
    return ann, bob, cid, table.execute(start_lobby, lobby_id=lobby.id, by=ann, only_present=True)


def test_who_is_away_stays_behind_where_only_the_present_come(table):
    ann, _, cid, room = started_without(table)
    assert list(room.roster) == [ann, cid]


def test_who_stays_behind_has_left_the_lobby_and_that_is_said_before_the_start(table):
    ann, bob, cid, room = started_without(table)
    assert list(table.lobby(room.lobby).roster) == [ann, cid]
    assert table.events(LobbyMemberLeft) == [
        LobbyMemberLeft("free", room.lobby, bob, "Bob", "timeout")
    ]
    assert table.event_names() == ["LobbyMemberLeft", "RoomOpened", "LobbyClosed"]


def test_who_stays_behind_may_come_later_where_there_is_a_place(table):
    _, bob, _, room = started_without(table)
    table.execute(join_room, room_id=room.id, player_id=bob)


def test_who_is_away_comes_along_where_everyone_does(table):
    ann, bob = table.make_guest(), table.make_guest()
    lobby = table.make_lobby(ann, bob)
    table.execute(mark_away, player_id=bob)
    room = table.execute(start_lobby, lobby_id=lobby.id, by=ann)
    assert (list(room.roster), room.roster.get_seat(bob).away) == ([ann, bob], True)


def test_who_stays_behind_need_not_be_ready(table):
    ann, bob = table.make_guest(), table.make_guest()
    lobby = table.make_lobby(ann, bob, ready_check=True)
    table.execute(mark_away, player_id=bob)
    table.execute(start_lobby, lobby_id=lobby.id, by=ann, only_present=True)


def test_who_stays_behind_is_not_one_too_many(table):
    table.set_rules("free", make_rules(max_players=4))
    *_, room = started_without(table, capacity=3)
    assert table.room_state(room.id)["seats"] == 2


def test_who_stays_behind_may_leave_too_few(table):
    ann, bob = table.make_guest(), table.make_guest()
    lobby = table.make_lobby(ann, bob, game="noughts")
    table.execute(mark_away, player_id=bob)
    with raises_code(ErrorCode.TOO_FEW_PLAYERS, minimum=2):
        table.execute(start_lobby, lobby_id=lobby.id, by=ann, only_present=True)
    assert list(table.lobby(lobby.id).roster) == [ann, bob]


def test_a_host_who_was_thought_away_comes_along(table):
    ann, bob = table.make_guest(), table.make_guest()
    lobby = table.make_lobby(ann, bob)
    table.execute(mark_away, player_id=ann)
    room = table.execute(start_lobby, lobby_id=lobby.id, by=ann, only_present=True)
    assert (list(room.roster), room.roster.get_seat(ann).away) == ([ann, bob], False)


def test_a_player_of_one_game_who_plays_elsewhere_stays_behind(table):
    ann, pat = table.make_guest(), table.make_player()
    lobby = table.make_lobby(ann, pat)
    elsewhere = table.make_room(table.make_guest(), pat)
    room = table.execute(start_lobby, lobby_id=lobby.id, by=ann)
    assert (list(room.roster), list(elsewhere.roster)[1]) == ([ann], pat)
    assert [event.reason for event in table.events(LobbyMemberLeft)] == ["left"]


def test_a_player_of_no_game_who_plays_elsewhere_comes_along(table):
    ann, bob = table.make_guest(), table.make_guest()
    lobby = table.make_lobby(ann, bob)
    table.make_room(bob)
    assert bob in table.execute(start_lobby, lobby_id=lobby.id, by=ann).roster


def test_a_host_of_one_game_who_plays_elsewhere_does_not_start(table):
    pat = table.make_player()
    lobby = table.make_lobby(pat)
    room = table.make_room(table.make_guest())
    table.execute(join_room, room_id=room.id, player_id=pat)
    with raises_code(ErrorCode.ALREADY_IN_ROOM):
        table.execute(start_lobby, lobby_id=lobby.id, by=pat)
