"""Log lines: all there is in a log, whatever it says (document, 2.3.10)."""

from coalserver.apis.coal.log_lines import LineList, Tagged
from coalserver.apis.coal.render import JSON
from coalserver.core.ports import About
from coalserver.domain.minecraft.history import LogLine


def _told(line: LogLine) -> JSON:
    where = None if line.location is None else dict(zip("xyz", line.location, strict=True))
    return {
        "log_level": line.level or None,
        "ip": line.ip or None,
        "port": line.port or None,
        "location": where,
        "chat": line.chat or None,
        "tags": line.tags,
    }


LOGLINES = LineList("loglines", About.LINE, _told, Tagged)
ROUTES = LOGLINES.routes
