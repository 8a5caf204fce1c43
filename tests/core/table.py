"""Table: runs commands over a state in memory, with a manual clock."""

import json
import random
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from coalserver.core.commands.accounts import create_guest
from coalserver.core.commands.games import add_game
from coalserver.core.commands.lobbies import join_lobby, open_lobby
from coalserver.core.commands.players import register_player
from coalserver.core.commands.rooms import join_room, open_room, start_lobby
from coalserver.core.ports import Entry, Topic
from coalserver.core.state import INDEXES, State
from coalserver.core.steps import complete
from coalserver.core.unit_of_work import CoreContext, Limits, UnitOfWork
from coalserver.domain.play.game import Rules
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.room import Room
from coalserver.games.noughts import RULES

T = TypeVar("T")


class TransparentCipher:
    """A cipher that reverses its texts."""

    def encrypt(self, secret: str) -> str:
        return secret[::-1]

    def decrypt(self, encrypted: str) -> str:
        return encrypted[::-1]


class Table:
    """Runs commands and queries as the engine does, without a store."""

    def __init__(self) -> None:
        self.state = State()
        self.now = 1000.0
        rules = {"noughts": RULES}
        self.context = CoreContext(
            lambda: self.now, random.Random(1), rules, Limits(), b"signing key", TransparentCipher()
        )
        #: All emitted entries, oldest first.
        self.entries: list[Entry] = []
        for tag in ("free", "noughts"):
            self.execute(add_game, tag=tag, max_players=8)

    def execute(self, command: Callable[..., T], /, **kwargs: Any) -> T:
        """Run a command and apply its changes. Asserts that an error changes nothing."""
        uow = UnitOfWork(self.state, self.context, self.now)
        before = self.all_entities()
        try:
            result = command(uow, **kwargs)
        except BaseException:
            assert self.all_entities() == before
            raise
        for (kind, id), value in uow.changes.items():
            self.state.set(kind, id, value)
        self.state.counters.update(uow.counters)
        self.entries += uow.entries
        self.state.recent.add(new.digest for new in uow.lines if not new.line.source)
        return result

    def query(self, query: Callable[..., Any], /, **kwargs: Any) -> Any:
        """Return the result of a query, also of one in steps."""
        result = query(self.state, **kwargs)
        return complete(result) if isinstance(result, Generator) else result

    def all_entities(self) -> dict[type, list[Any]]:
        """Return all entities by class."""
        return {kind: list(self.state.all(kind)) for kind in INDEXES}

    def events(self, kind: type | None = None, at: Topic | None = None) -> list[Any]:
        """Return the emitted events, optionally of one class and on one topic."""
        return [
            entry.event
            for entry in self.entries
            if (kind is None or isinstance(entry.event, kind))
            and (at is None or at in entry.topics)
        ]

    def event_names(self, at: Topic | None = None) -> list[str]:
        """Return the class names of the emitted events."""
        return [type(event).__name__ for event in self.events(at=at)]

    def clear_events(self) -> None:
        """Forget the events emitted so far."""
        self.entries.clear()

    def set_rules(self, game: str, rules: Rules) -> None:
        """Set the rules of a game."""
        self.context.rules[game] = rules

    def lobby(self, id: int) -> Lobby:
        lobby = self.state.get(Lobby, id)
        assert lobby is not None
        return lobby

    def room(self, id: int) -> Room:
        room = self.state.get(Room, id)
        assert room is not None
        return room

    def room_state(self, room: int) -> Any:
        """Return the state that the rules have of a room."""
        return json.loads(self.room(room).state or b"null")

    # Factories

    def make_guest(self, name: str = "") -> int:
        """Create a guest, who may play any open game; return the id."""
        return self.execute(create_guest, name=name)[0].id

    def make_player(self, game: str = "free", name: str = "Pat") -> int:
        """Create a player bound to one game; return the id."""
        return self.execute(register_player, game=game, name=name)[0].id

    def make_lobby(self, host: int, *members: int, game: str = "free", **kwargs: Any) -> Lobby:
        """Open a lobby with its host and members."""
        password = kwargs.get("password", "")
        lobby = self.execute(open_lobby, game=game, player_id=host, name="Lobby", **kwargs)
        for player in members:
            lobby = self.execute(join_lobby, lobby_id=lobby.id, player_id=player, password=password)
        return lobby

    def make_room(self, host: int, *members: int, game: str = "free", **kwargs: Any) -> Room:
        """Open a room without a lobby, with its host and members."""
        kwargs = {"capacity": 8, **kwargs}
        room = self.execute(open_room, game=game, player_id=host, name="Room", **kwargs)
        for player in members:
            room = self.execute(join_room, room_id=room.id, player_id=player)
        return room

    def make_started_room(
        self, host: int, *members: int, game: str = "noughts", **kwargs: Any
    ) -> Room:
        """Start a room from a lobby with its host and members."""
        start_kwargs = {
            name: kwargs.pop(name) for name in ("transfer_host", "keep_seats") if name in kwargs
        }
        lobby = self.make_lobby(host, *members, game=game, **kwargs)
        return self.execute(start_lobby, lobby_id=lobby.id, by=host, **start_kwargs)
