"""Stewards: an admin ends what others have begun, and puts people out."""

from coalserver.core.commands.account_admin import add_account
from coalserver.core.commands.bans import ban
from coalserver.core.commands.moderation import (
    end_lobby,
    end_room,
    put_out_of_lobby,
    put_out_of_room,
)
from coalserver.core.queries.admin import accounts_like, bans_held, gathering, playing
from coalserver.domain.errors import Why
from coalserver.domain.play.lobby import Ending
from coalserver.domain.play.lobby_events import LobbyClosed, MemberLeft
from coalserver.domain.play.room_events import PlayerLeft, RoomClosed
from tests.domain.builders import refused


def test_a_member_has_to_go_and_everybody_hears_it(table):
    ann, bob = table.a_guest("Ann"), table.a_guest("Bob")
    lobby = table.a_lobby(ann, bob)
    assert bob not in table.do(put_out_of_lobby, lobby_id=lobby.id, player=bob).roster
    [left] = table.said(MemberLeft)
    assert (left.player, left.how) == (bob, "kicked")
    with refused(Why.TARGET_NOT_HERE):
        table.do(put_out_of_lobby, lobby_id=lobby.id, player=bob)


def test_even_the_host_has_to_go(table):
    ann, bob = table.a_guest("Ann"), table.a_guest("Bob")
    lobby = table.a_lobby(ann, bob)
    after = table.do(put_out_of_lobby, lobby_id=lobby.id, player=ann)
    assert not after.open or after.roster.host == bob


def test_a_gathering_ends_once(table):
    lobby = table.a_lobby(table.a_guest("Ann"))
    assert table.do(end_lobby, lobby_id=lobby.id).ending is Ending.CLOSED
    assert len(table.said(LobbyClosed)) == 1
    for command in (end_lobby, put_out_of_lobby):
        asked = {"player": 1} if command is put_out_of_lobby else {}
        with refused(Why.LOBBY_GONE):
            table.do(command, lobby_id=lobby.id, **asked)


def test_who_is_put_out_of_a_game_leaves_what_the_rules_make_of_it(table):
    ann, bob = table.a_guest("Ann"), table.a_guest("Bob")
    room = table.a_started(ann, bob)
    after = table.do(put_out_of_room, room_id=room.id, player=bob)
    assert bob not in after.roster or after.over
    assert [(one.player, one.how) for one in table.said(PlayerLeft)] == [(bob, "kicked")]
    with refused(Why.ROOM_OVER if after.over else Why.TARGET_NOT_HERE):
        table.do(put_out_of_room, room_id=room.id, player=bob)


def test_play_ends_once(table):
    room = table.a_room(table.a_guest("Ann"))
    assert table.do(end_room, room_id=room.id).ending is Ending.CLOSED
    assert len(table.said(RoomClosed)) == 1
    with refused(Why.ROOM_OVER):
        table.do(end_room, room_id=room.id)


def test_what_is_not_there_is_not_found(table):
    with refused(Why.LOBBY_NOT_FOUND):
        table.do(end_lobby, lobby_id=99)
    with refused(Why.ROOM_NOT_FOUND):
        table.do(end_room, room_id=99)


def test_everything_that_goes_on_is_listed_newest_first(table):
    lobbies = [table.a_lobby(table.a_guest()).id for _ in range(3)]
    rooms = [table.a_room(table.a_guest()).id for _ in range(3)]
    table.do(end_lobby, lobby_id=lobbies[0])
    table.do(end_room, room_id=rooms[0])
    found, total = table.see(gathering, limit=1)
    assert ([one.id for one in found], total) == ([lobbies[2]], 2)
    running, total = table.see(playing, limit=9)
    assert ([one.id for one in running], total) == ([rooms[2], rooms[1]], 2)


def test_bans_that_hold_are_listed_the_latest_first(table):
    players = [table.a_player() for _ in range(3)]
    for player, duration in zip(players, ("hour", "day", "forever"), strict=True):
        table.do(ban, game="free", player=player, duration=duration)
    table.now += 3600
    found, total = table.see(bans_held, now=table.now, limit=1)
    assert ([one.player for one in found], total) == ([players[2]], 2)


def test_accounts_are_found_by_any_of_their_names(table):
    for name in ("ann", "bob"):
        table.do(
            add_account, email=f"{name}@example.org", password="x", nickname=f"{name.title()}y"
        )
    for text, count in (("ANN", 1), ("example", 2), (" boby ", 1), ("", 2), ("zed", 0)):
        assert table.see(accounts_like, text=text, limit=10)[1] == count
    [second], total = table.see(accounts_like, text="", limit=1, offset=1)
    assert (second.nickname, total) == ("Boby", 2)
