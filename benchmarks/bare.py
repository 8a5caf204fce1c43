"""The minimal server: aiohttp and uvloop with everything in dictionaries and nothing stored.

It answers the requests of the benchmarks with tokens, seats, turns and events. It validates by hand what a careful
author would validate, and leaves out durability, timeouts of polls, and token checks on feeds. Access log off.
"""

import argparse
import asyncio
import json
import secrets
import signal
from pathlib import Path
from typing import Any

import orjson
import uvloop
from aiohttp import web

tokens: dict[str, int] = {}
rooms: dict[int, dict[str, Any]] = {}
games: dict[str, dict[int, dict[str, Any]]] = {}
sessions: dict[str, "Session"] = {}
relays: dict[str, set[web.WebSocketResponse]] = {}


class Feed:
    """The events of a room and its listeners."""

    def __init__(self) -> None:
        self.said: list[bytes] = []
        self.waiting: list[asyncio.Future[bytes]] = []
        self.sockets: set[web.WebSocketResponse] = set()

    async def say(self, said: dict[str, Any]) -> None:
        """Send one shared body to all polls and the same text to each socket."""
        event = orjson.dumps({"id": len(self.said) + 1, "event": said})
        self.said.append(event)
        if self.waiting:
            body = b"[%b]" % event
            waiting, self.waiting = self.waiting, []
            for future in waiting:
                if not future.done():
                    future.set_result(body)
        if self.sockets:
            text = event.decode()
            for socket in tuple(self.sockets):
                await socket.send_str(text)


class Session(Feed):
    """Rooms, sessions and their members."""

    def __init__(self, seats: list[int]) -> None:
        super().__init__()
        self.seats = seats


#: The events in the rooms of a game.
lobbies: dict[str, Feed] = {}


def dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


