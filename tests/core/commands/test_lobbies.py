"""Ways into a lobby: open one, join one, or take what comes."""

from dataclasses import replace

import pytest

from coalserver.core import topics
from coalserver.core.commands.bans import ban
from coalserver.core.commands.lobbies import (
    join_lobby,
    leave_lobby,
    open_lobby,
    quick_join,
)
from coalserver.core.commands.presence import mark_away
from coalserver.core.commands.rooms import start_lobby
from coalserver.core.unit_of_work import Limits
from coalserver.domain.errors import Why
from coalserver.domain.play.game import Game
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.lobby_events import HostChanged, LobbyOpened, MemberJoined
from tests.domain.builders import refused

# Opening


def test_who_opens_a_lobby_sits_in_it_and_leads(table):
    ann = table.a_guest()
    lobby = table.do(open_lobby, game="free", player=ann, name="30m no rush")
    assert (lobby.name, list(lobby.roster), lobby.roster.host) == ("30m no rush", [ann], ann)


def test_a_lobby_without_a_name_is_called_after_its_code(table):
    lobby = table.do(open_lobby, game="free", player=table.a_guest(), name="", unnamed="Lobby ")
    assert lobby.name == f"Lobby {lobby.code[:6]}"
    assert [event.name for event in table.said(LobbyOpened)] == [lobby.name]


def test_a_new_lobby_is_heard_of_where_lobbies_are_listed_and_by_its_own(table):
    lobby = table.a_lobby(table.a_guest("Ann"), password="hunter2", options=b'{"x":1}')
    (said,) = table.said(LobbyOpened, topics.lobbies("free"))
    assert table.said(LobbyOpened, topics.lobby(lobby.id)) == [said]
    assert (said.lobby, said.host_name, said.private) == (lobby.id, "Ann", True)
    assert (said.capacity, said.options) == (8, b'{"x":1}')


def test_a_lobby_holds_as_many_as_the_game_takes(table):
    assert table.a_lobby(table.a_guest()).roster.capacity == 8


def test_a_lobby_holds_as_many_as_asked_for(table):
    assert table.a_lobby(table.a_guest(), capacity=3).roster.capacity == 3


def test_a_lobby_never_holds_more_than_the_rules_take(table):
    assert table.a_lobby(table.a_guest(), game="noughts").roster.capacity == 2
    assert table.a_lobby(table.a_guest(), game="noughts", capacity=6).roster.capacity == 2


def test_a_password_is_kept_only_as_a_seal(table):
    kept = table.a_lobby(table.a_guest(), password="hunter2").password
    assert kept and "hunter2" not in kept


def test_the_host_is_ready_even_where_that_is_checked(table):
    assert table.a_lobby(table.a_guest(), ready_check=True).roster.seats[0].ready


def test_a_game_nobody_made_has_no_lobbies(table):
    with refused(Why.GAME_NOT_FOUND):
        table.do(open_lobby, game="chess", player=table.a_guest(), name="")


def test_nobody_opens_no_lobby(table):
    with refused(Why.PLAYER_NOT_FOUND):
        table.do(open_lobby, game="free", player=99, name="")


def test_a_player_of_another_game_opens_no_lobby(table):
    with refused(Why.GAME_CLOSED):
        table.a_lobby(table.a_player("noughts"), game="free")


def test_a_game_that_is_not_open_takes_only_its_own(table):
    free = table.state.one(Game, "tag", "free")
    table.state.set(Game, free.id, replace(free, open=False))
    table.a_lobby(table.a_player("free"))
    with refused(Why.GAME_CLOSED):
        table.a_lobby(table.a_guest())


def test_who_is_banned_opens_no_lobby(table):
    pat = table.a_player()
    made = table.do(ban, game="free", player=pat, duration="hour")
    with refused(Why.BANNED, ban=made):
        table.a_lobby(pat)


def test_when_the_ban_is_over_he_may_again(table):
    pat = table.a_player()
    table.do(ban, game="free", player=pat, duration="hour")
    table.now += 3600
    table.a_lobby(pat)


def test_a_player_of_one_game_sits_in_one_lobby(table):
    pat = table.a_player()
    table.a_lobby(pat)
    with refused(Why.IN_A_LOBBY):
        table.a_lobby(pat)


def test_a_player_of_one_game_who_plays_opens_no_lobby(table):
    pat = table.a_player()
    table.a_room(pat)
    with refused(Why.IN_A_ROOM):
        table.a_lobby(pat)


def test_a_player_of_no_game_sits_in_many(table):
    ann = table.a_guest()
    table.a_room(ann)
    assert len({table.a_lobby(ann).id for _ in range(3)}) == 3


def test_nobody_has_more_than_so_many_seats(table):
    table.setting.limits = Limits(seats_at_once=3)
    ann = table.a_guest()
    table.a_room(ann)
    table.a_lobby(ann)
    table.a_lobby(ann)
    with refused(Why.TOO_MANY_SEATS, most=3):
        table.a_lobby(ann)


def test_a_lobby_that_has_started_counts_for_one_seat_with_its_room(table):
    table.setting.limits = Limits(seats_at_once=2)
    ann = table.a_guest()
    table.a_started(ann, game="free")
    table.a_lobby(ann)


def test_options_the_rules_cannot_use_open_no_lobby(table):
    with refused(Why.OPTIONS_REFUSED, option="first"):
        table.a_lobby(table.a_guest(), game="noughts", options=b'{"first":7}')


# Joining


