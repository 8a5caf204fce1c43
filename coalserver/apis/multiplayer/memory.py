"""What this dialect remembers of its readers: in memory only, and forgotten without harm."""

from coalserver.web.api import AppContext
from coalserver.web.streaming.render_cache import RenderCache


class ReadPositions(RenderCache):
    """How far readers have looked, and what polls have shown. What is forgotten is read again."""

    def __init__(self, web: AppContext) -> None:
        super().__init__(max_entries=65_536)
