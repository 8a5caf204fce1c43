"""Commands that create and edit hosted worlds as a whole: names, properties, the EULA and further settings.

Values have the names of `editable_values`. A command makes all changes or none, and records each in the audit log.
"""

from collections.abc import Mapping
from types import MappingProxyType

from coalserver.core.commands.agents import create_world_with_agent
from coalserver.core.commands.audit import check_admin, record_audit_entry
from coalserver.core.commands.hosting_settings import (
    set_further_properties,
    set_members_may_start,
    set_properties,
    set_wake_on_connect,
)
from coalserver.core.commands.worlds import update_world
from coalserver.core.queries.hosted_worlds import editable_values
from coalserver.core.queries.worlds import get_world
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.audit import AuditAction
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.hosting.properties_file import FURTHER
from coalserver.domain.minecraft.server_properties import EULA, PROPERTIES, PropertyValue
from coalserver.domain.minecraft.world import World

Changes = Mapping[str, PropertyValue]
#: What can be changed beside the server properties and the further lines of their file.
OTHER_NAMES = ("name", "short_name", "public", "members_may_start", "wake_on_connect")
_NOTHING: Changes = MappingProxyType({})


def create_hosted_world(
    uow: UnitOfWork, *, actor: int, name: str, short_name: str = "", changes: Changes = _NOTHING
) -> World:
    """Create a hosted world with its values; those that are not given have their defaults.

    Emits WorldAdded. Raises ADMIN_REQUIRED, what `create_world` raises, and INVALID_REQUEST.
    """
    check_admin(uow, actor)
    world, _ = create_world_with_agent(uow, name=name, hosted=True, short_name=short_name)
    record_audit_entry(uow, actor=actor, action=AuditAction.WORLD_ADDED, subject=world.name)
    _check_names(changes)
    rename_world(uow, actor=actor, world_id=world.id, changes=changes)
    _apply(uow, actor, world.id, changes)
    return get_world(uow, world.id)


def edit_hosted_world(
    uow: UnitOfWork,
    *,
    actor: int,
    world_id: int,
    changes: Changes,
    expected: Changes = _NOTHING,
) -> list[str]:
    """Change values of a hosted world and return the names of those that are different now.

    None removes a further line. `expected` are the values that the editor has seen: a value that another admin has
    changed meanwhile is refused as `changed_meanwhile`. Properties apply from the next start. Emits WorldChanged and
    HostedWorldChanged. Raises ADMIN_REQUIRED, WORLD_NOT_FOUND, INVALID_REQUEST, SHORT_NAME_RESERVED and
    SHORT_NAME_TAKEN.
    """
    check_admin(uow, actor)
    current = editable_values(uow, world_id=world_id)
    _check_names(changes)
    changed = {name: value for name, value in changes.items() if current.get(name) != value}
    overtaken = [
        name for name in changed if name in expected and expected[name] != current.get(name)
    ]
    if overtaken:
        fields = {name: ["changed_meanwhile"] for name in overtaken}
        raise DomainError(ErrorCode.INVALID_REQUEST, fields=fields)
    rename_world(uow, actor=actor, world_id=world_id, changes=changed)
    _apply(uow, actor, world_id, changed)
    settings = [name for name in changed if name not in ("name", "short_name", "public", EULA)]
    if settings:
        record_audit_entry(
            uow,
            actor=actor,
            action=AuditAction.PROPERTIES_SET,
            subject=get_world(uow, world_id).name,
            detail=", ".join(settings),
        )
    return list(changed)


def rename_world(uow: UnitOfWork, *, actor: int, world_id: int, changes: Changes) -> World:
    """Change `name`, `short_name` and `public` of any world, each with an audit entry; other names are ignored.

    Emits WorldChanged. Raises what `update_world` raises, and ADMIN_REQUIRED.
    """
    check_admin(uow, actor)
    world = get_world(uow, world_id)
    steps: list[tuple[AuditAction, str, dict[str, str | bool]]] = []
    short_name, name, public = (changes.get(one) for one in ("short_name", "name", "public"))
    if short_name is not None and short_name != world.short_name:
        detail = str(short_name)
        steps.append((AuditAction.SHORT_NAME_SET, detail, {"short_name": detail}))
    if name is not None and name != world.name:
        steps.append((AuditAction.WORLD_RENAMED, str(name), {"name": str(name)}))
    if public is not None and public != world.public:
        action = AuditAction.WORLD_MADE_PUBLIC if public else AuditAction.WORLD_MADE_PRIVATE
        steps.append((action, "", {"public": bool(public)}))
    for action, detail, change in steps:
        subject = world.name
        world = update_world(uow, world_id=world_id, **change)  # type: ignore[arg-type]
        record_audit_entry(uow, actor=actor, action=action, subject=subject, detail=detail)
    return world


def _check_names(changes: Changes) -> None:
    unknown = [
        name
        for name in changes
        if name not in PROPERTIES and name not in OTHER_NAMES and not name.startswith(FURTHER)
    ]
    if unknown:
        fields = {name: ["unknown_name"] for name in unknown}
        raise DomainError(ErrorCode.INVALID_REQUEST, fields=fields)


def _apply(uow: UnitOfWork, actor: int, world_id: int, changes: Changes) -> None:
    """Set properties, options of the world, and further lines."""
    properties = {name: value for name, value in changes.items() if name in PROPERTIES}
    if properties:
        set_properties(uow, world_id=world_id, changes=properties, actor_id=actor)
    allowed = changes.get("members_may_start")
    if allowed is not None:
        set_members_may_start(uow, world_id=world_id, allowed=bool(allowed))
    wakes = changes.get("wake_on_connect")
    if wakes is not None:
        set_wake_on_connect(uow, world_id=world_id, enabled=bool(wakes))
    further = {
        name.removeprefix(FURTHER): None if value is None else str(value)
        for name, value in changes.items()
        if name.startswith(FURTHER)
    }
    if further:
        set_further_properties(uow, world_id=world_id, changes=further)
