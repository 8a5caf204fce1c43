"""Pairing commands: how the agent of a world gets its credentials without anybody copying them."""

from typing import NamedTuple

from coalserver.core.commands.agents import renew_agent
from coalserver.core.commands.audit import note
from coalserver.core.commands.games import digest
from coalserver.core.commands.pieces import drop_piece
from coalserver.core.commands.worlds import the_world
from coalserver.core.unit_of_work import Unit
from coalserver.domain.accounts.oauth import PAIRING_LETTERS, PAIRING_SECONDS, Pairing
from coalserver.domain.audit import What
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.minecraft.world import World


class Paired(NamedTuple):
    """What an agent speaks with from now on; told this once."""

    client_id: str
    secret: str
    world: World


def open_pairing(unit: Unit, *, world: int, admin: int) -> str:
    """A code with which the agent of a world fetches its credentials; an older one of that world ends."""
    found = the_world(unit, world)
    for old in unit.find(Pairing, "world", found.id):
        unit.drop(old)
    code = unit.new_letters(PAIRING_LETTERS)
    until = unit.now + PAIRING_SECONDS
    unit.put(Pairing(unit.new_id(Pairing), digest(code), found.id, admin, unit.now, until))
    return code


def pair_agent(unit: Unit, *, code: str) -> Paired:
    """Fetch credentials with a code, once. The secret the agent had before stops at once."""
    pairing = unit.one(Pairing, "digest", digest(code))
    if pairing is None or pairing.ended(unit.now):
        raise Refusal(Why.BAD_GRANT)
    world = unit.get(World, pairing.world)
    if world is None or not world.active:
        raise Refusal(Why.BAD_GRANT)
    unit.drop(pairing)
    made = renew_agent(unit, world=world.id)
    note(unit, by=pairing.by, what=What.AGENT_PAIRED, about=world.name)
    return Paired(made.client.code, made.secret, world)


def forget_pairings(unit: Unit) -> int:
    """Drop the codes that are good no more."""
    old = (one for one in unit.state.all(Pairing) if one.ended(unit.now))
    return drop_piece(unit, old)
