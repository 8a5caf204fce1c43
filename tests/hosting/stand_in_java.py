"""What runs a jar without Java and without Mojang: a program in Java's place, and a web server with one jar."""

import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

from tests.hosting.keepers import FAKE_CHILD
from tests.hosting.versions.jar_files import make_jar
from tests.minecraft.programs import HERE

#: Runs the fake child with further options.
FAKE = f"{shlex.quote(sys.executable)} {shlex.quote(str(FAKE_CHILD))}"
#: Runs a server that speaks the game's protocol, on the port of server.properties.
GAME = (
    f"node {shlex.quote(str(HERE / 'server.js'))}"
    " \"$(sed -n 's/^server-port=//p' server.properties)\" --world"
)
#: Of the main class: Java 17 is needed.
JAR = make_jar(java=17, version={"id": "1.21.4"})


def make_java(folder: Path, command: str) -> Path:
    """Make a program that answers as Java 17 does, and runs a shell's command instead of any jar."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "java"
    path.write_text(
        '#!/bin/sh\nif [ "$1" = -version ]; then\n'
        "  echo 'openjdk version \"17.0.15\" 2025-04-15' >&2\n  exit\nfi\n"
        f"exec {command}\n"
    )
    path.chmod(0o755)
    return path


class JarServer:
    """Serves a jar at `url`. After `hold` its second half does not come before `release`."""

    def __init__(self) -> None:
        self.given = Event()
        self.given.set()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(JAR)))
                self.end_headers()

            def do_GET(self) -> None:
                self.do_HEAD()
                half = len(JAR) // 2
                self.wfile.write(JAR[:half])
                self.wfile.flush()
                owner.given.wait()
                self.wfile.write(JAR[half:])

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/server.jar"

    def hold(self) -> None:
        """Stop in the middle of the jar from now on."""
        self.given.clear()

    def release(self) -> None:
        self.given.set()

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.05)

    def close(self) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def run_jar_server() -> Iterator[JarServer]:
    """Run one on a port of the system's choice."""
    server = JarServer()
    thread = Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()


def hosting_flags(java: Path) -> Sequence[str]:
    """Return the flags of a server that fetches from this machine and runs jars with that program."""
    return ("--hosting-java", str(java), "--hosting-private-urls", "127.0.0.0/8")
