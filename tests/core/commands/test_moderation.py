"""Admins close lobbies and rooms, kick members and list what is running."""

from coalserver.core.commands.accounts import create_account
from coalserver.core.commands.moderation import (
    admin_close,
    admin_kick,
    ban,
)
from coalserver.core.queries.admin import (
    active_bans,
    all_open_lobbies,
    all_running_rooms,
    search_accounts,
)
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.events import LobbyMemberLeft, RoomMemberLeft
from coalserver.domain.play.lobby import CloseReason, Lobby
from coalserver.domain.play.room import Room
from tests.core.commands.group_kinds import for_each_kind
from tests.domain.builders import raises_code


def test_admin_kicks_a_member_and_emits_member_left(table):
    ann, bob = table.make_guest("Ann"), table.make_guest("Bob")
    lobby = table.make_lobby(ann, bob)
    assert bob not in table.execute(admin_kick, kind=Lobby, id=lobby.id, player_id=bob).roster
    [left] = table.events(LobbyMemberLeft)
    assert (left.player, left.reason) == (bob, "kicked")
    with raises_code(ErrorCode.TARGET_NOT_MEMBER):
        table.execute(admin_kick, kind=Lobby, id=lobby.id, player_id=bob)


def test_admin_may_kick_the_host(table):
    ann, bob = table.make_guest("Ann"), table.make_guest("Bob")
    lobby = table.make_lobby(ann, bob)
    after = table.execute(admin_kick, kind=Lobby, id=lobby.id, player_id=ann)
    assert not after.open or after.roster.host == bob


@for_each_kind
def test_admin_closes_a_group_once(table, kind):
    group = kind.create(table, table.make_guest("Ann"))
    closed = table.execute(admin_close, kind=kind.cls, id=group.id)
    assert closed.close_reason is CloseReason.CLOSED
    assert len(table.events(kind.closed)) == 1
    with raises_code(kind.ended):
        table.execute(admin_close, kind=kind.cls, id=group.id)
    with raises_code(kind.ended):
        table.execute(admin_kick, kind=kind.cls, id=group.id, player_id=1)


def test_admin_kick_from_a_game_applies_its_rules(table):
    ann, bob = table.make_guest("Ann"), table.make_guest("Bob")
    room = table.make_started_room(ann, bob)
    after = table.execute(admin_kick, kind=Room, id=room.id, player_id=bob)
    assert bob not in after.roster or after.ended
    assert [(one.player, one.reason) for one in table.events(RoomMemberLeft)] == [(bob, "kicked")]
    with raises_code(ErrorCode.ROOM_ENDED if after.ended else ErrorCode.TARGET_NOT_MEMBER):
        table.execute(admin_kick, kind=Room, id=room.id, player_id=bob)


@for_each_kind
def test_unknown_group_is_not_found(table, kind):
    with raises_code(kind.not_found):
        table.execute(admin_close, kind=kind.cls, id=99)


def test_open_groups_are_listed_newest_first(table):
    lobbies = [table.make_lobby(table.make_guest()).id for _ in range(3)]
    rooms = [table.make_room(table.make_guest()).id for _ in range(3)]
    table.execute(admin_close, kind=Lobby, id=lobbies[0])
    table.execute(admin_close, kind=Room, id=rooms[0])
    found, total = table.query(all_open_lobbies, limit=1)
    assert ([one.id for one in found], total) == ([lobbies[2]], 2)
    running, total = table.query(all_running_rooms, limit=9)
    assert ([one.id for one in running], total) == ([rooms[2], rooms[1]], 2)


def test_active_bans_are_listed_newest_first(table):
    players = [table.make_player() for _ in range(3)]
    for player, duration in zip(players, ("hour", "day", "forever"), strict=True):
        table.execute(ban, game="free", player_id=player, duration=duration)
    table.now += 3600
    found, total = table.query(active_bans, now=table.now, limit=1)
    assert ([one.player for one in found], total) == ([players[2]], 2)


def test_accounts_are_found_by_email_and_nickname(table):
    for name in ("ann", "bob"):
        table.execute(
            create_account, email=f"{name}@example.org", password="x", nickname=f"{name.title()}y"
        )
    for text, count in (("ANN", 1), ("example", 2), (" boby ", 1), ("", 2), ("zed", 0)):
        assert table.query(search_accounts, text=text, limit=10)[1] == count
    [second], total = table.query(search_accounts, text="", limit=1, offset=1)
    assert (second.nickname, total) == ("Boby", 2)
