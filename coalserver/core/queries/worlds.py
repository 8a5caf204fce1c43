"""Questions about worlds and who is in them. What was, the history is asked."""

from coalserver.core.state import State
from coalserver.domain.accounts.account import Account
from coalserver.domain.accounts.oauth import OAuthClient, TokenPair
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.visitor import ConsoleCommand, UsernameClaim, Visitor
from coalserver.domain.minecraft.world import World


def active_worlds(state: State) -> list[World]:
    """Every world that is one of ours, oldest first."""
    return sorted(state.find(World, "active", ""), key=lambda world: (world.created, world.id))


def world_by_id(state: State, *, id: int) -> World:
    world = state.get(World, id)
    if world is None or not world.active:
        raise DomainError(ErrorCode.WORLD_NOT_FOUND)
    return world


def world_by_short_name(state: State, *, short_name: str) -> World:
    world = state.first(World, "short_name", short_name) if short_name else None
    if world is None:
        raise DomainError(ErrorCode.WORLD_NOT_FOUND)
    return world


def world_of_agent(state: State, *, token_pair: TokenPair) -> World:
    """The world whose agent a token was given to."""
    client = state.get(OAuthClient, token_pair.client)
    return world_by_id(state, id=client.world if client else -1)


def visitors_of_world(
    state: State, *, world: int, after: str | None = None, limit: int | None = None
) -> list[Visitor]:
    """Those who have been in a world, by name: upper case before lower. `after` is the last one seen."""
    found = state.find(Visitor, "world", world)
    if after is not None:
        found = [visitor for visitor in found if visitor.name > after]
    found.sort(key=lambda visitor: visitor.name)
    return found[:limit]


def online_visitors(state: State, *, world: int) -> list[Visitor]:
    """Those who are in a world now, by when they came, the latest first."""
    found = state.find(Visitor, "online", world)
    return sorted(found, key=lambda visitor: visitor.last_login or 0.0, reverse=True)


def visitor_by_name(state: State, *, world: int, username: str) -> Visitor:
    visitor = state.first(Visitor, "name", (world, username))
    if visitor is None:
        raise DomainError(ErrorCode.VISITOR_NOT_FOUND)
    return visitor


def visitor_by_id(state: State, *, world: int, id: int) -> Visitor:
    visitor = state.get(Visitor, id)
    if visitor is None or visitor.world != world:
        raise DomainError(ErrorCode.VISITOR_NOT_FOUND)
    return visitor


def account_of_username(state: State, *, username: str) -> Account | None:
    """The account that has claimed a name in the game."""
    return state.first(Account, "username", username) if username else None


def queued_commands(state: State, *, world: int) -> list[ConsoleCommand]:
    """What a world's console is to be told, oldest first."""
    return state.find(ConsoleCommand, "world", world)


def claim_of_account(state: State, *, account: int, now: float) -> UsernameClaim | None:
    """The code by which an account may prove a name, while it is good."""
    claim = state.first(UsernameClaim, "account", account)
    return claim if claim is not None and now < claim.until else None
