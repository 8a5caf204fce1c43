"""What happens in a lobby: leaving, kicking, choosing, talking, closing."""

import pytest

from coalserver.core import topics
from coalserver.core.commands.lobbies import (
    chat_in_lobby,
    choose_options,
    close_lobby,
    join_lobby,
    kick_from_lobby,
    leave_lobby,
    lock_lobby,
    set_ready,
)
from coalserver.domain.errors import Why
from coalserver.domain.play.lobby import Ending, Phase
from coalserver.domain.play.lobby_events import (
    HostChanged,
    LobbyChat,
    LobbyClosed,
    LobbyLocked,
    MemberLeft,
    MemberReady,
    OptionsChanged,
)
from tests.domain.builders import refused

# Leaving, kicking, closing


def test_who_leaves_is_gone_and_the_others_hear_it(table):
    ann, bob = table.a_guest(), table.a_guest("Bob")
    lobby = table.a_lobby(ann, bob)
    left = table.do(leave_lobby, lobby_id=lobby.id, player=bob)
    assert list(left.roster) == [ann]
    expected = [MemberLeft("free", lobby.id, bob, "Bob", "left")]
    assert table.said(MemberLeft, topics.lobby(lobby.id)) == expected
    assert table.said(MemberLeft, topics.lobbies("free")) == expected
    assert table.said(MemberLeft, topics.player(bob)) == expected


def test_when_the_host_leaves_the_lobby_is_gone_and_that_is_said_last(table):
    ann, bob = table.a_guest(), table.a_guest()
    lobby = table.a_lobby(ann, bob)
    table.hush()
    table.do(leave_lobby, lobby_id=lobby.id, player=ann)
    assert table.names(topics.lobby(lobby.id)) == ["MemberLeft", "LobbyClosed"]
    assert table.said(LobbyClosed) == [LobbyClosed("free", lobby.id, "host_left")]


def test_when_a_host_who_is_followed_leaves_it_is_said_who_leads(table):
    ann, bob = table.a_guest(), table.a_guest("Bob")
    lobby = table.a_lobby(ann, bob, hand_over=True)
    table.do(leave_lobby, lobby_id=lobby.id, player=ann)
    assert table.said(HostChanged) == [HostChanged("free", lobby.id, bob, "Bob")]


def test_a_seat_that_was_left_can_be_taken_again(table):
    pat = table.a_player()
    lobby = table.a_lobby(pat, hand_over=True)
    table.do(leave_lobby, lobby_id=lobby.id, player=pat)
    table.a_lobby(pat)


def test_who_is_not_in_it_cannot_leave(table):
    lobby = table.a_lobby(table.a_guest())
    with refused(Why.NOT_HERE):
        table.do(leave_lobby, lobby_id=lobby.id, player=table.a_guest())


def test_leaving_a_lobby_that_has_started_is_nobodys_news(table):
    ann, bob = table.a_guest(), table.a_guest()
    room = table.a_started(ann, bob, game="free")
    table.hush()
    table.do(leave_lobby, lobby_id=room.lobby, player=bob)
    assert (list(table.lobby(room.lobby).roster), table.entries) == ([ann], [])


def test_a_kick_frees_the_seat_and_says_why(table):
    ann, bob = table.a_guest(), table.a_guest("Bob")
    lobby = table.a_lobby(ann, bob)
    table.do(kick_from_lobby, lobby_id=lobby.id, by=ann, player=bob)
    assert table.said(MemberLeft) == [MemberLeft("free", lobby.id, bob, "Bob", "kicked")]


@pytest.mark.parametrize(
    ("by", "player", "why"),
    [
        ("bob", "ann", Why.NOT_HOST),
        ("eve", "bob", Why.NOT_HERE),
        ("ann", "ann", Why.KICK_SELF),
        ("ann", "eve", Why.TARGET_NOT_HERE),
    ],
)
def test_a_kick_is_refused(table, by, player, why):
    who = {name: table.a_guest(name) for name in ("ann", "bob", "eve")}
    lobby = table.a_lobby(who["ann"], who["bob"])
    with refused(why):
        table.do(kick_from_lobby, lobby_id=lobby.id, by=who[by], player=who[player])


def test_after_the_start_nobody_is_kicked_from_the_lobby(table):
    ann, bob = table.a_guest(), table.a_guest()
    room = table.a_started(ann, bob, game="free")
    with refused(Why.LOBBY_STARTED):
        table.do(kick_from_lobby, lobby_id=room.lobby, by=ann, player=bob)


def test_the_host_closes_the_lobby(table):
    ann = table.a_guest()
    lobby = table.a_lobby(ann, table.a_guest())
    closed = table.do(close_lobby, lobby_id=lobby.id, by=ann)
    assert (closed.phase, closed.ending) == (Phase.GONE, Ending.CLOSED)
    assert table.said(LobbyClosed) == [LobbyClosed("free", lobby.id, "closed")]


def test_only_the_host_closes_the_lobby(table):
    ann, bob = table.a_guest(), table.a_guest()
    lobby = table.a_lobby(ann, bob)
    with refused(Why.NOT_HOST):
        table.do(close_lobby, lobby_id=lobby.id, by=bob)


