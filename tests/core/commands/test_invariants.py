"""What holds whatever anybody does: many commands at random, most of them refused."""

import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from coalserver.core.commands import (
    cleanup,
    hosts,
    join_requests,
    lobbies,
    members,
    messages,
    moderation,
    players,
    presence,
    rooms,
)
from coalserver.domain.errors import DomainError
from coalserver.domain.play.actions import Action, ActionStatus, Target
from coalserver.domain.play.join_requests import JoinRequest
from coalserver.domain.play.lobby import Lobby, LobbyState
from coalserver.domain.play.player import Player
from coalserver.domain.play.room import Room
from coalserver.domain.play.roster import Roster
from tests.core.table import Table
from tests.domain.builders import make_rules

STEPS = 1200
Asked = dict[str, Callable[[], Any]]
#: What would leave nothing to go on with.
SELDOM = (
    moderation.ban,
    members.close,
    presence.release_away_seats,
    cleanup.close_idle_rooms,
    cleanup.delete_expired_lobbies_and_rooms,
)
#: What needs others to be there first.
OFTEN = (
    messages.answer_action,
    messages.send_action,
    lobbies.join_lobby,
    join_requests.answer_join_request,
    rooms.join_room,
    rooms.start_lobby,
    rooms.take_turn,
    hosts.join_host,
)


