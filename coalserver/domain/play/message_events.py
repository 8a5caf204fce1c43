"""Events of what the members of a room send one another. The whole dataclass is kept of each."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UpdateSent:
    """A message from one member of a room to another: any JSON."""

    game: str
    room: int
    sender: int
    target: int
    from_host: bool
    type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class SyncedStateChanged:
    """The source of truth changed a room's state: by a patch, or wholly (None)."""

    game: str
    room: int
    by: int
    version: int
    patch: bytes | None


@dataclass(frozen=True, slots=True)
class CommandSent:
    """A member sent a command to another, or to all others."""

    game: str
    room: int
    sender: int
    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class BinarySent:
    """A member sent all others what is no JSON: base64."""

    game: str
    room: int
    sender: int
    data: str


@dataclass(frozen=True, slots=True)
class ActionRequested:
    """A member asked another for something."""

    game: str
    room: int
    action: str
    sender: int
    target: int


@dataclass(frozen=True, slots=True)
class ActionFinished:
    """An action was answered for good."""

    game: str
    room: int
    action: str
    sender: int
    target: int
    status: str
