"""One game, one player in each API: what either does the other sees, on every way of listening."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from coalserver.core.commands.games import rotate_game
from tests.apis.app import Asker, House
from tests.apis.listeners import WAYS, Ear, listening
from tests.apis.multiplayer.gamers import Arena, Gamer
from tests.apis.multiplayer.playing import well, wrong
from tests.apis.multiplayer.wires import a_wire

TAG = "noughts"
BOARD = {"grid": "....0...."}


@dataclass
class Table:
    """Ann speaks the rooms API, Bob the multiplayer API, of a game without or with rules."""

    arena: Arena
    ann: Asker
    bob: Gamer

    @property
    def house(self) -> House:
        return self.arena.house

    @property
    def tag(self) -> str:
        return self.arena.tag

    async def lobbies(self) -> list[dict[str, Any]]:
        """The lobbies Bob sees."""
        return well(await self.bob.post("matchmaking.php/list"))["lobbies"]  # type: ignore[no-any-return]

    async def hears(self, **asked: Any) -> list[tuple[str, Any]]:
        """All that Bob has been told in his room."""
        asked = {"from_players": "all", **asked}
        said = well(await self.bob.post("game_room.php/updates/poll", asked))
        return [(row["type"], row["data"]) for row in said["updates"]]

    async def plays(self, **turn: Any) -> Any:
        """Bob takes a turn."""
        asked = {"action_type": "turn", "request_data": turn}
        return await self.bob.post("game_room.php/actions", asked)

    @asynccontextmanager
    async def ears(self, place: str) -> AsyncIterator[list[Ear]]:
        """Ann listens in every way at once."""
        async with AsyncExitStack() as stack:
            yield [await stack.enter_async_context(listening(way, self.ann, place)) for way in WAYS]


@pytest.fixture
async def table(house: House) -> Table:
    """A game with rules: noughts and crosses."""
    made = await house.core.do(rotate_game, tag=TAG)
    arena = Arena(house, TAG, made["api_token"], made["private_token"])
    return Table(arena, await house.guest("Ann"), await arena.gamer("Bob"))


@pytest.fixture
async def free(table: Table) -> Table:
    """A game without rules, which relays what is said."""
    tag = await table.house.game("free")
    made = await table.house.core.do(rotate_game, tag=tag)
    arena = Arena(table.house, tag, made["api_token"], made["private_token"])
    return Table(arena, table.ann, await arena.gamer("Bob"))


async def all_hear(ears: list[Ear], *types: str) -> list[dict[str, Any]]:
    """Every ear hears the same next events; gives them."""
    heard = [[await ear.next() for _ in types] for ear in ears]
    assert all([event["type"] for event in one] == list(types) for one in heard), heard
    assert all(one == heard[0] for one in heard)
    return heard[0]


async def test_a_game_of_noughts_from_a_room_of_the_rooms_api(table):
    ann, bob = table.ann, table.bob
    room = await ann.opens(TAG, "Ann's game")
    async with table.ears(room) as ears:
        (row,) = await table.lobbies()
        assert (row["matchmaking_name"], row["host_name"], row["max_players"]) == (
            "Ann's game",
            "Ann",
            2,
        )
        well(await bob.post(f"matchmaking.php/{row['matchmaking_id']}/join"))
        (joined,) = await all_hear(ears, "user_join")
        assert joined["user"] == {"userId": bob.id, "username": "Bob"}
        assert [user["user"]["username"] for user in (await ann.get(room)).json["users"]] == [
            "Ann",
            "Bob",
        ]
        session = await ann.starts(room)
        (gone,) = await all_hear(ears, "room_gone")
        assert gone["reason"] == "started" and session.endswith(f"/{gone['sessionId']}")
    room_now = well(await bob.get("game_room.php/current"))["room"]
    assert (room_now["room_name"], room_now["is_host"]) == ("Ann's game", False)

    async with table.ears(session) as ears:
        await ann.plays(session, cell=4)
        ((kind, turn),) = await table.hears(from_players="host")
        assert kind == "turn"
        assert (turn["player_id"], turn["turn"], turn["environment"]) == (
            ann.id,
            {"cell": 4},
            BOARD,
        )
        assert wrong(await table.plays(cell=4))[0] == 400
        (action,) = well(await table.plays(cell=0))["action_ids"]
        (answered,) = well(await bob.get("game_room.php/actions/poll"))["actions"]
        assert answered["action_id"] == action
        assert answered["response_data"] == {"grid": "1...0...."}
        assert wrong(await table.plays(cell=1)) == (400, "It is not your turn")
        _, turn = await all_hear(ears, "turn", "turn")
        assert (turn["player"], turn["cell"]) == (1, 0)

        await ann.says(session, "well played")
        said = {"player_id": ann.id, "player_name": "Ann", "text": "well played"}
        assert ("chat", said) in await table.hears()
        await all_hear(ears, "chat")

        await ann.plays(session, cell=2)
        well(await table.plays(cell=1))
        await ann.plays(session, cell=6)
        over = (await all_hear(ears, "turn", "turn", "turn", "session_over"))[-1]
        assert over["outcome"] == {"winner": 0}
    assert not well(await bob.get("game_room.php/current"))["in_room"]
    _, turn = (await table.hears())[-1]
    assert (turn["turn"], turn["outcome"]) == ({"cell": 6}, {"winner": 0})
    assert (await ann.get(session)).json["outcome"] == {"winner": 0}


async def test_a_game_of_noughts_from_a_lobby_of_the_multiplayer_api(table):
    ann, bob = table.ann, table.bob
    made = {"max_players": 4, "matchmaking_name": "Bob's game", "strict_full": True}
    async with table.ears(f"/games/{TAG}/rooms") as ears:
        lobby = well(await bob.post("matchmaking.php/create", made))
        assert lobby["max_players"] == 2
        (created,) = await all_hear(ears, "room_created")
        room = f"/games/{TAG}/rooms/{created['roomId']}"
        assert created["room"]["host"] == {"userId": bob.id, "username": "Bob"}
        sentence = "Lobby must be full to start (strict_full enabled)"
        assert wrong(await bob.post("matchmaking.php/start")) == (400, sentence)
        await ann.joins(room)
        rows = well(await bob.get("matchmaking.php/players"))["players"]
        assert [row["player_name"] for row in rows] == ["Bob", "Ann"]
        assert well(await bob.post("matchmaking.php/start"))["players_transferred"] == 2
        gone = (await all_hear(ears, "user_join", "room_gone"))[-1]
    session = f"/games/{TAG}/sessions/{gone['sessionId']}"
    async with table.ears(session) as ears:
        well(await table.plays(cell=4))
        (turn,) = await all_hear(ears, "turn")
        assert (turn["player"], turn["environment"]) == (0, BOARD)
        await ann.plays(session, cell=0)
        well(await bob.post("game_room.php/leave"))
        heard = await all_hear(ears, "turn", "user_leave", "session_over")
        assert heard[1]["user"]["userId"] == bob.id


async def test_the_host_of_either_api_puts_out_a_member_of_the_other(free):
    ann, bob = free.ann, free.bob
    room = await ann.opens(free.tag)
    (row,) = await free.lobbies()
    well(await bob.post(f"matchmaking.php/{row['matchmaking_id']}/join"))
    assert (await ann.post(f"{room}/kick", {"user_id": bob.id})).status == 204
    assert not well(await bob.get("matchmaking.php/current"))["in_matchmaking"]

    well(await bob.post("matchmaking.php/create", {"max_players": 4}))
    rooms = (await ann.get(f"/games/{free.tag}/rooms")).json
    mine = next(row["roomId"] for row in rooms if row["host"]["userId"] == bob.id)
    room = f"/games/{free.tag}/rooms/{mine}"
    async with free.ears(room) as ears:
        await ann.joins(room)
        well(await bob.post("matchmaking.php/kick", {"player_id": ann.id}))
        _, left = await all_hear(ears, "user_join", "user_leave")
        assert (left["user"]["userId"], left["reason"]) == (ann.id, "kicked")


async def test_without_rules_a_turn_is_an_update_to_the_others(free):
    ann, bob = free.ann, free.bob
    room = await ann.opens(free.tag)
    (row,) = await free.lobbies()
    well(await bob.post(f"matchmaking.php/{row['matchmaking_id']}/join"))
    session = await ann.starts(room)
    await ann.plays(session, dance="waltz")
    assert await free.hears() == [("turn", {"dance": "waltz"})]
    assert await free.hears(from_players="specific", from_players_ids=[bob.id]) == []


async def test_a_room_made_in_the_multiplayer_api_is_a_session_that_one_may_join(free):
    ann, bob = free.ann, free.bob
    made = well(await bob.post("game_room.php/create", {"room_name": "Hall", "password": "x"}))
    well(await bob.post("game_room.php/password", {"password": None}))
    (row,) = (await ann.get(f"/games/{free.tag}/sessions?open=true")).json
    assert row["name"] == "Hall"
    await ann.joins(f"/games/{free.tag}/sessions/{row['sessionId']}")
    (mine, other) = well(await bob.get("game_room.php/players"))["players"]
    assert (mine["player_name"], other["player_name"]) == ("Bob", "Ann")
    updates = well(
        await bob.post("game_room.php/updates", {"target_players": "others", "type": "hello"})
    )
    assert updates["target_players_ids"] == [ann.id]
    well(await bob.post("game_room.php/stop"))
    assert (await ann.get(f"/games/{free.tag}/sessions/{row['sessionId']}")).json["active"] is False
    assert wrong(await bob.post(f"game_room.php/{made['room_id']}/join")) == (400, "Room inactive")


async def test_whoever_sat_in_a_game_can_be_banned_from_it(free):
    ann = free.ann
    room = await ann.opens(free.tag)
    shown = {"X_Api_Private_Token": free.arena.private}
    body = {"player_id": ann.id, "ban_duration": "day"}
    well(await free.arena.anyone.post("game_players.php/ban", body, **shown))
    assert (await ann.get(room)).status == 410
    answer = await ann.post(f"/games/{free.tag}/rooms", {"name": "again"})
    assert answer.refused == (403, "auth.banned")


async def test_a_wait_hears_what_the_other_api_does(free):
    ann, bob = free.ann, free.bob
    room = await ann.opens(free.tag)
    (row,) = await free.lobbies()
    well(await bob.post(f"matchmaking.php/{row['matchmaking_id']}/join"))
    session = await ann.starts(room)
    poll = await free.house.begun(bob.get("game_room.php/updates/poll?wait=30"))
    await ann.says(session, "hello")
    assert [row["type"] for row in well(await poll)["updates"]] == ["chat"]


async def test_the_realtime_socket_relays_beside_a_game_of_both(free):
    ann, bob = free.ann, free.bob
    cid = await free.arena.gamer("Cid")
    made = {"max_players": 4, "realtime_room": True}
    lobby = well(await bob.post("matchmaking.php/create", made))["matchmaking_id"]
    well(await cid.post(f"matchmaking.php/{lobby}/join"))
    (row,) = (await ann.get(f"/games/{free.tag}/rooms")).json
    await ann.joins(f"/games/{free.tag}/rooms/{row['roomId']}")
    well(await bob.post("matchmaking.php/start"))
    (session,) = (await ann.get(f"/games/{free.tag}/sessions")).json
    place = f"/games/{free.tag}/sessions/{session['sessionId']}"
    async with free.ears(place) as ears:
        first, second = await a_wire(bob), await a_wire(cid)
        await first.send("wave", data={"hand": "left"}, target="all")
        assert (await second.received())["data"] == {"hand": "left"}
        await ann.plays(place, step=1)
        await all_hear(ears, "turn")
        assert await free.hears() == [("turn", {"step": 1})]
