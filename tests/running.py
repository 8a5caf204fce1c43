"""A server in a process of its own, and what a call of the command line comes to."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
#: Seconds within which a process has started, answered or ended, on a machine that is busy.
PATIENCE = 30


@dataclass
class Said:
    """What one call of the command line came to."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


#: Calls the command line; see the fixture `line`.
Line = Callable[..., Said]


def tags(line: Line, *flags: str) -> list[str]:
    """Every game there is, by its tag."""
    said = line("game", "list", "--json", *flags)
    return [game["tag"] for game in said.document["games"]]


@dataclass
class Running:
    """A server that listens, and what it said when it began to."""

    process: "subprocess.Popen[str]"
    said: dict[str, Any]

    @property
    def url(self) -> str:
        return str(self.said["listening"])

    def stop(self, how: int = signal.SIGTERM) -> int:
        """End it; gives its exit status."""
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)


def command(*args: str, run: Sequence[str] = (sys.executable, str(ROOT / "run.py"))) -> list[str]:
    return [*run, *args]


def environment(**more: str) -> dict[str, str]:
    """Ours, without settings of the person who runs the tests."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("COAL_")}
    return own | more


@contextmanager
def running(data: Path, *flags: str, cwd: Path = ROOT, **how: Sequence[str]) -> Iterator[Running]:
    """A server on any free port; it is dead afterwards, whatever happened."""
    args = command("serve", "--json", "--port", "0", "--data", str(data), *flags, **how)
    with subprocess.Popen(
        args, stdout=subprocess.PIPE, text=True, cwd=cwd, env=environment()
    ) as process:
        try:
            assert process.stdout is not None
            document = ""
            for line in process.stdout:
                document += line
                if line == "}\n":
                    break
            yield Running(process, json.loads(document))
        finally:
            process.kill()
