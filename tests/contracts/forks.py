"""Fast calls of the command line: a process that has loaded it forks a child for each call.

Run with the path of `run.py`. Each line on standard input is a call: `{"id", "args", "cwd",
"variables", "out", "err"}`, where `out` and `err` are files to write to; each line on standard output is a result:
`{"id", "status"}`. A call has the arguments, environment and working directory of `python run.py …`.
"""

import contextlib
import io
import json
import os
import runpy
import signal
import sys
import traceback
from typing import Any


def run_program(run: str, args: list[str]) -> int:
    """Run the program in this process and return its exit status."""
    sys.argv = [run, *args]
    try:
        runpy.run_path(run, run_name="__main__")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:
        traceback.print_exc()
        return 1
    return 0


def run_call(run: str, call: dict[str, Any]) -> None:
    """Run one call in a child process and report its result."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child == 0:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        for number, file in ((1, call["out"]), (2, call["err"])):
            os.dup2(os.open(file, flags, 0o600), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ.clear()
        os.environ.update(call["variables"])
        os.chdir(call["cwd"])
        status = run_program(run, call["args"])
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(status)
    _, ended = os.waitpid(child, 0)
    line = json.dumps({"id": call["id"], "status": os.waitstatus_to_exitcode(ended)})
    os.write(1, f"{line}\n".encode())
    os._exit(0)


def main() -> None:
    run = sys.argv[1]
    sys.path[0] = os.path.dirname(run)
    with contextlib.redirect_stdout(io.StringIO()):
        # A command is imported when it is called.
        for name in ("world", "version", "account", "game", "hosting", "backup"):
            run_program(run, [name, "--help"])
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while line := sys.stdin.readline():
        if os.fork() == 0:
            run_call(run, json.loads(line))


if __name__ == "__main__":
    main()
