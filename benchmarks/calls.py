"""Calls per request: how many functions of the package five common requests call, once everything is warm.

    python -m benchmarks.calls [--checkout DIR] [--json]

A call is a `call` event of `sys.setprofile` for a function of `coalserver/`, in any thread; collections of garbage,
which come by time, are left out. The second number has the functions of aiohttp as well: work that moves from one to
the other changes only the first. Counted is the third
and each later request of a connection; the median is printed. A parked long-poll counts from the poll to its answer,
less what the message that answers it costs without a listener. At fd447df: join 197, long-poll 70, update 151,
log line 194, agent's token 158.
"""

import argparse
import http.client
import json
import os
import runpy
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple
from urllib.parse import urlencode

ROOT = Path(__file__).parent.parent
#: Requests whose calls are counted, after two that warm up.
REQUESTS = 9
#: Seconds after an answer in which the server finishes what it does for the request.
SETTLE_SECONDS = 0.06
EMAIL, PASSWORD = "ann@example.org", "correct horse"


class Counter:
    """Counts calls of functions in one folder, and of aiohttp's. Another thread reads it."""

    def __init__(self, folder: Path) -> None:
        self.calls = self.aiohttp_calls = 0
        self._folder = f"{folder}{os.sep}"
        self._aiohttp = f"{os.sep}aiohttp{os.sep}"
        self._left_out = str(folder / "server" / "garbage.py")

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        name = frame.f_code.co_filename
        if event == "call" and name != self._left_out:
            if name.startswith(self._folder):
                self.calls += 1
            elif self._aiohttp in name:
                self.aiohttp_calls += 1

    @property
    def counts(self) -> "Count":
        return Count(self.calls, self.calls + self.aiohttp_calls)


class Count(NamedTuple):
    """Calls of coalserver's functions, and of those and aiohttp's."""

    own: float
    all: float

    def minus(self, other: "Count") -> "Count":
        return Count(self.own - other.own, self.all - other.all)


def median(counts: Sequence[Count]) -> Count:
    """Return the median of each number."""
    return Count(*map(statistics.median, zip(*counts, strict=True)))


