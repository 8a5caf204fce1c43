"""Server properties: how a hosted world is to be run (document, 2.3.4)."""

from typing import Any

from aiohttp import web
from marshmallow import fields, missing

from coalserver.apis.coal.auth import admin, user
from coalserver.apis.coal.params import (
    ChoiceField,
    Data,
    IntegerField,
    LenientBoolean,
    TextField,
    read_params,
)
from coalserver.apis.coal.render import JsonObject, opaque_keys
from coalserver.apis.coal.servers import SERVER_PATH, run_audited, world_in_path
from coalserver.core.commands.worlds import set_properties
from coalserver.domain.audit import AuditAction
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft import server_properties as domain
from coalserver.domain.minecraft.server_properties import PROPERTIES, effective_properties
from coalserver.domain.minecraft.world import World
from coalserver.security.opaque_keys import SERVER
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response
from coalserver.web.schemas import RequestSchema

PATH = SERVER_PATH + "/properties"
#: Taken and not shown: clients compare the members of this document with those they know.
HIDDEN = frozenset(("eula_agree",))


class PortField(IntegerField):
    """A number; blank or null is whichever is free."""

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> Any:
        found = super()._deserialize(value, attr, data, **kw)
        return None if found is missing else found


class BlankableText(TextField):
    """A text; blank is the same as not there."""

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> Any:
        return super()._deserialize(value, attr, data, **kw).strip() or missing


def _schema_field(
    kind: domain.IntegerProperty
    | domain.BooleanProperty
    | domain.ChoiceProperty
    | domain.TextProperty,
) -> fields.Field[Any]:
    match kind:
        case domain.IntegerProperty(default=None):
            return PortField(kind.low, kind.high, allow_none=True)
        case domain.IntegerProperty():
            return IntegerField(kind.low, kind.high)
        case domain.BooleanProperty():
            return LenientBoolean()
        case domain.ChoiceProperty():
            return ChoiceField(*kind.choices)
        case domain.TextProperty(allow_empty=False):
            return BlankableText()
    return TextField()


PropertiesSchema = RequestSchema.from_dict(
    {name: _schema_field(kind) for name, kind in PROPERTIES.items()}
)


async def read_properties(ctx: RequestContext) -> web.StreamResponse:
    """How a hosted world is to be run."""
    world = world_in_path(ctx)
    if not world.hosted:
        raise DomainError(ErrorCode.WORLD_NOT_FOUND)
    return json_response(render_properties(ctx, world))


async def set_server_properties(ctx: RequestContext) -> web.StreamResponse:
    """Change what is given, and nothing else; of several who do at once each gets his."""
    params = await read_params(ctx, PropertiesSchema())
    world = world_in_path(ctx)
    kwargs: dict[str, Any] = {"world_id": world.id, "changes": params}
    about, detail = world.name, ", ".join(params)
    world = await run_audited(
        ctx, AuditAction.PROPERTIES_SET, about, set_properties, detail=detail, **kwargs
    )
    return json_response(render_properties(ctx, world))


def render_properties(ctx: RequestContext, world: World) -> JsonObject:
    shown = {
        name: value
        for name, value in effective_properties(world.properties).items()
        if name not in HIDDEN
    }
    return {"key": opaque_keys(ctx).of(SERVER, world.id), **shown}


ROUTES = (
    Route("GET", PATH, read_properties, auth=user),
    Route("POST", PATH, set_server_properties, auth=admin),
)