class Walk:
    """A crowd at a table, each doing whatever comes to mind."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.table = Table()
        # Looking for traces of every refusal would take most of the time.
        self.table.all_entities = dict  # type: ignore[method-assign]
        if seed % 2:
            self.table.set_rules(
                "free", make_rules(min_players=1, outcome=self.outcome, left=self.left)
            )
        self.lobby: Lobby | None = None
        self.room: Room | None = None
        self.roster: Roster | tuple[()] = ()
        self.crowd = [self.table.make_guest() for _ in range(3)]
        self.crowd += [self.table.make_player(game) for game in ("free", "free", "free", "noughts")]
        self.hosts = [self.table.execute(hosts.register_host, game="hosts")[0].id for _ in range(3)]

    @staticmethod
    def outcome(state: Any) -> Any:
        return {"winner": 0} if state["turns"] > 3 else None

    def left(self, state: Any, seat: int) -> Any:
        """Rules that fail now and then."""
        return state if self.chance.random() < 0.7 else {1, 2}

    def one_of(self, *some: Any) -> Any:
        return self.chance.choice(some)

    def someone(self) -> int:
        """Anybody, but mostly one of those who sit where the others look, and often who leads there."""
        sitting = [player for player in self.roster if player in self.crowd]
        if not sitting or self.chance.random() < 0.4:
            return self.chance.choice(self.crowd)
        return self.chance.choice([*sitting, *sitting[:1] * 2])

    def host(self) -> int:
        return self.chance.choice(self.hosts)

    def game(self) -> str:
        return self.chance.choice(("free", "noughts"))

    def flag(self) -> bool:
        return self.chance.random() < 0.5

    def look_somewhere(self) -> None:
        """Choose the lobby and the room of the next step, mostly ones where something goes on."""
        state = self.table.state
        lobbies = list(state.all(Lobby))
        rooms = [one for one in state.all(Room) if one.game != "hosts"]
        live = [one for one in lobbies if one.state is not LobbyState.CLOSED]
        running = [one for one in rooms if not one.ended]
        some = live if live and self.chance.random() < 0.95 else lobbies
        others = running if running and self.chance.random() < 0.95 else rooms
        self.lobby = self.chance.choice(some) if some else None
        self.room = self.chance.choice(others) if others else None
        place = self.lobby if self.flag() else self.room
        self.roster = place.roster if place else ()

    def any_code(self, kind: type) -> str:
        return self.chance.choice([value.code for value in self.table.state.all(kind)] or [""])

    def moves(self) -> list[tuple[Callable[..., Any], Asked]]:
        """Commands and where what they ask for comes from."""
        someone, host, game, flag = self.someone, self.host, self.game, self.flag

        def lobby() -> int:
            return self.lobby.id if self.lobby else 0

        def room() -> int:
            return self.room.id if self.room else 0

        def pest() -> int:
            return self.crowd[-2]

        def silent() -> float:
            return self.table.now - self.one_of(10, 100, 400)

        sent: Asked = {
            "room_id": room,
            "sender": someone,
            "target": lambda: self.one_of(*Target),
            "type": lambda: self.one_of("turn", "wave"),
            "player_ids": lambda: (someone(),),
        }
        policy: Asked = {"transfer_host": flag, "can_leave": flag, "name": lambda: "x"}
        return [
            (
                lobbies.open_lobby,
                {
                    "game": game,
                    "player_id": someone,
                    "requires_approval": flag,
                    "capacity": lambda: self.one_of(None, 2, 3),
                    **policy,
                },
            ),
            (lobbies.join_lobby, {"lobby_id": lobby, "player_id": someone}),
            (lobbies.quick_join, {"game": game, "player_id": someone, "name": lambda: "q"}),
            (members.leave, {"kind": lambda: Lobby, "id": lobby, "player_id": someone}),
            (
                members.kick,
                {"kind": lambda: Lobby, "id": lobby, "by": someone, "player_id": someone},
            ),
            (members.close, {"kind": lambda: Lobby, "id": lobby, "by": someone, "open_only": flag}),
            (join_requests.request_to_join, {"lobby_id": lobby, "player_id": someone}),
            (
                join_requests.answer_join_request,
                {"code": lambda: self.any_code(JoinRequest), "by": someone, "approve": flag},
            ),
            (
                rooms.start_lobby,
                {"lobby_id": lobby, "by": someone, "only_present": flag, "keep_seats": flag},
            ),
            (
                rooms.open_room,
                {"game": game, "player_id": someone, "capacity": lambda: 3, **policy},
            ),
            (rooms.join_room, {"room_id": room, "player_id": someone}),
            (members.leave, {"kind": lambda: Room, "id": room, "player_id": someone}),
            (members.kick, {"kind": lambda: Room, "id": room, "by": someone, "player_id": someone}),
            (members.close, {"kind": lambda: Room, "id": room, "by": someone}),
            (
                rooms.take_turn,
                {
                    "room_id": room,
                    "player_id": someone,
                    "turn": lambda: {"cell": self.one_of(*range(9))},
                },
            ),
            (messages.send_action, {**sent, "request": lambda: self.one_of(b"{}", b"1")}),
            (messages.send_update, sent),
            (
                messages.answer_action,
                {
                    "code": lambda: self.any_code(Action),
                    "by": someone,
                    "status": lambda: self.one_of(ActionStatus.PROCESSING, ActionStatus.COMPLETED),
                },
            ),
            (presence.mark_away, {"player_id": someone}),
            (presence.mark_back, {"player_id": someone}),
            (presence.release_away_seats, {"player_id": someone, "last_seen": silent}),
            (presence.release_away_seats, {"player_id": host, "last_seen": silent}),
            (players.record_logout, {"player_id": someone}),
            (moderation.ban, {"game": game, "player_id": pest, "duration": lambda: "hour"}),
            (moderation.unban, {"game": game, "player_id": pest}),
            (hosts.launch_room, {"host_id": host}),
            (hosts.join_host, {"host_id": host, "guest_id": host}),
            (hosts.update_host_profile, {"host_id": host, "only_friends": flag}),
            (hosts.ban_guest, {"host_id": host, "other_id": host}),
            (hosts.unban_guest, {"host_id": host, "other_id": host}),
            (cleanup.delete_expired_lobbies_and_rooms, {"retention_seconds": lambda: 500}),
            (cleanup.close_idle_rooms, {"idle_seconds": lambda: 300}),
        ]

    def take(self, steps: int) -> None:
        moves = self.moves()
        moves += [move for move in moves if move[0] in OFTEN] * 3
        for _ in range(steps):
            self.table.now += self.one_of(0, 1, 5)
            self.look_somewhere()
            command, asked = self.chance.choice(moves)
            if command in SELDOM and self.chance.random() < 0.8:
                continue
            with suppress(DomainError):
                self.table.execute(command, **{name: give() for name, give in asked.items()})
            self.look()

    def look(self) -> None:
        """See that everything is as it must be."""
        for lobby in self.table.state.all(Lobby):
            self.look_at_lobby(lobby)
        for room in self.table.state.all(Room):
            assert len(room.roster) <= room.roster.capacity
            assert room.ended or (room.roster.has_host and room.outcome is None)
        for action in self.table.state.all(Action):
            room = self.table.room(action.room)
            assert not room.ended
            assert action.finished or action.target in room.roster
        for player in self.table.state.all(Player):
            if player.game:
                assert len(self.table.state.ids(Lobby, "member", player.id)) <= 1
                assert len(self.table.state.ids(Room, "member", player.id)) <= 1

    def look_at_lobby(self, lobby: Lobby) -> None:
        assert len(lobby.roster) <= lobby.roster.capacity
        match lobby.state:
            case LobbyState.OPEN:
                assert lobby.roster.has_host
            case LobbyState.CLOSED:
                assert not lobby.roster.seats
            case LobbyState.STARTED:
                assert lobby.room is not None
                room = self.table.room(lobby.room)
                assert not room.ended
                assert set(lobby.roster) <= set(room.roster)


@pytest.mark.parametrize("seed", range(12))
def test_invariants_hold_after_random_commands(seed):
    """Open lobbies are led, those that started live in a room that runs, nobody sits twice."""
    Walk(seed).take(STEPS)
