"""World commands: create and update worlds, their agents and consoles."""

import re
from dataclasses import replace
from math import inf

from coalserver.core import topics
from coalserver.core.queries.hosting import hosted_world
from coalserver.core.queries.worlds import get_visitor, get_world
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.accounts.account import Account
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.events import ConsoleCommandsDelivered, WorldAdded, WorldChanged
from coalserver.domain.minecraft.history import LogLine
from coalserver.domain.minecraft.hosting.hosted_world import HostedWorld, wire_status
from coalserver.domain.minecraft.hosting.transitions import Order, Run, apply_order
from coalserver.domain.minecraft.visitor import (
    ConsoleCommand,
    SentChat,
    Visitor,
    hosted_say_command,
    say_command,
)
from coalserver.domain.minecraft.visits import MarkKind, PresenceMark
from coalserver.domain.minecraft.world import (
    Ping,
    World,
    WorldStatus,
)
from coalserver.domain.text import visible_name

SHORT_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
MAX_SHORT_NAME_LENGTH = 50
#: Commands queued for one world. An agent that returns after hours must not receive all of them.
MAX_QUEUED_COMMANDS = 1000
#: Characters of a command for a hosted world.
MAX_COMMAND_LENGTH = 4096
#: Delivered chat messages of one world whose echo is awaited.
MAX_SENT_CHATS = 200
#: The game shows names in angle brackets.
_BRACKETS = str.maketrans("<>", "‹›")
#: Joiners and direction marks, with which a name can look like another one.
_INVISIBLE = dict.fromkeys([*range(0x200C, 0x2010), *range(0xFE00, 0xFE10)])


def create_world(
    uow: UnitOfWork, *, name: str, hosted: bool = False, short_name: str = ""
) -> World:
    """Create a world and emit WorldAdded.

    Raises INVALID_REQUEST, SHORT_NAME_RESERVED or SHORT_NAME_TAKEN.
    """
    world = World(uow.new_id(World), _validate_name(name), hosted, created=uow.now, updated=uow.now)
    world = uow.save(replace(world, short_name=_validate_short_name(uow, world, short_name)))
    uow.emit(WorldAdded(world.id, world.name), topics.world(world.id), topics.worlds())
    return world


def update_world(
    uow: UnitOfWork,
    *,
    world_id: int,
    name: str | None = None,
    short_name: str | None = None,
    public: bool | None = None,
) -> World:
    """Change the given fields of a world; an empty short name removes it. Emits WorldChanged.

    Raises WORLD_NOT_FOUND, INVALID_REQUEST, SHORT_NAME_RESERVED or SHORT_NAME_TAKEN.
    """
    world = get_world(uow, world_id)
    after = world
    if name is not None:
        after = replace(after, name=_validate_name(name))
    if short_name is not None:
        after = replace(after, short_name=_validate_short_name(uow, world, short_name))
    if public is not None:
        after = replace(after, public=public)
    return save_world(uow, world, after)


def archive_world(uow: UnitOfWork, *, world_id: int) -> World:
    """Archive a world: its history stays, its short name is free. Emits WorldChanged.

    The process of a hosted world is stopped; its files stay. Raises WORLD_NOT_FOUND.
    """
    world = get_world(uow, world_id)
    before, hosted_before = world, None
    if world.hosted:
        run = Run(world, hosted_world(uow, world))
        hosted_before = run.hosted
        run = apply_order(run, Order.PAUSE, uow.now)
        world = run.world
        uow.save(run.hosted)
    for command in uow.find(ConsoleCommand, "world", world.id):
        uow.delete(command)
    for chat in uow.find(SentChat, "world", world.id):
        uow.delete(chat)
    status = world.after_silence(float("inf")).status
    archived = replace(world, active=False, short_name="", status=status)
    return save_world(uow, before, archived, hosted_before)


