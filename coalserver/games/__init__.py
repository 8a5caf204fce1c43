"""Rules of games: the built-in ones, and those of packages in the entry point group `coalserver.games`."""

from collections.abc import Mapping
from importlib.metadata import entry_points

from coalserver.game import Rules
from coalserver.games import noughts

ENTRY_POINT_GROUP = "coalserver.games"


def load_rules() -> Mapping[str, Rules]:
    """Return rules by game tag. Installed packages override built-in rules of the same tag.

    Raises TypeError if an entry point is not a Rules value.
    """
    rules = {"noughts": noughts.RULES}
    for point in entry_points(group=ENTRY_POINT_GROUP):
        loaded = point.load()
        if not isinstance(loaded, Rules):
            raise TypeError(f"entry point {point.name} of {ENTRY_POINT_GROUP} is not a Rules value")
        rules[point.name] = loaded
    return rules
