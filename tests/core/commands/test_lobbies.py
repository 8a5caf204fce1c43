"""Lobbies: creation, quick join, options, ready flags and started lobbies. test_members.py has what rooms share."""

from dataclasses import replace

import pytest

from coalserver.core import topics
from coalserver.core.commands import members
from coalserver.core.commands.lobbies import (
    join_lobby,
    open_lobby,
    quick_join,
    set_options,
    set_ready,
)
from coalserver.core.commands.moderation import ban
from coalserver.core.commands.rooms import start_lobby
from coalserver.core.unit_of_work import Limits
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.events import LobbyMemberReady, LobbyOpened, LobbyOptionsChanged
from coalserver.domain.play.game import Game
from coalserver.domain.play.lobby import Lobby, LobbyState
from tests.domain.builders import raises_code

# Creation


def test_creator_is_host_and_member(table):
    ann = table.make_guest()
    lobby = table.execute(open_lobby, game="free", player_id=ann, name="30m no rush")
    assert (lobby.name, list(lobby.roster), lobby.roster.host) == ("30m no rush", [ann], ann)


def test_lobby_without_a_name_gets_a_default_name(table):
    lobby = table.execute(
        open_lobby, game="free", player_id=table.make_guest(), name="", default_name="Lobby "
    )
    assert lobby.name == f"Lobby {lobby.code[:6]}"
    assert [event.name for event in table.events(LobbyOpened)] == [lobby.name]


def test_lobby_opened_is_emitted_to_the_list_and_the_lobby(table):
    lobby = table.make_lobby(table.make_guest("Ann"), password="hunter2", options=b'{"x":1}')
    (opened,) = table.events(LobbyOpened, topics.lobbies("free"))
    assert table.events(LobbyOpened, topics.lobby(lobby.id)) == [opened]
    assert (opened.lobby, opened.host_name, opened.private) == (lobby.id, "Ann", True)
    assert (opened.capacity, opened.options) == (8, b'{"x":1}')


def test_capacity_defaults_to_that_of_the_game(table):
    assert table.make_lobby(table.make_guest()).roster.capacity == 8


def test_capacity_may_be_lower(table):
    assert table.make_lobby(table.make_guest(), capacity=3).roster.capacity == 3


def test_capacity_is_limited_by_the_rules(table):
    assert table.make_lobby(table.make_guest(), game="noughts").roster.capacity == 2
    assert table.make_lobby(table.make_guest(), game="noughts", capacity=6).roster.capacity == 2


def test_password_is_stored_as_a_digest(table):
    stored = table.make_lobby(table.make_guest(), password="hunter2").password
    assert stored and "hunter2" not in stored


def test_host_is_ready_despite_a_ready_check(table):
    assert table.make_lobby(table.make_guest(), ready_check=True).roster.seats[0].ready


def test_unknown_game_is_refused(table):
    with raises_code(ErrorCode.GAME_NOT_FOUND):
        table.execute(open_lobby, game="chess", player_id=table.make_guest(), name="")


def test_unknown_player_is_refused(table):
    with raises_code(ErrorCode.PLAYER_NOT_FOUND):
        table.execute(open_lobby, game="free", player_id=99, name="")


def test_player_of_another_game_is_refused(table):
    with raises_code(ErrorCode.GAME_CLOSED):
        table.make_lobby(table.make_player("noughts"), game="free")


def test_closed_game_admits_bound_players_only(table):
    free = table.state.first(Game, "tag", "free")
    table.state.set(Game, free.id, replace(free, open=False))
    table.make_lobby(table.make_player("free"))
    with raises_code(ErrorCode.GAME_CLOSED):
        table.make_lobby(table.make_guest())


def test_player_may_open_a_lobby_after_the_ban(table):
    pat = table.make_player()
    table.execute(ban, game="free", player_id=pat, duration="hour")
    table.now += 3600
    table.make_lobby(pat)