def record_ping(
    uow: UnitOfWork,
    *,
    world_id: int,
    ping: Ping,
    after: int | None = None,
    last_line_at: float = 0.0,
) -> list[ConsoleCommand]:
    """Record the state that an agent reports and return the console commands to execute, oldest first.

    A world that does not run receives none; they stay queued. `after` is the id of the last command that
    the agent has stored: later ones are returned, again with each ping, until they are stored too. An agent
    without `after` receives each command once.

    A world that does not run has nobody in it: visits are suspended at the last sign of life, of which
    `last_line_at` is the newest line, and go on when it runs again. Emits WorldChanged and
    ConsoleCommandsDelivered. Raises WORLD_NOT_FOUND.
    """
    world = get_world(uow, world_id)
    pinged = world.ping(ping, uow.now)
    if ping.running is False:
        pinged = suspend_visits(uow, world, pinged, last_line_at)
    elif ping.running and world.last_emptied and world.last_emptied.kind is MarkKind.SILENT:
        pinged = _resume_visits(uow, pinged, world.last_emptied)
    save_world(uow, world, pinged)
    queued = uow.find(ConsoleCommand, "world", world.id)
    # An id that was never issued is that of another server.
    newest = uow.state.counters.get(ConsoleCommand, 1) - 1
    acknowledged = 0 if after is None or after > newest else after
    delivered = [command for command in queued if command.id > acknowledged] if ping.running else []
    finished = delivered if after is None else [line for line in queued if line.id <= acknowledged]
    for line in finished:
        uow.delete(line)
        if line.account:
            save_sent_chat(uow, line)
    if finished:
        uow.emit(
            ConsoleCommandsDelivered(world.id, tuple(line.id for line in finished)),
            topics.world(world.id),
        )
    return delivered


def save_sent_chat(uow: UnitOfWork, command: ConsoleCommand) -> None:
    """Keep a delivered chat message until the world's log shows it; of a world, the newest messages only."""
    sent = uow.find(SentChat, "world", command.world)
    for old in sent[: max(0, len(sent) + 1 - MAX_SENT_CHATS)]:
        uow.delete(old)
    id = uow.new_id(SentChat)
    uow.save(SentChat(id, command.world, command.text, command.account, uow.now))


def match_sent_chat(uow: UnitOfWork, world_id: int, text: str) -> int:
    """Return the account that sent a chat message which the world's log now shows; 0 if none did.

    `text` is the message as the game shows it, `<name> text`.
    """
    sent = [chat for chat in uow.find(SentChat, "world", world_id) if _is_echo(chat.text, text)]
    if sent:
        uow.delete(sent[0])
        return sent[0].account
    # The log can show a message before an agent acknowledges it, or before it is noted as written to a hosted world.
    for command in uow.find(ConsoleCommand, "world", world_id):
        texts = (command.text, hosted_say_command(command.text))
        if command.account and any(_is_echo(one, text) for one in texts):
            # Without an account it is not kept for a line of the log that shows it.
            uow.save(replace(command, account=0))
            return command.account
    return 0


def _is_echo(command: str, text: str) -> bool:
    """Return whether the game shows a console command as this text. Versions differ in white space."""
    return command.removeprefix("/").removeprefix("say ").split() == text.split()


def queue_console_command(
    uow: UnitOfWork, *, world_id: int, text: str, username: str = "", account: int = 0
) -> ConsoleCommand | None:
    """Queue a command for a world's console; return None for a blank one.

    Raises WORLD_NOT_FOUND, and INVALID_REQUEST for a command to a hosted world that is too long.
    """
    world = get_world(uow, world_id)
    command = ConsoleCommand(uow.new_id(ConsoleCommand), world.id, text, uow.now, username, account)
    if not command.text:
        return None
    if world.hosted and not account and len(command.text) > MAX_COMMAND_LENGTH:
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={"command": ["too_long"]})
    queued = uow.find(ConsoleCommand, "world", world.id)
    for old in queued[: max(0, len(queued) + 1 - MAX_QUEUED_COMMANDS)]:
        uow.delete(old)
    return uow.save(command)


def send_chat(
    uow: UnitOfWork, *, world_id: int, account_id: int, text: str, username: str | None = None
) -> ConsoleCommand | None:
    """Queue a chat message in a world under the account's name there; return None for a blank one.

    `username` selects another of the account's usernames. Raises WORLD_NOT_FOUND,
    VISITOR_NOT_FOUND, and PERMISSION_DENIED for a username that the account has not claimed.
    """
    world = get_world(uow, world_id)
    speaker = uow.get(Account, account_id)
    if username is None:
        name = "" if speaker is None else display_name_in_world(uow, world.id, speaker)
    else:
        get_visitor(uow, world.id, username)
        if speaker is None or username not in speaker.usernames:
            raise DomainError(ErrorCode.PERMISSION_DENIED)
        name = username
    # Checked as one line: the message may consist of line breaks.
    blank = not ConsoleCommand(0, world.id, text, uow.now).text
    if blank:
        return None
    return queue_console_command(
        uow, world_id=world.id, text=say_command(name, text), username=name, account=account_id
    )


