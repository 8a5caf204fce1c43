"""A stand-in for a Minecraft server: it writes the lines of real ones, takes their commands, and misbehaves on demand.

    python fake_child.py [--style STYLE] [--then ACTION]… [further options]

runs in the server's folder, as a jar would: it wants `eula.txt`, reads and rewrites `server.properties`, binds the port
and answers status pings there, writes `logs/latest.log` and a world, and takes commands from standard input. `--help`
has the options. After ready the actions are carried out; a line of input that starts with `fake ` is an action too:

    join NAME | leave NAME | chat NAME TEXT… | line TEXT… | lag
    crash | abort | exit STATUS | hang | stop
    close-stdout | close-stdin | fork [ignore-term] [detach] [silent]
    flood LINES [BYTES] | endless | half TEXT… | binary | long BYTES

While saving is on, it writes its region files again and again, each in steps: a copy that is made meanwhile is torn, as
`is_torn` tells. Standard library only.
"""

import argparse
import contextlib
import gzip
import json
import os
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

STYLES = ("1.2.5", "1.7", "1.12", "1.16", "1.20", "26", "paper", "forge")
VERSIONS = {"26": "26.3", "paper": "1.21.8", "forge": "1.20.1", "1.7": "1.7.10", "1.12": "1.12.2"}
OLD = ("1.2.5", "1.7", "1.12")
#: Chat is marked so when it is not signed: since 1.19.1.
NOT_SECURE = ("1.20", "26", "paper", "forge")
REGION_FILES = ("r.0.0.mca", "r.0.1.mca")
REGION_WORDS = 2_048
WRONG_JAVA = (
    "Error: LinkageError occurred while loading main class net.minecraft.bundler.Main\n"
    "\tjava.lang.UnsupportedClassVersionError: net/minecraft/bundler/Main has been compiled by a more recent version"
    " of the Java Runtime (class file version 65.0), this version of the Java Runtime only recognizes class file"
    " versions up to 61.0"
)
DEFAULT_PROPERTIES = {
    "difficulty": "easy",
    "gamemode": "survival",
    "level-name": "world",
    "max-players": "20",
    "motd": "A Minecraft Server",
    "server-ip": "",
    "server-port": "25565",
    "white-list": "false",
}


