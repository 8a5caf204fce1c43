"""Agents: a world comes with the credentials of the program that will speak for it."""

from coalserver.core.commands.oauth import Shown, add_agent, renew_secret
from coalserver.core.commands.worlds import add_world, the_world
from coalserver.core.unit_of_work import Unit
from coalserver.domain.accounts.oauth import Client
from coalserver.domain.minecraft.world import World


def open_world(
    unit: Unit, *, name: str, hosted: bool = False, short_name: str = ""
) -> tuple[World, Shown]:
    """Make a world and its agent's credentials; whoever makes it is the one who is shown the secret."""
    world = add_world(unit, name=name, hosted=hosted, short_name=short_name)
    return world, add_agent(unit, world=world.id)


def renew_agent(unit: Unit, *, world: int) -> Shown:
    """Give the agent of a world another secret; the old one stops at once, its tokens do not."""
    the_world(unit, world)
    client = unit.one(Client, "world", world)
    if client is None:
        return add_agent(unit, world=world)
    return renew_secret(unit, client=client.id)
