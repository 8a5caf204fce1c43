"""The command `serve`, which imports the whole server."""

import errno
import gc
import os
import socket
from collections.abc import Iterator
from itertools import count
from typing import Any

import click

from coalserver import __version__
from coalserver.cli.error_messages import error_message
from coalserver.cli.main import program
from coalserver.cli.offline import AdminCommand, DataCommand, run
from coalserver.cli.options import ImportedCommand, Invocation
from coalserver.cli.output import print_result
from coalserver.config import Config
from coalserver.observability.logs import configure_logging
from coalserver.server.admin import public_url
from coalserver.server.control import AdminCommands
from coalserver.server.lifecycle import serve
from coalserver.storage.data_directory import OperatorError

#: Errors of the system for an address that is in use, or that this machine does not have.
BIND_ERRORS = (errno.EADDRINUSE, errno.EADDRNOTAVAIL)


@click.command("serve", cls=DataCommand, brief=False)
@click.pass_obj
def serve_command(invocation: Invocation) -> int:
    """Serve until stopped."""
    settings, as_json = invocation.settings, invocation.as_json
    starts = count()

    def on_started(url: str, admin_code: str) -> None:
        restarted = next(starts) > 0
        if restarted and as_json:
            # Standard output has exactly one document.
            return
        open_url = browser_url(settings, url)
        payload: dict[str, Any] = {"listening": url, "open": open_url, "pid": os.getpid()}
        payload["data"] = str(settings.data.absolute())
        text = (
            f"coalserver {__version__} listens on {url} and stores its data in {payload['data']}.\n"
            f"Open {open_url} in a browser. Stop with Ctrl-C."
        )
        if restarted:
            text = f"Restarted after a restore; coalserver {__version__} listens on {url} again."
        if admin_code:
            payload["admin_code"] = admin_code
            text += (
                "\nThere is no administrator yet."
                f" Sign up at {open_url}signup with the code {admin_code} to become one."
            )
        print_result(payload, text, as_json)

    # The collector need not look at the modules of the server: they stay as long as it does.
    gc.freeze()
    with configure_logging(settings.log_level, settings.log_format):
        try:
            status: int = run(serve(settings, on_started, ADMIN_COMMANDS))
            return status
        except OSError as error:
            if isinstance(error, socket.gaierror) or error.errno in BIND_ERRORS:
                reason = error.strerror or str(error)
                raise OperatorError(
                    f"Cannot listen on {settings.host}:{settings.port}: {reason}."
                ) from None
            raise


def admin_commands(
    command: click.Command = program, name: str = ""
) -> Iterator[tuple[str, AdminCommand]]:
    """Yield the commands that a running server executes with their names, such as `game add`."""
    loaded = _loaded(command)
    if isinstance(loaded, AdminCommand):
        yield name, loaded
    if isinstance(loaded, click.Group):
        for word, subcommand in loaded.commands.items():
            yield from admin_commands(subcommand, f"{name} {word}".lstrip())


def find_admin_command(name: str) -> AdminCommand | None:
    """Return the command that a running server executes by its name; None where there is none."""
    found: click.Command | None = program
    for word in str(name).split(" "):
        found = _loaded(found.commands.get(word)) if isinstance(found, click.Group) else None
    return found if isinstance(found, AdminCommand) else None


def _loaded(command: click.Command | None) -> click.Command | None:
    return command.load() if isinstance(command, ImportedCommand) else command


ADMIN_COMMANDS = AdminCommands(find_admin_command, error_message)


def browser_url(settings: Config, listening_url: str) -> str:
    """Return the URL of the site for a browser on this machine."""
    return f"{public_url(settings, listening_url)}/"
