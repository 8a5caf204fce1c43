"""What happens in a lobby: leaving, kicking, choosing, talking, closing."""

import pytest

from coalserver.core import topics
from coalserver.core.commands import members
from coalserver.core.commands.lobbies import join_lobby, set_options, set_ready
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.events import (
    LobbyChat,
    LobbyClosed,
    LobbyHostChanged,
    LobbyMemberLeft,
    LobbyMemberReady,
    LobbyOptionsChanged,
    LobbyPasswordChanged,
)
from coalserver.domain.play.lobby import CloseReason, Lobby, LobbyState
from tests.domain.builders import raises_code

# Leaving, kicking, closing


def test_who_leaves_is_gone_and_the_others_hear_it(table):
    ann, bob = table.make_guest(), table.make_guest("Bob")
    lobby = table.make_lobby(ann, bob)
    left = table.execute(members.leave, kind=Lobby, id=lobby.id, player_id=bob)
    assert list(left.roster) == [ann]
    expected = [LobbyMemberLeft("free", lobby.id, bob, "Bob", "left")]
    assert table.events(LobbyMemberLeft, topics.lobby(lobby.id)) == expected
    assert table.events(LobbyMemberLeft, topics.lobbies("free")) == expected
    assert table.events(LobbyMemberLeft, topics.player(bob)) == expected


def test_when_the_host_leaves_the_lobby_is_gone_and_that_is_said_last(table):
    ann, bob = table.make_guest(), table.make_guest()
    lobby = table.make_lobby(ann, bob)
    table.clear_events()
    table.execute(members.leave, kind=Lobby, id=lobby.id, player_id=ann)
    assert table.event_names(topics.lobby(lobby.id)) == ["LobbyMemberLeft", "LobbyClosed"]
    assert table.events(LobbyClosed) == [LobbyClosed("free", lobby.id, "host_left")]


def test_when_a_host_who_is_followed_leaves_it_is_said_who_leads(table):
    ann, bob = table.make_guest(), table.make_guest("Bob")
    lobby = table.make_lobby(ann, bob, transfer_host=True)
    table.execute(members.leave, kind=Lobby, id=lobby.id, player_id=ann)
    assert table.events(LobbyHostChanged) == [LobbyHostChanged("free", lobby.id, bob, "Bob")]


def test_a_seat_that_was_left_can_be_taken_again(table):
    pat = table.make_player()
    lobby = table.make_lobby(pat, transfer_host=True)
    table.execute(members.leave, kind=Lobby, id=lobby.id, player_id=pat)
    table.make_lobby(pat)


def test_who_is_not_in_it_cannot_leave(table):
    lobby = table.make_lobby(table.make_guest())
    with raises_code(ErrorCode.NOT_MEMBER):
        table.execute(members.leave, kind=Lobby, id=lobby.id, player_id=table.make_guest())


def test_leaving_a_lobby_that_has_started_is_nobodys_news(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob, game="free")
    table.clear_events()
    table.execute(members.leave, kind=Lobby, id=room.lobby, player_id=bob)
    assert (list(table.lobby(room.lobby).roster), table.entries) == ([ann], [])


def test_a_kick_frees_the_seat_and_says_why(table):
    ann, bob = table.make_guest(), table.make_guest("Bob")
    lobby = table.make_lobby(ann, bob)
    table.execute(members.kick, kind=Lobby, id=lobby.id, by=ann, player_id=bob)
    assert table.events(LobbyMemberLeft) == [
        LobbyMemberLeft("free", lobby.id, bob, "Bob", "kicked")
    ]


@pytest.mark.parametrize(
    ("by", "player", "why"),
    [
        ("bob", "ann", ErrorCode.NOT_HOST),
        ("eve", "bob", ErrorCode.NOT_MEMBER),
        ("ann", "ann", ErrorCode.CANNOT_KICK_SELF),
        ("ann", "eve", ErrorCode.TARGET_NOT_MEMBER),
    ],
)
def test_a_kick_is_refused(table, by, player, why):
    who = {name: table.make_guest(name) for name in ("ann", "bob", "eve")}
    lobby = table.make_lobby(who["ann"], who["bob"])
    with raises_code(why):
        table.execute(members.kick, kind=Lobby, id=lobby.id, by=who[by], player_id=who[player])


def test_after_the_start_nobody_is_kicked_from_the_lobby(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob, game="free")
    with raises_code(ErrorCode.LOBBY_STARTED):
        table.execute(members.kick, kind=Lobby, id=room.lobby, by=ann, player_id=bob)


def test_the_host_closes_the_lobby(table):
    ann = table.make_guest()
    lobby = table.make_lobby(ann, table.make_guest())
    closed = table.execute(members.close, kind=Lobby, id=lobby.id, by=ann)
    assert (closed.state, closed.close_reason) == (LobbyState.CLOSED, CloseReason.CLOSED)
    assert table.events(LobbyClosed) == [LobbyClosed("free", lobby.id, "closed")]


def test_only_the_host_closes_the_lobby(table):
    ann, bob = table.make_guest(), table.make_guest()
    lobby = table.make_lobby(ann, bob)
    with raises_code(ErrorCode.NOT_HOST):
        table.execute(members.close, kind=Lobby, id=lobby.id, by=bob)


