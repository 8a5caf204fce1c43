"""Topics: what one can listen to. Made here, so that no two places spell one differently."""

from coalserver.core.ports import Topic


def lobby(id: int) -> Topic:
    """One lobby: who comes and goes, what is chosen, how it ends."""
    return ("lobby", id)


def lobby_chat(id: int) -> Topic:
    """What is said in a lobby; for its members."""
    return ("lobby-chat", id)


def lobbies(game: str) -> Topic:
    """All lobbies of a game."""
    return ("lobbies", game)


def room(id: int) -> Topic:
    """One room: turns, who comes and goes, how it ends."""
    return ("room", id)


def room_chat(id: int) -> Topic:
    """What is said in a room; for its members."""
    return ("room-chat", id)


def synced_state(room: int) -> Topic:
    """The state that its source of truth keeps in a room."""
    return ("truth", room)


def commands(room: int) -> Topic:
    """What members of a room send to all others."""
    return ("commands", room)


def rooms(game: str) -> Topic:
    """All rooms of a game: which open and which end."""
    return ("rooms", game)


def inbox(room: int, player: int) -> str:
    """The name under which a member's updates in a room are kept."""
    return f"{room}/{player}"


def updates(room: int, player: int) -> Topic:
    """Messages to one member of a room."""
    return ("updates", inbox(room, player))


def actions(room: int, player: int) -> Topic:
    """Actions that concern one member of a room, as target or as sender."""
    return ("actions", inbox(room, player))


def world(id: int) -> Topic:
    """One world: every line of its log, and how it is."""
    return ("world", id)


def worlds() -> Topic:
    """All worlds: which there are, and whether they run."""
    return ("worlds", "")


def player(id: int) -> Topic:
    """What changes for one player: seats taken and given up, bans, ended tokens."""
    return ("player", id)
