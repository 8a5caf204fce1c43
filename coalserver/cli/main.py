"""The command line: serve, check, restore, and the orders of orders.py."""

import argparse
import asyncio
import errno
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from coalserver import __version__, config
from coalserver.cli.games import COMMANDS, ORDERS
from coalserver.cli.output import absolute
from coalserver.config import Config
from coalserver.config.schema import BadConfig, perhaps
from coalserver.config.schema import settings as every_setting
from coalserver.core.ports import StoreFailed
from coalserver.observability.logs import logged_to_stderr
from coalserver.server import admin, control
from coalserver.storage import backup
from coalserver.storage.data_directory import DataDirectory, InUse, Trouble
from coalserver.storage.sqlite.schema import StoreUnusable

T = TypeVar("T")

#: Seconds in which whoever has the data directory must begin to take orders, or let go of it.
PATIENCE = 10

#: What the system answers when an address is taken, or is not ours.
CANNOT_LISTEN = (errno.EADDRINUSE, errno.EADDRNOTAVAIL)


class Misused(Exception):
    """The command line makes no sense."""


def main(argv: Sequence[str] | None = None) -> int:
    """Gives the exit status: 0 done, 1 not done, 2 not understood."""
    given = list(sys.argv[1:] if argv is None else argv)
    # For its owner only: the database has people's addresses and digests of their tokens.
    umask = os.umask(0o077)
    try:
        _check_flags(given)
        args = vars(_parser().parse_args(given))
        settings = config.load(args, os.environ)
        quiet = args["do"] is not serve and "log_level" not in args
        level = "warning" if quiet else settings.log_level
        with logged_to_stderr(level, settings.log_format):
            return args["do"](settings, args)  # type: ignore[no-any-return]
    except (Misused, BadConfig) as fault:
        return _failed(str(fault), 2, "--json" in given)
    except (Trouble, StoreUnusable) as fault:
        return _failed(str(fault), 1, "--json" in given)
    except StoreFailed as fault:
        return _failed(f"It could not be written: {fault}.", 1, "--json" in given)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our answer has seen enough; what is left must not be flushed at the end either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    finally:
        os.umask(umask)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end on the fastest loop there is."""
    make: Callable[[], asyncio.AbstractEventLoop] | None = None
    with suppress(ImportError):
        from uvloop import new_event_loop as make
    with asyncio.Runner(loop_factory=make) as runner:
        return runner.run(main)


def serve(settings: Config, args: Mapping[str, Any]) -> int:
    """Serve until stopped; gives 0 if everything that was promised is on disk."""
    # Here, since it takes longer to load than an order takes.
    from coalserver.server.app import serve

    times = count()

    def started(url: str, code: str) -> None:
        again = next(times) > 0
        if again and "json" in args:
            # One document, and nothing else: whoever reads it has it.
            return
        told = {"listening": url, "open": to_open(settings, url), "pid": os.getpid()}
        told["data"] = str(settings.data.absolute())
        text = (
            f"coalserver {__version__} listens on {url} and keeps its data in {told['data']}.\n"
            f"Open {told['open']} in a browser. Stop with Ctrl-C."
        )
        if again:
            text = (
                f"Begun again after a restore; coalserver {__version__} listens on {url} as before."
            )
        if code:
            told["admin_code"] = code
            text += f"\nNobody runs it yet: sign up at {told['open']}signup with the code {code}"
        _say(told, text, "json" in args)

    try:
        status: int = run(serve(settings, started, COMMANDS))
        return status
    except OSError as fault:
        if isinstance(fault, socket.gaierror) or fault.errno in CANNOT_LISTEN:
            said = fault.strerror or str(fault)
            raise Trouble(f"Cannot listen on {settings.host}:{settings.port}: {said}.") from None
        raise


def check(settings: Config, args: Mapping[str, Any]) -> int:
    """Show the settings as they come out, without secrets."""
    _say(config.shown(settings), config.as_file(settings), "json" in args)
    return 0


def restore(settings: Config, args: Mapping[str, Any]) -> int:
    """Put a backup in the place of what is there, which is kept; not while a server runs."""
    home = DataDirectory(settings.data)
    try:
        with home.lock():
            answer = run(backup.restore(home, Path(args["file"])))
    except InUse as fault:
        raise Trouble(f"{fault} Stop the server before you restore.") from None
    kept = f"What was there is kept in {answer['kept']}." if answer["kept"] else ""
    text = f"Restored {answer['restored']}, made {answer['made']}. {kept}".rstrip()
    _say(answer, text, "json" in args)
    return 0


def order(settings: Config, args: Mapping[str, Any]) -> int:
    """Have an order carried out by the server that runs, or on the file if none does."""
    name = args["order"]
    asked = {to: args[to] for to in args["asked"]}
    done = _carried_out(settings, name, asked)
    if "error" in done:
        return _failed(done["error"], 1, "json" in args, done.get("why"))
    _say(done["answer"], ORDERS[name].told(done["answer"]), "json" in args)
    return 0


def _carried_out(settings: Config, name: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Ask the server that runs; if none does, do it under the same lock.

    A server that is about to listen, or to end, is waited for.
    """
    home = DataDirectory(settings.data)
    given_up = time.monotonic() + PATIENCE
    while True:
        try:
            return control.ask(home.control, name, asked)
        except control.NobodyThere:
            if not (ORDERS[name].begins or home.begun):
                raise Trouble(f"There is nothing in {home.path} yet.") from None
        try:
            with home.lock():
                return run(_offline(settings, home, name, asked))
        except InUse as fault:
            if time.monotonic() > given_up:
                raise Trouble(f"{fault} It takes no orders.") from None
        time.sleep(0.1)


