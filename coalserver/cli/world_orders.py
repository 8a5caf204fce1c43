"""Orders to hosted worlds, and their consoles."""

import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import click

from coalserver.cli.error_messages import error_message
from coalserver.cli.offline import AdminCommand
from coalserver.cli.output import (
    format_fields,
    format_table,
    format_time,
    print_error,
    print_result,
)
from coalserver.cli.worlds import find_world, key_argument, opaque_keys
from coalserver.config import Config
from coalserver.core.commands.hosting import refuse
from coalserver.core.queries.hosting import get_run, hosted_worlds
from coalserver.domain.audit import COMMAND_LINE
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.hosting.hosted_world import HostedWorld, TroubleCode
from coalserver.domain.minecraft.hosting.refusals import RefusalCode, trouble_text
from coalserver.domain.minecraft.hosting.transitions import Answer, Order
from coalserver.domain.minecraft.world import World
from coalserver.domain.text import printable, without_terminal_codes
from coalserver.security.opaque_keys import SERVER, OpaqueKeys
from coalserver.server import control
from coalserver.server.admin import AdminContext
from coalserver.storage.data_directory import DataDirectory

#: Seconds between two looks at worlds that are waited for.
LOOK_SECONDS = 0.25
MAX_WAIT_SECONDS = 86_400
#: Lines of a console without `--after`, and with it.
CONSOLE_LINES, MAX_CONSOLE_LINES = 100, 1000
STATES = "world states"
AT_REST = ("STOPPED", "UNKNOWN")
SAVE_TROUBLES = (str(TroubleCode.SAVE_FAILED), str(TroubleCode.DISK))

#: What a command asks for: an order, or a saved game.
SAVE = "save"
ORDERS: Mapping[str, str] = {
    Order.PLAY: "Start a world. While the server is not running: with its next start.",
    Order.PAUSE: "Stop a world. While the server is not running: it stays stopped.",
    Order.RESTART: "Stop a world and start it again.",
    Order.KILL: "End a world at once. What was not saved is lost.",
    SAVE: "Make a saved game of a world.",
}
OUTCOME_TEXTS = {
    "accepted": "ordered",
    "already": "already done, or already ordered",
    "next_start": "ordered for the next start of the server",
}


def hosted_world_by_key(context: AdminContext, key: str) -> World:
    """Return the hosted world with this key or short name.

    Raises WORLD_NOT_FOUND, and ORDER_REFUSED for a world that another machine runs.
    """
    world = find_world(context, key)
    if not world.hosted:
        refuse(RefusalCode.NOT_HOSTED)
    return world


def describe_trouble(hosted: HostedWorld) -> dict[str, Any] | None:
    """Return the trouble of a world with `code`, `text` and `at`, or None."""
    trouble = hosted.trouble
    if trouble is None:
        return None
    return {"code": str(trouble.code), "text": trouble_text(trouble), "at": trouble.at}


