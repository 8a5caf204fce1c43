"""Ways into a lobby: open one, join one, or take what comes."""

from dataclasses import replace

import pytest

from coalserver.core import topics
from coalserver.core.commands import members
from coalserver.core.commands.lobbies import join_lobby, open_lobby, quick_join
from coalserver.core.commands.moderation import ban
from coalserver.core.commands.presence import mark_away
from coalserver.core.commands.rooms import start_lobby
from coalserver.core.unit_of_work import Limits
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.events import LobbyHostChanged, LobbyMemberJoined, LobbyOpened
from coalserver.domain.play.game import Game
from coalserver.domain.play.lobby import Lobby
from tests.domain.builders import raises_code

# Opening


def test_who_opens_a_lobby_sits_in_it_and_leads(table):
    ann = table.make_guest()
    lobby = table.execute(open_lobby, game="free", player_id=ann, name="30m no rush")
    assert (lobby.name, list(lobby.roster), lobby.roster.host) == ("30m no rush", [ann], ann)


def test_a_lobby_without_a_name_is_called_after_its_code(table):
    lobby = table.execute(
        open_lobby, game="free", player_id=table.make_guest(), name="", default_name="Lobby "
    )
    assert lobby.name == f"Lobby {lobby.code[:6]}"
    assert [event.name for event in table.events(LobbyOpened)] == [lobby.name]


def test_a_new_lobby_is_heard_of_where_lobbies_are_listed_and_by_its_own(table):
    lobby = table.make_lobby(table.make_guest("Ann"), password="hunter2", options=b'{"x":1}')
    (said,) = table.events(LobbyOpened, topics.lobbies("free"))
    assert table.events(LobbyOpened, topics.lobby(lobby.id)) == [said]
    assert (said.lobby, said.host_name, said.private) == (lobby.id, "Ann", True)
    assert (said.capacity, said.options) == (8, b'{"x":1}')


def test_a_lobby_holds_as_many_as_the_game_takes(table):
    assert table.make_lobby(table.make_guest()).roster.capacity == 8


def test_a_lobby_holds_as_many_as_asked_for(table):
    assert table.make_lobby(table.make_guest(), capacity=3).roster.capacity == 3


def test_a_lobby_never_holds_more_than_the_rules_take(table):
    assert table.make_lobby(table.make_guest(), game="noughts").roster.capacity == 2
    assert table.make_lobby(table.make_guest(), game="noughts", capacity=6).roster.capacity == 2


def test_a_password_is_kept_only_as_a_seal(table):
    kept = table.make_lobby(table.make_guest(), password="hunter2").password
    assert kept and "hunter2" not in kept


def test_the_host_is_ready_even_where_that_is_checked(table):
    assert table.make_lobby(table.make_guest(), ready_check=True).roster.seats[0].ready


def test_a_game_nobody_made_has_no_lobbies(table):
    with raises_code(ErrorCode.GAME_NOT_FOUND):
        table.execute(open_lobby, game="chess", player_id=table.make_guest(), name="")


def test_nobody_opens_no_lobby(table):
    with raises_code(ErrorCode.PLAYER_NOT_FOUND):
        table.execute(open_lobby, game="free", player_id=99, name="")


def test_a_player_of_another_game_opens_no_lobby(table):
    with raises_code(ErrorCode.GAME_CLOSED):
        table.make_lobby(table.make_player("noughts"), game="free")


def test_a_game_that_is_not_open_takes_only_its_own(table):
    free = table.state.first(Game, "tag", "free")
    table.state.set(Game, free.id, replace(free, open=False))
    table.make_lobby(table.make_player("free"))
    with raises_code(ErrorCode.GAME_CLOSED):
        table.make_lobby(table.make_guest())


def test_who_is_banned_opens_no_lobby(table):
    pat = table.make_player()
    made = table.execute(ban, game="free", player_id=pat, duration="hour")
    with raises_code(ErrorCode.BANNED, ban=made):
        table.make_lobby(pat)


