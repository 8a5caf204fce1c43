"""Payloads of a world's events for pages. Events without a payload are not sent."""

from collections.abc import Callable
from typing import Any

import orjson

from coalserver.core.ports import Entry
from coalserver.domain.minecraft.events import ConsoleCommandsDelivered, LineLogged, WorldChanged
from coalserver.domain.minecraft.hosting.events import HostedWorldChanged
from coalserver.site.worlds.line_rows import render_row


def event_renderer(*, public: bool) -> Callable[[Entry], bytes | None]:
    """Return the function that renders an entry as JSON for members, or for the public."""

    def render(entry: Entry) -> bytes | None:
        payload = _payload(entry.event, public)
        return None if payload is None else orjson.dumps({"id": entry.id, "event": payload})

    return render


def _payload(event: Any, public: bool) -> dict[str, Any] | None:
    if isinstance(event, LineLogged):
        row = render_row(event.line, public=public)
        return None if row is None else {"type": "line", "live": event.live, "row": row}
    if isinstance(event, WorldChanged | HostedWorldChanged):
        return {"type": "world"}
    if isinstance(event, ConsoleCommandsDelivered) and not public:
        return {"type": "told", "lines": event.commands}
    return None
