"""Events of a world: every line of its log as it is stored, how it is, its screenshots. All three transports."""

from typing import NamedTuple

import orjson
from aiohttp import web

from coalserver.apis.coal.achievements import ACHIEVEMENTS
from coalserver.apis.coal.auth import still_good, user
from coalserver.apis.coal.chats import CHATS
from coalserver.apis.coal.deaths import DEATHS
from coalserver.apis.coal.loglines import LOGLINES
from coalserver.apis.coal.render import JSON, keys_of
from coalserver.apis.coal.servers import ONE, world_in_path
from coalserver.core import topics
from coalserver.core.engine import Core
from coalserver.core.ports import Entry
from coalserver.core.queries.accounts import account_numbered
from coalserver.core.queries.worlds import world_with
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.minecraft.events import (
    LineLogged,
    ScreenshotHung,
    ScreenshotTaken,
    WorldChanged,
)
from coalserver.security.opaque_keys import SCREENSHOT, SERVER, USER, Keys
from coalserver.web.api import Call, Caller, Route
from coalserver.web.responses import document
from coalserver.web.streaming.subscriptions import Subscription
from coalserver.web.streaming.tickets import LASTS_SECONDS
from coalserver.web.streaming.transports import listened

#: What a line is told as: the first list that it is in, and what one of it is called.
LISTS = ((CHATS, "chat"), (DEATHS, "death"), (ACHIEVEMENTS, "achievement"), (LOGLINES, "logline"))


class Admission(NamedTuple):
    """What a ticket of this API stands for; one of another API is another thing."""

    caller: Caller


def listener(call: Call) -> Caller:
    """A user; a feed also takes `?ticket=`, once, for browsers cannot set headers there."""
    ticket = call.query.get("ticket")
    if ticket is None or "Authorization" in call.request.headers:
        return user(call)
    admission = call.web.tickets.redeem(ticket)
    if not isinstance(admission, Admission):
        raise Refusal(Why.BAD_TOKEN)
    still_good(call.core, admission.caller)
    return admission.caller


async def ticket(call: Call) -> web.StreamResponse:
    """A ticket that opens one feed, in place of a header."""
    issued = call.web.tickets.issue(Admission(call.caller))
    headers = {"Cache-Control": "no-store"}
    return document({"ticket": issued, "expires_in": LASTS_SECONDS}, headers=headers)


async def events(call: Call) -> web.StreamResponse:
    """What happens in a world, while it is one of ours and the caller may come in."""
    core, caller = call.core, call.caller
    world, teller = world_in_path(call).id, Teller(core, keys_of(call))
    topic = topics.world(world)
    # Each entry may be the last that this caller hears: whether his token holds is asked anew before it is told.
    heard = Subscription((topic,), None, teller.tell, own=topic)

    def subscribe() -> Subscription:
        still_good(core, caller)
        core.see(world_with, id=world)
        return heard

    return await listened(call, subscribe)


class Teller:
    """How events sound in this dialect. An event without words here is not for these clients."""

    def __init__(self, core: Core, keys: Keys) -> None:
        self._core = core
        self._keys = keys

    def tell(self, entry: Entry) -> bytes | None:
        """`{"id", "event"}` as bytes; a line has the members of the list it is in."""
        said = self._said(entry.event)
        return None if said is None else orjson.dumps({"id": entry.id, "event": said})

    def _said(self, event: object) -> JSON | None:
        match event:
            case LineLogged():
                return self._line(event)
            case WorldChanged():
                return self._world(event)
            case ScreenshotHung():
                return self._screenshot(event)
            case ScreenshotTaken(world, id):
                return {"type": "screenshot_removed", **self._picture(world, id)}
        return None

    def _line(self, event: LineLogged) -> JSON:
        list, type = next(one for one in LISTS if one[0].holds(event.line))
        row = list.document(self._core, self._keys, event.line)
        return {"type": type, "live": event.live, **row}

    def _world(self, event: WorldChanged) -> JSON:
        return {
            "type": "server",
            "key": self._keys.of(SERVER, event.world),
            "name": event.name,
            "running_version": event.version or None,
            "address": event.address or None,
            "status": event.status.upper(),
        }

    def _screenshot(self, event: ScreenshotHung) -> JSON:
        owner = self._core.see(account_numbered, id=event.account)
        return {
            "type": "screenshot",
            **self._picture(event.world, event.screenshot),
            "user_key": self._keys.of(USER, owner.id) if owner else None,
        }

    def _picture(self, world: int, id: int) -> JSON:
        return {"key": self._keys.of(SCREENSHOT, id), "server_key": self._keys.of(SERVER, world)}


ROUTES = (
    Route("GET", ONE + "/events", events, who=listener),
    Route("POST", "/api/v1/ticket", ticket, who=user),
)