def test_number_of_seats_is_limited(table):
    table.context.limits = Limits(max_seats=3)
    ann = table.make_guest()
    table.make_room(ann)
    table.make_lobby(ann)
    table.make_lobby(ann)
    with raises_code(ErrorCode.TOO_MANY_SEATS, maximum=3):
        table.make_lobby(ann)


def test_started_lobby_and_its_room_count_as_one_seat(table):
    table.context.limits = Limits(max_seats=2)
    ann = table.make_guest()
    table.make_started_room(ann, game="free")
    table.make_lobby(ann)


def test_options_that_the_rules_refuse_are_refused(table):
    with raises_code(ErrorCode.OPTIONS_REFUSED, option="first"):
        table.make_lobby(table.make_guest(), game="noughts", options=b'{"first":7}')


# Joining


def test_join_stores_the_data_of_the_member(table):
    bob = table.make_guest()
    lobby = table.make_lobby(table.make_guest())
    joined = table.execute(join_lobby, lobby_id=lobby.id, player_id=bob, data=b"3")
    assert joined.roster.get_seat(bob).data == b"3"


def test_started_lobby_rejects_join(table):
    ann = table.make_guest()
    lobby = table.make_lobby(ann)
    table.execute(start_lobby, lobby_id=lobby.id, by=ann)
    with raises_code(ErrorCode.LOBBY_STARTED):
        table.execute(join_lobby, lobby_id=lobby.id, player_id=table.make_guest())


def test_join_without_approval_is_refused(table):
    lobby = table.make_lobby(table.make_guest(), requires_approval=True)
    with raises_code(ErrorCode.APPROVAL_REQUIRED):
        table.execute(join_lobby, lobby_id=lobby.id, player_id=table.make_guest())


# Quick join


def test_quick_join_chooses_the_fullest_lobby(table):
    table.make_lobby(table.make_guest())
    fuller = table.make_lobby(table.make_guest(), table.make_guest())
    lobby, created = table.execute(quick_join, game="free", player_id=table.make_guest(), name="Q")
    assert (lobby.id, created) == (fuller.id, False)


def test_quick_join_prefers_the_oldest_of_equally_full_lobbies(table):
    oldest = table.make_lobby(table.make_guest())
    table.make_lobby(table.make_guest())
    lobby, _ = table.execute(quick_join, game="free", player_id=table.make_guest(), name="Q")
    assert lobby.id == oldest.id


@pytest.mark.parametrize(
    "params", [{"password": "x"}, {"requires_approval": True}, {"capacity": 1}]
)
def test_quick_join_skips_lobbies_that_cannot_be_joined(table, params):
    table.make_lobby(table.make_guest(), **params)
    bob = table.make_guest()
    lobby, created = table.execute(
        quick_join, game="free", player_id=bob, name="Q", options=b'{"a":1}'
    )
    assert created
    assert (lobby.name, lobby.roster.host, lobby.options) == ("Q", bob, b'{"a":1}')


def test_quick_join_returns_the_lobby_of_a_member(table):
    ann = table.make_guest()
    own = table.make_lobby(ann)
    table.make_lobby(table.make_guest(), table.make_guest())
    table.clear_events()
    lobby, created = table.execute(quick_join, game="free", player_id=ann, name="Q")
    assert (lobby.id, created, table.entries) == (own.id, False, [])


def test_quick_joins_never_exceed_the_capacity(table):
    for _ in range(5):
        table.execute(quick_join, game="noughts", player_id=table.make_guest(), name="Q")
    lobbies = [lobby for lobby in table.state.all(Lobby) if lobby.open]
    assert sorted(len(lobby.roster) for lobby in lobbies) == [1, 2, 2]


def test_banned_player_cannot_quick_join(table):
    pat = table.make_player()
    table.execute(ban, game="free", player_id=pat, duration="day")
    with raises_code(ErrorCode.BANNED):
        table.execute(quick_join, game="free", player_id=pat, name="Q")


