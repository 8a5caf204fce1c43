"""Queries for administrators: all lobbies, rooms and bans, account search, the audit log."""

from itertools import islice
from math import inf
from typing import cast

from coalserver.core.state import Reader, State
from coalserver.core.steps import Steps
from coalserver.domain.accounts.account import Account
from coalserver.domain.audit import AuditEntry
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.player import Ban
from coalserver.domain.play.room import Room

#: Entities that a step looks at, and its work.
STEP_SIZE, STEP_WORK = 100, 100


def all_open_lobbies(state: State, *, limit: int, offset: int = 0) -> tuple[list[Lobby], int]:
    """Return a page of the open lobbies of all games, the newest first, and their number."""
    table, listings = state.table(Lobby), state.open_lobbies
    return [table[id] for id in listings.newest(limit, offset)], listings.count()


def all_running_rooms(state: State, *, limit: int, offset: int = 0) -> tuple[list[Room], int]:
    """Return a page of the running rooms of all games, the newest first, and their number."""
    table, listings = state.table(Room), state.running_rooms
    return [table[id] for id in listings.newest(limit, offset)], listings.count()


def active_bans(
    state: State, *, now: float, limit: int, offset: int = 0
) -> Steps[tuple[list[Ban], int]]:
    """Return a page of the bans that have not expired, newest first, and their number.

    A ban that ends meanwhile may be among them. There is one step for some of the bans up to the end of the page.
    """
    total = count_active_bans(state, now=now)
    expired = state.count(Ban) - total
    everything = reversed(cast(dict[int, Ban], state.table(Ban)).values())
    # Enough for the page, whichever of the bans have expired.
    newest_first = list(islice(everything, offset + limit + expired))
    found: list[Ban] = []
    for start in range(0, len(newest_first), STEP_SIZE):
        if len(found) >= offset + limit:
            break
        yield STEP_WORK
        found += [ban for ban in newest_first[start : start + STEP_SIZE] if ban.is_active(now)]
    return found[offset : offset + limit], total


def count_active_bans(state: State, *, now: float) -> int:
    """Return the number of bans that have not expired."""
    return state.count_keys(Ban, "until", after=(now, inf), before=(inf, inf))


def find_active_ban(reader: Reader, *, game: str, player: int, now: float) -> Ban | None:
    """Return the ban that excludes a player from a game now, or None."""
    for ban in reader.find(Ban, "player", (game, player)):
        if ban.is_active(now):
            return ban
    return None


def search_accounts(
    state: State, *, text: str, limit: int, offset: int = 0
) -> Steps[tuple[list[Account], int]]:
    """Return a page of the accounts that contain a text, oldest first, and their number.

    The text is searched in address, nickname and usernames, regardless of case. Without a text no step is taken.
    """
    wanted, accounts = text.strip().casefold(), state.all(Account)
    if not wanted:
        return list(islice(accounts, offset, offset + limit)), state.count(Account)
    oldest_first, found = list(accounts), []
    for start in range(0, len(oldest_first), STEP_SIZE):
        yield STEP_WORK
        found += [
            account
            for account in oldest_first[start : start + STEP_SIZE]
            if wanted in account.email.casefold()
            or (account.nickname and wanted in account.nickname.casefold())
            or (account.usernames and any(wanted in name.casefold() for name in account.usernames))
        ]
    return found[offset : offset + limit], len(found)


def list_audit_entries(
    state: State, *, limit: int, offset: int = 0
) -> tuple[list[AuditEntry], int]:
    """Return a page of the audit log, newest entry first, and the number of all entries."""
    newest_first = reversed(cast(dict[int, AuditEntry], state.table(AuditEntry)).values())
    return list(islice(newest_first, offset, offset + limit)), state.count(AuditEntry)
