"""Log lines: all there is in a log, whatever it says (document, 2.3.10)."""

from coalserver.apis.coal.log_lines import LineList, TaggedSchema
from coalserver.apis.coal.render import JsonObject
from coalserver.core.ports import LineCategory
from coalserver.domain.minecraft.history import LogLine


def _extra_fields(line: LogLine) -> JsonObject:
    location = None if line.location is None else dict(zip("xyz", line.location, strict=True))
    return {
        "log_level": line.level or None,
        "ip": line.ip or None,
        "port": line.port or None,
        "location": location,
        "chat": line.chat or None,
        "tags": line.tags,
    }


LOGLINES = LineList("loglines", LineCategory.LINE, _extra_fields, TaggedSchema)
ROUTES = LOGLINES.routes
