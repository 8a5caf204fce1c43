"""Server properties: the configuration of a hosted world (document, 2.3.4)."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from marshmallow import fields, missing

from coalserver.apis.coal.auth import admin, user
from coalserver.apis.coal.params import (
    INVALID_CHOICE,
    ChoiceField,
    Data,
    IntegerField,
    LenientBoolean,
    TextField,
    read_params,
)
from coalserver.apis.coal.render import JsonObject, opaque_keys
from coalserver.apis.coal.servers import SERVER_PATH, world_in_path
from coalserver.core.audit import run_audited
from coalserver.core.commands.hosting_settings import set_properties
from coalserver.domain.audit import AuditAction
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft import server_properties as domain
from coalserver.domain.minecraft.property_values import LARGE_MEMORY_SIZES, MEMORY
from coalserver.domain.minecraft.server_properties import PROPERTIES, effective_properties
from coalserver.domain.minecraft.world import World
from coalserver.security.opaque_keys import SERVER
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response
from coalserver.web.schemas import RequestSchema

PATH = SERVER_PATH + "/properties"
#: Accepted but not returned: clients compare the members with the documented ones.
HIDDEN = frozenset(("eula_agree",))


class PortField(IntegerField):
    """A port number; blank or null means any free port."""

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> Any:
        port = super()._deserialize(value, attr, data, **kw)
        return None if port is missing else port


class BlankableText(TextField):
    """A text; a blank counts as absent."""

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> Any:
        return super()._deserialize(value, attr, data, **kw).strip() or missing


def _schema_field(
    name: str,
    property: domain.IntegerProperty
    | domain.BooleanProperty
    | domain.ChoiceProperty
    | domain.TextProperty,
) -> fields.Field[Any]:
    match property:
        case domain.IntegerProperty(default=None):
            return PortField(property.low, property.high, allow_none=True)
        case domain.IntegerProperty():
            return IntegerField(property.low, property.high)
        case domain.BooleanProperty():
            return LenientBoolean()
        case domain.ChoiceProperty():
            # Sizes that only the site and the command line set are checked against the world.
            return ChoiceField(*property.choices, *(LARGE_MEMORY_SIZES if name == MEMORY else ()))
        case domain.TextProperty(allow_empty=False):
            return BlankableText()
    return TextField()


#: Parameters of a change: every property, all optional.
SET_PROPERTIES = RequestSchema.from_dict(
    {name: _schema_field(name, property) for name, property in PROPERTIES.items()}
)()


async def read_properties(ctx: RequestContext) -> web.StreamResponse:
    """Return the properties of a hosted world. Raises WORLD_NOT_FOUND for other worlds."""
    world = world_in_path(ctx)
    if not world.hosted:
        raise DomainError(ErrorCode.WORLD_NOT_FOUND)
    return json_response(render_properties(ctx, world))


async def set_server_properties(ctx: RequestContext) -> web.StreamResponse:
    """Change the given properties only, so that concurrent changes of others are kept."""
    params = await read_params(ctx, SET_PROPERTIES)
    world = world_in_path(ctx)
    _check_memory(world, params)
    kwargs: dict[str, Any] = {
        "world_id": world.id,
        "changes": params,
        "actor_id": ctx.caller.account_id,
    }
    run = await run_audited(
        ctx.core,
        ctx.caller,
        AuditAction.PROPERTIES_SET,
        world.name,
        set_properties,
        detail=", ".join(params),
        **kwargs,
    )
    return json_response(render_properties(ctx, run.world))


def _check_memory(world: World, params: Mapping[str, Any]) -> None:
    """Refuse a size beyond those of the document, unless the world has it: clients send back what they have read."""
    memory = params.get(MEMORY)
    if memory in LARGE_MEMORY_SIZES and memory != effective_properties(world.properties)[MEMORY]:
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={MEMORY: [INVALID_CHOICE]})


def render_properties(ctx: RequestContext, world: World) -> JsonObject:
    """Return the effective properties, with the key of the server."""
    visible = {
        name: value
        for name, value in effective_properties(world.properties).items()
        if name not in HIDDEN
    }
    return {"key": opaque_keys(ctx).of(SERVER, world.id), **visible}


ROUTES = (
    Route("GET", PATH, read_properties, auth=user),
    Route("POST", PATH, set_server_properties, auth=admin, reads_body=True),
)
