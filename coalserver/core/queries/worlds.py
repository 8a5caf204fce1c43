"""Queries about worlds and the visitors in them. Stored history is read through ports.History."""

from collections.abc import Iterator

from coalserver.core.state import Reader, State
from coalserver.core.steps import Steps
from coalserver.domain.accounts.oauth import OAuthClient, TokenPair
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.visitor import (
    ConsoleCommand,
    LogSource,
    UsernameClaim,
    Visitor,
)
from coalserver.domain.minecraft.world import World

#: Worlds that are read at once of all of them.
WORLDS_AT_ONCE = 100


def get_world(reader: Reader, id: int) -> World:
    """Return the world with this id. Raises WORLD_NOT_FOUND, also for an archived world."""
    world = reader.get(World, id)
    if world is None or not world.active:
        raise DomainError(ErrorCode.WORLD_NOT_FOUND)
    return world


def world_by_short_name(reader: Reader, *, short_name: str) -> World:
    """Return the world with this short name. Raises WORLD_NOT_FOUND."""
    world = reader.first(World, "short_name", short_name) if short_name else None
    if world is None:
        raise DomainError(ErrorCode.WORLD_NOT_FOUND)
    return world


def active_worlds(
    state: State, *, after: tuple[float, int] | None = None, limit: int | None = None
) -> list[World]:
    """Return the worlds that are not archived, oldest first; those after a time of creation and an id."""
    return state.in_order(World, "created", after=after, limit=limit)


def all_active_worlds(state: State) -> Iterator[World]:
    """Yield the worlds that are not archived, oldest first, and read them meanwhile."""
    after = None
    while page := active_worlds(state, after=after, limit=WORLDS_AT_ONCE):
        yield from page
        after = page[-1].created, page[-1].id


def worlds_by_age(
    state: State, *, limit: int, offset: int = 0, public_only: bool = False
) -> tuple[list[World], int]:
    """Return a page of the worlds that are not archived, oldest first, and the number of all of them.

    `public_only` leaves out those that are for members only.
    """
    index = "public" if public_only else "created"
    return state.page_in_order(World, index, limit=limit, offset=offset)


def world_position(state: State, *, world: World) -> int:
    """Return the number of worlds that come before one in the list by age."""
    return state.count_keys(World, "created", after=(), before=(world.created, world.id))


def world_of_agent(reader: Reader, *, token_pair: TokenPair) -> World:
    """Return the world whose agent holds a token. Raises WORLD_NOT_FOUND and WORLD_HOSTED."""
    client = reader.get(OAuthClient, token_pair.client)
    world = get_world(reader, client.world if client else -1)
    if world.hosted:
        raise DomainError(ErrorCode.WORLD_HOSTED)
    return world


def are_single_lines_misread(reader: Reader, *, world_id: int) -> bool:
    """Return whether the sender of a world's single lines reads UTF-8 as ISO-8859-2."""
    source = reader.first(LogSource, "name", (world_id, ""))
    return source is not None and source.misread


def get_visitor(reader: Reader, world: int, username: str) -> Visitor:
    """Return the visitor of a world with this username. Raises VISITOR_NOT_FOUND."""
    visitor = reader.first(Visitor, "name", (world, username))
    if visitor is None:
        raise DomainError(ErrorCode.VISITOR_NOT_FOUND)
    return visitor


def visitor_by_id(reader: Reader, *, world: int, id: int) -> Visitor:
    """Return the visitor of a world with this id. Raises VISITOR_NOT_FOUND."""
    visitor = reader.get(Visitor, id)
    if visitor is None or visitor.world != world:
        raise DomainError(ErrorCode.VISITOR_NOT_FOUND)
    return visitor


def visitors_of_world(
    state: State, *, world: int, after: str | None = None, limit: int | None = None
) -> list[Visitor]:
    """Return the visitors of a world by name, upper case before lower.

    `after`, the last name of the previous page, starts the next one.
    """
    start = (world,) if after is None else (world, after)
    return state.in_order(Visitor, "name", after=start, before=(world + 1,), limit=limit)


def latest_visitors(
    state: State, *, world: int, before: tuple[float, int] | None = None, limit: int
) -> tuple[list[Visitor], int]:
    """Return visitors of a world of whom a login is known, the latest login first, and the number of all of them.

    `before`, login and id of the last visitor of the previous page, starts the next one.
    """
    start, end = (world,), (world + 1,)
    page_end = end if before is None else (world, *before)
    found = state.in_order(
        Visitor, "login", after=start, before=page_end, limit=limit, reverse=True
    )
    return found, state.count_keys(Visitor, "login", after=start, before=end)


def silent_worlds(state: State, *, now: float) -> Steps[list[int]]:
    """Return the ids of the worlds that are unknown for the silence of their agents, and do not say so yet."""
    silent: list[int] = []
    for id in list(state.ids(World, "active", "")):
        yield 1
        world = state.get(World, id)
        if world is not None and world.active and world.after_silence(now) is not world:
            silent.append(id)
    return silent


def unpinged_worlds(state: State, *, now: float) -> Steps[list[int]]:
    """Return the ids of the worlds with visitors of which no ping shows that they run: only lines can."""
    unpinged: list[int] = []
    for id in list(state.ids(World, "active", "")):
        yield 1
        world = state.get(World, id)
        if world is None or not world.active or world.is_pinged(now):
            continue
        if state.ids(Visitor, "online", id):
            unpinged.append(id)
    return unpinged


def count_online(reader: Reader, *, world: int) -> int:
    """Return the number of visitors who are in a world now."""
    return reader.count_under(Visitor, "online", world)


def online_visitors(state: State, *, world: int, limit: int | None = None) -> list[Visitor]:
    """Return the visitors who are in a world now, the latest login first."""
    return state.in_order(
        Visitor, "online_login", after=(world,), before=(world + 1,), limit=limit, reverse=True
    )


def queued_commands(reader: Reader, *, world: int) -> list[ConsoleCommand]:
    """Return the commands that wait for a world's console, oldest first."""
    return reader.find(ConsoleCommand, "world", world)


def claim_of_account(reader: Reader, *, account: int, now: float) -> UsernameClaim | None:
    """Return the claim by which an account may prove a username, or None where it has expired."""
    claim = reader.first(UsernameClaim, "account", account)
    return claim if claim is not None and now < claim.until else None
