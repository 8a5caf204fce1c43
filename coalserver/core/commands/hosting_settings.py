"""Hosting commands that change properties, versions and settings; no process changes at once."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from coalserver.core.commands.audit import record_audit_entry
from coalserver.core.commands.hosting import save_run
from coalserver.core.queries.hosting import (
    all_versions,
    get_run,
    get_settings,
    get_version,
    version_by_name,
    worlds_with_version,
)
from coalserver.core.state import Reader
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.audit import AuditAction
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.hosting.hosted_world import EulaAgreement
from coalserver.domain.minecraft.hosting.properties_file import FURTHER, MANAGED_KEYS
from coalserver.domain.minecraft.hosting.settings import HostingSettings
from coalserver.domain.minecraft.hosting.transitions import Run
from coalserver.domain.minecraft.hosting.version import Version, validate_definition
from coalserver.domain.minecraft.server_properties import (
    EULA,
    PORT,
    VERSION,
    PropertyValue,
    effective_properties,
    update_properties,
)
from coalserver.domain.minecraft.world import World
from coalserver.domain.text import one_line

#: Further lines of server.properties for one world, and their longest key and value.
MAX_FURTHER = 100
MAX_KEY_LENGTH = 100
MAX_VALUE_LENGTH = 2000


def set_properties(
    uow: UnitOfWork, *, world_id: int, changes: Mapping[str, PropertyValue], actor_id: int = 0
) -> Run:
    """Change the given server properties of a hosted world; they apply from its next start.

    `eula_agree` records or withdraws the actor's agreement. Emits HostedWorldChanged. Raises
    WORLD_NOT_FOUND, also for a world hosted elsewhere, and INVALID_REQUEST, also for a port of another
    world and for a version that is not defined.
    """
    before = get_run(uow, world_id)
    changes = dict(changes)
    eula = changes.pop(EULA, None)
    _check_port(uow, before.world, changes.get(PORT))
    version = changes.get(VERSION)
    if version is not None and version_by_name(uow, str(version)) is None:
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={VERSION: ["no_such_version"]})
    properties = update_properties(before.world.properties, changes)
    after = replace(before, world=replace(before.world, properties=properties))
    if eula is not None:
        after = _with_eula(uow, after, actor_id, agree=bool(eula))
    return save_run(uow, before, after)


def _check_port(uow: UnitOfWork, world: World, port: PropertyValue) -> None:
    others = (other for other in uow.find(World, "active", "") if other.id != world.id)
    if port is not None and any(
        effective_properties(other.properties)[PORT] == port for other in others
    ):
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={PORT: ["taken"]})


def agree_to_eula(uow: UnitOfWork, *, world_id: int, actor_id: int, agree: bool) -> Run:
    """Record or withdraw the agreement to the Minecraft EULA for a world, with its author and time.

    An agreement that stands keeps its author and its time. A change is recorded in the audit log. Raises
    WORLD_NOT_FOUND.
    """
    before = get_run(uow, world_id)
    return save_run(uow, before, _with_eula(uow, before, actor_id, agree=agree))


def _with_eula(uow: UnitOfWork, run: Run, actor_id: int, *, agree: bool) -> Run:
    if agree == (run.hosted.eula is not None):
        return run
    action = AuditAction.EULA_AGREED if agree else AuditAction.EULA_WITHDRAWN
    entry = record_audit_entry(uow, actor=actor_id, action=action, subject=run.world.name)
    eula = EulaAgreement(uow.now, actor_id, entry.actor_name) if agree else None
    # The property is what the API accepted before hosting existed.
    properties = update_properties(run.world.properties, {EULA: agree})
    return Run(replace(run.world, properties=properties), replace(run.hosted, eula=eula))


def set_further_properties(
    uow: UnitOfWork, *, world_id: int, changes: Mapping[str, str | None]
) -> Run:
    """Set further lines of a world's server.properties by their key; None removes one, from the file too.

    Raises WORLD_NOT_FOUND, and INVALID_REQUEST with `invalid_key` or, for a line that coalserver writes itself,
    `managed_key`.
    """
    before = get_run(uow, world_id)
    further: dict[str, str] = json.loads(before.hosted.further)
    removed: list[str] = json.loads(before.hosted.removed)
    for key, value in changes.items():
        if value is not None:
            further[_validate_key(key, value)] = one_line(value).strip()
        elif further.pop(key, None) is not None and key not in removed:
            removed.append(key)
    if len(further) > MAX_FURTHER:
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={"file": ["too_many"]})
    hosted = replace(
        before.hosted,
        further=_dump(further),
        removed=_dump([key for key in removed if key not in further][-MAX_FURTHER:]),
    )
    return save_run(uow, before, replace(before, hosted=hosted))


def _validate_key(key: str, value: str) -> str:
    too_long = len(key) > MAX_KEY_LENGTH or len(value) > MAX_VALUE_LENGTH
    if not key.strip() or key != one_line(key).strip() or too_long:
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={f"{FURTHER}{key}": ["invalid_key"]})
    if key in MANAGED_KEYS:
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={f"{FURTHER}{key}": ["managed_key"]})
    return key


def _dump(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def set_members_may_start(uow: UnitOfWork, *, world_id: int, allowed: bool) -> Run:
    """Set whether users who are not administrators may start a world. Raises WORLD_NOT_FOUND."""
    before = get_run(uow, world_id)
    return save_run(
        uow, before, replace(before, hosted=replace(before.hosted, members_may_start=allowed))
    )


def set_wake_on_connect(uow: UnitOfWork, *, world_id: int, enabled: bool) -> Run:
    """Set whether a player who joins starts a world that was paused because nobody was there.

    Raises WORLD_NOT_FOUND.
    """
    before = get_run(uow, world_id)
    return save_run(
        uow, before, replace(before, hosted=replace(before.hosted, wake_on_connect=enabled))
    )


def configure_hosting(uow: UnitOfWork, *, changes: Mapping[str, Any]) -> HostingSettings:
    """Change settings of hosting. The caller has checked types and bounds."""
    return uow.save(replace(get_settings(uow), **changes))


def add_version(uow: UnitOfWork, *, version: Version) -> Version:
    """Add a version, whose id and time of creation are set here. Raises INVALID_REQUEST or VERSION_EXISTS."""
    version = validate_definition(version)
    check_name_free(uow, version.name)
    return uow.save(replace(version, id=uow.new_id(Version), created=uow.now))


def check_name_free(reader: Reader, name: str) -> None:
    """Raise VERSION_EXISTS if there is a version with this name."""
    if version_by_name(reader, name) is not None:
        raise DomainError(ErrorCode.VERSION_EXISTS, version=name)


def update_version(uow: UnitOfWork, *, name: str, changes: Mapping[str, Any]) -> Version:
    """Record what is known of a version's file. Raises VERSION_NOT_FOUND."""
    return uow.save(replace(get_version(uow, name), **changes))


