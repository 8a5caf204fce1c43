"""Questions of those who run the place about everything that goes on."""

from heapq import nlargest

from coalserver.core.state import State
from coalserver.domain.accounts.account import Account
from coalserver.domain.audit import AuditEntry
from coalserver.domain.play.game import Game
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.player import Ban
from coalserver.domain.play.room import Room


def all_open_lobbies(state: State, *, limit: int) -> tuple[list[Lobby], int]:
    """The newest open lobbies of all games, and how many there are."""
    found = [lobby for tag in _tags(state) for lobby in state.find(Lobby, "open", tag)]
    return nlargest(limit, found, key=lambda lobby: lobby.id), len(found)


def all_running_rooms(state: State, *, limit: int) -> tuple[list[Room], int]:
    """The newest running rooms of all games, and how many there are."""
    found = [room for tag in _tags(state) for room in state.find(Room, "running", tag)]
    return nlargest(limit, found, key=lambda room: room.id), len(found)


def active_bans(state: State, *, now: float, limit: int, offset: int = 0) -> tuple[list[Ban], int]:
    """Who is shut out of a game, the latest first, and how many."""
    found = [ban for ban in reversed(list(state.all(Ban))) if ban.is_active(now)]
    return found[offset : offset + limit], len(found)


def search_accounts(
    state: State, *, text: str, limit: int, offset: int = 0
) -> tuple[list[Account], int]:
    """Accounts with this in their address, nickname or names, oldest first, and how many."""
    wanted = text.strip().casefold()
    found = [
        account
        for account in state.all(Account)
        if any(wanted in name.casefold() for name in _names(account))
    ]
    return found[offset : offset + limit], len(found)


def _names(account: Account) -> tuple[str, ...]:
    return (account.email, account.nickname, *account.usernames)


def _tags(state: State) -> list[str]:
    return [game.tag for game in state.find(Game, "all", "")]


def find_active_ban(state: State, *, game: str, player: int, now: float) -> Ban | None:
    """The ban that keeps a player out of a game now."""
    for ban in state.find(Ban, "player", (game, player)):
        if ban.is_active(now):
            return ban
    return None


def list_audit_entries(
    state: State, *, limit: int, offset: int = 0
) -> tuple[list[AuditEntry], int]:
    """What was done, the newest first, and how much there is."""
    entries = list(state.all(AuditEntry))
    return entries[::-1][offset : offset + limit], len(entries)
