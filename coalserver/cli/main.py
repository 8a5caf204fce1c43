"""The command line: its entry point, `serve` and `check`."""

import gc
import os
import sys
from collections.abc import Sequence

import click

from coalserver import __version__
from coalserver.cli.interrupts import INTERRUPTED, ignore_interrupts
from coalserver.cli.options import Command, Group, ImportedCommand, Invocation, eager_text
from coalserver.cli.output import (
    OutputClosed,
    OutputError,
    print_error,
    print_result,
)
from coalserver.config.schema import ConfigError, suggestion
from coalserver.config.sources import as_dict, as_file


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status: 0 done, 1 failed, 2 usage error.

    Without `argv` it is the command of this process, which exits afterwards.
    """
    if argv is not None:
        return _main(argv)
    try:
        return _main(sys.argv[1:])
    finally:
        ignore_interrupts()
        # Python would look at all objects several times more when it exits, for as long as half of a start takes.
        gc.freeze()


def _main(argv: Sequence[str]) -> int:
    try:
        return _run(argv)
    except KeyboardInterrupt:
        return INTERRUPTED
    except OutputClosed:
        # The reader of standard output has enough, as `head` has.
        return 0
    except OutputError as error:
        return print_error(str(error), 1, as_json=False)


def _run(argv: Sequence[str]) -> int:
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
    finally:
        os.umask(umask)


@click.group("coalserver", cls=Group, brief=False, invoke_without_command=True,
             context_settings={"help_option_names": ["-h", "--help"]},
             epilog="Without a command, it serves.")  # fmt: skip
@eager_text(
    "--version", help="Show the version and exit.", text=lambda _: f"coalserver {__version__}"
)
@click.pass_context
def program(ctx: click.Context) -> int | None:
    """Run and manage a self-hosted multiplayer backend."""
    if ctx.invoked_subcommand is not None:
        return None
    with serve.make_context("serve", [], parent=ctx) as serve_ctx:
        status: int = serve_ctx.command.invoke(serve_ctx)
        return status


serve = ImportedCommand("serve", "serve:serve_command", "Serve until stopped.")
program.add_command(serve)


@program.command(cls=Command, brief=False)
@click.pass_obj
def check(invocation: Invocation) -> int:
    """Print the effective settings, without secrets."""
    settings = invocation.settings
    print_result(as_dict(settings), as_file(settings), invocation.as_json)
    return 0


for _command in (
    ImportedCommand("game", "games:game_group", "Manage games."),
    ImportedCommand("account", "accounts:account_group", "Manage accounts."),
    ImportedCommand("token", "accounts:token_group", "Manage personal access tokens."),
    ImportedCommand("world", "world_commands:world_group", "Manage Minecraft worlds."),
    ImportedCommand(
        "hosting", "hosting:hosting_group", "Show and change the settings of hosted worlds."
    ),
    ImportedCommand(
        "version", "versions:version_group", "Manage versions, the programs that hosted worlds run."
    ),
    ImportedCommand(
        "backup",
        "backups:backup",
        "Write all data, including keys, to a new file. Works while the server runs.",
    ),
    ImportedCommand(
        "restore",
        "backups:restore",
        "Replace all data with a backup. The replaced data is kept. The server must be stopped.",
    ),
    ImportedCommand(
        "compact",
        "backups:compact",
        "Make the database smaller by what deleted data has left free. The server must be stopped.",
    ),
):
    program.add_command(_command)


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
    # click asks whether a similar command was meant.
    return f"{message}{' See' if message.endswith(('?', '?)')) else '; see'} {path} --help"
