"""Ingest commands: store parsed lines of a world's log, each once, and update visitors and world by them."""

import math
from collections.abc import Container, Sequence
from functools import partial
from itertools import takewhile
from operator import lt
from typing import NamedTuple

from coalserver.core import topics
from coalserver.core.commands.claims import confirm_claim
from coalserver.core.commands.worlds import log_out_everyone, match_sent_chat, save_world
from coalserver.core.ports import NewLogLine
from coalserver.core.queries.worlds import get_world
from coalserver.core.state import Reader
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.construction import replace
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.events import LineLogged, make_line_logged
from coalserver.domain.minecraft.history import LogLine, make_log_line, sequence_digests
from coalserver.domain.minecraft.log.kinds import TIMED_TAGS, UNKNOWN_TAGS, LineKind
from coalserver.domain.minecraft.log.names import resolve_players
from coalserver.domain.minecraft.log.parser import ParsedLine, continue_chat
from coalserver.domain.minecraft.visitor import LogSource, UsernameClaim, Visitor
from coalserver.domain.minecraft.visits import MarkKind, PresenceMark, make_mark
from coalserver.domain.minecraft.world import World, WorldStatus

#: Older lines are not live: agents retry for a while, and files are imported much later.
LATE_SECONDS = 300.0
#: Lines of one command, so that other commands do not have to wait.
MAX_LINES = 1000
MAX_SOURCE_LENGTH = 200
#: Source of the lines of imported files.
IMPORT = "import"
#: The largest sequence number of a line.
MAX_SEQUENCE = 2**63 - 1


class IngestResult(NamedTuple):
    """The result of a batch."""

    #: The sequence number up to which all lines of the source are stored.
    stored: int
    #: The number of lines that were not stored before.
    new: int


def log_lines(
    uow: UnitOfWork,
    *,
    world_id: int,
    parsed_lines: Sequence[ParsedLine],
    digests: Sequence[bytes],
    known_digests: Container[bytes],
    written: int,
    misread: bool | None = None,
    alive: float = 0.0,
    chat: LogLine | None = None,
) -> list[bool] | None:
    """Store those of single lines that are new; return for each whether it is.

    `known_digests` are those of `digests` that were in the history when `State.recent.written` was
    `written`. Return None where too many lines were written since, and the history must be read again.
    `alive` is the time of the last stored line before the first of them that reports a start; 0: none.
    `chat` is the newest line of the world where the lines have no header: they continue it if it arrived last.
    `misread` tells whether the sender reads UTF-8 as ISO-8859-2; None: the lines do not show it.
    Emits LineLogged, WorldChanged and UsernameClaimed. Raises WORLD_NOT_FOUND.
    """
    world = get_world(uow, world_id)
    recent = uow.state.recent
    if not recent.covers(written):
        return None
    new: list[bool] = []
    taken: set[bytes] = set()
    lines = []
    for parsed, digest in zip(parsed_lines, digests, strict=True):
        is_new = not (digest in recent.digests or digest in known_digests or digest in taken)
        new.append(is_new)
        if is_new:
            taken.add(digest)
            lines.append((parsed, digest, 0))
    if chat is not None and lines:
        text = continue_chat(chat.chat, [parsed.line for parsed, _, _ in lines])
        newest = uow.state.counters.get(LogLine, 1) - 1
        if "chat" in chat.tags and not chat.source and newest == chat.id + chat.chat.count("\n"):
            _continue_chat(uow, chat, text)
    _ingest(uow, world, "", lines, alive)
    if lines and misread is not None:
        _record_misreading(uow, world.id, misread)
    return new


def _record_misreading(uow: UnitOfWork, world_id: int, misread: bool) -> None:
    """Record whether the sender of single lines reads UTF-8 as ISO-8859-2."""
    source = uow.first(LogSource, "name", (world_id, ""))
    if source is None and misread:
        uow.save(LogSource(uow.new_id(LogSource), world_id, misread=True))
    elif source is not None and source.misread != misread:
        uow.save(replace(source, misread=misread))


