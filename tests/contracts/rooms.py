"""The rooms API and the health check, with events on three transports."""

import asyncio
from dataclasses import dataclass
from typing import Any

from tests.contracts.calls import Part

NOUGHTS = "/games/noughts"


@dataclass
class User:
    """A guest or account that is logged in."""

    part: Part
    id: int
    token: str

    async def ask(self, method: str, path: str, body: Any = None, **how: Any) -> Any:
        return await self.part.ask(method, path, body, token=self.token, **how)

    async def well(self, method: str, path: str, body: Any = None) -> Any:
        return await self.part.well(method, path, body, token=self.token)

    async def room(self, name: str = "30m no rush", game: str = NOUGHTS, **more: Any) -> str:
        """Create a room and return its path."""
        made = await self.well("POST", f"{game}/rooms", {"name": name, **more})
        return f"{game}/rooms/{made['roomId']}"


async def a_guest(part: Part, name: str) -> User:
    body = {"credentialType": "guest", "username": name}
    made = await part.well("POST", "/accounts/login", body)
    return User(part, made["user"]["userId"], part.know(made["token"], f"{name}'s token"))


async def accounts(part: Part) -> None:
    account = {
        "email": "minnie@example.org",
        "password": "hunter2hunter2",
        "username": "Minnie Mouse",
    }
    for body in (
        account, account, {**account, "email": "no address"}, {**account, "email": "a@example.org",
            "password": "short"},
        {**account, "email": "b@example.org", "username": ""}, {**account, "email": "c@example.org",
            "username": "x" * 51},
        {}, {"email": 1}, [], None,
    ):  # fmt: skip
        await part.ask("POST", "/accounts/register", body)
    login = {
        "credentialType": "password",
        "email": "minnie@example.org",
        "password": "hunter2hunter2",
    }
    for body in (
        {"credentialType": "guest"}, {"credentialType": "guest", "username": "Mickey Mouse"}, login,
        {**login, "password": "wrong"}, {**login, "email": "nobody@example.org"}, {"credentialType": "magic"}, {},
        {"credentialType": "guest", "username": "x" * 51}, {"credentialType": "guest", "username": "\u200b"},
    ):  # fmt: skip
        await part.ask("POST", "/accounts/login", body)
    minnie = await part.well("POST", "/accounts/login", login)
    user = User(part, minnie["user"]["userId"], part.know(minnie["token"], "Minnie's token"))
    await user.ask("GET", f"/accounts/user/{user.id}")
    await user.ask("GET", "/accounts/user/999")
    await user.ask("GET", "/accounts/user/x")
    await user.ask("GET", f"/accounts/{user.id}/rooms-and-sessions")
    await user.ask("GET", "/accounts/1/rooms-and-sessions")
    await user.ask("POST", "/accounts/ticket")
    await user.ask("POST", "/accounts/logout")
    await user.ask("GET", f"/accounts/user/{user.id}", step="a token that was signed out")
    address = {"X-Forwarded-For": "10.99.0.1"}
    for _ in range(10):
        await part.ask(
            "POST", "/accounts/login", {**login, "password": "wrong"}, headers=address, record=False
        )
    await part.ask(
        "POST",
        "/accounts/login",
        {**login, "password": "wrong"},
        headers=address,
        step="the eleventh wrong password",
    )


async def credentials(part: Part) -> None:
    """Request each route that needs a token without one and with an invalid one."""
    for method, path in (
        ("POST", "/accounts/logout"), ("POST", "/accounts/ticket"), ("GET", "/accounts/user/1"),
        ("GET", "/accounts/1/rooms-and-sessions"), ("GET", "/games"), ("GET", f"{NOUGHTS}/user-data/1/a"),
        ("PUT", f"{NOUGHTS}/user-data/1/a"), ("GET", f"{NOUGHTS}/rooms/events"), ("GET", f"{NOUGHTS}/rooms/1/events"),
        ("GET", f"{NOUGHTS}/sessions/1/events"), ("POST", f"{NOUGHTS}/rooms"), ("GET", f"{NOUGHTS}/rooms"),
        ("POST", f"{NOUGHTS}/rooms/quick-join"), ("GET", f"{NOUGHTS}/rooms/1"),
        *(("POST", f"{NOUGHTS}/rooms/1/{verb}") for verb in ("join", "leave", "kick", "ready", "start", "chat")),
        ("PUT", f"{NOUGHTS}/rooms/1/options"), ("GET", f"{NOUGHTS}/rooms/1/chat"), ("GET", f"{NOUGHTS}/sessions"),
        ("GET", f"{NOUGHTS}/sessions/1"), ("GET", f"{NOUGHTS}/sessions/1/chat"),
        *(("POST", f"{NOUGHTS}/sessions/1/{verb}") for verb in ("turn", "join", "leave", "stop", "chat")),
    ):  # fmt: skip
        for token in ("", "made-up"):
            await part.ask(
                method, path, token=token, step=f"{method} {path} with {token or 'no token'}"
            )