def test_when_the_ban_is_over_he_may_again(table):
    pat = table.make_player()
    table.execute(ban, game="free", player_id=pat, duration="hour")
    table.now += 3600
    table.make_lobby(pat)


def test_a_player_of_one_game_sits_in_one_lobby(table):
    pat = table.make_player()
    table.make_lobby(pat)
    with raises_code(ErrorCode.ALREADY_IN_LOBBY):
        table.make_lobby(pat)


def test_a_player_of_one_game_who_plays_opens_no_lobby(table):
    pat = table.make_player()
    table.make_room(pat)
    with raises_code(ErrorCode.ALREADY_IN_ROOM):
        table.make_lobby(pat)


def test_a_player_of_no_game_sits_in_many(table):
    ann = table.make_guest()
    table.make_room(ann)
    assert len({table.make_lobby(ann).id for _ in range(3)}) == 3


def test_nobody_has_more_than_so_many_seats(table):
    table.context.limits = Limits(max_seats=3)
    ann = table.make_guest()
    table.make_room(ann)
    table.make_lobby(ann)
    table.make_lobby(ann)
    with raises_code(ErrorCode.TOO_MANY_SEATS, maximum=3):
        table.make_lobby(ann)


def test_a_lobby_that_has_started_counts_for_one_seat_with_its_room(table):
    table.context.limits = Limits(max_seats=2)
    ann = table.make_guest()
    table.make_started_room(ann, game="free")
    table.make_lobby(ann)


def test_options_the_rules_cannot_use_open_no_lobby(table):
    with raises_code(ErrorCode.OPTIONS_REFUSED, option="first"):
        table.make_lobby(table.make_guest(), game="noughts", options=b'{"first":7}')


# Joining


def test_who_joins_has_a_seat_and_the_others_hear_it(table):
    ann, bob = table.make_guest(), table.make_guest("Bob")
    lobby = table.make_lobby(ann)
    joined = table.execute(join_lobby, lobby_id=lobby.id, player_id=bob, data=b"3")
    assert joined.roster.get_seat(bob).data == b"3"
    expected = [LobbyMemberJoined("free", lobby.id, bob, "Bob")]
    assert table.events(LobbyMemberJoined, topics.lobby(lobby.id)) == expected
    assert table.events(LobbyMemberJoined, topics.lobbies("free")) == expected
    assert table.events(LobbyMemberJoined, topics.player(bob)) == expected


def test_who_joins_a_lobby_of_a_silent_host_may_follow_him(table):
    ann, bob = table.make_guest(), table.make_guest("Bob")
    lobby = table.make_lobby(ann, transfer_host=True)
    table.execute(mark_away, player_id=ann)
    table.execute(join_lobby, lobby_id=lobby.id, player_id=bob)
    assert table.events(LobbyHostChanged) == [LobbyHostChanged("free", lobby.id, bob, "Bob")]


def test_a_lobby_that_never_was_is_not_found(table):
    with raises_code(ErrorCode.LOBBY_NOT_FOUND):
        table.execute(join_lobby, lobby_id=99, player_id=table.make_guest())


def test_a_lobby_that_is_gone_is_gone(table):
    ann = table.make_guest()
    lobby = table.make_lobby(ann)
    table.execute(members.leave, kind=Lobby, id=lobby.id, player_id=ann)
    with raises_code(ErrorCode.LOBBY_CLOSED):
        table.execute(join_lobby, lobby_id=lobby.id, player_id=table.make_guest())


def test_a_lobby_that_has_started_takes_nobody(table):
    ann = table.make_guest()
    lobby = table.make_lobby(ann)
    table.execute(start_lobby, lobby_id=lobby.id, by=ann)
    with raises_code(ErrorCode.LOBBY_STARTED):
        table.execute(join_lobby, lobby_id=lobby.id, player_id=table.make_guest())


def test_who_is_in_already_is_told_so(table):
    ann = table.make_guest()
    lobby = table.make_lobby(ann)
    with raises_code(ErrorCode.ALREADY_MEMBER):
        table.execute(join_lobby, lobby_id=lobby.id, player_id=ann)


