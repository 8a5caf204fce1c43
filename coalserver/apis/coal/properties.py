"""Server properties: how a hosted world is to be run (document, 2.3.4)."""

from typing import Any

from aiohttp import web
from marshmallow import fields, missing

from coalserver.apis.coal.auth import admin, user
from coalserver.apis.coal.params import Choice, Data, Number, Words, Yes, asked
from coalserver.apis.coal.render import JSON, keys_of
from coalserver.apis.coal.servers import ONE as SERVER_PATH
from coalserver.apis.coal.servers import do, world_in_path
from coalserver.core.commands.worlds import change_properties
from coalserver.domain.audit import What
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.minecraft import server_properties as domain
from coalserver.domain.minecraft.server_properties import PROPERTIES, in_force
from coalserver.domain.minecraft.world import World
from coalserver.security.opaque_keys import SERVER
from coalserver.web.api import Call, Route
from coalserver.web.responses import document
from coalserver.web.schemas import Form

PATH = SERVER_PATH + "/properties"
#: Taken and not shown: clients compare the members of this document with those they know.
UNSHOWN = frozenset(("eula_agree",))


class Port(Number):
    """A number; blank or null is whichever is free."""

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> Any:
        found = super()._deserialize(value, attr, data, **kw)
        return None if found is missing else found


class Told(Words):
    """A text; blank is the same as not there."""

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> Any:
        return super()._deserialize(value, attr, data, **kw).strip() or missing


def _field(kind: domain.Number | domain.Flag | domain.Choice | domain.Line) -> fields.Field[Any]:
    match kind:
        case domain.Number(default=None):
            return Port(kind.low, kind.high, allow_none=True)
        case domain.Number():
            return Number(kind.low, kind.high)
        case domain.Flag():
            return Yes()
        case domain.Choice():
            return Choice(*kind.choices)
        case domain.Line(empty=False):
            return Told()
    return Words()


Changing = Form.from_dict({name: _field(kind) for name, kind in PROPERTIES.items()})


async def read_properties(call: Call) -> web.StreamResponse:
    """How a hosted world is to be run."""
    world = world_in_path(call)
    if not world.hosted:
        raise Refusal(Why.WORLD_NOT_FOUND)
    return document(properties_document(call, world))


async def update_properties(call: Call) -> web.StreamResponse:
    """Change what is given, and nothing else; of several who do at once each gets his."""
    given = await asked(call, Changing())
    world = world_in_path(call)
    changing: dict[str, Any] = {"world_id": world.id, "given": given}
    about, detail = world.name, ", ".join(given)
    world = await do(call, What.PROPERTIES_SET, about, change_properties, detail=detail, **changing)
    return document(properties_document(call, world))


def properties_document(call: Call, world: World) -> JSON:
    shown = {name: said for name, said in in_force(world.properties).items() if name not in UNSHOWN}
    return {"key": keys_of(call).of(SERVER, world.id), **shown}


ROUTES = (
    Route("GET", PATH, read_properties, who=user),
    Route("POST", PATH, update_properties, who=admin),
)