async def games(part: Part, one: User, two: User) -> None:
    await one.ask("GET", "/games")
    path = f"{NOUGHTS}/user-data/{one.id}"
    for body in (
        b'{"sound": false}',
        b"[1, 2.0, null]",
        b'"text"',
        b"null",
        b"{",
        b"",
        b'{"a": "' + b"x" * 17_000 + b'"}',
    ):
        await one.ask("PUT", f"{path}/kept", body, headers={"Content-Type": "application/json"})
        await two.ask("GET", f"{path}/kept")
    await one.ask("PUT", f"{path}/no.key", {"a": 1})
    await two.ask("PUT", f"{path}/kept", {"a": 1})
    await one.ask("GET", f"{path}/none")
    await one.ask("GET", f"{NOUGHTS}/user-data/999/kept")
    await one.ask("GET", f"/games/nothing/user-data/{one.id}/kept")


async def rooms(part: Part, host: User, guest: User, other: User) -> None:
    for body in (
        {"name": "30m no rush", "password": "30m no rush", "options": {"first": "host"}}, {"name": "30m no rush"},
        {"name": ""}, {}, [], {"name": 1}, {"name": "x" * 200}, {"name": "a", "options": []},
        {"name": "a", "readyCheck": True},
        {"name": "a", "options": {"first": "nobody"}}, {"name": "a", "options": {"x": "y" * 17_000}},
    ):  # fmt: skip
        await host.ask("POST", f"{NOUGHTS}/rooms", body)
    await host.ask("POST", "/games/nothing/rooms", {"name": "a"})
    await host.ask(
        "POST",
        f"{NOUGHTS}/rooms",
        b"name=a",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    await host.ask("POST", f"{NOUGHTS}/rooms", b" " * (2**20 + 10), step="a body above 1 MiB")
    for _ in range(2):
        await host.ask(
            "POST", f"{NOUGHTS}/rooms", {"name": "once"}, headers={"Idempotency-Key": "k1"}
        )
    await host.ask("POST", f"{NOUGHTS}/rooms", {"name": "twice"}, headers={"Idempotency-Key": "k1"})
    await host.ask(
        "POST",
        f"{NOUGHTS}/rooms",
        {"name": "twice"},
        headers={"Idempotency-Key": "é" * 3 + "x" * 300},
    )
    for query in (
        "", "?limit=2&offset=1", "?search=ONCE", "?private=true", "?private=false&limit=1", "?full=true",
        "?active=false",
        "?option.first=host", "?limit=0", "?limit=101", "?limit=x", "?offset=-1", "?private=perhaps",
    ):  # fmt: skip
        await host.ask("GET", f"{NOUGHTS}/rooms{query}")
    await host.ask("GET", "/games/nothing/rooms")
    await host.ask("GET", f"{NOUGHTS}/rooms/999")
    await host.ask("GET", f"{NOUGHTS}/rooms/x")
    locked = await host.room(password="hunter2")
    for body in (None, {"password": "wrong"}, {"password": 1}, {"password": "hunter2"}):
        await guest.ask("POST", f"{locked}/join", body)
    await guest.ask("POST", f"{locked}/join", step="join, being in it")
    await other.ask("POST", f"{locked}/join", {"password": "hunter2"}, step="join, it is full")
    await host.ask("POST", f"{NOUGHTS}/rooms/999/join")
    for who in (host, guest, other):
        await who.ask("GET", locked)
    await guest.ask("PUT", f"{locked}/options", {})
    await other.ask("PUT", f"{locked}/options", {})
    for options in ({"first": "random"}, [], None, {"first": "nobody"}):
        await host.ask("PUT", f"{locked}/options", options)
    await other.ask("POST", f"{locked}/leave")
    await guest.ask("POST", f"{locked}/kick", {"user_id": host.id})
    for body in (
        {"user_id": host.id},
        {"user_id": 999},
        {"user_id": "x"},
        {},
        {"user_id": guest.id},
    ):
        await host.ask("POST", f"{locked}/kick", body)
    await guest.ask("GET", f"{locked}/events?wait=0")
    await guest.ask("POST", f"{locked}/leave")
    for body in ({"text": "Hello"}, {"text": ""}, {"text": "x" * 1001}, {}):
        await host.ask("POST", f"{locked}/chat", body)
    await guest.ask("POST", f"{locked}/chat", {"text": "Hello"})
    await host.ask("GET", f"{locked}/chat")
    await guest.ask("GET", f"{locked}/chat")
    await host.ask("POST", f"{locked}/start", step="start, too few players")
    await host.ask("POST", f"{locked}/leave")
    for method, path in (
        ("GET", locked),
        ("POST", f"{locked}/join"),
        ("GET", f"{locked}/events?wait=0"),
        ("GET", f"{locked}/chat"),
    ):
        await host.ask(method, path, step=f"{method} {path} of a room that is gone")
    await other.ask(
        "POST", f"{NOUGHTS}/rooms/quick-join", {"name": "mine", "options": {"first": "random"}}
    )
    await other.ask("POST", f"{NOUGHTS}/rooms/quick-join")
    await other.ask("POST", f"{NOUGHTS}/rooms/quick-join", {"name": 1})
    await guest.ask("POST", "/games/nothing/rooms/quick-join")
    checked = await host.room("checked", readyCheck=True)
    await guest.well("POST", f"{checked}/join")
    await host.ask("POST", f"{checked}/start", step="start, not ready")
    for body in ({"ready": True}, {"ready": "x"}, {}):
        await guest.ask("POST", f"{checked}/ready", body)
    await host.ask("POST", f"{checked}/ready", {"ready": True})
    await other.ask("POST", f"{checked}/ready", {"ready": True})
    await guest.ask("POST", f"{checked}/start")
    await host.ask("GET", checked)
    await host.ask("POST", f"{checked}/start")
    await host.ask("POST", f"{checked}/start", step="start, started")
    await guest.ask("GET", checked, step="a room that was started")


async def sessions(part: Part, host: User, guest: User, other: User) -> None:
    room = await host.room("play", options={"first": "host"})
    await guest.well("POST", f"{room}/join")
    started = await host.ask("POST", f"{room}/start")
    session = started.headers["Location"]
    for who in (host, guest, other):
        await who.ask("GET", session)
        await who.ask("GET", f"{session}/events?after-event-id=-1&wait=0")
    for query in ("", "?active=true&limit=20&offset=0", "?active=false", "?open=true", "?limit=x"):
        await host.ask("GET", f"{NOUGHTS}/sessions{query}")
    await host.ask("GET", f"{NOUGHTS}/sessions/999")
    await host.ask("GET", f"/accounts/{host.id}/rooms-and-sessions")
    await other.ask("POST", f"{session}/turn", {"cell": 4})
    await guest.ask("POST", f"{session}/turn", {"cell": 4}, step="a turn of the other player")
    for body in ({"cell": 4}, {"cell": 4}, [], {}):
        await host.ask("POST", f"{session}/turn", body)
    for body in ({"cell": 4}, {"cell": 9}, {"cell": "x"}, {}, {"cell": 1}):
        await guest.ask("POST", f"{session}/turn", body)
    await host.ask("GET", session)
    for body in ({"text": "Well"}, {"text": ""}, {}):
        await host.ask("POST", f"{session}/chat", body)
    await other.ask("POST", f"{session}/chat", {"text": "Well"})
    await guest.ask("GET", f"{session}/chat")
    await other.ask("GET", f"{session}/chat")
    await other.ask("POST", f"{session}/join")
    await guest.ask("POST", f"{session}/stop")
    await other.ask("POST", f"{session}/leave")
    for who, cell in ((host, 0), (guest, 2), (host, 8)):
        await who.well("POST", f"{session}/turn", {"cell": cell})
    await host.ask("GET", session, step="a session that is over")
    await host.ask("POST", f"{session}/turn", {"cell": 5})
    await guest.ask("GET", f"{session}/events?after-event-id=-1&wait=0")
    await host.ask("POST", f"{session}/stop")
    await host.ask("GET", f"{NOUGHTS}/sessions?active=false")


async def without_rules(part: Part, host: User, guest: User, other: User) -> None:
    await part.server.order("game", "add", "arena", "--name", "Arena", "--max", "3")
    room = await host.room("free", "/games/arena", password="hunter2")
    await host.ask("POST", f"{room}/start")
    session = (await host.well("GET", f"/accounts/{host.id}/rooms-and-sessions"))["sessions"][0][
        "id"
    ]
    session = f"/games/arena/sessions/{session}"
    await other.ask("GET", session)
    await guest.ask("GET", "/games/arena/sessions?open=true")
    for body in (None, {"password": "wrong"}, {"password": "hunter2"}, {"password": "hunter2"}):
        await guest.ask("POST", f"{session}/join", body)
    await guest.ask("POST", f"{session}/turn", {"x": 1, "type": "mine"})
    await host.ask("GET", session)
    await host.ask("GET", f"{session}/events?after-event-id=-1&wait=0")
    await guest.ask("POST", f"{session}/leave")
    await host.ask("POST", f"{session}/stop")
    await host.ask("GET", session)


async def feeds(part: Part, host: User, guest: User, other: User) -> None:
    """Record the feeds of a room and of all rooms on each transport."""
    room = await host.room("feeds")
    made = await host.ask("GET", room)
    cursor = int(made.headers["X-Event-Cursor"])
    waiting = asyncio.create_task(host.ask("GET", f"{room}/events?after-event-id={cursor}&wait=30"))
    await asyncio.sleep(0.2)
    await guest.well("POST", f"{room}/join")
    await waiting
    await host.ask("GET", f"{room}/events?after-event-id={cursor}&wait=0")
    await host.ask("GET", f"{NOUGHTS}/rooms/events?after-event-id={cursor}&wait=0")
    for query in ("after-event-id=999999", "after-event-id=x", "wait=61", "wait=x"):
        await host.ask("GET", f"{room}/events?{query}")
    await host.ask("GET", "/games/nothing/rooms/events")
    await host.ask("GET", f"{NOUGHTS}/rooms/999/events")
    await part.stream(f"{room}/events?after-event-id={cursor}", 1, token=host.token)
    await part.stream(
        f"{NOUGHTS}/rooms/events", 2, token=host.token, headers={"Last-Event-ID": str(cursor - 1)}
    )
    wire = await part.socket(f"{room}/events?after-event-id={cursor}", token=guest.token)
    await wire.hear()
    await wire.hear()
    await host.well("POST", f"{room}/chat", {"text": "live"})
    await wire.hear("chat")
    await host.well("PUT", f"{room}/options", {"first": "host"})
    await wire.hear("options")
    ticket = (await guest.well("POST", "/accounts/ticket"))["ticket"]
    opened = await part.socket(f"{NOUGHTS}/rooms/events?after-event-id={cursor}&ticket={ticket}")
    await opened.hear("by ticket")
    await opened.hear()
    for path in (
        f"{room}/events?ticket={ticket}",
        f"{room}/events?ticket=made-up",
        f"{room}/events",
    ):
        refused = await part.socket(path)
        await refused.end()
    await host.well("POST", f"{room}/kick", {"user_id": guest.id})
    await wire.hear("kicked")
    await opened.end()
    await wire.end()
    await guest.well("POST", f"{room}/join")
    session = (await host.ask("POST", f"{room}/start")).headers["Location"]
    await host.ask("GET", f"{room}/events?after-event-id={cursor}&wait=0")
    live = await part.socket(f"{session}/events?after-event-id=-1", token=host.token)
    await live.hear()
    players = (await host.well("GET", session))["players"]
    first = host if players[0]["isCurrent"] else guest
    await first.well("POST", f"{session}/turn", {"cell": 0})
    heard = await live.ws.receive(30) if live.ws else None
    assert heard is not None
    await part.stream(f"{session}/events?after-event-id=-1", 1, token=other.token)
    await guest.well("POST", f"{session}/leave")
    await live.hear("left")
    await live.hear("over")
    await live.end()
    await host.ask("GET", f"{session}/events?wait=0")


async def manners(part: Part, one: User) -> None:
    asks = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
        "Origin": "https://a.example",
    }
    for path in (
        "/accounts/login",
        "/games",
        f"{NOUGHTS}/rooms",
        f"{NOUGHTS}/rooms/1",
        f"{NOUGHTS}/rooms/events",
        "/games/a/b/c",
        "/accounts/x/y/z",
    ):
        await part.ask("OPTIONS", path, headers=asks)
        await one.ask("PATCH", path)
        await one.ask("HEAD", path)
    await part.ask("GET", "/accounts/nothing/here/at/all")
    await part.ask("GET", "/games/")
    await one.ask("GET", "/games", headers={"Origin": "https://a.example"})
    answer = await part.ask("GET", "/health", record=False)
    part.note("GET /health", {"status": answer.status, "members": sorted(answer.json), "says": answer.json["status"],
                              "cache": answer.headers.get("Cache-Control"),
                              "origin": answer.headers.get("Access-Control-Allow-Origin")})  # fmt: skip
    await part.ask("POST", "/health")
    await part.ask("OPTIONS", "/health", headers=asks)
    await part.ask("HEAD", "/health")
    await part.ask("GET", "/health/x")


async def run(part: Part) -> None:
    await accounts(part)
    await credentials(part)
    host, guest, other = [
        await a_guest(part, name) for name in ("Mickey Mouse", "Donald Duck", "Goofy")
    ]
    await games(part, host, guest)
    await rooms(part, host, guest, other)
    await sessions(part, host, guest, other)
    await without_rules(part, host, guest, other)
    await feeds(part, host, guest, other)
    await manners(part, host)
