"""Deaths (document, 2.3.8)."""

from coalserver.core.ports import About
from coalserver.dialects.coal.lines import LineList

DEATHS = LineList("deaths", About.DEATH, lambda line: {"message": line.message or None})
ROUTES = DEATHS.routes
