"""Invariants of lobbies, rooms and players under random commands, most of which are refused."""

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
ParamFactories = dict[str, Callable[[], Any]]
#: Rare, as they leave few groups open.
RARE = (
    moderation.ban,
    members.close,
    presence.release_away_seats,
    cleanup.close_idle_rooms,
    cleanup.delete_expired_rooms,
    cleanup.delete_expired_lobbies,
)
#: Frequent, as they require other members.
FREQUENT = (
    messages.answer_action,
    messages.send_action,
    lobbies.join_lobby,
    join_requests.answer_join_request,
    rooms.join_room,
    rooms.start_lobby,
    rooms.take_turn,
    hosts.join_host,
)


class RandomCommands:
    """Random commands of some players, mostly in open groups."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.table = Table()
        # Comparing all entities after every refusal would take most of the time.
        self.table.all_entities = dict  # type: ignore[method-assign]
        if seed % 2:
            self.table.set_rules(
                "free", make_rules(min_players=1, outcome=self.outcome, left=self.left)
            )
        self.lobby: Lobby | None = None
        self.room: Room | None = None
        self.roster: Roster | tuple[()] = ()
        self.players = [self.table.make_guest() for _ in range(3)]
        self.players += [
            self.table.make_player(game) for game in ("free", "free", "free", "noughts")
        ]
        self.hosts = [self.table.execute(hosts.register_host, game="hosts")[0].id for _ in range(3)]

    @staticmethod
    def outcome(state: Any) -> Any:
        return {"winner": 0} if state["turns"] > 3 else None

    def left(self, state: Any, seat: int) -> Any:
        """Return the state; fails in 30 % of the calls."""
        return state if self.rng.random() < 0.7 else {1, 2}

    def choice(self, *options: Any) -> Any:
        return self.rng.choice(options)

    def player(self) -> int:
        """Return a player, mostly a member of the current group and often its host."""
        seated = [player for player in self.roster if player in self.players]
        if not seated or self.rng.random() < 0.4:
            return self.rng.choice(self.players)
        return self.rng.choice([*seated, *seated[:1] * 2])

    def host(self) -> int:
        return self.rng.choice(self.hosts)

    def game(self) -> str:
        return self.rng.choice(("free", "noughts"))

    def flag(self) -> bool:
        return self.rng.random() < 0.5

    def choose_groups(self) -> None:
        """Choose the lobby and the room of the next command, mostly open ones."""
        state = self.table.state
        lobbies = list(state.all(Lobby))
        rooms = [one for one in state.all(Room) if one.game != "hosts"]
        live = [one for one in lobbies if one.state is not LobbyState.CLOSED]
        running = [one for one in rooms if not one.ended]
        lobbies = live if live and self.rng.random() < 0.95 else lobbies
        rooms = running if running and self.rng.random() < 0.95 else rooms
        self.lobby = self.rng.choice(lobbies) if lobbies else None
        self.room = self.rng.choice(rooms) if rooms else None
        group = self.lobby if self.flag() else self.room
        self.roster = group.roster if group else ()

    def any_code(self, kind: type) -> str:
        return self.rng.choice([value.code for value in self.table.state.all(kind)] or [""])

    def commands(self) -> list[tuple[Callable[..., Any], ParamFactories]]:
        """Return commands with factories of their parameters."""
        player, host, game, flag = self.player, self.host, self.game, self.flag

        def lobby() -> int:
            return self.lobby.id if self.lobby else 0

        def room() -> int:
            return self.room.id if self.room else 0

        def banned_player() -> int:
            return self.players[-2]

        def last_seen() -> float:
            return self.table.now - self.choice(10, 100, 400)

        message: ParamFactories = {
            "room_id": room,
            "sender": player,
            "target": lambda: self.choice(*Target),
            "type": lambda: self.choice("turn", "wave"),
            "player_ids": lambda: (player(),),
        }
        policy: ParamFactories = {"transfer_host": flag, "can_leave": flag, "name": lambda: "x"}
        return [
            (
                lobbies.open_lobby,
                {
                    "game": game,
                    "player_id": player,
                    "requires_approval": flag,
                    "capacity": lambda: self.choice(None, 2, 3),
                    **policy,
                },
            ),
            (lobbies.join_lobby, {"lobby_id": lobby, "player_id": player}),
            (lobbies.quick_join, {"game": game, "player_id": player, "name": lambda: "q"}),
            (members.leave, {"kind": lambda: Lobby, "id": lobby, "player_id": player}),
            (
                members.kick,
                {"kind": lambda: Lobby, "id": lobby, "by": player, "player_id": player},
            ),
            (members.close, {"kind": lambda: Lobby, "id": lobby, "by": player, "open_only": flag}),
            (join_requests.request_to_join, {"lobby_id": lobby, "player_id": player}),
            (
                join_requests.answer_join_request,
                {"code": lambda: self.any_code(JoinRequest), "by": player, "approve": flag},
            ),
            (
                rooms.start_lobby,
                {"lobby_id": lobby, "by": player, "only_present": flag, "keep_seats": flag},
            ),
            (
                rooms.open_room,
                {"game": game, "player_id": player, "capacity": lambda: 3, **policy},
            ),
            (rooms.join_room, {"room_id": room, "player_id": player}),
            (members.leave, {"kind": lambda: Room, "id": room, "player_id": player}),
            (members.kick, {"kind": lambda: Room, "id": room, "by": player, "player_id": player}),
            (members.close, {"kind": lambda: Room, "id": room, "by": player}),
            (
                rooms.take_turn,
                {
                    "room_id": room,
                    "player_id": player,
                    "turn": lambda: {"cell": self.choice(*range(9))},
                },
            ),
            (messages.send_action, {**message, "request": lambda: self.choice(b"{}", b"1")}),
            (messages.send_update, message),
            (
                messages.answer_action,
                {
                    "code": lambda: self.any_code(Action),
                    "by": player,
                    "status": lambda: self.choice(ActionStatus.PROCESSING, ActionStatus.COMPLETED),
                },
            ),
            (presence.mark_away, {"player_id": player}),
            (presence.mark_back, {"player_id": player}),
            (presence.release_away_seats, {"player_id": player, "last_seen": last_seen}),
            (presence.release_away_seats, {"player_id": host, "last_seen": last_seen}),
            (players.record_logout, {"player_id": player}),
            (
                moderation.ban,
                {"game": game, "player_id": banned_player, "duration": lambda: "hour"},
            ),
            (moderation.unban, {"game": game, "player_id": banned_player}),
            (hosts.launch_room, {"host_id": host}),
            (hosts.join_host, {"host_id": host, "guest_id": host}),
            (hosts.update_host_profile, {"host_id": host, "only_friends": flag}),
            (hosts.ban_guest, {"host_id": host, "other_id": host}),
            (hosts.unban_guest, {"host_id": host, "other_id": host}),
            (cleanup.delete_expired_rooms, {"retention_seconds": lambda: 500}),
            (cleanup.delete_expired_lobbies, {"retention_seconds": lambda: 500}),
            (cleanup.close_idle_rooms, {"idle_seconds": lambda: 300}),
        ]

    def run(self, steps: int) -> None:
        commands = self.commands()
        commands += [entry for entry in commands if entry[0] in FREQUENT] * 3
        for _ in range(steps):
            self.table.now += self.choice(0, 1, 5)
            self.choose_groups()
            command, factories = self.rng.choice(commands)
            if command in RARE and self.rng.random() < 0.8:
                continue
            with suppress(DomainError):
                self.table.execute(
                    command, **{name: create() for name, create in factories.items()}
                )
            self.check_invariants()

    def check_invariants(self) -> None:
        """Assert the invariants of all lobbies, rooms, actions and players."""
        for lobby in self.table.state.all(Lobby):
            self.check_lobby(lobby)
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

    def check_lobby(self, lobby: Lobby) -> None:
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
    """Open lobbies have a host, started ones a running room, and bound players one seat of a kind."""
    RandomCommands(seed).run(STEPS)