def test_a_lobby_that_has_started_is_closed_only_when_that_is_meant(table):
    ann = table.make_guest()
    room = table.make_started_room(ann, game="free")
    with raises_code(ErrorCode.LOBBY_STARTED):
        table.execute(members.close, kind=Lobby, id=room.lobby, by=ann)
    table.clear_events()
    table.execute(members.close, kind=Lobby, id=room.lobby, by=ann, open_only=False)
    assert (table.lobby(room.lobby).state, table.entries) == (LobbyState.CLOSED, [])
    assert not table.room(room.id).ended


@pytest.mark.parametrize("only_open", [True, False])
def test_a_lobby_is_closed_once(table, only_open):
    ann = table.make_guest()
    lobby = table.make_lobby(ann)
    table.execute(members.leave, kind=Lobby, id=lobby.id, player_id=ann)
    with raises_code(ErrorCode.LOBBY_CLOSED):
        table.execute(members.close, kind=Lobby, id=lobby.id, by=ann, open_only=only_open)


# Choosing, locking, ready marks, chat


def test_the_host_chooses_and_the_others_hear_it(table):
    ann = table.make_guest()
    lobby = table.make_lobby(ann)
    chosen = table.execute(set_options, lobby_id=lobby.id, by=ann, options=b'{"a":1}')
    assert chosen.options == table.lobby(lobby.id).options == b'{"a":1}'
    assert table.events(LobbyOptionsChanged) == [LobbyOptionsChanged("free", lobby.id, b'{"a":1}')]


def test_only_the_host_chooses(table):
    ann, bob = table.make_guest(), table.make_guest()
    lobby = table.make_lobby(ann, bob)
    with raises_code(ErrorCode.NOT_HOST):
        table.execute(set_options, lobby_id=lobby.id, by=bob, options=b"{}")


def test_options_the_rules_cannot_use_are_not_chosen(table):
    ann = table.make_guest()
    lobby = table.make_lobby(ann, game="noughts")
    with raises_code(ErrorCode.OPTIONS_REFUSED, option="first"):
        table.execute(set_options, lobby_id=lobby.id, by=ann, options=b'{"first":"me"}')


def test_who_is_not_the_host_learns_nothing_of_the_options(table):
    ann, bob = table.make_guest(), table.make_guest()
    lobby = table.make_lobby(ann, bob, game="noughts")
    with raises_code(ErrorCode.NOT_HOST):
        table.execute(set_options, lobby_id=lobby.id, by=bob, options=b'{"first":"me"}')


def test_the_host_locks_and_it_is_said_that_and_not_with_what(table):
    ann = table.make_guest()
    lobby = table.make_lobby(ann)
    table.execute(members.set_join_password, kind=Lobby, id=lobby.id, by=ann, password="hunter2")
    with raises_code(ErrorCode.WRONG_PASSWORD):
        table.execute(join_lobby, lobby_id=lobby.id, player_id=table.make_guest())
    assert table.events(LobbyPasswordChanged) == [LobbyPasswordChanged("free", lobby.id, True)]


def test_an_empty_password_unlocks(table):
    ann = table.make_guest()
    lobby = table.make_lobby(ann, password="hunter2")
    table.execute(members.set_join_password, kind=Lobby, id=lobby.id, by=ann, password="")
    table.execute(join_lobby, lobby_id=lobby.id, player_id=table.make_guest())
    assert table.events(LobbyPasswordChanged) == [LobbyPasswordChanged("free", lobby.id, False)]


def test_only_the_host_locks(table):
    ann, bob = table.make_guest(), table.make_guest()
    lobby = table.make_lobby(ann, bob)
    with raises_code(ErrorCode.NOT_HOST):
        table.execute(members.set_join_password, kind=Lobby, id=lobby.id, by=bob, password="")


def test_a_member_says_that_he_is_ready_and_the_others_hear_it(table):
    ann, bob = table.make_guest(), table.make_guest("Bob")
    lobby = table.make_lobby(ann, bob, ready_check=True)
    table.execute(set_ready, lobby_id=lobby.id, player_id=bob, ready=True)
    assert table.events(LobbyMemberReady) == [LobbyMemberReady("free", lobby.id, bob, "Bob", True)]


def test_saying_it_again_is_no_news(table):
    ann = table.make_guest()
    lobby = table.make_lobby(ann)
    table.execute(set_ready, lobby_id=lobby.id, player_id=ann, ready=True)
    assert table.events(LobbyMemberReady) == []


def test_a_stranger_is_not_ready(table):
    lobby = table.make_lobby(table.make_guest())
    with raises_code(ErrorCode.NOT_MEMBER):
        table.execute(set_ready, lobby_id=lobby.id, player_id=table.make_guest(), ready=True)


def test_what_a_member_says_is_for_members(table):
    ann = table.make_guest("Ann")
    lobby = table.make_lobby(ann)
    entry = table.execute(members.chat, kind=Lobby, id=lobby.id, player_id=ann, text="hi")
    assert entry.topics == (topics.lobby_chat(lobby.id),)
    assert entry.event == LobbyChat("free", lobby.id, ann, "Ann", "hi")


def test_a_stranger_says_nothing(table):
    lobby = table.make_lobby(table.make_guest())
    with raises_code(ErrorCode.NOT_MEMBER):
        table.execute(
            members.chat, kind=Lobby, id=lobby.id, player_id=table.make_guest(), text="hi"
        )


def test_nobody_talks_in_a_lobby_that_is_gone(table):
    ann = table.make_guest()
    lobby = table.make_lobby(ann)
    table.execute(members.leave, kind=Lobby, id=lobby.id, player_id=ann)
    with raises_code(ErrorCode.LOBBY_CLOSED):
        table.execute(members.chat, kind=Lobby, id=lobby.id, player_id=ann, text="hi")
