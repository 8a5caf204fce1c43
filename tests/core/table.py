"""A table to play at: commands one after another over a state in memory, with a clock set by hand."""

import json
import random
from collections.abc import Callable
from typing import Any, TypeVar

from coalserver.core.commands.accounts import create_guest
from coalserver.core.commands.games import add_game
from coalserver.core.commands.lobbies import join_lobby, open_lobby
from coalserver.core.commands.players import register_player
from coalserver.core.commands.rooms import join_room, open_room, start_lobby
from coalserver.core.ports import Entry, Topic
from coalserver.core.state import INDEXES, State
from coalserver.core.unit_of_work import CoreContext, Limits, UnitOfWork
from coalserver.domain.play.game import Rules
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.room import Room
from coalserver.games.noughts import RULES

T = TypeVar("T")


class TransparentCipher:
    """A safe that everybody sees through."""

    def encrypt(self, secret: str) -> str:
        return secret[::-1]

    def decrypt(self, encrypted: str) -> str:
        return encrypted[::-1]


class Table:
    """What the engine does, without a disk and without waiting."""

    def __init__(self) -> None:
        self.state = State()
        self.now = 1000.0
        rules = {"noughts": RULES}
        self.context = CoreContext(
            lambda: self.now, random.Random(1), rules, Limits(), b"seal", TransparentCipher()
        )
        #: All that was said, oldest first.
        self.entries: list[Entry] = []
        for tag in ("free", "noughts"):
            self.execute(add_game, tag=tag, max_players=8)

    def execute(self, command: Callable[..., T], /, **kwargs: Any) -> T:
        """Run a command and make true what it did. A refusal leaves everything as it was."""
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
        self.state.recent.add(new_line.digest for new_line in uow.lines)
        return result

    def query(self, query: Callable[..., T], /, **kwargs: Any) -> T:
        return query(self.state, **kwargs)

    def all_entities(self) -> dict[type, list[Any]]:
        """All values there are, by class."""
        return {kind: list(self.state.all(kind)) for kind in INDEXES}

    def events(self, kind: type | None = None, at: Topic | None = None) -> list[Any]:
        """The events that were said, of one kind, on one topic."""
        return [
            entry.event
            for entry in self.entries
            if (kind is None or isinstance(entry.event, kind))
            and (at is None or at in entry.topics)
        ]

    def event_names(self, at: Topic | None = None) -> list[str]:
        """What was said, in a word each."""
        return [type(event).__name__ for event in self.events(at=at)]

    def clear_events(self) -> None:
        """Let what was said so far be no matter."""
        self.entries.clear()

    def set_rules(self, game: str, rules: Rules) -> None:
        """From now on a game has these rules."""
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
        """The state that the rules keep of a room."""
        return json.loads(self.room(room).state or b"null")

    # Who and what most stories begin with.

    def make_guest(self, name: str = "") -> int:
        """Somebody of no game, who may play in any."""
        return self.execute(create_guest, name=name)[0].id

    def make_player(self, game: str = "free", name: str = "Pat") -> int:
        """Somebody of one game, who sits in one lobby and in one room."""
        return self.execute(register_player, game=game, name=name)[0].id

    def make_lobby(self, host: int, *members: int, game: str = "free", **parts: Any) -> Lobby:
        """A lobby with its host and members in it."""
        password = parts.get("password", "")
        lobby = self.execute(open_lobby, game=game, player_id=host, name="Lobby", **parts)
        for player in members:
            lobby = self.execute(join_lobby, lobby_id=lobby.id, player_id=player, password=password)
        return lobby

    def make_room(self, host: int, *members: int, game: str = "free", **parts: Any) -> Room:
        """A room with its host and members in it, that came from no lobby."""
        parts = {"capacity": 8, **parts}
        room = self.execute(open_room, game=game, player_id=host, name="Room", **parts)
        for player in members:
            room = self.execute(join_room, room_id=room.id, player_id=player)
        return room

    def make_started_room(
        self, host: int, *members: int, game: str = "noughts", **parts: Any
    ) -> Room:
        """A room that was started from a lobby."""
        started = {
            name: parts.pop(name) for name in ("transfer_host", "keep_seats") if name in parts
        }
        lobby = self.make_lobby(host, *members, game=game, **parts)
        return self.execute(start_lobby, lobby_id=lobby.id, by=host, **started)
