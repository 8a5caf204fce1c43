"""Agent commands: credentials of the programs that report on worlds, and pairing codes to fetch them with."""

from typing import NamedTuple

from coalserver.core.commands.audit import record_audit_entry
from coalserver.core.commands.oauth import (
    ClientCredentials,
    create_agent_client,
    revoke_all_client_tokens,
    rotate_client_secret,
)
from coalserver.core.commands.worlds import create_world
from coalserver.core.queries.worlds import get_world
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.accounts.oauth import (
    PAIRING_CODE_LENGTH,
    PAIRING_SECONDS,
    OAuthClient,
    PairingCode,
)
from coalserver.domain.audit import AuditAction
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.world import World
from coalserver.domain.text import secret_digest


def create_world_with_agent(
    uow: UnitOfWork, *, name: str, hosted: bool = False, short_name: str = ""
) -> tuple[World, ClientCredentials | None]:
    """Create a world and the credentials of its agent; emit WorldAdded.

    The secret is returned this once. A hosted world has no agent. Raises what `create_world` raises.
    """
    world = create_world(uow, name=name, hosted=hosted, short_name=short_name)
    return world, None if hosted else create_agent_client(uow, world_id=world.id)


def rotate_agent_secret(uow: UnitOfWork, *, world_id: int) -> ClientCredentials:
    """Replace the secret of a world's agent and revoke the tokens that the old one bought.

    Creates the client where the world has none. Raises WORLD_NOT_FOUND and WORLD_HOSTED.
    """
    check_has_agent(get_world(uow, world_id))
    client = uow.first(OAuthClient, "world", world_id)
    if client is None:
        return create_agent_client(uow, world_id=world_id)
    revoke_all_client_tokens(uow, client=client.id)
    return rotate_client_secret(uow, client=client.id)


def check_has_agent(world: World) -> None:
    """Raise WORLD_HOSTED for a world that this server runs itself."""
    if world.hosted:
        raise DomainError(ErrorCode.WORLD_HOSTED)


class PairedAgent(NamedTuple):
    """The credentials that an agent has received by pairing; the secret is returned this once."""

    client_id: str
    secret: str
    world: World


def create_pairing_code(uow: UnitOfWork, *, world_id: int, admin_id: int) -> str:
    """Create a code with which a world's agent fetches its credentials, and return it.

    Deletes earlier codes of the world. Raises WORLD_NOT_FOUND and WORLD_HOSTED.
    """
    world = get_world(uow, world_id)
    check_has_agent(world)
    for old in uow.find(PairingCode, "world", world.id):
        uow.delete(old)
    code = uow.new_letters(PAIRING_CODE_LENGTH)
    until = uow.now + PAIRING_SECONDS
    uow.save(
        PairingCode(
            uow.new_id(PairingCode), secret_digest(code), world.id, admin_id, uow.now, until
        )
    )
    return code


def pair_agent(uow: UnitOfWork, *, code: str) -> PairedAgent:
    """Redeem a pairing code once and return the agent's new credentials.

    The agent's previous secret is replaced and its tokens are revoked; records an audit entry.
    Raises INVALID_GRANT for an unknown, used or expired code and for an archived world.
    """
    pairing = uow.first(PairingCode, "digest", secret_digest(code))
    if pairing is None or pairing.is_expired(uow.expiry_time):
        raise DomainError(ErrorCode.INVALID_GRANT)
    world = uow.get(World, pairing.world)
    if world is None or not world.active or world.hosted:
        raise DomainError(ErrorCode.INVALID_GRANT)
    uow.delete(pairing)
    credentials = rotate_agent_secret(uow, world_id=world.id)
    record_audit_entry(
        uow, actor=pairing.created_by, action=AuditAction.AGENT_PAIRED, subject=world.name
    )
    return PairedAgent(credentials.client.code, credentials.secret, world)