def parse_arguments(args: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A stand-in for a Minecraft server.")
    parser.add_argument("--style", choices=STYLES, default="1.20", help="words and shape of lines")
    parser.add_argument("--version-name", help="version that it says it is")
    parser.add_argument("--no-eula", action="store_true", help="run without eula.txt")
    parser.add_argument("--no-port", action="store_true", help="bind no port")
    parser.add_argument("--no-world", action="store_true", help="write no world")
    parser.add_argument("--port", type=int, help="instead of that of server.properties")
    parser.add_argument("--start-seconds", type=float, default=0.0, help="time until ready")
    parser.add_argument("--never-ready", action="store_true")
    parser.add_argument("--wrong-java", action="store_true", help="end as under a Java too old")
    parser.add_argument("--crash-before-ready", action="store_true")
    parser.add_argument("--hang-on-stop", action="store_true", help="say so, but do not end")
    parser.add_argument("--ignore-term", action="store_true", help="do not end on SIGTERM")
    parser.add_argument("--save-seconds", type=float, default=0.0, help="time that each save takes")
    parser.add_argument(
        "--step-seconds", type=float, default=0.005, help="between steps of a write"
    )
    parser.add_argument("--then", action="append", default=[], metavar="ACTION", help="once ready")
    return parser.parse_args(args)


def is_torn(world: Path) -> bool:
    """Return whether a copy of a world was made in the middle of a write."""
    words = set()
    for name in REGION_FILES:
        data = (world / "region" / name).read_bytes()
        if len(data) != REGION_WORDS * 8:
            return True
        words |= set(struct.unpack(f">{REGION_WORDS}Q", data))
    return len(words) != 1


# NBT, as far as level.dat needs it

TAGS = {"byte": (1, ">b"), "int": (3, ">i"), "long": (4, ">q")}


def nbt_compound(members: dict[str, object]) -> bytes:
    """Return the members of a compound; numbers are (kind, value)."""
    out = b""
    for name, value in members.items():
        key = struct.pack(">H", len(name.encode())) + name.encode()
        if isinstance(value, dict):
            out += b"\x0a" + key + nbt_compound(value)
        elif isinstance(value, str):
            out += b"\x08" + key + struct.pack(">H", len(value.encode())) + value.encode()
        elif isinstance(value, tuple):
            tag, layout = TAGS[value[0]]
            out += bytes([tag]) + key + struct.pack(layout, value[1])
    return out + b"\x00"


def write_nbt(path: Path, members: dict[str, object]) -> None:
    """Write a gzipped file beside, and rename it, as the game does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}_new")
    beside.write_bytes(gzip.compress(b"\x0a\x00\x00" + nbt_compound(members)))
    beside.replace(path)


class World:
    """The files of a world, written by a thread while saving is on."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.folder, self.options = folder, options
        self.saving = True
        self.is_loaded = False
        self._lock = threading.Lock()
        self._counter = 0
        self._started = time.monotonic()

    def start(self) -> None:
        (self.folder / "region").mkdir(parents=True, exist_ok=True)
        (self.folder / "session.lock").write_bytes("☃".encode())
        self.is_loaded = True
        self.save()
        threading.Thread(target=self._write_forever, daemon=True).start()

    def _write_forever(self) -> None:
        while True:
            with self._lock:
                if self.saving:
                    self._write_regions()
            time.sleep(self.options.step_seconds)

    def _write_regions(self) -> None:
        self._counter += 1
        half = struct.pack(">Q", self._counter) * (REGION_WORDS // 2)
        for name in REGION_FILES:
            path = self.folder / "region" / name
            with path.open("r+b" if path.exists() else "w+b", buffering=0) as file:
                file.write(half)
                time.sleep(self.options.step_seconds)
                file.write(half)

    def switch_saving(self, on: bool) -> bool:
        """Switch automatic saving; returns False if it was so already. A write in progress is finished first."""
        with self._lock:
            changed = self.saving != on
            self.saving = on
        return changed

    def save(self) -> None:
        """Write everything."""
        with self._lock:
            time.sleep(self.options.save_seconds)
            self._write_regions()
            self._write_level()

    def _write_level(self) -> None:
        ticks = int((time.monotonic() - self._started) * 20)
        level: dict[str, object] = {"LevelName": "world", "Time": ("long", ticks)}
        if self.options.style == "26":
            clock = {"minecraft:overworld": {"total_ticks": ("long", ticks)}}
            weather = {"raining": ("byte", 0), "thundering": ("byte", 0)}
            for name, content in (("world_clocks", clock), ("weather", weather)):
                path = self.folder / "data" / "minecraft" / f"{name}.dat"
                write_nbt(path, {"DataVersion": ("int", 4_790), "data": content})
        else:
            level |= {"DayTime": ("long", ticks), "raining": ("byte", 0), "thundering": ("byte", 0)}
        write_nbt(self.folder / "level.dat", {"Data": level})


# server.properties


def read_properties(path: Path) -> dict[str, str]:
    """Return the keys of a file with their values as they stand there."""
    properties = {}
    for line in path.read_text("utf-8", "replace").split("\n") if path.exists() else ():
        key, mark, value = line.strip().partition("=")
        if mark and not key.startswith(("#", "!")):
            properties[key.strip()] = value.strip()
    return properties


def write_properties(path: Path, properties: dict[str, str]) -> None:
    """Write the file as the game does: comments go, keys are sorted, unknown keys stay."""
    lines = [
        "#Minecraft server properties",
        time.strftime("#%a %b %d %H:%M:%S UTC %Y", time.gmtime()),
    ]
    lines += [f"{key}={value}" for key, value in sorted(properties.items())]
    path.write_text("\n".join(lines) + "\n", "utf-8")


# Status pings


def read_varint(client: socket.socket) -> int:
    value = 0
    for shift in range(0, 35, 7):
        [byte] = client.recv(1)
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value
    raise ValueError("varint")


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def read_packet(client: socket.socket) -> bytes:
    length = read_varint(client)
    data = b""
    while len(data) < length and (chunk := client.recv(length - len(data))):
        data += chunk
    return data


def send_packet(client: socket.socket, data: bytes) -> None:
    client.sendall(varint(len(data)) + data)


class Server:
    """The program."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.style: str = options.style
        self.version = options.version_name or VERSIONS.get(self.style, self.style)
        self.players: list[str] = []
        self.is_hanging = False
        self.properties = DEFAULT_PROPERTIES | read_properties(Path("server.properties"))
        self.world = World(Path(self.properties["level-name"]), options)
        self._log_lock = threading.Lock()
        Path("logs").mkdir(exist_ok=True)
        self._log = Path("logs/latest.log").open("w", encoding="utf-8")

    # Lines

    def log(self, text: str, level: str = "INFO", *, system: bool = False) -> None:
        """Write a line. `system`: it is one of system chat, which 26.3 marks."""
        if system and self.style == "26":
            text = f"System chat: {text}"
        clock, day = time.strftime("%H:%M:%S"), time.strftime("%Y-%m-%d")
        header = {
            "1.2.5": f"{day} {clock} [{level}]",
            "paper": f"[{clock} {level}]:",
            "forge": f"[{clock}] [Server thread/{level}] [minecraft/DedicatedServer]:",
        }.get(self.style, f"[{clock}] [Server thread/{level}]:")
        self.write(f"{header} {text}\n".encode())

    def write(self, data: bytes) -> None:
        with self._log_lock:
            with contextlib.suppress(OSError):
                while data:
                    data = data[os.write(1, data) :]
            self._log.write(data.decode("utf-8", "replace"))
            self._log.flush()

    # Start

    def run(self) -> None:
        """Start, and take commands until `stop`."""
        signal.signal(signal.SIGTERM, self._terminate)
        if self.options.wrong_java:
            sys.exit(WRONG_JAVA)
        self.log(f"Starting minecraft server version {self.version}")
        if self.style == "paper":
            self.log(f"This server is running Paper version {self.version}-1-abcdef")
        self._check_eula()
        write_properties(Path("server.properties"), self.properties)
        self._bind()
        self._prepare()
        if not self.options.never_ready:
            self._become_ready()
        for action in self.options.then:
            self.act(action)
        while line := sys.stdin.buffer.readline():
            while self.is_hanging:
                rest_a_moment()
            self.obey(line.decode("utf-8", "replace").strip())
        # The game goes on without a console.
        while True:
            rest_a_moment()

    def _check_eula(self) -> None:
        path = Path("eula.txt")
        if self.options.no_eula or self.style == "1.2.5":
            return
        if "eula=true" in (path.read_text() if path.exists() else ""):
            return
        path.write_text("#https://aka.ms/MinecraftEULA\neula=false\n")
        self.log(
            "You need to agree to the EULA in order to run the server. Go to eula.txt for more info."
        )
        sys.exit(0)

    def _bind(self) -> None:
        if self.options.no_port:
            return
        host = self.properties["server-ip"] or "127.0.0.1"
        port = self.options.port or int(self.properties["server-port"])
        self.log(f"Starting Minecraft server on {self.properties['server-ip'] or '*'}:{port}")
        try:
            listener = socket.create_server((host, port))
        except OSError:
            self.log("**** FAILED TO BIND TO PORT!", "WARN")
            self.log("The exception was: java.net.BindException: Address already in use", "WARN")
            self.log("Perhaps a server is already running on that port?", "WARN")
            sys.exit(0)
        threading.Thread(target=self._answer_pings, args=(listener,), daemon=True).start()

    def _prepare(self) -> None:
        if self.options.crash_before_ready:
            self.crash()
        steps = 10 if self.options.start_seconds else 0
        for step in range(steps):
            self.log(f"Preparing spawn area: {step * 100 // steps}%")
            time.sleep(self.options.start_seconds / steps)
        if not self.options.no_world:
            self.world.start()

    def _become_ready(self) -> None:
        help_text = '"help" or "?"' if self.style in OLD else '"help"'
        self.log(f"Done ({self.options.start_seconds + 1:.3f}s)! For help, type {help_text}")

    def _answer_pings(self, listener: socket.socket) -> None:
        while True:
            client, _ = listener.accept()
            with client, contextlib.suppress(OSError, ValueError):
                client.settimeout(5)
                self._answer_ping(client)

    def _answer_ping(self, client: socket.socket) -> None:
        read_packet(client)
        read_packet(client)
        if self.is_hanging:
            time.sleep(5)
            return
        maximum = int(self.properties["max-players"])
        status = {
            "version": {"name": self.version, "protocol": 767},
            "players": {"max": maximum, "online": len(self.players)},
            "description": {"text": self.properties["motd"]},
        }
        document = json.dumps(status).encode()
        send_packet(client, b"\x00" + varint(len(document)) + document)
        send_packet(client, read_packet(client))

    # Commands

    def obey(self, line: str) -> None:
        """Carry out a line of the console."""
        word, _, rest = line.partition(" ")
        commands: dict[str, Callable[[str], object]] = {
            "fake": self.act,
            "stop": self._stop,
            "list": self._list,
            "say": self._say,
            "save-off": lambda _: self._switch_saving(False),
            "save-on": lambda _: self._switch_saving(True),
            "save-all": self._save_all,
            "op": self._op,
            "whitelist": self._whitelist,
            "gamerule": self._gamerule,
            "tick": self._tick,
        }
        if word in commands:
            commands[word](rest)
        elif self.style in OLD:
            self.log("Unknown command. Try /help for a list of commands")
        else:
            self.log("Unknown or incomplete command, see below for error", system=True)
            self.log(f"{line}<--[HERE]", system=True)

    def _stop(self, _: str = "") -> None:
        self.log("Stopping the server", system=True)
        if self.options.hang_on_stop:
            self.is_hanging = True
            return
        self._end(0)

    def _end(self, status: int, *, silent: bool = False) -> NoReturn:
        if not silent:
            self.log("Stopping server")
            self.log("Saving players")
        for name in self.players if not silent else ():
            self.log(f"{name} lost connection: Server closed")
            self.log(f"{name} left the game", system=True)
        if not silent:
            self.log("Saving worlds")
            level = self.properties["level-name"]
            self.log(f"Saving chunks for level 'ServerLevel[{level}]'/minecraft:overworld")
        # A signal may come before there is a world to save.
        if self.world.is_loaded:
            self.world.save()
        os._exit(status)

    def _terminate(self, *_: object) -> None:
        """SIGTERM: the game saves. Only Paper logs that."""
        if not self.options.ignore_term:
            # In a thread: the handler may have interrupted a save.
            silent = self.style != "paper"
            threading.Thread(target=self._end, args=(143,), kwargs={"silent": silent}).start()

    def _list(self, _: str) -> None:
        count, maximum = len(self.players), self.properties["max-players"]
        names = ", ".join(self.players)
        if self.style in OLD:
            self.log(f"There are {count}/{maximum} players online:")
            self.log(names)
        else:
            self.log(
                f"There are {count} of a max of {maximum} players online: {names}", system=True
            )

    def _say(self, text: str) -> None:
        mark = "[Not Secure] " if self.style in NOT_SECURE else ""
        self.log(f"{mark}[Server] {text}")

    def _switch_saving(self, on: bool) -> None:
        if not self.world.switch_saving(on):
            text = f"Saving is already turned {'on' if on else 'off'}"
        elif self.style in OLD:
            text = f"Turned {'on' if on else 'off'} world auto-saving"
        else:
            text = f"Automatic saving is now {'enabled' if on else 'disabled'}"
        self.log(text, system=True)

    def _save_all(self, _: str) -> None:
        old = self.style in OLD
        self.log("Saving..." if old else "Saving the game (this may take a moment!)", system=True)
        if not self.options.no_world:
            self.world.save()
        self.log("Saved the world" if old else "Saved the game", system=True)

    def _op(self, name: str) -> None:
        text = f"Opped {name}" if self.style in OLD else f"Made {name} a server operator"
        self.log(text, system=True)

    def _whitelist(self, rest: str) -> None:
        word, _, name = rest.partition(" ")
        if word in ("on", "off"):
            self.properties["white-list"] = "true" if word == "on" else "false"
            write_properties(Path("server.properties"), self.properties)
            self.log(f"Whitelist is now turned {word}", system=True)
        elif word == "add":
            self.log(f"Added {name} to the whitelist", system=True)
        elif word == "remove":
            self.log(f"Removed {name} from the whitelist", system=True)

    def _gamerule(self, rest: str) -> None:
        name, _, value = rest.partition(" ")
        self.log(f"Gamerule {name} is now set to: {value}", system=True)

    def _tick(self, _: str) -> None:
        self.log("The game is running normally", system=True)
        self.log("Target tick rate: 20.0 per second.", system=True)
        self.write(b"Average time per tick: 4.0ms (Target: 50.0ms)\n")
        self.log("Percentiles: P50: 3.6ms P95: 8.3ms P99: 16.0ms. Sample: 100", system=True)

    # Actions

    def act(self, action: str) -> None:
        """Carry out an action of the module's docstring."""
        word, _, rest = action.partition(" ")
        actions: dict[str, Callable[[str], object]] = {
            "join": self._join,
            "leave": self._leave,
            "chat": self._chat,
            "line": self.log,
            "lag": self._lag,
            "crash": lambda _: self.crash(),
            "abort": lambda _: self.abort(),
            "exit": lambda status: os._exit(int(status)),
            "hang": lambda _: self._hang(),
            "stop": self._stop,
            "close-stdout": lambda _: self._close_output(),
            "close-stdin": lambda _: os.dup2(os.open(os.devnull, os.O_RDONLY), 0),
            "fork": self._fork,
            "flood": self._flood,
            "endless": self._endless,
            "half": lambda text: self.write(text.encode()),
            "binary": lambda _: self.write(b"caf\xe9 \xff\xfe \xc3\n"),
            "long": lambda size: self.write(b"x" * int(size) + b"\n"),
        }
        actions[word](rest)

    def _join(self, name: str) -> None:
        self.players.append(name)
        entity = len(self.players)
        self.log(
            f"{name}[/127.0.0.1:5380{entity}] logged in with entity id {entity} at (0.5, 64.0, 0.5)"
        )
        self.log(f"{name} joined the game", system=True)

    def _leave(self, name: str) -> None:
        self.players.remove(name)
        self.log(f"{name} lost connection: Disconnected")
        self.log(f"{name} left the game", system=True)

    def _chat(self, rest: str) -> None:
        name, _, text = rest.partition(" ")
        mark = "[Not Secure] " if self.style in NOT_SECURE else ""
        self.log(f"{mark}<{name}> {text}")

    def _lag(self, _: str) -> None:
        self.log(
            "Can't keep up! Is the server overloaded? Running 2345ms or 46 ticks behind", "WARN"
        )

    def crash(self) -> NoReturn:
        """Write a crash report and end."""
        self.log("Encountered an unexpected exception", "ERROR")
        self.write(
            b"java.lang.NullPointerException: Ticking entity\n\tat net.minecraft.Fake.tick\n"
        )
        path = Path("crash-reports", time.strftime("crash-%Y-%m-%d_%H.%M.%S-server.txt")).absolute()
        path.parent.mkdir(exist_ok=True)
        path.write_text("---- Minecraft Crash Report ----\nDescription: Ticking entity\n")
        self.log(f"This crash report has been saved to: {path}", "ERROR")
        os._exit(1)

    def abort(self) -> NoReturn:
        """End as the Java virtual machine does on a fault of its own: by SIGABRT, which a shell shows as 134."""
        name = f"hs_err_pid{os.getpid()}.log"
        Path(name).write_text(
            "# A fatal error has been detected by the Java Runtime Environment:\n"
        )
        self.write(b"#\n# A fatal error has been detected by the Java Runtime Environment:\n#\n")
        self.write(
            f"# An error report file with more information is saved as:\n# {name}\n".encode()
        )
        os.abort()

    def _hang(self) -> None:
        self.is_hanging = True

    def _close_output(self) -> None:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)

    def _fork(self, options: str) -> None:
        """Start a process that lives on: its lines say its id and, every 50 ms, that it is there."""
        pid = os.fork()
        if pid:
            if "detach" in options:
                os.waitpid(pid, 0)
            return
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if "ignore-term" in options:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if "detach" in options:
            os.setsid()
            if os.fork():
                os._exit(0)
        os.write(1, f"forked {os.getpid()}\n".encode())
        if "silent" in options:
            self._close_output()
        number = 0
        while True:
            number += 1
            os.write(1, f"fork line {number}\n".encode())
            time.sleep(0.05)

    def _flood(self, rest: str) -> None:
        words = rest.split()
        count, size = int(words[0]), int(words[1]) if len(words) > 1 else 60
        for start in range(0, count, 1_000):
            numbers = range(start, min(start + 1_000, count))
            self.write(
                b"".join(b"flood %d ".ljust(size, b".") % number + b"\n" for number in numbers)
            )

    def _endless(self, _: str) -> None:
        while True:
            self._flood("1000")


def rest_a_moment() -> None:
    """
    Give signal handlers a chance to run.

    `signal.pause` would sleep for ever after a signal that came just before it: Python runs handlers between
    bytecodes only.
    """
    time.sleep(0.05)


if __name__ == "__main__":
    Server(parse_arguments()).run()