def remove_version(uow: UnitOfWork, *, name: str) -> Version:
    """Remove a version that no world uses.

    Raises VERSION_NOT_FOUND, VERSION_IN_USE, and VERSION_CONFIGURED for one of the configuration.
    """
    version = get_version(uow, name)
    if version.configured:
        raise DomainError(ErrorCode.VERSION_CONFIGURED, version=name)
    users = worlds_with_version(uow, name)
    if users:
        raise DomainError(ErrorCode.VERSION_IN_USE, world=users[0].name)
    uow.delete(version)
    return version


def define_configured_versions(uow: UnitOfWork, *, versions: Sequence[Version]) -> list[str]:
    """Define the versions of the configuration, and remove those that are no longer there.

    Returns the names that are left out, since an administrator has defined a version with that name.
    """
    names = {version.name for version in versions}
    for version in all_versions(uow):
        if version.configured and version.name not in names:
            uow.delete(version)
    left_out = []
    for version in versions:
        known = version_by_name(uow, version.name)
        if known is None:
            uow.save(replace(version, id=uow.new_id(Version), created=uow.now, configured=True))
        elif not known.configured:
            left_out.append(version.name)
        elif (
            same := replace(version, id=known.id, created=known.created, configured=True)
        ) != known:
            uow.save(same)
    return left_out
