"""What the log says of hosted worlds in words: the ends of their processes, and errors."""

from coalserver.domain.errors import DomainError
from coalserver.domain.minecraft.hosting.refusals import trouble_text
from coalserver.domain.minecraft.hosting.transitions import Run
from coalserver.domain.minecraft.world import WorldStatus

#: What follows on the end of a process, by the state of the world.
AFTER_END = {
    WorldStatus.SAVING: "and is saved now",
    WorldStatus.QUEUED_START: "and starts again",
}
WITH_SERVER = "and starts again with the server"


def end_text(before: Run, after: Run, *, server_ending: bool) -> str:
    """Return how a process ended, after "World 1", and what follows: "has crashed and starts again"."""
    crashed = after.hosted.crash_count != before.hosted.crash_count
    starts_with_server = server_ending and after.status is WorldStatus.QUEUED_START
    following = WITH_SERVER if starts_with_server else AFTER_END.get(after.status, "")
    text = " ".join(filter(None, ("has crashed" if crashed else "has ended", following)))
    trouble = after.hosted.trouble
    if trouble is None or trouble == before.hosted.trouble:
        return text
    return f"{text}: {trouble_text(trouble).rstrip('.')}"


def error_text(error: Exception) -> str:
    """Return an error that stops an order to a world, in words."""
    if isinstance(error, DomainError):
        refusal = error.details.get("refusal")
        return error.code.value.replace("_", " ") if refusal is None else refusal.text.rstrip(".")
    return str(error)