async def _offline(
    settings: Config, home: DataDirectory, name: str, asked: Mapping[str, Any]
) -> dict[str, Any]:
    async with admin.opened(settings, home) as opened:
        return await control.carried_out(opened, name, asked, COMMANDS)


def _say(answer: Any, text: str, as_json: bool) -> None:
    print(json.dumps(answer, indent=2) if as_json else text, flush=True)


def _failed(said: str, status: int, as_json: bool, why: str | None = None) -> int:
    if as_json:
        _say({"error": said} if why is None else {"error": said, "why": why}, "", True)
    else:
        print(f"coalserver: {said}", file=sys.stderr, flush=True)
    return status


def to_open(settings: Config, url: str) -> str:
    """An address for a browser."""
    return f"{admin.found_at(settings, url)}/"


def _check_flags(given: Sequence[str]) -> None:
    """Name a flag that nobody knows; argparse would take its value for a command."""
    known = {"--help", "--version", "--json", "--config"}
    known |= {one.flag for one in every_setting(Config) if not one.about.secret}
    known |= {name for row in ORDERS.values() for one in row.arguments for name in one.names}
    known |= {f"--no-{name.removeprefix('--')}" for name in known}
    for word in given:
        flag = word.partition("=")[0]
        if flag.startswith("--") and flag != "--" and flag not in known:
            raise Misused(f"there is no flag {flag}{perhaps(flag, known)}")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Misused(f"{message}; see {self.prog} --help")


def _parser() -> argparse.ArgumentParser:
    """Every order takes the settings and --json, before its name or after."""
    parser = _Parser(
        prog="coalserver",
        description="A self-hosted multiplayer backend.",
        epilog="Without a command it serves.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"coalserver {__version__}")
    parser.set_defaults(do=serve)
    _common(parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for do in (serve, check):
        _command(commands, do.__name__, do, do.__doc__)
    groups = {"": commands}
    for name, row in ORDERS.items():
        group, _, word = name.rpartition(" ")
        if group not in groups:
            grouped = commands.add_parser(group, help=f"see {group} --help", allow_abbrev=False)
            _common(grouped, brief=True)
            groups[group] = grouped.add_subparsers(
                title="commands", metavar="COMMAND", required=True
            )
        one = _command(groups[group], word, order, row.run.__doc__)
        asked = [one.add_argument(*given.names, **given.options).dest for given in row.arguments]
        one.set_defaults(order=name, asked=asked)
    back = _command(commands, "restore", restore, restore.__doc__)
    back.add_argument("file", type=absolute, metavar="FILE", help="what `backup` has written")
    return parser


def _command(
    commands: Any, name: str, do: Callable[..., int], doc: str | None
) -> argparse.ArgumentParser:
    said = (doc or "").partition("\n")[0]
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=said.rstrip("."), description=said, allow_abbrev=False
    )
    _common(parser, brief=do not in (serve, check))
    parser.set_defaults(do=do)
    return parser


def _common(parser: argparse.ArgumentParser, brief: bool = False) -> None:
    parser.add_argument(
        "--json",
        action="store_true",
        default=argparse.SUPPRESS,
        help="print one JSON document, and nothing else, on standard output",
    )
    config.add_flags(parser, brief)
