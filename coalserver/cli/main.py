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
from coalserver.cli.games import ADMIN_COMMANDS, COMMANDS
from coalserver.cli.output import absolute_path
from coalserver.config import Config
from coalserver.config.schema import ConfigError, suggestion
from coalserver.config.schema import settings as config_fields
from coalserver.core.ports import StoreFailed
from coalserver.observability.logs import configure_logging
from coalserver.server import admin, control
from coalserver.storage import backup
from coalserver.storage.data_directory import DataDirectory, DataDirectoryLocked, OperatorError
from coalserver.storage.sqlite.schema import StoreUnusable

T = TypeVar("T")

#: Seconds in which whoever has the data directory must begin to take orders, or let go of it.
LOCK_TIMEOUT_SECONDS = 10

#: What the system answers when an address is taken, or is not ours.
BIND_ERRORS = (errno.EADDRINUSE, errno.EADDRNOTAVAIL)


class UsageError(Exception):
    """The command line makes no sense."""


def main(argv: Sequence[str] | None = None) -> int:
    """Gives the exit status: 0 done, 1 not done, 2 not understood."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # For its owner only: the database has people's addresses and digests of their tokens.
    umask = os.umask(0o077)
    try:
        _check_flags(arguments)
        args = vars(_parser().parse_args(arguments))
        settings = config.load(args, os.environ)
        quiet = args["do"] is not serve and "log_level" not in args
        level = "warning" if quiet else settings.log_level
        with configure_logging(level, settings.log_format):
            return args["do"](settings, args)  # type: ignore[no-any-return]
    except (UsageError, ConfigError) as error:
        return _print_error(str(error), 2, "--json" in arguments)
    except (OperatorError, StoreUnusable) as error:
        return _print_error(str(error), 1, "--json" in arguments)
    except StoreFailed as error:
        return _print_error(f"It could not be written: {error}.", 1, "--json" in arguments)
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
    from coalserver.server.lifecycle import serve

    starts = count()

    def started(url: str, code: str) -> None:
        restarted = next(starts) > 0
        if restarted and "json" in args:
            # One document, and nothing else: whoever reads it has it.
            return
        payload = {"listening": url, "open": browser_url(settings, url), "pid": os.getpid()}
        payload["data"] = str(settings.data.absolute())
        text = (
            f"coalserver {__version__} listens on {url} and keeps its data in {payload['data']}.\n"
            f"Open {payload['open']} in a browser. Stop with Ctrl-C."
        )
        if restarted:
            text = (
                f"Begun again after a restore; coalserver {__version__} listens on {url} as before."
            )
        if code:
            payload["admin_code"] = code
            text += f"\nNobody runs it yet: sign up at {payload['open']}signup with the code {code}"
        _print_result(payload, text, "json" in args)

    try:
        status: int = run(serve(settings, started, ADMIN_COMMANDS))
        return status
    except OSError as error:
        if isinstance(error, socket.gaierror) or error.errno in BIND_ERRORS:
            reason = error.strerror or str(error)
            raise OperatorError(
                f"Cannot listen on {settings.host}:{settings.port}: {reason}."
            ) from None
        raise


def check(settings: Config, args: Mapping[str, Any]) -> int:
    """Show the settings as they come out, without secrets."""
    _print_result(config.as_dict(settings), config.as_file(settings), "json" in args)
    return 0


def restore(settings: Config, args: Mapping[str, Any]) -> int:
    """Put a backup in the place of what is there, which is kept; not while a server runs."""
    home = DataDirectory(settings.data)
    try:
        with home.lock():
            result = run(backup.restore(home, Path(args["file"])))
    except DataDirectoryLocked as error:
        raise OperatorError(f"{error} Stop the server before you restore.") from None
    replaced = f"What was there is kept in {result['kept']}." if result["kept"] else ""
    text = f"Restored {result['restored']}, made {result['made']}. {replaced}".rstrip()
    _print_result(result, text, "json" in args)
    return 0


def run_command(settings: Config, args: Mapping[str, Any]) -> int:
    """Have an order carried out by the server that runs, or on the file if none does."""
    name = args["command"]
    params = {to: args[to] for to in args["params"]}
    outcome = _run_command(settings, name, params)
    if "error" in outcome:
        return _print_error(outcome["error"], 1, "json" in args, outcome.get("why"))
    _print_result(outcome["answer"], COMMANDS[name].format(outcome["answer"]), "json" in args)
    return 0


def _run_command(settings: Config, name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Ask the server that runs; if none does, do it under the same lock.

    A server that is about to listen, or to end, is waited for.
    """
    home = DataDirectory(settings.data)
    deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
    while True:
        try:
            return control.send_command(home.control, name, params)
        except control.ServerNotRunning:
            if not (COMMANDS[name].creates_data or home.is_initialized):
                raise OperatorError(f"There is nothing in {home.path} yet.") from None
        try:
            with home.lock():
                return run(_offline(settings, home, name, params))
        except DataDirectoryLocked as error:
            if time.monotonic() > deadline:
                raise OperatorError(f"{error} It takes no orders.") from None
        time.sleep(0.1)


