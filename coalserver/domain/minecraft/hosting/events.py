"""Events of hosted worlds. All fields of each event are stored."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HostedWorldChanged:
    """The state, the progress, the trouble or a pending property of a hosted world changed."""

    world: int
    #: A state of hosting.md 2, and the percent of one that has progress.
    state: str
    percent: int | None = None
