"""Rules of particular games, found by the entry point group `coalserver.games`."""

from collections.abc import Mapping
from importlib.metadata import entry_points

from coalserver.game import Rules
from coalserver.games import noughts

ENTRY_POINT_GROUP = "coalserver.games"


def load_rules() -> Mapping[str, Rules]:
    """Rules by game tag: the ones that ship, then whatever is installed beside them."""
    rules = {"noughts": noughts.RULES}
    for point in entry_points(group=ENTRY_POINT_GROUP):
        loaded = point.load()
        if not isinstance(loaded, Rules):
            raise TypeError(f"entry point {point.name} of {ENTRY_POINT_GROUP} is not a Rules value")
        rules[point.name] = loaded
    return rules
