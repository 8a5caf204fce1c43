"""Presence commands: mark players away or back, and free the seats of those who stay away."""

from collections.abc import Iterator

from coalserver.core.commands.join_requests import withdraw_requests
from coalserver.core.commands.members import emit_host_changed, emit_member_away, remove_member
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.play.group import Group
from coalserver.domain.play.lobby import CloseReason, Lobby
from coalserver.domain.play.room import Room


def mark_away(uow: UnitOfWork, *, player_id: int) -> None:
    """Mark a player away in all lobbies and rooms, where they stay the host.

    Emits LobbyMemberAway or RoomMemberAway.
    """
    _set_away(uow, player_id, True)


def mark_overdue(uow: UnitOfWork, *, player_id: int) -> None:
    """Mark a player away for so long that a present member may replace them as the host.

    Emits what `mark_away` emits and, where the host is replaced, LobbyHostChanged or RoomHostChanged.
    """
    for group in list(_groups_of(uow, player_id)):
        seat = group.roster.get_seat(player_id)
        if seat.overdue:
            continue
        changed = uow.save(group.mark_overdue(player_id))
        if group.open:
            if not seat.away:
                emit_member_away(uow, group, player_id, True)
            emit_host_changed(uow, group, changed)


def mark_back(uow: UnitOfWork, *, player_id: int) -> None:
    """Mark a player present again in all lobbies and rooms.

    Emits what `mark_away` emits and, where the player replaces the host, LobbyHostChanged or
    RoomHostChanged.
    """
    _set_away(uow, player_id, False)


def release_away_seats(uow: UnitOfWork, *, player_id: int, last_seen: float) -> int:
    """Free an away player's seats whose grace is over; replace them as host after `handover_after`.

    Return how many seats may be freed or handed over later. Emits what `members.leave` emits, with
    the reason `timeout`, and what `mark_overdue` emits.
    """
    silent_seconds = uow.now - last_seen
    groups = list(_groups_of(uow, player_id))
    overdue = silent_seconds >= uow.limits.handover_after
    seats = [group.roster.get_seat(player_id) for group in groups]
    if overdue and any(seat.away and not seat.overdue for seat in seats):
        mark_overdue(uow, player_id=player_id)
        groups = list(_groups_of(uow, player_id))
    waiting = 0
    for group in groups:
        if not group.open or group.roster.grace is None:
            waiting += not overdue
            continue
        if silent_seconds < group.roster.grace:
            waiting += 1
            continue
        after = group.time_out_member(player_id, uow.now, uow.rules(group.game))
        remove_member(uow, group, after, player_id, "timeout")
    return waiting


def leave_all(uow: UnitOfWork, *, player_id: int, reason: str, game: str = "") -> None:
    """Remove a player from all lobbies and rooms and reject their join requests.

    `game` limits this to one game. For players whose tokens were revoked or who were banned.
    Emits JoinRequestAnswered and what `members.leave` emits.
    """
    withdraw_requests(uow, player_id=player_id, game=game)
    # A host who is banned has not left of their own accord.
    close_reason = CloseReason.CLOSED if reason == "banned" else CloseReason.HOST_LEFT
    for group in _groups_of(uow, player_id):
        if game in ("", group.game):
            rules = uow.rules(group.game)
            after = group.remove_member(player_id, uow.now, rules, close_reason)
            remove_member(uow, group, after, player_id, reason)


def _groups_of(uow: UnitOfWork, player_id: int) -> Iterator[Group]:
    """Yield a player's rooms, then the lobbies in which they are still a member."""
    yield from uow.find(Room, "member", player_id)
    yield from uow.find(Lobby, "member", player_id)


def _set_away(uow: UnitOfWork, player_id: int, away: bool) -> None:
    groups: list[Group] = [
        *uow.find(Lobby, "member", player_id),
        *uow.find(Room, "member", player_id),
    ]
    for group in groups:
        if group.roster.get_seat(player_id).away is away:
            continue
        changed = uow.save(group.mark_away(player_id) if away else group.mark_back(player_id))
        if group.open:
            emit_member_away(uow, group, player_id, away)
            emit_host_changed(uow, group, changed)