def log_batch(
    uow: UnitOfWork,
    *,
    world_id: int,
    source: str,
    parsed_lines: Sequence[ParsedLine],
    sequences: Sequence[int],
    alive: float = 0.0,
    after: int = 0,
    chat: LogLine | None = None,
) -> IngestResult:
    """Store lines of a source with ascending sequence numbers; lines with stored numbers are skipped.

    Lines without a header at the beginning continue the source's last line if that is `chat`.

    None is stored while those up to the sequence `after` are not.

    `alive` is the time of the last stored line before the first of them that reports a start; 0: none.

    Emits LineLogged, WorldChanged and UsernameClaimed. Raises WORLD_NOT_FOUND or INVALID_REQUEST.
    """
    world = get_world(uow, world_id)
    check_batch(source, sequences)
    stored = stored_sequence(uow, world_id=world.id, source=source)
    if stored < after:
        return IngestResult(stored, 0)
    return store_lines(
        uow,
        world=world,
        source=source,
        parsed_lines=parsed_lines,
        sequences=sequences,
        alive=alive,
        chat=chat,
    )


def check_batch(source: str, sequences: Sequence[int]) -> None:
    """Raise INVALID_REQUEST for a batch that `log_batch` refuses whatever its lines say."""
    if not 0 < len(source) <= MAX_SOURCE_LENGTH:
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={"source": "length"})
    if len(sequences) > MAX_LINES:
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={"lines": "too_many"})
    ascending = all(map(lt, sequences, sequences[1:]))
    if not ascending or (sequences and not 0 < sequences[0] <= sequences[-1] <= MAX_SEQUENCE):
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={"sequence": "not_ascending"})


def store_lines(
    uow: UnitOfWork,
    *,
    world: World,
    source: str,
    parsed_lines: Sequence[ParsedLine],
    sequences: Sequence[int],
    alive: float = 0.0,
    chat: LogLine | None = None,
) -> IngestResult:
    """Store the lines of a batch that are new. The arguments are those of `log_batch`, and are checked."""
    stored = stored_sequence(uow, world_id=world.id, source=source)
    digests = sequence_digests(world.id, source, sequences)
    lines = [
        line for line in zip(parsed_lines, digests, sequences, strict=True) if line[2] > stored
    ]
    _ingest(uow, world, source, lines, alive, chat)
    return IngestResult(lines[-1][2] if lines else stored, len(lines))


def log_imported(
    uow: UnitOfWork,
    *,
    world_id: int,
    parsed_lines: Sequence[ParsedLine],
    digests: Sequence[bytes],
    begins: bool,
    alive: float = 0.0,
) -> None:
    """Store lines of an old log, which the caller has found to be new; `begins`: they are the first of a file.

    `alive` is the time of the last stored line before the first of them that reports a start; 0: none.
    Emits LineLogged and WorldChanged. Raises WORLD_NOT_FOUND.
    """
    world = get_world(uow, world_id)
    source = find_source(uow, world_id=world.id, source=IMPORT)
    if begins and source.id:
        # The order of an earlier file says nothing about this one.
        uow.save(replace(source, newest_order=None, chat=0))
    numbers = range(source.sequence + 1, source.sequence + 1 + len(parsed_lines))
    _ingest(uow, world, IMPORT, [*zip(parsed_lines, digests, numbers, strict=True)], alive)


def stored_sequence(reader: Reader, *, world_id: int, source: str) -> int:
    """Return the sequence number up to which all lines of a source are stored; 0 for a new one."""
    return find_source(reader, world_id=world_id, source=source).sequence


def find_source(reader: Reader, *, world_id: int, source: str) -> LogSource:
    """Return a source of a world's lines; a new one has the id 0."""
    found = reader.first(LogSource, "name", (world_id, source))
    return found or LogSource(0, world_id, source)


class _VisitorCache:
    """The visitors of a world during one command, looked up one by one: there may be thousands."""

    def __init__(self, uow: UnitOfWork, world_id: int) -> None:
        self._uow, self._world = uow, world_id
        self._visitors: dict[str, Visitor | None] = {}
        #: Names of visitors that have been looked up or created.
        self.known: set[str] = set()

    def by_name(self, name: str) -> Visitor | None:
        """Return the visitor with a name as changed by these lines, or None."""
        if name not in self._visitors:
            # UnitOfWork.first would search all changed visitors; those of this command are cached here.
            found = self._uow.state.first(Visitor, "name", (self._world, name))
            self._visitors[name] = found and self._uow.get(Visitor, found.id)
            if found:
                self.known.add(name)
        return self._visitors[name]

    def save(self, visitor: Visitor) -> None:
        self._visitors[visitor.name] = self._uow.save(visitor)
        self.known.add(visitor.name)

    def ensure(self, name: str) -> None:
        """Create the visitor with this name if there is none."""
        if name and self.by_name(name) is None:
            id = self._uow.new_id(Visitor)
            self.save(Visitor(id, self._world, name, self._uow.now))

    def log_out_everyone(self, mark: PresenceMark) -> None:
        """Log out all visitors and refresh the cached ones."""
        log_out_everyone(self._uow, self._world, mark)
        for name, visitor in self._visitors.items():
            if visitor is not None:
                self._visitors[name] = self._uow.get(Visitor, visitor.id)


