"""Agents: a world comes with the credentials of the program that will speak for it."""

from coalserver.core.commands.oauth import (
    ClientCredentials,
    create_agent_client,
    rotate_client_secret,
)
from coalserver.core.commands.worlds import create_world, get_world
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.accounts.oauth import OAuthClient
from coalserver.domain.minecraft.world import World


def create_world_with_agent(
    uow: UnitOfWork, *, name: str, hosted: bool = False, short_name: str = ""
) -> tuple[World, ClientCredentials]:
    """Make a world and its agent's credentials; whoever makes it is the one who is shown the secret."""
    world = create_world(uow, name=name, hosted=hosted, short_name=short_name)
    return world, create_agent_client(uow, world_id=world.id)


def rotate_agent_secret(uow: UnitOfWork, *, world_id: int) -> ClientCredentials:
    """Give the agent of a world another secret; the old one stops at once, its tokens do not."""
    get_world(uow, world_id)
    client = uow.first(OAuthClient, "world", world_id)
    if client is None:
        return create_agent_client(uow, world_id=world_id)
    return rotate_client_secret(uow, client=client.id)
