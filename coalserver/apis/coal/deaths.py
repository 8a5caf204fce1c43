"""Deaths (document, 2.3.8)."""

from coalserver.apis.coal.log_lines import LineList
from coalserver.core.ports import About

DEATHS = LineList("deaths", About.DEATH, lambda line: {"message": line.message or None})
ROUTES = DEATHS.routes