def test_a_full_lobby_takes_nobody(table):
    lobby = table.make_lobby(table.make_guest(), table.make_guest(), game="noughts")
    with raises_code(ErrorCode.LOBBY_FULL):
        table.execute(join_lobby, lobby_id=lobby.id, player_id=table.make_guest())


def test_a_wrong_password_is_refused_and_the_right_one_is_not(table):
    lobby = table.make_lobby(table.make_guest(), password="hunter2")
    bob = table.make_guest()
    with raises_code(ErrorCode.WRONG_PASSWORD):
        table.execute(join_lobby, lobby_id=lobby.id, player_id=bob, password="hunter3")
    table.execute(join_lobby, lobby_id=lobby.id, player_id=bob, password="hunter2")


def test_where_the_host_approves_nobody_joins(table):
    lobby = table.make_lobby(table.make_guest(), requires_approval=True)
    with raises_code(ErrorCode.APPROVAL_REQUIRED):
        table.execute(join_lobby, lobby_id=lobby.id, player_id=table.make_guest())


def test_a_player_of_one_game_joins_no_second_lobby(table):
    first, second = table.make_lobby(table.make_guest()), table.make_lobby(table.make_guest())
    pat = table.make_player()
    table.execute(join_lobby, lobby_id=first.id, player_id=pat)
    with raises_code(ErrorCode.ALREADY_IN_LOBBY):
        table.execute(join_lobby, lobby_id=second.id, player_id=pat)


def test_who_is_banned_joins_nothing(table):
    lobby = table.make_lobby(table.make_guest())
    pat = table.make_player()
    table.execute(ban, game="free", player_id=pat, duration="forever")
    with raises_code(ErrorCode.BANNED):
        table.execute(join_lobby, lobby_id=lobby.id, player_id=pat)


# Quick join


def test_quick_join_sits_down_in_the_fullest_lobby(table):
    table.make_lobby(table.make_guest())
    fuller = table.make_lobby(table.make_guest(), table.make_guest())
    lobby, made = table.execute(quick_join, game="free", player_id=table.make_guest(), name="Q")
    assert (lobby.id, made) == (fuller.id, False)


def test_among_equals_quick_join_takes_the_oldest(table):
    oldest = table.make_lobby(table.make_guest())
    table.make_lobby(table.make_guest())
    lobby, _ = table.execute(quick_join, game="free", player_id=table.make_guest(), name="Q")
    assert lobby.id == oldest.id


@pytest.mark.parametrize("needs", [{"password": "x"}, {"requires_approval": True}, {"capacity": 1}])
def test_quick_join_passes_over_what_cannot_be_joined_at_once(table, needs):
    table.make_lobby(table.make_guest(), **needs)
    bob = table.make_guest()
    lobby, made = table.execute(
        quick_join, game="free", player_id=bob, name="Q", options=b'{"a":1}'
    )
    assert made
    assert (lobby.name, lobby.roster.host, lobby.options) == ("Q", bob, b'{"a":1}')


def test_quick_join_keeps_you_where_you_are(table):
    ann = table.make_guest()
    mine = table.make_lobby(ann)
    table.make_lobby(table.make_guest(), table.make_guest())
    table.clear_events()
    lobby, made = table.execute(quick_join, game="free", player_id=ann, name="Q")
    assert (lobby.id, made, table.entries) == (mine.id, False, [])


def test_everyone_who_quick_joins_sits_somewhere_and_no_lobby_is_over_full(table):
    for _ in range(5):
        table.execute(quick_join, game="noughts", player_id=table.make_guest(), name="Q")
    lobbies = table.state.find(Lobby, "open", "noughts")
    assert sorted(len(lobby.roster) for lobby in lobbies) == [1, 2, 2]


def test_quick_join_is_refused_to_who_is_banned(table):
    pat = table.make_player()
    table.execute(ban, game="free", player_id=pat, duration="day")
    with raises_code(ErrorCode.BANNED):
        table.execute(quick_join, game="free", player_id=pat, name="Q")
