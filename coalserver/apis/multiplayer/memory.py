"""What this dialect remembers of its readers: in memory only, and forgotten without harm."""

from coalserver.web.api import Web
from coalserver.web.streaming.render_cache import Words


class Remembered(Words):
    """How far readers have looked, and what polls have shown. What is forgotten is read again."""

    def __init__(self, web: Web) -> None:
        super().__init__(most=65_536)
