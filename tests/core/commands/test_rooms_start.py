"""Starting a lobby: the room, its participants and the members left out."""

import pytest

from coalserver.core import topics
from coalserver.core.commands.lobbies import join_lobby, set_ready
from coalserver.core.commands.presence import mark_away, mark_overdue
from coalserver.core.commands.rooms import join_room, start_lobby
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.events import LobbyClosed, LobbyMemberLeft, RoomOpened
from coalserver.domain.play.lobby import CloseReason, LobbyState
from coalserver.domain.play.room import Room
from tests.domain.builders import failing_rule, make_rules, raises_code


def test_members_of_the_lobby_have_seats_in_the_room(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob)
    assert [(seat.player, seat.number) for seat in room.roster.seats] == [(ann, 0), (bob, 1)]
    assert table.room_state(room.id)["grid"] == "........."


def test_started_lobby_has_a_room_and_keeps_its_members(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob)
    lobby = table.lobby(room.lobby)
    assert (lobby.state, lobby.close_reason, lobby.room) == (
        LobbyState.STARTED,
        CloseReason.STARTED,
        room.id,
    )
    assert list(lobby.roster) == [ann, bob]


def test_lobby_closed_names_the_room(table):
    room = table.make_started_room(table.make_guest(), table.make_guest())
    expected = [LobbyClosed("noughts", room.lobby, "started", room.id)]
    assert table.events(LobbyClosed, topics.lobby(room.lobby)) == expected
    assert table.events(LobbyClosed, topics.lobbies("noughts")) == expected


def test_room_opened_is_emitted_to_the_list(table):
    room = table.make_started_room(table.make_guest(), table.make_guest())
    expected = [RoomOpened("noughts", room.id, room.lobby)]
    assert table.events(RoomOpened, topics.rooms("noughts")) == expected


def test_room_has_the_settings_of_the_lobby(table):
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


def test_room_may_have_another_name(table):
    ann = table.make_guest()
    lobby = table.make_lobby(ann)
    assert table.execute(start_lobby, lobby_id=lobby.id, by=ann, name="Game").name == "Game"


def test_host_transfer_may_differ_from_the_lobby(table):
    assert table.make_started_room(
        table.make_guest(), game="free", transfer_host=True
    ).roster.transfer_host


@pytest.mark.parametrize(("keep_seats", "grace"), [(True, None), (False, 300)])
def test_keep_seats_disables_the_grace(table, keep_seats, grace):
    room = table.make_started_room(table.make_guest(), game="free", keep_seats=keep_seats)
    assert room.roster.grace == grace


def test_room_with_rules_rejects_later_joins(table):
    table.set_rules("free", make_rules())
    room = table.make_started_room(table.make_guest(), table.make_guest(), game="free")
    with raises_code(ErrorCode.ROOM_FULL):
        table.execute(join_room, room_id=room.id, player_id=table.make_guest())


def test_room_without_rules_admits_later_joins(table):
    room = table.make_started_room(table.make_guest(), game="free")
    table.execute(join_room, room_id=room.id, player_id=table.make_guest())


def test_random_first_seat_is_chosen_on_request(table):
    firsts = set()
    for _ in range(20):
        room = table.make_started_room(
            table.make_guest(), table.make_guest(), options=b'{"first":"random"}'
        )
        firsts.add(room.current)
    assert firsts == {(0,), (1,)}


def test_host_has_the_first_seat(table):
    ann, bob = table.make_guest(), table.make_guest()
    lobby = table.make_lobby(ann, bob, game="noughts", transfer_host=True)
    table.execute(mark_overdue, player_id=ann)
    room = table.execute(start_lobby, lobby_id=lobby.id, by=bob)
    assert room.roster.get_seat(bob).number == 0


@pytest.mark.parametrize(
    ("by", "code"), [("bob", ErrorCode.NOT_HOST), ("eve", ErrorCode.NOT_MEMBER)]
)
def test_only_the_host_starts(table, by, code):
    players = {name: table.make_guest(name) for name in ("ann", "bob", "eve")}
    lobby = table.make_lobby(players["ann"], players["bob"], game="noughts")
    with raises_code(code):
        table.execute(start_lobby, lobby_id=lobby.id, by=players[by])


def test_lobby_is_started_once(table):
    ann = table.make_guest()
    room = table.make_started_room(ann, game="free")
    with raises_code(ErrorCode.LOBBY_STARTED):
        table.execute(start_lobby, lobby_id=room.lobby, by=ann)


def test_unknown_lobby_cannot_be_started(table):
    with raises_code(ErrorCode.LOBBY_NOT_FOUND):
        table.execute(start_lobby, lobby_id=99, by=table.make_guest())


def test_start_with_too_few_players_names_the_minimum(table):
    ann = table.make_guest()
    lobby = table.make_lobby(ann, game="noughts")
    with raises_code(ErrorCode.TOO_FEW_PLAYERS, minimum=2):
        table.execute(start_lobby, lobby_id=lobby.id, by=ann)
    assert (table.lobby(lobby.id), table.state.count(Room)) == (lobby, 0)


def test_strict_full_lobby_starts_only_when_full(table):
    ann, bob = table.make_guest(), table.make_guest()
    lobby = table.make_lobby(ann, capacity=2, strict_full=True)
    with raises_code(ErrorCode.LOBBY_NOT_FULL):
        table.execute(start_lobby, lobby_id=lobby.id, by=ann)
    table.execute(join_lobby, lobby_id=lobby.id, player_id=bob)
    table.execute(start_lobby, lobby_id=lobby.id, by=ann)


