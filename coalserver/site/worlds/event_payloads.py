"""How a world's events sound to the pages that listen. An event without words here is not for them."""

from collections.abc import Callable
from typing import Any

import orjson

from coalserver.core.ports import Entry
from coalserver.domain.minecraft.events import ConsoleTold, LineLogged, WorldChanged
from coalserver.site.worlds.line_rows import row_of


def teller(*, public: bool) -> Callable[[Entry], bytes | None]:
    """What members of the community are told, or the public."""

    def tell(entry: Entry) -> bytes | None:
        said = _said(entry.event, public)
        return None if said is None else orjson.dumps({"id": entry.id, "event": said})

    return tell


def _said(event: Any, public: bool) -> dict[str, Any] | None:
    if isinstance(event, LineLogged):
        row = row_of(event.line, public=public)
        return None if row is None else {"type": "line", "live": event.live, "row": row}
    if isinstance(event, WorldChanged):
        return {"type": "world"}
    if isinstance(event, ConsoleTold) and not public:
        return {"type": "told", "lines": event.lines}
    return None