def test_who_joins_has_a_seat_and_the_others_hear_it(table):
    ann, bob = table.a_guest(), table.a_guest("Bob")
    lobby = table.a_lobby(ann)
    joined = table.do(join_lobby, lobby_id=lobby.id, player=bob, data=b"3")
    assert joined.roster.of(bob).data == b"3"
    expected = [MemberJoined("free", lobby.id, bob, "Bob")]
    assert table.said(MemberJoined, topics.lobby(lobby.id)) == expected
    assert table.said(MemberJoined, topics.lobbies("free")) == expected
    assert table.said(MemberJoined, topics.player(bob)) == expected


def test_who_joins_a_lobby_of_a_silent_host_may_follow_him(table):
    ann, bob = table.a_guest(), table.a_guest("Bob")
    lobby = table.a_lobby(ann, hand_over=True)
    table.do(mark_away, player=ann)
    table.do(join_lobby, lobby_id=lobby.id, player=bob)
    assert table.said(HostChanged) == [HostChanged("free", lobby.id, bob, "Bob")]


def test_a_lobby_that_never_was_is_not_found(table):
    with refused(Why.LOBBY_NOT_FOUND):
        table.do(join_lobby, lobby_id=99, player=table.a_guest())


def test_a_lobby_that_is_gone_is_gone(table):
    ann = table.a_guest()
    lobby = table.a_lobby(ann)
    table.do(leave_lobby, lobby_id=lobby.id, player=ann)
    with refused(Why.LOBBY_GONE):
        table.do(join_lobby, lobby_id=lobby.id, player=table.a_guest())


def test_a_lobby_that_has_started_takes_nobody(table):
    ann = table.a_guest()
    lobby = table.a_lobby(ann)
    table.do(start_lobby, lobby_id=lobby.id, by=ann)
    with refused(Why.LOBBY_STARTED):
        table.do(join_lobby, lobby_id=lobby.id, player=table.a_guest())


def test_who_is_in_already_is_told_so(table):
    ann = table.a_guest()
    lobby = table.a_lobby(ann)
    with refused(Why.ALREADY_HERE):
        table.do(join_lobby, lobby_id=lobby.id, player=ann)


def test_a_full_lobby_takes_nobody(table):
    lobby = table.a_lobby(table.a_guest(), table.a_guest(), game="noughts")
    with refused(Why.LOBBY_FULL):
        table.do(join_lobby, lobby_id=lobby.id, player=table.a_guest())


def test_a_wrong_password_is_refused_and_the_right_one_is_not(table):
    lobby = table.a_lobby(table.a_guest(), password="hunter2")
    bob = table.a_guest()
    with refused(Why.WRONG_PASSWORD):
        table.do(join_lobby, lobby_id=lobby.id, player=bob, password="hunter3")
    table.do(join_lobby, lobby_id=lobby.id, player=bob, password="hunter2")


def test_where_the_host_approves_nobody_joins(table):
    lobby = table.a_lobby(table.a_guest(), by_request=True)
    with refused(Why.NEEDS_APPROVAL):
        table.do(join_lobby, lobby_id=lobby.id, player=table.a_guest())


def test_a_player_of_one_game_joins_no_second_lobby(table):
    first, second = table.a_lobby(table.a_guest()), table.a_lobby(table.a_guest())
    pat = table.a_player()
    table.do(join_lobby, lobby_id=first.id, player=pat)
    with refused(Why.IN_A_LOBBY):
        table.do(join_lobby, lobby_id=second.id, player=pat)


def test_who_is_banned_joins_nothing(table):
    lobby = table.a_lobby(table.a_guest())
    pat = table.a_player()
    table.do(ban, game="free", player=pat, duration="forever")
    with refused(Why.BANNED):
        table.do(join_lobby, lobby_id=lobby.id, player=pat)


# Quick join


def test_quick_join_sits_down_in_the_fullest_lobby(table):
    table.a_lobby(table.a_guest())
    fuller = table.a_lobby(table.a_guest(), table.a_guest())
    lobby, made = table.do(quick_join, game="free", player=table.a_guest(), name="Q")
    assert (lobby.id, made) == (fuller.id, False)


def test_among_equals_quick_join_takes_the_oldest(table):
    oldest = table.a_lobby(table.a_guest())
    table.a_lobby(table.a_guest())
    lobby, _ = table.do(quick_join, game="free", player=table.a_guest(), name="Q")
    assert lobby.id == oldest.id


@pytest.mark.parametrize("needs", [{"password": "x"}, {"by_request": True}, {"capacity": 1}])
def test_quick_join_passes_over_what_cannot_be_joined_at_once(table, needs):
    table.a_lobby(table.a_guest(), **needs)
    bob = table.a_guest()
    lobby, made = table.do(quick_join, game="free", player=bob, name="Q", options=b'{"a":1}')
    assert made
    assert (lobby.name, lobby.roster.host, lobby.options) == ("Q", bob, b'{"a":1}')


def test_quick_join_keeps_you_where_you_are(table):
    ann = table.a_guest()
    mine = table.a_lobby(ann)
    table.a_lobby(table.a_guest(), table.a_guest())
    table.hush()
    lobby, made = table.do(quick_join, game="free", player=ann, name="Q")
    assert (lobby.id, made, table.entries) == (mine.id, False, [])


def test_everyone_who_quick_joins_sits_somewhere_and_no_lobby_is_over_full(table):
    for _ in range(5):
        table.do(quick_join, game="noughts", player=table.a_guest(), name="Q")
    lobbies = table.state.find(Lobby, "open", "noughts")
    assert sorted(len(lobby.roster) for lobby in lobbies) == [1, 2, 2]


def test_quick_join_is_refused_to_who_is_banned(table):
    pat = table.a_player()
    table.do(ban, game="free", player=pat, duration="day")
    with refused(Why.BANNED):
        table.do(quick_join, game="free", player=pat, name="Q")
