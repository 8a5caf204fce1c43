"""Starting: how a lobby becomes a room, who comes along, and who stays behind."""

import pytest

from coalserver.core import topics
from coalserver.core.commands.lobbies import join_lobby, set_ready
from coalserver.core.commands.presence import mark_away
from coalserver.core.commands.rooms import join_room, start_lobby
from coalserver.domain.errors import Why
from coalserver.domain.play.lobby import Ending, Phase
from coalserver.domain.play.lobby_events import LobbyClosed, MemberLeft
from coalserver.domain.play.room import Room
from coalserver.domain.play.room_events import RoomOpened
from tests.domain.builders import refused, some_rules


def test_the_members_of_the_lobby_play(table):
    ann, bob = table.a_guest(), table.a_guest()
    room = table.a_started(ann, bob)
    assert [(seat.player, seat.number) for seat in room.roster.seats] == [(ann, 0), (bob, 1)]
    assert table.seen(room.id)["grid"] == "........."


def test_the_lobby_has_started_and_keeps_its_members(table):
    ann, bob = table.a_guest(), table.a_guest()
    room = table.a_started(ann, bob)
    lobby = table.lobby(room.lobby)
    assert (lobby.phase, lobby.ending, lobby.room) == (Phase.STARTED, Ending.STARTED, room.id)
    assert list(lobby.roster) == [ann, bob]


def test_the_lobby_hears_which_room_it_became(table):
    room = table.a_started(table.a_guest(), table.a_guest())
    expected = [LobbyClosed("noughts", room.lobby, "started", room.id)]
    assert table.said(LobbyClosed, topics.lobby(room.lobby)) == expected
    assert table.said(LobbyClosed, topics.lobbies("noughts")) == expected


def test_the_room_is_heard_of_where_rooms_are_listed(table):
    room = table.a_started(table.a_guest(), table.a_guest())
    expected = [RoomOpened("noughts", room.id, room.lobby)]
    assert table.said(RoomOpened, topics.rooms("noughts")) == expected


def test_the_room_is_like_the_lobby(table):
    ann = table.a_guest()
    room = table.a_started(
        ann,
        game="free",
        capacity=5,
        options=b'{"a":1}',
        can_leave=False,
        hand_over=True,
        realtime=True,
        password="hunter2",
        data=b"3",
    )
    assert (room.name, room.options, room.realtime) == ("Lobby", b'{"a":1}', True)
    roster = room.roster
    assert (roster.capacity, roster.can_leave, roster.hand_over) == (5, False, True)
    assert roster.of(ann).data == b"3"
    with refused(Why.WRONG_PASSWORD):
        table.do(join_room, room_id=room.id, player=table.a_guest())


def test_a_room_may_be_called_otherwise(table):
    ann = table.a_guest()
    lobby = table.a_lobby(ann)
    assert table.do(start_lobby, lobby_id=lobby.id, by=ann, name="Game").name == "Game"


def test_a_room_may_hand_over_what_its_lobby_did_not(table):
    assert table.a_started(table.a_guest(), game="free", hand_over=True).roster.hand_over


@pytest.mark.parametrize(("keep_seats", "grace"), [(True, None), (False, 300)])
def test_silence_costs_a_seat_or_never_does(table, keep_seats, grace):
    room = table.a_started(table.a_guest(), game="free", keep_seats=keep_seats)
    assert room.roster.grace == grace


def test_in_a_game_with_rules_nobody_comes_later(table):
    table.teach("free", some_rules())
    room = table.a_started(table.a_guest(), table.a_guest(), game="free")
    with refused(Why.ROOM_FULL):
        table.do(join_room, room_id=room.id, player=table.a_guest())


def test_without_rules_others_may_come_later(table):
    room = table.a_started(table.a_guest(), game="free")
    table.do(join_room, room_id=room.id, player=table.a_guest())