def display_name_in_world(uow: UnitOfWork, world_id: int, account: Account) -> str:
    """Return an account's name in a world: a username that has played there, else its nickname.

    The nickname begins with `*` if a player of the world has that name. An account without a nickname
    has its e-mail address as its name. The name has no angle brackets: text after a closing one would
    look like the message of another player.
    """
    for username in account.usernames:
        if uow.first(Visitor, "name", (world_id, username)):
            return username
    nickname = account.nickname.translate(_BRACKETS)
    others = {nickname, nickname.translate(_INVISIBLE).strip()}
    if not nickname:
        return account.email.translate(_BRACKETS)
    is_players = any(uow.first(Visitor, "name", (world_id, other)) for other in others)
    return f"*{nickname}" if is_players else nickname


def suspend_visits(uow: UnitOfWork, before: World, after: World, last_line_at: float) -> World:
    """End the visits to a silent or stopped world at the last line or ping that showed it alive.

    `before` is the world when it was last known to run. Returns `after` with the departure.
    """
    found = uow.with_changes(Visitor, uow.state.find(Visitor, "online", before.id))
    visits = [one.latest_visit for one in found if one.world == before.id and one.online]
    signs = [min(last_line_at, uow.now), *(visit.login.order for visit in visits if visit)]
    if not visits:
        return after
    if before.status is WorldStatus.RUNNING and before.last_ping is not None:
        signs.append(before.last_ping)
    at = max(signs)
    mark = PresenceMark(at, uow.new_id(LogLine), MarkKind.SILENT, at)
    log_out_everyone(uow, before.id, mark)
    uow.add_visit_mark(before.id, mark)
    return replace(after, last_emptied=mark)


def _resume_visits(uow: UnitOfWork, world: World, silence: PresenceMark) -> World:
    """Let the visits go on that a silence suspended: a start in between will end them."""
    mark = PresenceMark(silence.order, uow.new_id(LogLine), MarkKind.RESUMED, uow.now)
    log_out_everyone(uow, world.id, mark)
    uow.add_visit_mark(world.id, mark)
    return replace(world, last_emptied=mark)


def log_out_everyone(uow: UnitOfWork, world_id: int, mark: PresenceMark) -> None:
    """Log out all visitors who were in a world at the time of a mark."""
    for visitor in _visitors_at(uow, world_id, mark):
        if visitor.is_affected_by(mark):
            uow.save(visitor.with_mark(mark))


def _visitors_at(uow: UnitOfWork, world_id: int, mark: PresenceMark) -> list[Visitor]:
    """Return the visitors of a world who can have been in it at the time of a mark, and perhaps others.

    There may be a hundred thousand visitors, of whom a few are online.
    """
    start, end = (world_id,), (world_id + 1,)
    at, after = (world_id, mark.order, mark.sequence), (world_id, mark.order, inf)
    state = uow.state
    if state.count_keys(Visitor, "end", after=at, before=end) <= state.count_keys(
        Visitor, "login", after=start, before=after
    ):
        found = state.in_order(Visitor, "end", after=at, before=end)
        found += state.find(Visitor, "online", world_id)
    else:
        found = state.in_order(Visitor, "login", after=start, before=after)
    return [one for one in uow.with_changes(Visitor, found) if one.world == world_id]


def save_world(
    uow: UnitOfWork, before: World, after: World, hosted_before: HostedWorld | None = None
) -> World:
    """Save a world that has changed; emit WorldChanged where public fields have.

    `hosted_before` is the run of a hosted world before this unit of work, if that has changed too.
    """
    if after != before:
        after = uow.save(replace(after, updated=uow.now))
    hosted = uow.get(HostedWorld, after.id) if after.hosted else None
    fields = _public_fields(after, hosted)
    if fields != _public_fields(before, hosted_before or hosted):
        uow.emit(WorldChanged(after.id, *fields), topics.world(after.id), topics.worlds())
    return after


def _validate_name(name: str) -> str:
    name = visible_name(name)
    if not name:
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={"name": "blank"})
    return name


def _validate_short_name(uow: UnitOfWork, world: World, name: str) -> str:
    """Return a valid short name.

    Raises INVALID_REQUEST, SHORT_NAME_RESERVED or SHORT_NAME_TAKEN.
    """
    if not name:
        return ""
    if len(name) > MAX_SHORT_NAME_LENGTH or not SHORT_NAME.fullmatch(name):
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={"short_name": "not_a_slug"})
    if name in uow.context.reserved_short_names:
        raise DomainError(ErrorCode.SHORT_NAME_RESERVED)
    other = uow.first(World, "short_name", name)
    if other is not None and other.id != world.id:
        raise DomainError(ErrorCode.SHORT_NAME_TAKEN)
    return name


def _public_fields(
    world: World, hosted: HostedWorld | None
) -> tuple[str, str, str, str, bool, bool]:
    # Only the five statuses of the document are public.
    status = wire_status(world, hosted).lower() if world.hosted else str(world.status)
    return world.name, status, world.version, world.address, world.active, world.public