def test_a_lobby_that_has_started_is_closed_only_when_that_is_meant(table):
    ann = table.a_guest()
    room = table.a_started(ann, game="free")
    with refused(Why.LOBBY_STARTED):
        table.do(close_lobby, lobby_id=room.lobby, by=ann)
    table.hush()
    table.do(close_lobby, lobby_id=room.lobby, by=ann, only_open=False)
    assert (table.lobby(room.lobby).phase, table.entries) == (Phase.GONE, [])
    assert not table.room(room.id).over


@pytest.mark.parametrize("only_open", [True, False])
def test_a_lobby_is_closed_once(table, only_open):
    ann = table.a_guest()
    lobby = table.a_lobby(ann)
    table.do(leave_lobby, lobby_id=lobby.id, player=ann)
    with refused(Why.LOBBY_GONE):
        table.do(close_lobby, lobby_id=lobby.id, by=ann, only_open=only_open)


# Choosing, locking, ready marks, chat


def test_the_host_chooses_and_the_others_hear_it(table):
    ann = table.a_guest()
    lobby = table.a_lobby(ann)
    chosen = table.do(choose_options, lobby_id=lobby.id, by=ann, options=b'{"a":1}')
    assert chosen.options == table.lobby(lobby.id).options == b'{"a":1}'
    assert table.said(OptionsChanged) == [OptionsChanged("free", lobby.id, b'{"a":1}')]


def test_only_the_host_chooses(table):
    ann, bob = table.a_guest(), table.a_guest()
    lobby = table.a_lobby(ann, bob)
    with refused(Why.NOT_HOST):
        table.do(choose_options, lobby_id=lobby.id, by=bob, options=b"{}")


def test_options_the_rules_cannot_use_are_not_chosen(table):
    ann = table.a_guest()
    lobby = table.a_lobby(ann, game="noughts")
    with refused(Why.OPTIONS_REFUSED, option="first"):
        table.do(choose_options, lobby_id=lobby.id, by=ann, options=b'{"first":"me"}')


def test_who_is_not_the_host_learns_nothing_of_the_options(table):
    ann, bob = table.a_guest(), table.a_guest()
    lobby = table.a_lobby(ann, bob, game="noughts")
    with refused(Why.NOT_HOST):
        table.do(choose_options, lobby_id=lobby.id, by=bob, options=b'{"first":"me"}')


def test_the_host_locks_and_it_is_said_that_and_not_with_what(table):
    ann = table.a_guest()
    lobby = table.a_lobby(ann)
    table.do(lock_lobby, lobby_id=lobby.id, by=ann, password="hunter2")
    with refused(Why.WRONG_PASSWORD):
        table.do(join_lobby, lobby_id=lobby.id, player=table.a_guest())
    assert table.said(LobbyLocked) == [LobbyLocked("free", lobby.id, True)]


def test_an_empty_password_unlocks(table):
    ann = table.a_guest()
    lobby = table.a_lobby(ann, password="hunter2")
    table.do(lock_lobby, lobby_id=lobby.id, by=ann, password="")
    table.do(join_lobby, lobby_id=lobby.id, player=table.a_guest())
    assert table.said(LobbyLocked) == [LobbyLocked("free", lobby.id, False)]


def test_only_the_host_locks(table):
    ann, bob = table.a_guest(), table.a_guest()
    lobby = table.a_lobby(ann, bob)
    with refused(Why.NOT_HOST):
        table.do(lock_lobby, lobby_id=lobby.id, by=bob, password="")


def test_a_member_says_that_he_is_ready_and_the_others_hear_it(table):
    ann, bob = table.a_guest(), table.a_guest("Bob")
    lobby = table.a_lobby(ann, bob, ready_check=True)
    table.do(set_ready, lobby_id=lobby.id, player=bob, ready=True)
    assert table.said(MemberReady) == [MemberReady("free", lobby.id, bob, "Bob", True)]


def test_saying_it_again_is_no_news(table):
    ann = table.a_guest()
    lobby = table.a_lobby(ann)
    table.do(set_ready, lobby_id=lobby.id, player=ann, ready=True)
    assert table.said(MemberReady) == []


def test_a_stranger_is_not_ready(table):
    lobby = table.a_lobby(table.a_guest())
    with refused(Why.NOT_HERE):
        table.do(set_ready, lobby_id=lobby.id, player=table.a_guest(), ready=True)


def test_what_a_member_says_is_for_members(table):
    ann = table.a_guest("Ann")
    lobby = table.a_lobby(ann)
    entry = table.do(chat_in_lobby, lobby_id=lobby.id, player=ann, text="hi")
    assert entry.topics == (topics.lobby_chat(lobby.id),)
    assert entry.event == LobbyChat("free", lobby.id, ann, "Ann", "hi")


def test_a_stranger_says_nothing(table):
    lobby = table.a_lobby(table.a_guest())
    with refused(Why.NOT_HERE):
        table.do(chat_in_lobby, lobby_id=lobby.id, player=table.a_guest(), text="hi")


def test_nobody_talks_in_a_lobby_that_is_gone(table):
    ann = table.a_guest()
    lobby = table.a_lobby(ann)
    table.do(leave_lobby, lobby_id=lobby.id, player=ann)
    with refused(Why.LOBBY_GONE):
        table.do(chat_in_lobby, lobby_id=lobby.id, player=ann, text="hi")