def test_ready_check_requires_all_members_to_be_ready(table):
    ann, bob = table.make_guest(), table.make_guest()
    lobby = table.make_lobby(ann, bob, ready_check=True)
    with raises_code(ErrorCode.MEMBERS_NOT_READY):
        table.execute(start_lobby, lobby_id=lobby.id, by=ann)
    table.execute(set_ready, lobby_id=lobby.id, player_id=bob, ready=True)
    table.execute(start_lobby, lobby_id=lobby.id, by=ann)


@pytest.mark.parametrize("broken", ["setup", "current", "outcome"])
def test_failing_rules_prevent_the_start(table, broken):
    table.set_rules("free", make_rules(**{broken: failing_rule}))
    ann = table.make_guest()
    lobby = table.make_lobby(ann, table.make_guest())
    table.clear_events()
    with raises_code(ErrorCode.RULES_FAILED, rule="failing_rule"):
        table.execute(start_lobby, lobby_id=lobby.id, by=ann)
    assert (table.lobby(lobby.id).state, table.entries) == (LobbyState.OPEN, [])


def test_setup_that_is_not_json_prevents_the_start(table):
    table.set_rules("free", make_rules(setup=lambda seats, options, rng: {1, 2}))
    ann = table.make_guest()
    lobby = table.make_lobby(ann, table.make_guest())
    with raises_code(ErrorCode.RULES_FAILED):
        table.execute(start_lobby, lobby_id=lobby.id, by=ann)
    assert table.lobby(lobby.id).open


# Members left out


def start_without_bob(table, game="free", **kwargs):
    """Start a lobby of Ann, Bob and Cid, without Bob, who is away; return them and the room."""
    ann, bob, cid = table.make_guest(), table.make_guest("Bob"), table.make_guest()
    lobby = table.make_lobby(ann, bob, cid, game=game, **kwargs)
    table.execute(mark_away, player_id=bob)
    table.clear_events()
    return ann, bob, cid, table.execute(start_lobby, lobby_id=lobby.id, by=ann, only_present=True)


def test_away_member_is_left_out_with_only_present(table):
    ann, _, cid, room = start_without_bob(table)
    assert list(room.roster) == [ann, cid]


def test_left_out_member_leaves_the_lobby_before_the_start(table):
    ann, bob, cid, room = start_without_bob(table)
    assert list(table.lobby(room.lobby).roster) == [ann, cid]
    assert table.events(LobbyMemberLeft) == [
        LobbyMemberLeft("free", room.lobby, bob, "Bob", "timeout")
    ]
    assert table.event_names() == ["LobbyMemberLeft", "RoomOpened", "LobbyClosed"]


def test_left_out_member_may_join_later(table):
    _, bob, _, room = start_without_bob(table)
    table.execute(join_room, room_id=room.id, player_id=bob)


def test_away_member_takes_part_by_default(table):
    ann, bob = table.make_guest(), table.make_guest()
    lobby = table.make_lobby(ann, bob)
    table.execute(mark_away, player_id=bob)
    room = table.execute(start_lobby, lobby_id=lobby.id, by=ann)
    assert (list(room.roster), room.roster.get_seat(bob).away) == ([ann, bob], True)


def test_left_out_member_need_not_be_ready(table):
    ann, bob = table.make_guest(), table.make_guest()
    lobby = table.make_lobby(ann, bob, ready_check=True)
    table.execute(mark_away, player_id=bob)
    table.execute(start_lobby, lobby_id=lobby.id, by=ann, only_present=True)


def test_left_out_member_does_not_count_for_the_maximum(table):
    table.set_rules("free", make_rules(max_players=4))
    *_, room = start_without_bob(table, capacity=3)
    assert table.room_state(room.id)["seats"] == 2


def test_left_out_member_does_not_count_for_the_minimum(table):
    ann, bob = table.make_guest(), table.make_guest()
    lobby = table.make_lobby(ann, bob, game="noughts")
    table.execute(mark_away, player_id=bob)
    with raises_code(ErrorCode.TOO_FEW_PLAYERS, minimum=2):
        table.execute(start_lobby, lobby_id=lobby.id, by=ann, only_present=True)
    assert list(table.lobby(lobby.id).roster) == [ann, bob]


def test_starting_host_counts_as_present(table):
    ann, bob = table.make_guest(), table.make_guest()
    lobby = table.make_lobby(ann, bob)
    table.execute(mark_away, player_id=ann)
    room = table.execute(start_lobby, lobby_id=lobby.id, by=ann, only_present=True)
    assert (list(room.roster), room.roster.get_seat(ann).away) == ([ann, bob], False)


def test_bound_player_in_another_room_is_left_out(table):
    ann, pat = table.make_guest(), table.make_player()
    lobby = table.make_lobby(ann, pat)
    other_room = table.make_room(table.make_guest(), pat)
    room = table.execute(start_lobby, lobby_id=lobby.id, by=ann)
    assert (list(room.roster), list(other_room.roster)[1]) == ([ann], pat)
    assert [event.reason for event in table.events(LobbyMemberLeft)] == ["left"]


def test_unbound_player_in_another_room_takes_part(table):
    ann, bob = table.make_guest(), table.make_guest()
    lobby = table.make_lobby(ann, bob)
    table.make_room(bob)
    assert bob in table.execute(start_lobby, lobby_id=lobby.id, by=ann).roster


def test_bound_host_in_another_room_cannot_start(table):
    pat = table.make_player()
    lobby = table.make_lobby(pat)
    room = table.make_room(table.make_guest())
    table.execute(join_room, room_id=room.id, player_id=pat)
    with raises_code(ErrorCode.ALREADY_IN_ROOM):
        table.execute(start_lobby, lobby_id=lobby.id, by=pat)
