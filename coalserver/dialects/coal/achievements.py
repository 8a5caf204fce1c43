"""Achievements, and what came after them: advancements, goals and challenges (document, 2.3.9)."""

from coalserver.core.ports import About
from coalserver.dialects.coal.lines import LineList

ACHIEVEMENTS = LineList(
    "achievements",
    About.ACHIEVEMENT,
    lambda line: {"name": line.title or None, "message": line.message or None},
)
ROUTES = ACHIEVEMENTS.routes