class Client:
    """One connection with one bearer token, or with multiplayer's two tokens."""

    def __init__(self, port: int, counter: Counter, **headers: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._counter = counter
        self.headers = headers

    def send(self, method: str, path: str, body: Any = None, form: Any = None) -> None:
        """Send a request in one segment: how often the server reads must not vary."""
        headers = {"Host": "127.0.0.1", **self.headers}
        content = b""
        if form is not None:
            content = urlencode(form).encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        elif body is not None:
            content = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        if method != "GET":
            headers["Content-Length"] = str(len(content))
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {headers[name]}" for name in headers)]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode() + content)

    def receive(self) -> Any:
        response = http.client.HTTPResponse(self._socket)
        response.begin()
        content = response.read()
        if response.status >= 400:
            raise RuntimeError(f"{response.status} {content[:300]!r}")
        return json.loads(content) if content else None

    def call(self, method: str, path: str, body: Any = None, form: Any = None) -> Any:
        self.send(method, path, body, form)
        return self.receive()

    def count(self, *request: Any, **content: Any) -> Count:
        """Return the number of calls that a request makes."""
        time.sleep(SETTLE_SECONDS)
        before = self._counter.counts
        self.call(*request, **content)
        time.sleep(SETTLE_SECONDS)
        return self._counter.counts.minus(before)


class Flows:
    """The five requests. Each method returns the median number of calls."""

    def __init__(self, port: int, counter: Counter, data: Path, checkout: Path) -> None:
        self._port, self._counter = port, counter
        self._data, self._checkout = data, checkout

    def client(self, **headers: str) -> Client:
        return Client(self._port, self._counter, **headers)

    def guest(self, name: str) -> Client:
        client = self.client()
        login = {"credentialType": "guest", "username": name}
        client.headers["Authorization"] = (
            f"Bearer {client.call('POST', '/accounts/login', login)['token']}"
        )
        return client

    def command(self, *words: str) -> Any:
        """Run a command of the command line, in a process of its own."""
        line = [sys.executable, "run.py", "--data", str(self._data), *words, "--json"]
        output = subprocess.run(line, cwd=self._checkout, capture_output=True, check=True)
        return json.loads(output.stdout)

    def join(self) -> Count:
        """A guest joins a room of the rooms API."""
        host, guest = self.guest("Ann"), self.guest("Bob")
        counts = []
        for _ in range(REQUESTS + 2):
            room = host.call("POST", "/games/noughts/rooms", {"name": "A room"})["roomId"]
            counts.append(guest.count("POST", f"/games/noughts/rooms/{room}/join"))
            guest.call("POST", f"/games/noughts/rooms/{room}/leave")
            host.call("POST", f"/games/noughts/rooms/{room}/leave")
        return median(counts[2:])

    def long_poll(self) -> Count:
        """A member polls for events, waits and is answered by a chat message."""
        host, guest = self.guest("Ann"), self.guest("Bob")
        room = host.call("POST", "/games/noughts/rooms", {"name": "A room"})["roomId"]
        guest.call("POST", f"/games/noughts/rooms/{room}/join")
        path = f"/games/noughts/rooms/{room}"
        alone = [host.count("POST", f"{path}/chat", {"text": "hello"}) for _ in range(REQUESTS)]
        cursor = guest.call("GET", f"{path}/events?after-event-id=-1")[-1]["id"]
        counts = []
        for _ in range(REQUESTS + 2):
            time.sleep(SETTLE_SECONDS)
            before = self._counter.counts
            guest.send("GET", f"{path}/events?after-event-id={cursor}")
            time.sleep(SETTLE_SECONDS)
            host.call("POST", f"{path}/chat", {"text": "hello"})
            cursor = guest.receive()[-1]["id"]
            time.sleep(SETTLE_SECONDS)
            counts.append(self._counter.counts.minus(before))
        return median(counts[2:]).minus(median(alone))

    def update(self) -> Count:
        """A player sends an update to the other one in a room of the multiplayer API."""
        game = self.command("game", "add", "chess", "--min", "1", "--max", "4")
        api = {"X-Api-Token": game["api_token"]}
        players = []
        for name in ("Ann", "Bob"):
            registered = self.client(**api).call(
                "POST", "/api/game_players.php/register", {"player_name": name}
            )
            players.append(self.client(**api, **{"X-Player-Token": registered["private_key"]}))
        host, guest = players
        room = host.call("POST", "/api/game_room.php/create", {"room_name": "A", "max_players": 4})
        guest.call("POST", f"/api/game_room.php/{room['room_id']}/join", {})
        body = {"type": "move", "target_players": "all", "data": {"x": 1}}
        counts = [
            guest.count("POST", "/api/game_room.php/updates", body) for _ in range(REQUESTS + 2)
        ]
        return median(counts[2:])

    def credentials(self) -> dict[str, str]:
        """Return the token request of a new world's agent."""
        self.command("account", "add", EMAIL, "--password", PASSWORD, "--admin", "--active")
        self.command("world", "add", "Overworld", "--short-name", "over")
        code = self.command("world", "pair", "over")["code"]
        paired = self.client().call("POST", "/api/v1/agents/pair", {"code": code})
        secret = paired["client_secret"]
        return {
            "client_id": paired["client_id"], "client_secret": secret, "code": secret,
            "grant_type": "authorization_code", "redirect_uri": "/", "scope": "agent",
        }  # fmt: skip

    def agent(self) -> tuple[Count, Count]:
        """An agent sends one line of a log; an agent gets a token."""
        form = self.credentials()
        client = self.client()
        tokens = [client.count("POST", "/oauth/v1/token", form=form) for _ in range(REQUESTS + 2)]
        token = client.call("POST", "/oauth/v1/token", form=form)["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        lines = [
            client.count(
                "POST",
                "/api/v1/agents/logline",
                form={"line": f"2014-02-03 10:32:{second:02} [INFO] <Steve> hello", "zone": "UTC"},
            )
            for second in range(REQUESTS + 2)
        ]
        return median(lines[2:]), median(tokens[2:])

    def measure(self) -> dict[str, Count]:
        line, token = self.agent()
        return {
            "join": self.join(),
            "long-poll": self.long_poll(),
            "update": self.update(),
            "log line": line,
            "agent's token": token,
        }


def serve_and_measure(checkout: Path) -> None:
    """Serve a checkout in this process, measure it from a thread, print the counts and end the process."""
    counter = Counter(checkout / "coalserver")
    reading, writing = os.pipe()
    output = os.dup(1)
    os.dup2(writing, 1)

    def client(data: Path) -> None:
        try:
            with open(reading, encoding="utf-8") as started:
                url = ""
                while '"listening"' not in url:
                    url = started.readline()
                port = int(url.rpartition(":")[2].strip().strip('",/}'))
                os.write(
                    output, json.dumps(Flows(port, counter, data, checkout).measure()).encode()
                )
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(0)

    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        threading.Thread(target=client, args=(data,), daemon=True).start()
        threading.setprofile(counter)
        sys.path.insert(0, str(checkout))
        sys.argv = ["run.py", "serve", "--json", "--port", "0", "--data", str(data)]
        main: Callable[[], int] = runpy.run_path(str(checkout / "run.py"))["main"]
        sys.setprofile(counter)
        main()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calls", description=__doc__)
    parser.add_argument("--checkout", type=Path, default=ROOT, help="folder of the code to measure")
    parser.add_argument("--json", action="store_true", help="print a JSON document")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve_and_measure(options.checkout.resolve())
        return 0
    line = [
        sys.executable,
        "-m",
        "benchmarks.calls",
        "--serve",
        "--checkout",
        str(options.checkout),
    ]
    output = subprocess.run(line, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    if not output:
        return 1
    counts = json.loads(output)
    if options.json:
        print(json.dumps(counts))
    else:
        for name, count in counts.items():
            print(f"{name:<16}{count[0]:5.0f}{count[1]:5.0f} with aiohttp")
    return 0


if __name__ == "__main__":
    sys.exit(main())