async def _offline(
    settings: Config, home: DataDirectory, name: str, params: Mapping[str, Any]
) -> dict[str, Any]:
    async with admin.open_offline(settings, home) as context:
        return await control.run_admin_command(context, name, params, ADMIN_COMMANDS)


def _print_result(result: Any, text: str, as_json: bool) -> None:
    print(json.dumps(result, indent=2) if as_json else text, flush=True)


def _print_error(message: str, status: int, as_json: bool, code: str | None = None) -> int:
    if as_json:
        _print_result(
            {"error": message} if code is None else {"error": message, "why": code}, "", True
        )
    else:
        print(f"coalserver: {message}", file=sys.stderr, flush=True)
    return status


def browser_url(settings: Config, url: str) -> str:
    """An address for a browser."""
    return f"{admin.public_url(settings, url)}/"


def _check_flags(arguments: Sequence[str]) -> None:
    """Name a flag that nobody knows; argparse would take its value for a command."""
    known = {"--help", "--version", "--json", "--config"}
    known |= {one.flag for one in config_fields(Config) if not one.meta.secret}
    known |= {
        name for command in COMMANDS.values() for one in command.arguments for name in one.names
    }
    known |= {f"--no-{name.removeprefix('--')}" for name in known}
    for word in arguments:
        flag = word.partition("=")[0]
        if flag.startswith("--") and flag != "--" and flag not in known:
            raise UsageError(f"there is no flag {flag}{suggestion(flag, known)}")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


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
    _add_common_flags(parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for do in (serve, check):
        _add_command(commands, do.__name__, do, do.__doc__)
    groups = {"": commands}
    for name, command in COMMANDS.items():
        group, _, word = name.rpartition(" ")
        if group not in groups:
            grouped = commands.add_parser(group, help=f"see {group} --help", allow_abbrev=False)
            _add_common_flags(grouped, brief=True)
            groups[group] = grouped.add_subparsers(
                title="commands", metavar="COMMAND", required=True
            )
        subparser = _add_command(groups[group], word, run_command, command.run.__doc__)
        params = [
            subparser.add_argument(*argument.names, **argument.options).dest
            for argument in command.arguments
        ]
        subparser.set_defaults(command=name, params=params)
    back = _add_command(commands, "restore", restore, restore.__doc__)
    back.add_argument("file", type=absolute_path, metavar="FILE", help="what `backup` has written")
    return parser


def _add_command(
    commands: Any, name: str, do: Callable[..., int], doc: str | None
) -> argparse.ArgumentParser:
    summary = (doc or "").partition("\n")[0]
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=summary.rstrip("."), description=summary, allow_abbrev=False
    )
    _add_common_flags(parser, brief=do not in (serve, check))
    parser.set_defaults(do=do)
    return parser


def _add_common_flags(parser: argparse.ArgumentParser, brief: bool = False) -> None:
    parser.add_argument(
        "--json",
        action="store_true",
        default=argparse.SUPPRESS,
        help="print one JSON document, and nothing else, on standard output",
    )
    config.add_flags(parser, brief)