def test_chance_decides_who_begins_where_that_was_chosen(table):
    firsts = set()
    for _ in range(20):
        room = table.a_started(table.a_guest(), table.a_guest(), options=b'{"first":"random"}')
        firsts.add(room.current)
    assert firsts == {(0,), (1,)}


def test_the_host_begins_even_if_others_were_there_before_him(table):
    ann, bob = table.a_guest(), table.a_guest()
    lobby = table.a_lobby(ann, bob, game="noughts", hand_over=True)
    table.do(mark_away, player=ann)
    room = table.do(start_lobby, lobby_id=lobby.id, by=bob)
    assert room.roster.of(bob).number == 0


@pytest.mark.parametrize(("who", "why"), [("bob", Why.NOT_HOST), ("eve", Why.NOT_HERE)])
def test_only_the_host_starts(table, who, why):
    players = {name: table.a_guest(name) for name in ("ann", "bob", "eve")}
    lobby = table.a_lobby(players["ann"], players["bob"], game="noughts")
    with refused(why):
        table.do(start_lobby, lobby_id=lobby.id, by=players[who])


def test_a_lobby_starts_once(table):
    ann = table.a_guest()
    room = table.a_started(ann, game="free")
    with refused(Why.LOBBY_STARTED):
        table.do(start_lobby, lobby_id=room.lobby, by=ann)


def test_a_lobby_that_never_was_does_not_start(table):
    with refused(Why.LOBBY_NOT_FOUND):
        table.do(start_lobby, lobby_id=99, by=table.a_guest())


def test_too_few_do_not_start_and_are_told_how_many_it_takes(table):
    ann = table.a_guest()
    lobby = table.a_lobby(ann, game="noughts")
    with refused(Why.TOO_FEW_PLAYERS, least=2):
        table.do(start_lobby, lobby_id=lobby.id, by=ann)
    assert (table.lobby(lobby.id), table.state.count(Room)) == (lobby, 0)


def test_a_lobby_that_must_be_full_does_not_start_before(table):
    ann, bob = table.a_guest(), table.a_guest()
    lobby = table.a_lobby(ann, capacity=2, strict_full=True)
    with refused(Why.NOT_FULL):
        table.do(start_lobby, lobby_id=lobby.id, by=ann)
    table.do(join_lobby, lobby_id=lobby.id, player=bob)
    table.do(start_lobby, lobby_id=lobby.id, by=ann)


def test_where_that_is_checked_everyone_must_be_ready(table):
    ann, bob = table.a_guest(), table.a_guest()
    lobby = table.a_lobby(ann, bob, ready_check=True)
    with refused(Why.NOT_READY):
        table.do(start_lobby, lobby_id=lobby.id, by=ann)
    table.do(set_ready, lobby_id=lobby.id, player=bob, ready=True)
    table.do(start_lobby, lobby_id=lobby.id, by=ann)


@pytest.mark.parametrize("broken", ["setup", "current", "outcome"])
def test_rules_that_fail_start_nothing(table, broken):
    def failing(*_):
        raise ZeroDivisionError

    table.teach("free", some_rules(**{broken: failing}))
    ann = table.a_guest()
    lobby = table.a_lobby(ann, table.a_guest())
    table.hush()
    with refused(Why.RULES_FAILED, rule="failing"):
        table.do(start_lobby, lobby_id=lobby.id, by=ann)
    assert (table.lobby(lobby.id).phase, table.entries) == (Phase.OPEN, [])


def test_rules_that_set_up_what_is_not_json_start_nothing(table):
    table.teach("free", some_rules(setup=lambda seats, options, rng: {1, 2}))
    ann = table.a_guest()
    lobby = table.a_lobby(ann, table.a_guest())
    with refused(Why.RULES_FAILED):
        table.do(start_lobby, lobby_id=lobby.id, by=ann)
    assert table.lobby(lobby.id).open


# Who stays behind