class _Names:
    """The names of all visitors, or of those who are online; looked up lazily."""

    def __init__(self, visitors: _VisitorCache, online_only: bool) -> None:
        self._visitors, self._online_only = visitors, online_only

    def __contains__(self, name: object) -> bool:
        visitor = self._visitors.by_name(str(name))
        return visitor is not None and (visitor.online or not self._online_only)


def _ingest(
    uow: UnitOfWork,
    before: World,
    source: str,
    lines: Sequence[tuple[ParsedLine, bytes, int]],
    alive: float,
    chat: LogLine | None = None,
) -> None:
    """Store new lines and update world, visitors and log source by them."""
    if not lines:
        return
    world, topic, visitors = before, topics.world(before.id), _VisitorCache(uow, before.id)
    players, online = _Names(visitors, online_only=False), _Names(visitors, online_only=True)
    log_source = uow.first(LogSource, "name", (world.id, source)) or LogSource(0, world.id, source)
    newest = -math.inf if log_source.newest_order is None else log_source.newest_order
    claims = uow.state.count(UsernameClaim) > 0
    now, world_id, live_since = uow.now, before.id, uow.now - LATE_SECONDS
    live = True
    new_lines: list[tuple[LogLine, bytes, PresenceMark | None]] = []
    events: list[LineLogged] = []
    for id, (parsed, digest, sequence) in zip(uow.new_ids(LogLine, len(lines)), lines, strict=True):
        kind, at = parsed.kind, parsed.at
        mark, author, is_echo = None, 0, False
        # Most lines are chats of known players, which need no further look-up.
        name = parsed.username
        if kind is not LineKind.CHAT or (name not in visitors.known and not visitors.by_name(name)):
            parsed = resolve_players(parsed, players, online)
            kind = parsed.kind
            is_echo = kind is LineKind.SITE_CHAT
            # An echo of the website's own chat does not show that a player of this name is here.
            if not (is_echo or parsed.username in visitors.known):
                visitors.ensure(parsed.player)
            mark = make_mark(parsed, id, id, newest)
        tags = UNKNOWN_TAGS if at is None else TIMED_TAGS[kind]
        if at is not None:
            live = at >= live_since
            if mark is not None and mark.kind is MarkKind.STARTING:
                mark = replace(mark, at=_last_alive(before, alive, mark))
            if at > alive:
                alive = at
        if mark is not None:
            newest = max(newest, mark.order)
            world, is_boundary = _apply_mark(visitors, world.apply_line(parsed, now), mark)
            tags = tags if is_boundary else parsed.duplicate_tags
        if claims and live and kind is LineKind.CHAT:
            # The claim's event comes after those of the lines before.
            uow.emit_all(events, topic)
            events = []
            confirm_claim(uow, username=parsed.username, text=parsed.chat)
        if is_echo and live:
            author = match_sent_chat(uow, world_id, _echoed_text(parsed))
        line = make_log_line(parsed, id, world_id, now, tags, source, sequence, author)
        new_lines.append((line, digest, mark))
        events.append(make_line_logged(world_id, line, live))
    # The class itself would take twice as long.
    uow.add_log_lines(map(partial(tuple.__new__, NewLogLine), new_lines))
    uow.emit_all(events, topic)
    _save_source(uow, log_source, lines, newest, chat)
    if world.last_emptied is not None:
        world = _extend_repaired_visits(uow, world, world.last_emptied, alive)
    save_world(uow, before, world)


def _save_source(
    uow: UnitOfWork,
    source: LogSource,
    lines: Sequence[tuple[ParsedLine, bytes, int]],
    newest: float,
    chat: LogLine | None,
) -> None:
    """Save the source of new lines; `newest` is the order of its newest mark, `chat` as in `_with_last_lines`."""
    newest_mark = None if newest == -math.inf else newest
    updated = replace(source, sequence=lines[-1][2], newest_order=newest_mark)
    if source.name:
        updated = _with_last_lines(uow, updated, lines, chat)
    if updated != source:
        uow.save(updated if updated.id else replace(updated, id=uow.new_id(LogSource)))


