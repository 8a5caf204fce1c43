"""Short names of the kinds of presence marks."""

from coalserver.domain.minecraft.visits import MarkKind

IN, JOINED, LOST, LEFT = (
    MarkKind.LOGGED_IN,
    MarkKind.JOINED,
    MarkKind.CONNECTION_LOST,
    MarkKind.LEFT,
)
STARTING, STOPPING = MarkKind.STARTING, MarkKind.STOPPING
