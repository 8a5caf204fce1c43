"""Deaths (document, 2.3.8)."""

from coalserver.apis.coal.log_lines import LineList
from coalserver.core.ports import LineCategory

DEATHS = LineList("deaths", LineCategory.DEATH, lambda line: {"message": line.message or None})
ROUTES = DEATHS.routes
