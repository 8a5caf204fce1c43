"""Topics of the feed. They are made only here, so that publishers and subscribers spell them alike."""

from coalserver.core.ports import Topic


def lobby(id: int) -> Topic:
    """Return the topic of one lobby: members, host, options, password, its end."""
    return ("lobby", id)


def lobbies(game: str) -> Topic:
    """Return the topic of all lobbies of a game."""
    return ("lobbies", game)


def of_lobby(id: int, game: str) -> tuple[Topic, Topic]:
    """Return both topics of a lobby's events: its own and that of its game."""
    return ("lobby", id), ("lobbies", game)


def lobby_host(id: int) -> Topic:
    """Return the topic of the join requests to a lobby, which its host receives."""
    return ("lobby-host", id)


def lobby_chat(id: int) -> Topic:
    """Return the topic of a lobby's chat messages, which its members receive."""
    return ("lobby-chat", id)


def room(id: int) -> Topic:
    """Return the topic of one room: turns, members, host, password, its end."""
    return ("room", id)


def rooms(game: str) -> Topic:
    """Return the topic of all rooms of a game, without turns."""
    return ("rooms", game)


def of_room(id: int, game: str) -> tuple[Topic, Topic]:
    """Return both topics of a room's events: its own and that of its game."""
    return ("room", id), ("rooms", game)


def room_chat(id: int) -> Topic:
    """Return the topic of a room's chat messages, which its members receive."""
    return ("room-chat", id)


def synced_state(room: int) -> Topic:
    """Return the topic of the state that a room's source of truth keeps."""
    return ("truth", room)


def commands(room: int) -> Topic:
    """Return the topic of what members of a room send to all others."""
    return ("commands", room)


def inbox(room: int, player: int) -> str:
    """Return the id of a member in a room, as the topics of their messages have it."""
    return f"{room}/{player}"


def updates(room: int, player: int) -> Topic:
    """Return the topic of messages to one member of a room."""
    return ("updates", f"{room}/{player}")


def actions(room: int, player: int) -> Topic:
    """Return the topic of actions of which a member is the target or the sender."""
    return ("actions", f"{room}/{player}")


def world(id: int) -> Topic:
    """Return the topic of one world: its log lines and its state."""
    return ("world", id)


def worlds() -> Topic:
    """Return the topic of the list of worlds and their states."""
    return ("worlds", "")


def player(id: int) -> Topic:
    """Return the topic of one player: seats, bans, revoked tokens."""
    return ("player", id)
