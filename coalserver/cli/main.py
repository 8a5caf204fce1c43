"""The command line: its entry point, `serve` and `check`."""

import errno
import gc
import os
import socket
import sys
from collections.abc import Sequence
from itertools import count
from typing import Any

import click

from coalserver import __version__
from coalserver.cli.accounts import account_group, token_group
from coalserver.cli.backups import backup, compact, restore
from coalserver.cli.games import game_group
from coalserver.cli.hosted_worlds import add_hosted_world_commands
from coalserver.cli.hosting import hosting_group
from coalserver.cli.log_import import import_logs
from coalserver.cli.offline import AdminCommand, run
from coalserver.cli.options import Command, Group, Invocation
from coalserver.cli.output import error_message, print_error, print_result
from coalserver.cli.saves import add_save_commands
from coalserver.cli.versions import version_group
from coalserver.cli.world_orders import add_order_commands
from coalserver.cli.worlds import world_group
from coalserver.config import Config
from coalserver.config.schema import ConfigError, suggestion
from coalserver.config.sources import as_dict, as_file
from coalserver.core.ports import StoreFailed
from coalserver.observability.logs import configure_logging
from coalserver.server.admin import public_url
from coalserver.server.control import AdminCommands
from coalserver.storage.data_directory import OperatorError
from coalserver.storage.sqlite.schema import StoreUnusable

#: Errors of the system for an address that is in use, or that this machine does not have.
BIND_ERRORS = (errno.EADDRINUSE, errno.EADDRNOTAVAIL)
#: Exit status after Ctrl-C: 128 and the number of the signal.
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status: 0 done, 1 failed, 2 usage error.

    Without `argv` it is the command of this process, which exits afterwards.
    """
    if argv is not None:
        return _main(argv)
    try:
        return _main(sys.argv[1:])
    finally:
        # Python would look at all objects several times more when it exits, for as long as half of a start takes.
        gc.freeze()


def _main(argv: Sequence[str]) -> int:
    arguments = list(argv)
    as_json = "--json" in arguments
    # Files are for their owner only: the database has e-mail addresses and digests of tokens.
    umask = os.umask(0o077)
    try:
        invocation = Invocation(os.environ)
        # Not click's own main(), which handles Ctrl-C and closed pipes in another way.
        with program.make_context("coalserver", arguments, obj=invocation) as ctx:
            status: int = program.invoke(ctx)
            return status
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.UsageError as error:
        return print_error(_usage_message(error), 2, as_json)
    except ConfigError as error:
        return print_error(str(error), 2, as_json)
    except (OperatorError, StoreUnusable) as error:
        return print_error(str(error), 1, as_json)
    except StoreFailed as error:
        return print_error(f"The data cannot be written: {error}.", 1, as_json)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of standard output has closed it; flushing the rest at exit would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    finally:
        os.umask(umask)


@click.group("coalserver", cls=Group, brief=False, invoke_without_command=True,
             context_settings={"help_option_names": ["-h", "--help"]},
             epilog="Without a command, it serves.")  # fmt: skip
@click.version_option(__version__, message="coalserver %(version)s")
@click.pass_context
def program(ctx: click.Context) -> int | None:
    """Run and manage a self-hosted multiplayer backend."""
    return ctx.invoke(serve) if ctx.invoked_subcommand is None else None


@program.command(cls=Command, brief=False)
@click.pass_obj
def serve(invocation: Invocation) -> int:
    """Serve until stopped."""
    # Imported here: loading the APIs and the site takes longer than most commands.
    from coalserver.server.lifecycle import serve

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


@program.command(cls=Command, brief=False)
@click.pass_obj
def check(invocation: Invocation) -> int:
    """Print the effective settings, without secrets."""
    settings = invocation.settings
    print_result(as_dict(settings), as_file(settings), invocation.as_json)
    return 0


add_hosted_world_commands(world_group)
add_order_commands(world_group)
world_group.add_command(import_logs)
add_save_commands(world_group)
for _command in (
    game_group,
    account_group,
    token_group,
    world_group,
    hosting_group,
    version_group,
    backup,
    restore,
    compact,
):
    program.add_command(_command)


def admin_commands(command: click.Command = program, name: str = "") -> dict[str, AdminCommand]:
    """Return the commands that a running server executes, by name, such as `game add`."""
    if isinstance(command, AdminCommand):
        return {name: command}
    found: dict[str, AdminCommand] = {}
    if isinstance(command, click.Group):
        for word, subcommand in command.commands.items():
            found |= admin_commands(subcommand, f"{name} {word}".lstrip())
    return found


ADMIN_COMMANDS = AdminCommands(admin_commands(), error_message)


def browser_url(settings: Config, listening_url: str) -> str:
    """Return the URL of the site for a browser on this machine."""
    return f"{public_url(settings, listening_url)}/"


def _usage_message(error: click.UsageError) -> str:
    """Return one line for a usage error, with a suggestion for an unknown flag."""
    if isinstance(error, click.NoSuchOption):
        name = error.option_name
        flags = [] if error.ctx is None else error.ctx.command.get_params(error.ctx)
        known = [flag for param in flags for flag in (*param.opts, *param.secondary_opts)]
        near = suggestion(name, known)
        message = f"There is no flag {name}"
        if near != ".":
            return message + near
    else:
        message = " ".join(error.format_message().split()).rstrip(".")
    path = "coalserver" if error.ctx is None else error.ctx.command_path
    return f"{message}; see {path} --help"