def started_without(table, game="free", **parts):
    """A lobby of Ann, Bob and Cid, of whom Bob is away; started with those who are there."""
    ann, bob, cid = table.a_guest(), table.a_guest("Bob"), table.a_guest()
    lobby = table.a_lobby(ann, bob, cid, game=game, **parts)
    table.do(mark_away, player=bob)
    table.hush()
    return ann, bob, cid, table.do(start_lobby, lobby_id=lobby.id, by=ann, only_present=True)


def test_who_is_away_stays_behind_where_only_the_present_come(table):
    ann, _, cid, room = started_without(table)
    assert list(room.roster) == [ann, cid]


def test_who_stays_behind_has_left_the_lobby_and_that_is_said_before_the_start(table):
    ann, bob, cid, room = started_without(table)
    assert list(table.lobby(room.lobby).roster) == [ann, cid]
    assert table.said(MemberLeft) == [MemberLeft("free", room.lobby, bob, "Bob", "timeout")]
    assert table.names() == ["MemberLeft", "RoomOpened", "LobbyClosed"]


def test_who_stays_behind_may_come_later_where_there_is_a_place(table):
    _, bob, _, room = started_without(table)
    table.do(join_room, room_id=room.id, player=bob)


def test_who_is_away_comes_along_where_everyone_does(table):
    ann, bob = table.a_guest(), table.a_guest()
    lobby = table.a_lobby(ann, bob)
    table.do(mark_away, player=bob)
    room = table.do(start_lobby, lobby_id=lobby.id, by=ann)
    assert (list(room.roster), room.roster.of(bob).away) == ([ann, bob], True)


def test_who_stays_behind_need_not_be_ready(table):
    ann, bob = table.a_guest(), table.a_guest()
    lobby = table.a_lobby(ann, bob, ready_check=True)
    table.do(mark_away, player=bob)
    table.do(start_lobby, lobby_id=lobby.id, by=ann, only_present=True)


def test_who_stays_behind_is_not_one_too_many(table):
    table.teach("free", some_rules(max_players=4))
    *_, room = started_without(table, capacity=3)
    assert table.seen(room.id)["seats"] == 2


def test_who_stays_behind_may_leave_too_few(table):
    ann, bob = table.a_guest(), table.a_guest()
    lobby = table.a_lobby(ann, bob, game="noughts")
    table.do(mark_away, player=bob)
    with refused(Why.TOO_FEW_PLAYERS, least=2):
        table.do(start_lobby, lobby_id=lobby.id, by=ann, only_present=True)
    assert list(table.lobby(lobby.id).roster) == [ann, bob]


def test_a_host_who_was_thought_away_comes_along(table):
    ann, bob = table.a_guest(), table.a_guest()
    lobby = table.a_lobby(ann, bob)
    table.do(mark_away, player=ann)
    room = table.do(start_lobby, lobby_id=lobby.id, by=ann, only_present=True)
    assert (list(room.roster), room.roster.of(ann).away) == ([ann, bob], False)


def test_a_player_of_one_game_who_plays_elsewhere_stays_behind(table):
    ann, pat = table.a_guest(), table.a_player()
    lobby = table.a_lobby(ann, pat)
    elsewhere = table.a_room(table.a_guest(), pat)
    room = table.do(start_lobby, lobby_id=lobby.id, by=ann)
    assert (list(room.roster), list(elsewhere.roster)[1]) == ([ann], pat)
    assert [event.how for event in table.said(MemberLeft)] == ["left"]


def test_a_player_of_no_game_who_plays_elsewhere_comes_along(table):
    ann, bob = table.a_guest(), table.a_guest()
    lobby = table.a_lobby(ann, bob)
    table.a_room(bob)
    assert bob in table.do(start_lobby, lobby_id=lobby.id, by=ann).roster


def test_a_host_of_one_game_who_plays_elsewhere_does_not_start(table):
    pat = table.a_player()
    lobby = table.a_lobby(pat)
    room = table.a_room(table.a_guest())
    table.do(join_room, room_id=room.id, player=pat)
    with refused(Why.IN_A_ROOM):
        table.do(start_lobby, lobby_id=lobby.id, by=pat)