# Started lobbies


def test_leaving_a_started_lobby_emits_nothing(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob, game="free")
    table.clear_events()
    table.execute(members.leave, kind=Lobby, id=room.lobby, player_id=bob)
    assert (list(table.lobby(room.lobby).roster), table.entries) == ([ann], [])


def test_member_of_a_started_lobby_cannot_be_kicked(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob, game="free")
    with raises_code(ErrorCode.LOBBY_STARTED):
        table.execute(members.kick, kind=Lobby, id=room.lobby, by=ann, player_id=bob)


def test_started_lobby_is_closed_without_open_only(table):
    ann = table.make_guest()
    room = table.make_started_room(ann, game="free")
    with raises_code(ErrorCode.LOBBY_STARTED):
        table.execute(members.close, kind=Lobby, id=room.lobby, by=ann)
    table.clear_events()
    table.execute(members.close, kind=Lobby, id=room.lobby, by=ann, open_only=False)
    assert (table.lobby(room.lobby).state, table.entries) == (LobbyState.CLOSED, [])
    assert not table.room(room.id).ended


# Options, ready flags and chat


def test_host_sets_options_and_emits_options_changed(table):
    ann = table.make_guest()
    lobby = table.make_lobby(ann)
    changed = table.execute(set_options, lobby_id=lobby.id, by=ann, options=b'{"a":1}')
    assert changed.options == table.lobby(lobby.id).options == b'{"a":1}'
    assert table.events(LobbyOptionsChanged) == [LobbyOptionsChanged("free", lobby.id, b'{"a":1}')]


def test_member_cannot_set_options(table):
    ann, bob = table.make_guest(), table.make_guest()
    lobby = table.make_lobby(ann, bob)
    with raises_code(ErrorCode.NOT_HOST):
        table.execute(set_options, lobby_id=lobby.id, by=bob, options=b"{}")


def test_invalid_options_of_the_host_are_refused(table):
    ann = table.make_guest()
    lobby = table.make_lobby(ann, game="noughts")
    with raises_code(ErrorCode.OPTIONS_REFUSED, option="first"):
        table.execute(set_options, lobby_id=lobby.id, by=ann, options=b'{"first":"me"}')


def test_options_of_a_member_are_not_validated(table):
    ann, bob = table.make_guest(), table.make_guest()
    lobby = table.make_lobby(ann, bob, game="noughts")
    with raises_code(ErrorCode.NOT_HOST):
        table.execute(set_options, lobby_id=lobby.id, by=bob, options=b'{"first":"me"}')


def test_ready_flag_emits_member_ready(table):
    ann, bob = table.make_guest(), table.make_guest("Bob")
    lobby = table.make_lobby(ann, bob, ready_check=True)
    table.execute(set_ready, lobby_id=lobby.id, player_id=bob, ready=True)
    assert table.events(LobbyMemberReady) == [LobbyMemberReady("free", lobby.id, bob, "Bob", True)]


def test_unchanged_ready_flag_emits_nothing(table):
    ann = table.make_guest()
    lobby = table.make_lobby(ann)
    table.execute(set_ready, lobby_id=lobby.id, player_id=ann, ready=True)
    assert table.events(LobbyMemberReady) == []


def test_player_without_a_seat_cannot_be_ready(table):
    lobby = table.make_lobby(table.make_guest())
    with raises_code(ErrorCode.NOT_MEMBER):
        table.execute(set_ready, lobby_id=lobby.id, player_id=table.make_guest(), ready=True)


def test_closed_lobby_rejects_chat(table):
    ann = table.make_guest()
    lobby = table.make_lobby(ann)
    table.execute(members.leave, kind=Lobby, id=lobby.id, player_id=ann)
    with raises_code(ErrorCode.LOBBY_CLOSED):
        table.execute(members.chat, kind=Lobby, id=lobby.id, player_id=ann, text="hi")