class OrderCommand(AdminCommand):
    """A command that gives an order to one world or to all, and can wait until it is carried out.

    The server answers each call at once; the waiting is done here, so that it does not keep a server from stopping.
    """

    def __init__(self, *args: Any, order: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order = order

    def send(self, ctx: click.Context, config: Config, params: Mapping[str, Any]) -> dict[str, Any]:
        if bool(params["key"]) == params["all"]:
            raise click.UsageError("Name one world, or give --all", ctx)
        order = {name: value for name, value in params.items() if name != "wait"}
        outcome = super().send(ctx, config, order)
        if "answer" in outcome and params["wait"] is not None:
            rows = outcome["answer"]["worlds"]
            _wait(DataDirectory(config.data).control, self.order, rows, params["wait"])
        return outcome

    def show(self, ctx: click.Context, answer: Any, as_json: bool) -> int:
        return _print_rows(answer["worlds"], ctx.params["all"], as_json)


def _print_rows(rows: list[dict[str, Any]], is_all: bool, as_json: bool) -> int:
    """Print the outcome of an order and return the exit status: 1 if it failed for a world."""
    errors = [row for row in rows if row["error"]]
    for row in rows:
        del row["trouble"]
    if not is_all:
        row = rows[0]
        if errors:
            return print_error(row["error"], 1, as_json)
        del row["error"]
        text = {**row, "outcome": OUTCOME_TEXTS[row["outcome"]]}
        print_result(row, format_fields(text), as_json)
        return 0
    table = [
        {
            "key": row["key"],
            "name": row["name"],
            "state": row["state"],
            "outcome": row["error"] or OUTCOME_TEXTS[row["outcome"]],
        }
        for row in rows
    ]
    document: dict[str, Any] = {"worlds": rows}
    if errors:
        document["error"] = " ".join(f"{row['name']}: {row['error']}" for row in errors)
    print_result(document, format_table(table, "No hosted worlds yet."), as_json)
    return 1 if errors else 0


def _wait(socket: Path, order: str, rows: list[dict[str, Any]], seconds: float) -> None:
    """Wait until the order is carried out in all worlds; write state and error into the rows."""
    deadline = time.monotonic() + seconds
    waiting = [row for row in rows if not row["error"]]
    while waiting:
        try:
            found = control.send_command(socket, STATES, {"keys": [row["key"] for row in waiting]})
        except control.ServerNotRunning:
            found = {"error": "The server is not running."}
        is_late = time.monotonic() >= deadline
        for row in [*waiting]:
            state = found.get("answer", {}).get("states", {}).get(row["key"])
            done, error = (
                (True, found.get("error")) if state is None else _verdict(order, row, state)
            )
            if state is not None:
                row["state"] = state["state"]
            if is_late and not done:
                done, error = True, f"After {seconds:g} seconds the world is {row['state']}."
            if done:
                row["error"] = error if state is not None else error or "There is no such world."
                waiting.remove(row)
        if waiting:
            time.sleep(min(LOOK_SECONDS, max(0.0, deadline - time.monotonic())))


def _verdict(
    order: str, row: Mapping[str, Any], state: Mapping[str, Any]
) -> tuple[bool, str | None]:
    """Return whether the wait is over, and why the order was not carried out."""
    name, trouble = state["state"], state["trouble"]
    if order == SAVE:
        if state["saving"] or name == "SAVING":
            return False, None
        # An older trouble stays. Its time cannot identify it: the clock may have been set back.
        if trouble and trouble["code"] in SAVE_TROUBLES and trouble != row["trouble"]:
            return True, trouble["text"]
        return True, None
    if order in (Order.PLAY, Order.RESTART):
        if name in AT_REST:
            return True, trouble["text"] if trouble else "The world was stopped."
        return name == "RUNNING", None
    if name not in AT_REST and state["wanted"] == "play":
        return True, "The world was started again."
    return name in AT_REST, None


def _order_callback(order: str) -> Callable[..., Awaitable[Any]]:
    async def callback(context: AdminContext, *, key: str | None, all: bool) -> Any:
        if context.hosting.offline and order not in (Order.PLAY, Order.PAUSE):
            refuse(RefusalCode.SERVER_NOT_RUNNING)
        if key is not None:
            world = hosted_world_by_key(context, key)
            row = _row(context, opaque_keys(context), world)
            answer = await _give(context, world, order)
            return {"worlds": [_with_outcome(context, row, world.id, answer)]}
        worlds = context.core.query(hosted_worlds)
        keys = opaque_keys(context)
        rows = {world.id: _row(context, keys, world) for world in worlds}
        if order in (Order.PAUSE, Order.KILL):
            answers = await context.hosting.stop_all(Order(order), COMMAND_LINE)
            return {
                "worlds": [
                    _with_outcome(context, row, id, answers[id])
                    for id, row in rows.items()
                    if id in answers
                ]
            }
        for world in worlds:
            try:
                answer = await _give(context, world, order)
                _with_outcome(context, rows[world.id], world.id, answer)
            except DomainError as error:
                rows[world.id] |= {"outcome": "refused", "error": error_message(error)}
        return {"worlds": [*rows.values()]}

    callback.__doc__ = ORDERS[order]
    return callback


async def _give(context: AdminContext, world: World, order: str) -> Answer:
    if order == SAVE:
        return await context.hosting.save(world.id, COMMAND_LINE)
    return await context.hosting.order(world.id, Order(order), COMMAND_LINE)


def _row(context: AdminContext, keys: OpaqueKeys, world: World) -> dict[str, Any]:
    return {
        "key": keys.of(SERVER, world.id),
        "name": world.name,
        "short_name": world.short_name,
        "state": str(world.status).upper(),
        "outcome": "",
        "error": None,
        "trouble": describe_trouble(context.core.query(get_run, world_id=world.id).hosted),
    }


def _with_outcome(
    context: AdminContext, row: dict[str, Any], world_id: int, answer: Answer
) -> dict[str, Any]:
    row["state"] = str(context.core.query(get_run, world_id=world_id).status).upper()
    is_later = context.hosting.offline and answer is Answer.ACCEPTED
    row["outcome"] = "next_start" if is_later else str(answer)
    return row


def add_order_commands(group: click.Group) -> None:
    """Add the commands to the group `world`."""
    for order in ORDERS:
        command = OrderCommand(
            # click writes it as it is into a suggestion.
            str(order),
            order=order,
            callback=_order_callback(order),
            help=ORDERS[order],
            format=str,
            params=[
                click.Argument(
                    ["key"],
                    metavar="[KEY]",
                    required=False,
                    help="Key or short name of the world, as `world list` prints it.",
                ),
                click.Option(["--all"], is_flag=True, help="All hosted worlds."),
                click.Option(
                    ["--wait"],
                    type=click.FloatRange(0, MAX_WAIT_SECONDS),
                    metavar="SECONDS",
                    help="Return when it is done; fail if it ends otherwise, or is not done in time.",
                ),
            ],
        )
        group.add_command(command)
    for other in (world_states, world_console, world_tell, world_delete):
        group.add_command(other)


@click.command("states", cls=AdminCommand, format=str, hidden=True)
@click.argument("keys", nargs=-1, metavar="KEY...")
async def world_states(context: AdminContext, *, keys: list[str]) -> Any:
    """Return the states of hosted worlds by their keys. Worlds that are gone are left out."""
    states = {}
    keys_of_worlds = opaque_keys(context)
    for key in keys:
        try:
            run = context.core.query(get_run, world_id=keys_of_worlds.id(SERVER, key))
        except DomainError:
            continue
        states[key] = {
            "state": str(run.status).upper(),
            "wanted": str(run.hosted.wanted),
            "saving": run.hosted.saving,
            "trouble": describe_trouble(run.hosted),
        }
    return {"states": states}


def _format_lines(result: Mapping[str, Any]) -> str:
    return "\n".join(
        f"{line['at']} {printable(without_terminal_codes(line['text']))}"
        for line in result["lines"]
    )


@click.command("console", cls=AdminCommand, format=_format_lines)
@key_argument
@click.option(
    "--after",
    type=click.IntRange(0),
    metavar="N",
    help="Lines after this number, at most 1000; otherwise the newest 100.",
)
async def world_console(context: AdminContext, *, key: str, after: int | None) -> Any:
    """Print lines of the console of a world. `--after` with the `next` of --json goes on from there."""
    world = hosted_world_by_key(context, key)
    size = CONSOLE_LINES if after is None else MAX_CONSOLE_LINES
    lines, following = await context.hosting.console(world.id, after, size)
    rows = [
        {"number": line.number, "at": format_time(line.at), "text": line.text} for line in lines
    ]
    return {"lines": rows, "next": following}


@click.command("tell", cls=AdminCommand, format=format_fields)
@key_argument
@click.argument("line", metavar="LINE", help="A command as it is typed at the console.")
async def world_tell(context: AdminContext, *, key: str, line: str) -> Any:
    """Send a command to the console of a running world."""
    world = hosted_world_by_key(context, key)
    if not line.strip():
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={"command": ["blank"]})
    await context.hosting.send_command(world.id, line, COMMAND_LINE)
    return {"key": opaque_keys(context).of(SERVER, world.id), "name": world.name, "sent": True}


class DeleteCommand(AdminCommand):
    """A command that needs `--yes`."""

    def invoke(self, ctx: click.Context) -> int:
        if not ctx.params["yes"]:
            raise click.UsageError("Deleting cannot be undone. Give --yes to do it", ctx)
        return super().invoke(ctx)


@click.command("delete", cls=DeleteCommand, format=format_fields)
@key_argument
@click.option("--yes", is_flag=True, help="Required, since a deletion cannot be undone.")
async def world_delete(context: AdminContext, *, key: str, yes: bool) -> Any:
    """Delete a stopped world and its files. Its saved games are deleted as well."""
    world = hosted_world_by_key(context, key)
    await context.hosting.delete_world(world.id, COMMAND_LINE)
    return {"key": opaque_keys(context).of(SERVER, world.id), "name": world.name, "deleted": True}