def caller(request: web.Request) -> int:
    """Return the player with this token."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    player = tokens.get(secret)
    if scheme != "Bearer" or player is None:
        raise web.HTTPForbidden
    return player


async def document(request: web.Request) -> dict[str, Any]:
    try:
        value = orjson.loads(await request.read() or b"{}")
    except orjson.JSONDecodeError:
        raise web.HTTPBadRequest from None
    if not isinstance(value, dict):
        raise web.HTTPBadRequest
    return value


async def login(request: web.Request) -> web.Response:
    said = await document(request)
    if said.get("credentialType") != "guest":
        raise web.HTTPBadRequest
    token = secrets.token_hex(24)
    player = tokens[token] = len(tokens) + 1
    name = said.get("username") or f"Guest {player}"
    return web.json_response(
        {"user": {"userId": player, "username": name}, "token": token}, dumps=dumps
    )


async def create(request: web.Request) -> web.Response:
    player = caller(request)
    said = await document(request)
    name, options = said.get("name"), said.get("options", {})
    if not isinstance(name, str) or not 0 < len(name) <= 120 or not isinstance(options, dict):
        raise web.HTTPBadRequest
    game = request.match_info["game"]
    id = len(rooms) + 1
    room = {
        "roomId": id, "name": name, "game": game, "numUsers": 1, "maxUsers": 2,
        "active": True, "private": False, "options": options,
        "host": {"userId": player, "username": f"Guest {player}"}, "userInRoom": False,
    }  # fmt: skip
    rooms[id] = {"host": player, "seats": [player], "row": room}
    games.setdefault(game, {})[id] = room
    await lobbies.setdefault(game, Feed()).say({"type": "room_created", "room": room})
    return web.json_response(
        room, status=201, headers={"Location": f"/games/{game}/rooms/{id}"}, dumps=dumps
    )


async def join(request: web.Request) -> web.Response:
    player = caller(request)
    said = await document(request)
    if not isinstance(said.get("password", ""), str):
        raise web.HTTPBadRequest
    id = int(request.match_info["room"])
    room = rooms.get(id)
    if room is None:
        raise web.HTTPNotFound
    if len(room["seats"]) >= room["row"]["maxUsers"]:
        raise web.HTTPBadRequest
    if player not in room["seats"]:
        room["seats"].append(player)
        room["row"]["numUsers"] += 1
        user = {"userId": player, "username": f"Guest {player}"}
        entered = {"type": "user_join", "user": user, "roomId": str(id)}
        await lobbies[room["row"]["game"]].say(entered)
    told = {"id": id, "game": request.match_info["game"], "type": "room"}
    return web.json_response(told, dumps=dumps)


async def start(request: web.Request) -> web.Response:
    player = caller(request)
    room = rooms.get(int(request.match_info["room"]))
    if room is None or room["host"] != player:
        raise web.HTTPForbidden
    id = len(sessions) + 1
    sessions[str(id)] = Session(room["seats"])
    told = {"id": id, "game": request.match_info["game"], "type": "session"}
    return web.json_response(told, status=201, dumps=dumps)


async def turn(request: web.Request) -> web.Response:
    player = caller(request)
    taken = await document(request)
    id = request.match_info["session"]
    session = sessions.get(id)
    if session is None or player not in session.seats:
        raise web.HTTPForbidden
    seat = session.seats.index(player)
    await session.say({**taken, "type": "turn", "player": seat, "turn": taken, "sessionId": id})
    return web.Response(status=204)


async def events(request: web.Request) -> web.StreamResponse:
    """Wait with a future and a response for each poll."""
    session = sessions[request.match_info["session"]]
    if "Upgrade" in request.headers:
        return await socket(request, session)
    after = int(request.query["after-event-id"])
    if after < len(session.said):
        body = b"[%b]" % b",".join(session.said[after:])
    else:
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        session.waiting.append(future)
        body = await future
    return web.Response(body=body, content_type="application/json")


async def socket(request: web.Request, session: Session) -> web.WebSocketResponse:
    opened = web.WebSocketResponse(compress=False, heartbeat=20)
    await opened.prepare(request)
    session.sockets.add(opened)
    try:
        async for _ in opened:
            pass
    finally:
        session.sockets.discard(opened)
    return opened


async def relay(request: web.Request) -> web.WebSocketResponse:
    """Relay messages of a member to the other members of the room."""
    room = relays.setdefault(request.query["room"], set())
    opened = web.WebSocketResponse(compress=False)
    await opened.prepare(request)
    sender = {"is_host": not room, "game_player_id": len(room), "player_name": "Player"}
    room.add(opened)
    await opened.send_str(dumps({"type": "connected", "data": sender}))
    try:
        async for message in opened:
            said = orjson.loads(message.data)
            told = {"command": said["command"], "data": said["data"], "sender": sender}
            text = dumps({"type": "receive", **told})
            for other in tuple(room):
                if other is not opened:
                    await other.send_str(text)
            done = {"command": said["command"], "target_count": len(room) - 1}
            await opened.send_str(dumps({"type": "sent", **done}))
    except ConnectionError:
        pass
    finally:
        room.discard(opened)
    return opened


async def session_document(request: web.Request) -> web.Response:
    session = sessions[request.match_info["session"]]
    headers = {"X-Event-Cursor": str(len(session.said))}
    return web.json_response({"seats": session.seats}, headers=headers, dumps=dumps)


async def listing(request: web.Request) -> web.Response:
    caller(request)
    limit = int(request.query.get("limit", "20"))
    rows = list(games[request.match_info["game"]].values())[-limit:]
    return web.Response(body=orjson.dumps(rows), content_type="application/json")


async def nothing(request: web.Request) -> web.Response:
    return web.Response(status=204)


def load(path: Path) -> None:
    """Read what `restart` wrote: one document a line, by kind."""
    kept: dict[str, list[Any]] = {}
    with path.open("rb") as lines:
        for line in lines:
            value = orjson.loads(line)
            kept.setdefault(value["kind"], []).append(value["doc"])
    for one in kept.get("Token", ()):
        tokens[one["secret"]] = one["player"]
    for row in kept.get("Room", ()):
        rooms[row["roomId"]] = {"host": row["host"], "seats": [row["host"]], "row": row}
        games.setdefault(row["game"], {})[row["roomId"]] = row


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--load", type=Path)
    asked = parser.parse_args()
    if asked.load:
        load(asked.load)
    app = web.Application()
    app.add_routes(
        (
            web.get("/games/{game}/sessions/{session}/events", events),
            web.post("/games/{game}/sessions/{session}/turn", turn),
            web.post("/games/{game}/rooms/{room}/join", join),
            web.post("/games/{game}/rooms", create),
            web.get("/games/{game}/rooms", listing),
            web.post("/games/{game}/rooms/{room}/start", start),
            web.get("/games/{game}/sessions/{session}", session_document),
            web.post("/accounts/login", login),
            web.get("/games", nothing),
            web.get("/relay", relay),
        )
    )
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=4096).start()
    host, port = runner.addresses[0][:2]
    print(json.dumps({"listening": f"http://{host}:{port}"}), flush=True)
    stopped = asyncio.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(one, stopped.set)
    await stopped.wait()
    await runner.cleanup()


if __name__ == "__main__":
    uvloop.run(main())