def _with_last_lines(
    uow: UnitOfWork,
    source: LogSource,
    lines: Sequence[tuple[ParsedLine, bytes, int]],
    chat: LogLine | None,
) -> LogSource:
    """Return a source with the time of the last of its new lines, and with the chat that the next can continue.

    Continues `chat`, where it is the source's last, by the lines before the first with a header.
    """
    times = (parsed.at for parsed, _, _ in reversed(lines) if parsed.at is not None)
    source = replace(source, last_at=next(times, source.last_at))
    rest = [parsed.line for parsed, _, _ in takewhile(_has_no_header, lines)]
    if rest and chat is not None and chat.id == source.chat:
        text = continue_chat(chat.chat, rest)
        _continue_chat(uow, chat, text)
        is_open = text.count("\n") == chat.chat.count("\n") + len(rest)
        source = replace(source, chat=chat.id if is_open else 0)
    if len(rest) < len(lines):
        last = [parsed.line for parsed, _, _ in takewhile(_has_no_header, reversed(lines))]
        newest = uow.lines[-1 - len(last)].line
        is_open = "chat" in newest.tags and newest.chat.count("\n") == len(last)
        source = replace(source, chat=newest.id if is_open else 0)
    return source


def _continue_chat(uow: UnitOfWork, chat: LogLine, text: str) -> None:
    """Replace the text of a stored chat, and emit its line again."""
    if text != chat.chat:
        uow.continue_chat(chat.id, text)
        live = chat.at is not None and chat.at >= uow.now - LATE_SECONDS
        uow.emit(LineLogged(chat.world, replace(chat, chat=text), live), topics.world(chat.world))


def _has_no_header(line: tuple[ParsedLine, bytes, int]) -> bool:
    return line[0].kind is LineKind.CONTINUATION


def _last_alive(world: World, line_at: float, start: PresenceMark) -> float:
    """Return when the last line or ping before a start showed the world alive; 0: unknown."""
    running = world.status is WorldStatus.RUNNING and world.last_ping is not None
    pinged_at = world.last_ping if running and world.last_ping is not None else 0.0
    return max((at for at in (line_at, pinged_at) if at <= start.order), default=0.0)


def _extend_repaired_visits(
    uow: UnitOfWork, world: World, emptied: PresenceMark, alive: float
) -> World:
    """Move the end of the visits that a start ended to a line before it that has arrived now."""
    if emptied.kind is not MarkKind.STARTING or not emptied.at < alive < emptied.order:
        return world
    extended = replace(emptied, at=alive)
    at = (world.id, emptied.order)
    ended = uow.state.in_order(Visitor, "end", after=at, before=(*at, math.inf))
    for visitor in uow.with_changes(Visitor, ended):
        visit = visitor.latest_visit
        if visit is not None and visit.logout is not None and visit.logout.line == emptied.line:
            uow.save(replace(visitor, latest_visit=replace(visit, logout=extended)))
    return replace(world, last_emptied=extended)


def _echoed_text(parsed: ParsedLine) -> str:
    """Return `<name> text` of an echo; with a username, the parser has separated the two."""
    return f"<{parsed.username}> {parsed.chat}" if parsed.username else parsed.chat


def _apply_mark(visitors: _VisitorCache, world: World, mark: PresenceMark) -> tuple[World, bool]:
    """Apply a login or logout; return the world and whether this line begins or ends a visit."""
    if not mark.username:
        visitors.log_out_everyone(mark)
        if world.last_emptied is None or mark > world.last_emptied:
            world = replace(world, last_emptied=mark)
        return world, True
    visitor = visitors.by_name(mark.username)
    assert visitor is not None
    after = visitor.with_mark(mark, world.last_emptied)
    visitors.save(after)
    if mark.is_arrival and world.empty_since is not None:
        world = replace(world, empty_since=None)
    # Marks before the newest visit: the store updates the visits and corrects the tags.
    late = visitor.latest_visit is not None and mark < visitor.latest_visit.login
    latest = after.latest_visit
    return world, late or (latest is not None and mark in (latest.login, latest.logout))
