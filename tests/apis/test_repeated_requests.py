"""Repeated requests and aiohttp's have the same contract: generated requests are answered byte for byte alike."""

import asyncio
import json
import random
import re
from collections.abc import Iterator
from typing import Any

import pytest

from coalserver.core.commands.games import add_game
from coalserver.web.connections import ConnectionRunner
from coalserver.web.repeats.connection import RepeatingConnection
from coalserver.web.throttling import FailureLimiter
from tests.apis.app import run_test_app

REQUESTS = 400
TOKEN = re.compile(rb'"(?:token|private_key)":"([^"]+)"')
#: What differs between two runs: the time, and random values that do not come from the core.
VARIABLE = re.compile(rb'(?<=\r\nDate: )[^\r]+|(?<="ticket":")[^"]+')
JSON_TYPES = (b"application/json", b"application/json; charset=utf-8", b"text/plain", b"")
ROOM_PATHS = ("join", "leave", "chat", "ready", "kick", "start", "options", "events", "nothing", "")


class Wire:
    """Connections over which generated requests are sent one after another."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._open: dict[int, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}

    async def ask(self, number: int, pieces: list[bytes], answers: int) -> list[bytes]:
        """Send pieces on a connection; return the whole answers, and what came before the end of a closed one."""
        if number not in self._open:
            self._open[number] = await asyncio.open_connection(*self._address)
        reader, writer = self._open[number]
        for piece in pieces[:-1]:
            writer.write(piece)
            await asyncio.sleep(0.002)
        writer.write(pieces[-1])
        received = []
        async with asyncio.timeout(10):
            for _ in range(answers):
                try:
                    received.append(await self._read(reader))
                except asyncio.IncompleteReadError as end:
                    received.append(end.partial + b"closed")
                if b"\r\nConnection: close\r\n" in received[-1] or reader.at_eof():
                    received.append(await reader.read())
                    writer.close()
                    del self._open[number]
                    break
        return received

    async def _read(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"HTTP/1.1 100"):
            return head + await self._read(reader)
        length = re.search(rb"\r\nContent-Length: (\d+)", head)
        return head + (await reader.readexactly(int(length[1])) if length else b"")

    def close(self) -> None:
        for _, writer in self._open.values():
            writer.close()


class Sequence:
    """A reproducible sequence of requests to the rooms API, the multiplayer API and the hosts API."""

    def __init__(self, seed: int, api_token: str) -> None:
        self._random = random.Random(seed)
        self.tokens = [b"unknown"]
        self._api_token = api_token

    def body(self) -> bytes:
        draw = self._random
        bodies = (
            {}, {"name": f"Room {draw.randrange(9)}"}, {"text": "hällo"}, {"ready": draw.random() < 0.5},
            {"userId": draw.randrange(1, 6)}, {"password": "secret"}, {"name": "x", "password": "secret"},
            {"name": "Müller", "maxPlayers": 3, "options": {"a": [1, 2, {"b": None}]}},
            {"x": 1, "y": {"z": "é"}}, {"name": 5}, [1], "text", None,
            {"room_name": "A", "max_players": 4}, {"player_name": "Ann"}, {"message": "hi"},
            {"type": "move", "target_players": "all", "data": {"x": 1}}, {"text": "x" * draw.randrange(3000)},
        )  # fmt: skip
        written = json.dumps(draw.choice(bodies), ensure_ascii=draw.random() < 0.5).encode()
        return draw.choice(
            [written] * 8 + [b"", b"{", written + b" ", b"\xff", b'{"name":"\\u0000"}']
        )

    def path(self) -> str:
        draw = self._random
        room = draw.choice([*map(str, range(1, 8)), "x", "%31", "07", "1.5"])
        game = draw.choice(["free"] * 6 + ["none", "fr%65e"])
        action = draw.choice(ROOM_PATHS)
        return draw.choice(
            [f"/games/{game}/rooms"] * 3
            + [f"/games/{game}/rooms/{room}/{action}"] * 8
            + [f"/games/{game}/sessions/{room}/{draw.choice(('turn', 'chat', 'leave'))}"] * 2
            + [
                "/api/game_room.php/create", "/api/game_room.php/updates", "/api/game_players.php/register",
                f"/api/game_room.php/{room}/join", "/api/game_room.php/leave?format=json", "/hosts",
                "/api/game_players.php/heartbeat", "/accounts/logout/", "//games", "/games/../games",
                "/accounts/ticket", f"/games/{game}/user-data/{room}/key",
            ]
        )  # fmt: skip

    def request(self) -> bytes:
        draw = self._random
        path, body = self.path(), self.body()
        method = draw.choice(["POST"] * 9 + ["PUT", "PUT", "DELETE", "GET", "PATCH", "OPTIONS"])
        token = draw.choice(self.tokens[:5] * 9 + self.tokens)
        lines = [b"Host: x", b"Authorization: Bearer " + token]
        if path.startswith("/api"):
            lines += [b"X-Api-Token: " + self._api_token.encode(), b"X-Player-Token: " + token]
        if kind := draw.choice(JSON_TYPES[:1] * 30 + JSON_TYPES):
            lines.append(b"Content-Type: " + kind)
        lines += draw.choice(
            [[]] * 80
            + [
                [b"Idempotency-Key: k%d" % draw.randrange(3)], [b"Expect: 100-continue"],
                [b"X-Forwarded-For: 192.0.2.1"],
                [b"Content-Encoding: identity"], [b"Content-Encoding: br"], [b"Connection: keep-alive"],
                [b"Origin: http://a"],
                [b"Accept-Encoding: gzip"], [b"Connection: close"], [b"Upgrade: h2c"], [b"Cookie: a=b"],
                [b"If-Match: *"],
            ]
        )  # fmt: skip
        length = draw.choice(
            [b"Content-Length: %d"] * 12 + [b"content-length: %d", b"CONTENT-LENGTH: %d"]
        )
        if body or draw.random() < 0.8:
            lines.insert(draw.randrange(len(lines) + 1), length % len(body))
        version = draw.choice([b"1.1"] * 40 + [b"1.0"])
        head = b"%b %b HTTP/%b\r\n" % (method.encode(), path.encode(), version)
        return head + b"\r\n".join(lines) + b"\r\n\r\n" + body

    def sends(self) -> Iterator[tuple[int, list[bytes], int]]:
        """Yield a connection, the pieces to send on it and the number of answers."""
        draw = self._random
        # So that what follows has guests with tokens.
        for number in range(4):
            body = b'{"credentialType":"guest","username":"Guest %d"}' % number
            yield (
                number,
                [
                    b"POST /accounts/login HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b"
                    % (len(body), body)
                ],
                1,
            )
        line = 10
        for number in range(REQUESTS):
            request = self.request()
            # A connection after which aiohttp's parser may hold a part of a request is used a few times more only.
            line += number % 10 == 3
            if number % 50 == 49:
                count = draw.randrange(2, 5)
                yield line, [request + b"".join(self.request() for _ in range(count - 1))], count
            elif number % 10 == 9 and b"Expect" not in request:
                cut = draw.choice((request.index(b"\r\n\r\n") + 4, draw.randrange(1, len(request))))
                yield line, [request[:cut], request[cut:]], 1
            else:
                yield line + number % 2, [request], 1


async def run(seed: int, monkeypatch: pytest.MonkeyPatch, repeat: bool) -> tuple[list[Any], int]:
    """Return all answers to a sequence and the counters after it, and how many of its requests were repeats."""
    count = 0
    begin = RepeatingConnection._begin

    def count_repeats(self, *args):
        nonlocal count
        count += 1
        begin(self, *args)

    monkeypatch.setattr(RepeatingConnection, "_begin", count_repeats)
    monkeypatch.setattr(ConnectionRunner, "repeat_requests", repeat)
    async with run_test_app(failure_limiter=FailureLimiter(clock=lambda: 0.0)) as app:
        app.core.context.rng = random.Random(seed)  # type: ignore[assignment]
        game = await app.core.execute(add_game, tag="free")
        sequence = Sequence(seed, game["api_token"])
        wire = Wire(app.server.host, app.server.port)
        answers: list[Any] = []
        try:
            for number, pieces, expected in sequence.sends():
                received = await wire.ask(number, pieces, expected)
                answers.append([VARIABLE.sub(b"*", answer) for answer in received])
                for answer in received:
                    sequence.tokens += TOKEN.findall(answer)
            server = app.server.runner.server
            answers += [app.core.feed.head, app.app_context.all_refused, server.requests_count]
        finally:
            wire.close()
    monkeypatch.undo()
    return answers, count


@pytest.mark.parametrize("seed", range(6))
async def test_answers_are_the_same_byte_for_byte(seed, monkeypatch):
    one, repeats = await run(seed, monkeypatch, repeat=True)
    other, none = await run(seed, monkeypatch, repeat=False)
    assert len(one) == len(other) > 200 and repeats > 60 and none == 0
    statuses = {answer[9:12] for answers in one[:-3] for answer in answers}
    assert statuses >= {b"200", b"204", b"400", b"403", b"404", b"405"}
    for place, (mine, theirs) in enumerate(zip(one, other, strict=True)):
        assert mine == theirs, place


async def guest(wire: Wire) -> bytes:
    body = b'{"credentialType":"guest"}'
    head = b"POST /accounts/login HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
    [answer] = await wire.ask(0, [head % len(body) + body], 1)
    return TOKEN.findall(answer)[0]


def post(path: bytes, token: bytes) -> bytes:
    return (
        b"POST %b HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\nContent-Length: 12\r\n\r\n"
        b'{"name":"A"}' % (path, token)
    )


@pytest.mark.parametrize("ends", ["logged out", "logged in again", "expired"])
async def test_token_that_has_ended_is_refused_in_a_repeat(ends, repeat_requests):
    async with run_test_app() as app:
        await app.create_game("free")
        wire = Wire(app.server.host, app.server.port)
        try:
            one, other = await guest(wire), await guest(wire)
            for token in (one, other):
                for _ in range(3):
                    [answer] = await wire.ask(1, [post(b"/games/free/rooms", token)], 1)
                    assert answer.startswith(b"HTTP/1.1 201")
            if ends == "expired":
                app.clock.advance(31 * 86400)
            else:
                [answer] = await wire.ask(1, [post(b"/accounts/logout", one)], 1)
                assert answer.startswith(b"HTTP/1.1 204")
            if ends == "logged in again":
                await guest(wire)
            [answer] = await wire.ask(1, [post(b"/games/free/rooms", one)], 1)
            assert answer.startswith(b"HTTP/1.1 403") and b"auth.invalid" in answer
            [answer] = await wire.ask(1, [post(b"/games/free/rooms", other)], 1)
            assert answer.startswith(b"HTTP/1.1 403" if ends == "expired" else b"HTTP/1.1 201")
        finally:
            wire.close()
