"""Achievements, and what came after them: advancements, goals and challenges (document, 2.3.9)."""

from coalserver.apis.coal.log_lines import LineList
from coalserver.core.ports import LineCategory

ACHIEVEMENTS = LineList(
    "achievements",
    LineCategory.ACHIEVEMENT,
    lambda line: {"name": line.title or None, "message": line.message or None},
)
ROUTES = ACHIEVEMENTS.routes
