"""Ann and Bob play noughts and Cid watches while the server is killed and restarted."""

import asyncio
from pathlib import Path

from tests.scenarios.restarting_server import Event, RestartingServer, RetryingClient

#: The moves, by player and cell. Ann wins with the left column.
GAME = [("Ann", 0), ("Bob", 4), ("Ann", 3), ("Bob", 8), ("Ann", 6)]


def kinds(events: list[Event]) -> list[str]:
    return [entry["event"]["type"] for entry in events]


async def test_power_cut_loses_no_move_or_event(tmp_path: Path) -> None:
    async with RestartingServer(tmp_path / "data") as server:
        ann, bob, cid = [await server.sign_in_guest(name) for name in ("Ann", "Bob", "Cid")]
        clients = {"Ann": ann, "Bob": bob}

        # Ann creates a room, Bob quick-joins, Cid watches.
        room = "/games/noughts/rooms/1"
        await ann.post("/games/noughts/rooms", {"name": "After dinner"})
        lobby = asyncio.create_task(cid.stream_events("/games/noughts/rooms", 3))
        assert await bob.post("/games/noughts/rooms/quick-join") == {
            "id": 1,
            "game": "noughts",
            "type": "room",
        }
        started = await ann.post(room + "/start")
        assert kinds(await lobby) == ["room_created", "user_join", "room_gone"]

        # Bob polls for the session, Cid streams it.
        session = f"/games/noughts/sessions/{started['id']}"
        polling = asyncio.create_task(bob.poll_events(session, len(GAME) + 2))
        watching = asyncio.create_task(cid.stream_events(session, len(GAME) + 1))

        for name, cell in GAME[:2]:
            await clients[name].post(session + "/turn", {"cell": cell})

        # The server is killed during Ann's next move and Bob's chat message.
        move = asyncio.create_task(ann.post(session + "/turn", {"cell": GAME[2][1]}))
        message = asyncio.create_task(bob.post(session + "/chat", {"text": "Your turn."}))
        await asyncio.sleep(0)
        server.kill()
        await server.start()
        await asyncio.gather(move, message)

        # They continue: tokens and seats are still valid.
        await check_seated(ann, session, "Ann")
        for name, cell in GAME[3:]:
            await clients[name].post(session + "/turn", {"cell": cell})

        polled, watched = await polling, await watching
        turns = [entry["event"] for entry in watched if entry["event"]["type"] == "turn"]
        assert [(turn["player"], turn["cell"]) for turn in turns] == [
            (0 if name == "Ann" else 1, cell) for name, cell in GAME
        ]
        assert turns[-1]["environment"] == {"grid": "0..01.0.1"}
        assert watched[-1]["event"]["outcome"] == {"winner": 0}

        # Bob received the same events and his message once. No id came twice.
        assert [entry for entry in polled if entry["event"]["type"] != "chat"] == watched
        assert kinds(polled).count("chat") == 1
        ids = [entry["id"] for entry in polled]
        assert ids == sorted(set(ids))

        # The session matches the events.
        final_session = await cid.get(session)
        assert (final_session["active"], final_session["outcome"]) == (False, {"winner": 0})
        assert final_session["environment"] == turns[-1]["environment"]


async def check_seated(client: RetryingClient, session: str, name: str) -> None:
    players = (await client.get(session))["players"]
    assert name in [row["user"]["username"] for row in players if not row["away"]]
