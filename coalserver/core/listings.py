"""Listings: the open lobbies and the running rooms of each game, arranged as lists filter and order them.

A game may have 100,000 rooms. A listing holds what lists filter by in columns beside the ids, in chunks: a list
counts and skips whole chunks and reads the entities of its page only, and a search looks through the names of a chunk
at once.
"""

import json
import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import compress, islice, repeat
from operator import contains
from typing import Any, Generic, TypeVar, Union

from sortedcontainers import SortedList

from coalserver.core.steps import Steps
from coalserver.domain.play.game import Game
from coalserver.domain.play.lobby import Lobby, LobbyState
from coalserver.domain.play.room import Room

G = TypeVar("G", Lobby, Room)

#: Flags of a group: its host is away; no player can join; it has a password.
AWAY, FULL, PRIVATE = 1, 2, 4
ALL_FLAGS = range(8)
_PRESENT = bytes(flags for flags in ALL_FLAGS if not flags & AWAY)
#: Groups of a chunk, at most; a chunk with fewer than the smaller number is merged with its neighbour.
CHUNK_SIZE = 256
SMALL_CHUNK_SIZE = 64
#: Of longer options the digests are kept in place of the text: they are read when they are prepared, or searched.
MAX_OPTIONS_BYTES = 1024

#: Numbers of groups by flags.
Counts = list[int]
#: A place in an order other than by age; the last part is the id.
Rank = tuple[Any, ...]
#: What a listing holds of a group: its game, its flags and its rank, if it has one.
Row = tuple[str, int, Rank | None]
#: The options of a group as a text, or as the digests of their names and values, in order; None: not read yet.
Options = Union[str, "array[int]", None]

# They separate the options of a group, and the name of an option from its value.
_OPTION_END, _OPTION_NAME_END = "\x1e", "\x1f"
# The work of steps, see `Steps`.
_CHUNK_WORK, _READ_CHUNK_WORK, _NAMES_WORK, _CHARACTER_WORK = 6, 50, 50, 4
#: Names that are read for one unit of work.
NAMES_PER_WORK = 4
#: Bytes of options that are parsed for one unit of work.
BYTES_PER_WORK = 25
#: Bytes of options that are looked through for a name or a value, for one unit of work.
SEARCHED_BYTES_PER_WORK = 4000
_to_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def select_flags(*, full: bool | None = None, private: bool | None = None) -> list[int]:
    """Return the combinations of flags that a filter accepts; None accepts both."""
    return [
        flags
        for flags in ALL_FLAGS
        if (full is None or bool(flags & FULL) is full)
        and (private is None or bool(flags & PRIVATE) is private)
    ]


class OptionFilter:
    """Options that lobbies must have, by name.

    An option matches when its JSON, or the text itself for a string, equals the text given.
    """

    def __init__(self, options: Mapping[str, str]) -> None:
        self._options = options
        #: What the text of matching options contains; None: it is not known from a text.
        self.parts: list[str] | None = [
            f"{_OPTION_END}{name}{_OPTION_NAME_END}{text}{_OPTION_END}"
            for name, text in options.items()
        ]
        self._digests = [hash(option) for option in options.items()]
        if any(
            part.count(_OPTION_END) > 2 or part.count(_OPTION_NAME_END) > 1 for part in self.parts
        ):
            self.parts = None

        # What the bytes of matching options contain: each name, and its value as a text. Fractions, lists and objects
        # are written in several ways.
        self._contained = [
            text.encode("utf-8", "surrogatepass")
            for name, value in options.items()
            for text in (f'"{name}"', *((value,) if _is_written_in_one_way(value) else ()))
        ]

    def may_match(self, options: bytes) -> bool:
        """Return False where it is known without parsing that options do not match."""
        # With escapes a name or a value may be written in another way.
        return all(map(options.__contains__, self._contained)) or b"\\" in options

    def matches(self, options: bytes) -> bool:
        """Return whether options, any JSON, match."""
        parsed = json.loads(options)
        return isinstance(parsed, dict) and all(
            name in parsed and _option_text(parsed[name]) == text
            for name, text in self._options.items()
        )

    def check_unread(self, options: bytes) -> tuple[bool, int]:
        """Return whether options match, and the work that this took."""
        if not self.may_match(options):
            return False, 1 + len(options) // SEARCHED_BYTES_PER_WORK
        return self.matches(options), len(options) // BYTES_PER_WORK

    def matches_digests(self, digests: "array[int]") -> bool:
        """Return whether options match of which `option_digests` returns these."""
        for digest in self._digests:
            at = bisect_left(digests, digest)
            if at == len(digests) or digests[at] != digest:
                return False
        return True


def option_digests(options: bytes) -> "array[int]":
    """Return digests of the names and values of options, in order: eight bytes for each, whatever their length."""
    parsed = json.loads(options)
    items = parsed.items() if isinstance(parsed, dict) else ()
    return array("q", sorted(hash((name, _option_text(value))) for name, value in items))


class _Chunk:
    """Some groups in the order of their ids, with a column for all that is searched."""

    __slots__ = ("ids", "flags", "options", "names", "read")

    def __init__(
        self,
        ids: list[int],
        flags: bytearray,
        options: list[Options],
        names: "list[str | None]",
    ) -> None:
        self.ids = ids
        self.flags = flags
        #: The options as a text or as digests; None: to be read.
        self.options = options
        #: The names without case; None: to be read.
        self.names = names
        #: Whether no name is to be read.
        self.read = False

    def split(self, at: int) -> "_Chunk":
        """Remove the groups from a position on, and return them as a chunk."""
        rest = _Chunk(self.ids[at:], self.flags[at:], self.options[at:], self.names[at:])
        del self.ids[at:], self.flags[at:], self.options[at:], self.names[at:]
        return rest

    def extend(self, other: "_Chunk") -> None:
        """Add the groups of the next chunk."""
        self.ids += other.ids
        self.flags += other.flags
        self.options += other.options
        self.names += other.names
        self.read = False

    def read_names(self, groups: Mapping[int, Any]) -> int:
        """Read the names that are not read yet; return their number."""
        names, count = self.names, 0
        for row, name in enumerate(names):
            if name is None:
                names[row] = groups[self.ids[row]].name.casefold()
                count += 1
        self.read = True
        return count

    def find_rows(self, end: int, flags: Collection[int], text: str) -> Sequence[int]:
        """Return the positions below `end` of groups with these flags and a text in their names."""
        rows: Sequence[int] = range(end)
        if text:
            # Names have been read.
            names: Any = self.names
            rows = list(compress(rows, map(contains, names, repeat(text))))
        column = self.flags
        if len(flags) == len(ALL_FLAGS) or not column.translate(None, bytes(flags)):
            return rows
        return [row for row in rows if column[row] in flags]


class Found:
    """What a search has found: the number of groups, and the first ids of them, the newest first.

    Groups whose host is away come last.
    """

    __slots__ = ("count", "_present", "_away", "_keep")

    def __init__(self, keep: int) -> None:
        """`keep`: the number of ids that are of interest."""
        self.count = 0
        self._keep = keep
        self._present: list[int] = []
        self._away: list[int] = []

    @property
    def ids(self) -> list[int]:
        """The ids of those groups, the first `keep` of them at least."""
        return self._present + self._away

    def add(self, chunk: _Chunk, rows: Sequence[int]) -> None:
        """Add groups, older ones than before."""
        self.count += len(rows)
        if not rows or len(self._present) >= self._keep:
            return
        ids, column = chunk.ids, chunk.flags
        if not column.translate(None, _PRESENT):
            self._present += [ids[row] for row in reversed(rows)]
            return
        self._present += [ids[row] for row in reversed(rows) if not column[row] & AWAY]
        self._away += [ids[row] for row in reversed(rows) if column[row] & AWAY]

    def add_parsed(self, id: int, flags: int) -> None:
        """Add a group whose options were parsed."""
        self.count += 1
        (self._away if flags & AWAY else self._present).append(id)


class Listing:
    """The listed groups of one game. Ids grow with time, so the newest group has the largest."""

    def __init__(self, totals: Counts | None = None) -> None:
        """`totals`: counts of several games, to which those of this game are added."""
        #: The number of groups by flags.
        self._counts = [0] * len(ALL_FLAGS)
        self._totals = [0] * len(ALL_FLAGS) if totals is None else totals
        #: Those with a rank, in that order.
        self.ranked: SortedList[Rank] = SortedList()
        self._chunks: list[_Chunk] = []
        #: The first id of each chunk.
        self._firsts: list[int] = []
        #: Groups whose options are to be read, and chunks whose names are.
        self._unread_options: dict[int, None] = {}
        self._unread_names: dict[_Chunk, None] = {}

    def count(self, flags: Collection[int] = ALL_FLAGS) -> int:
        """Return the number of groups with these flags."""
        return sum(map(self._counts.__getitem__, flags))

    def move_counts(self, totals: Counts) -> None:
        """Add the counts of this game to other totals, and no longer to those before."""
        for flags, count in enumerate(self._counts):
            self._totals[flags] -= count
            totals[flags] += count
        self._totals = totals

    def newest(self, limit: int, offset: int = 0, flags: Collection[int] = ALL_FLAGS) -> list[int]:
        """Return a page of the ids of groups with these flags, the newest first."""
        flags = [each for each in flags if self._counts[each]]
        total = self.count(flags)
        everything = total == self.count()
        found: list[int] = []
        if offset >= total:
            return found
        for chunk in reversed(self._chunks):
            if len(found) >= limit:
                break
            count = len(chunk.ids) if everything else sum(map(chunk.flags.count, flags))
            if offset >= count:
                offset -= count
                continue
            rows = zip(reversed(chunk.ids), reversed(chunk.flags), strict=True)
            ids = [id for id, each in rows if each in flags]
            found += ids[offset : offset + limit - len(found)]
            offset = 0
        return found

    def present_first(self, limit: int, offset: int, flags: Collection[int]) -> list[int]:
        """Return a page as `newest` does; groups whose host is away come last."""
        present = [each for each in flags if not each & AWAY]
        away = [each for each in flags if each & AWAY]
        found = self.newest(limit, offset, present)
        return found + self.newest(limit - len(found), max(0, offset - self.count(present)), away)

    def search(
        self,
        groups: Mapping[int, Any],
        flags: Collection[int],
        text: str = "",
        options: OptionFilter | None = None,
        keep: int = sys.maxsize,
    ) -> Steps[Found]:
        """Find groups with these flags, a text in their names and these options; `keep`: see `Found`.

        `text` is without case. A group that is listed all the time is looked at once, whatever
        changes between two steps.
        """
        found = Found(keep)
        yield 0
        below = self._chunks[-1].ids[-1] + 1 if self._chunks else 0
        while True:
            # Chunks may have been split and merged since the last step; the ids in them stay in order.
            index = bisect_left(self._firsts, below) - 1
            if index < 0:
                return found
            chunk = self._chunks[index]
            work = _CHUNK_WORK
            if text:
                # A long text may nearly match everywhere.
                work += _NAMES_WORK + _CHARACTER_WORK * len(text)
                if not chunk.read:
                    self._unread_names.pop(chunk, None)
                    work += chunk.read_names(groups) // NAMES_PER_WORK
            rows = chunk.find_rows(bisect_left(chunk.ids, below), flags, text)
            if rows:
                work += _READ_CHUNK_WORK
            below = chunk.ids[0]
            if options is None:
                found.add(chunk, rows)
                yield work
                continue
            rows = _with_options(chunk, rows, options)
            unread = [row for row in rows if chunk.options[row] is None]
            if not unread:
                found.add(chunk, rows)
                yield work
                continue
            # In the order of the ids, with what is known already.
            candidates = [
                (chunk.ids[row], chunk.flags[row], chunk.options[row] is None)
                for row in reversed(rows)
            ]
            yield work
            for id, each, is_unread in candidates:
                if is_unread:
                    group = groups.get(id)
                    if group is None:
                        continue
                    matches, work = options.check_unread(group.options)
                    yield work
                    if not matches:
                        continue
                found.add_parsed(id, each)

    def prepare(self, groups: Mapping[int, Any]) -> Steps[None]:
        """Read names and options that are not read yet, so that the next search does not have to."""
        while self._unread_names:
            chunk, _ = self._unread_names.popitem()
            yield 1 + chunk.read_names(groups) // NAMES_PER_WORK
        while self._unread_options:
            group = groups[next(iter(self._unread_options))]
            self._read_options(group)
            yield len(group.options) // BYTES_PER_WORK

    def _read_options(self, group: Any) -> None:
        """Keep the digests of a listed group's options."""
        if group.id in self._unread_options:
            self._set_options(group.id, option_digests(group.options))

    def _set_options(self, id: int, options: Options) -> None:
        chunk = self._chunks[bisect_right(self._firsts, id) - 1]
        chunk.options[bisect_left(chunk.ids, id)] = options
        if options is None:
            self._unread_options[id] = None
        elif self._unread_options:
            self._unread_options.pop(id, None)

    def add(self, id: int, flags: int, options: str | None) -> None:
        """Add a group with the text of its options."""
        self._counts[flags] += 1
        self._totals[flags] += 1
        if options is None:
            self._unread_options[id] = None
        chunks, firsts = self._chunks, self._firsts
        index = max(0, bisect_right(firsts, id) - 1)
        if not chunks or (len(chunks[index].ids) >= CHUNK_SIZE and id > chunks[index].ids[-1]):
            # A new group has the largest id: the chunks before it stay full.
            index = index + 1 if chunks else 0
            chunk = _Chunk([id], bytearray((flags,)), [options], [None])
            chunks.insert(index, chunk)
            firsts.insert(index, id)
            self._unread_names[chunk] = None
            return
        if len(chunks[index].ids) >= CHUNK_SIZE:
            following = chunks[index].split(CHUNK_SIZE // 2)
            self._unread_names[following] = None
            chunks.insert(index + 1, following)
            firsts.insert(index + 1, following.ids[0])
            index += id > following.ids[0]
        chunk = chunks[index]
        at = bisect_left(chunk.ids, id)
        chunk.ids.insert(at, id)
        chunk.flags.insert(at, flags)
        chunk.options.insert(at, options)
        chunk.names.insert(at, None)
        chunk.read = False
        self._unread_names[chunk] = None
        firsts[index] = chunk.ids[0]

    def remove(self, id: int, flags: int) -> None:
        """Remove a group that has these flags."""
        self._counts[flags] -= 1
        self._totals[flags] -= 1
        chunks, firsts = self._chunks, self._firsts
        index = bisect_right(firsts, id) - 1
        chunk = chunks[index]
        at = bisect_left(chunk.ids, id)
        del chunk.ids[at], chunk.flags[at], chunk.options[at], chunk.names[at]
        if self._unread_options:
            self._unread_options.pop(id, None)
        if not chunk.ids:
            self._unread_names.pop(chunk, None)
            del chunks[index], firsts[index]
            return
        firsts[index] = chunk.ids[0]
        if len(chunk.ids) < SMALL_CHUNK_SIZE:
            if not self._merge(index - 1):
                self._merge(index)

    def _merge(self, index: int) -> bool:
        """Merge a chunk with the next one where both fit into one; return whether they did."""
        chunks = self._chunks
        if not 0 <= index < len(chunks) - 1:
            return False
        if len(chunks[index].ids) + len(chunks[index + 1].ids) > CHUNK_SIZE:
            return False
        chunks[index].extend(chunks[index + 1])
        self._unread_names.pop(chunks[index + 1], None)
        self._unread_names[chunks[index]] = None
        del chunks[index + 1], self._firsts[index + 1]
        return True

    def set_flags(self, id: int, before: int, after: int) -> None:
        """Set the flags of a group."""
        self._counts[before] -= 1
        self._counts[after] += 1
        self._totals[before] -= 1
        self._totals[after] += 1
        chunk = self._chunks[bisect_right(self._firsts, id) - 1]
        chunk.flags[bisect_left(chunk.ids, id)] = after

    def set_texts(self, id: int, options: str | None) -> None:
        """Set the text of a group's options, and read its name again."""
        chunk = self._chunks[bisect_right(self._firsts, id) - 1]
        chunk.names[bisect_left(chunk.ids, id)] = None
        chunk.read = False
        self._unread_names[chunk] = None
        self._set_options(id, options)


class Listings(Generic[G]):
    """The listings of all games, of lobbies or of rooms."""

    def __init__(
        self,
        row_of: Callable[[G], Row | None],
        options_text: Callable[[bytes], str | None],
    ) -> None:
        self._row_of: Callable[[G], Row | None] = row_of
        self._options_text = options_text
        self._games: dict[str, Listing] = {}
        self._ids: dict[int, None] = {}
        #: Tags of the games that are in no list, and the number of groups of these and of all other games, by flags.
        self._unlisted_games: set[str] = set()
        self._unlisted: Counts = [0] * len(ALL_FLAGS)
        self._listed: Counts = [0] * len(ALL_FLAGS)

    def of(self, game: str) -> Listing:
        """Return the listing of a game, to be read."""
        return self._games.get(game) or Listing()

    def newest(self, limit: int, offset: int = 0) -> list[int]:
        """Return a page of the ids of the groups of all games, the newest first."""
        return list(islice(reversed(self._ids), offset, offset + limit))

    def count(self) -> int:
        """Return the number of the groups of all games."""
        return len(self._ids)

    def count_listed(self, flags: Collection[int] = ALL_FLAGS) -> int:
        """Return the number of the groups with these flags of all games that lists show."""
        return sum(map(self._listed.__getitem__, flags))

    def update_game(self, before: Game | None, after: Game | None) -> None:
        """Update the counts after a game was created, changed or deleted."""
        game = after or before
        if game is None:
            return
        is_listed = after is None or after.listed
        if is_listed is (game.tag not in self._unlisted_games):
            return
        if is_listed:
            self._unlisted_games.discard(game.tag)
        else:
            self._unlisted_games.add(game.tag)
        if game.tag in self._games:
            self._games[game.tag].move_counts(self._totals_of(game.tag))

    def _totals_of(self, game: str) -> Counts:
        return self._unlisted if game in self._unlisted_games else self._listed

    def prepare(self, groups: Mapping[int, G]) -> Steps[None]:
        """Read what searches need of groups that were added or changed."""
        for listing in list(self._games.values()):
            yield from listing.prepare(groups)

    def update(self, before: G | None, after: G | None) -> None:
        """Update the listing after a group was created, changed or deleted."""
        was = None if before is None else self._row_of(before)
        now = None if after is None else self._row_of(after)
        if before is None or after is None or was is None or now is None:
            if before is not None and was is not None:
                self._remove(before.id, was)
            if after is not None and now is not None:
                self._add(after, now)
            return
        if was != now:
            listing = self._games[now[0]]
            if was[1] != now[1]:
                listing.set_flags(after.id, was[1], now[1])
            if was[2] != now[2]:
                if was[2] is not None:
                    listing.ranked.remove(was[2])
                if now[2] is not None:
                    listing.ranked.add(now[2])
        if before.options is not after.options or before.name is not after.name:
            self._games[now[0]].set_texts(after.id, self._options_text(after.options))

    def _add(self, group: G, row: Row) -> None:
        game, flags, rank = row
        self._ids[group.id] = None
        listing = self._games.get(game)
        if listing is None:
            listing = self._games[game] = Listing(self._totals_of(game))
        listing.add(group.id, flags, self._options_text(group.options))
        if rank is not None:
            listing.ranked.add(rank)

    def _remove(self, id: int, row: Row) -> None:
        game, flags, rank = row
        del self._ids[id]
        listing = self._games[game]
        listing.remove(id, flags)
        if rank is not None:
            listing.ranked.remove(rank)


def open_lobbies() -> Listings[Lobby]:
    """Return listings for the open lobbies; ranked are those for quick-join: the fullest, then the oldest."""
    return Listings(_lobby_row, _lobby_options)


def running_rooms() -> Listings[Room]:
    """Return listings for the running rooms; ranked are those with a free seat, see `room_rank`."""
    return Listings(_room_row, lambda _: "")


def room_rank(room: Room) -> Rank:
    """Return the rank of a room with a free seat: most members first, then by name; last without its host."""
    return room.roster.host_away, -len(room.roster.seats), room.name, room.id


def _lobby_row(lobby: Lobby) -> Row | None:
    if lobby.state is not LobbyState.OPEN:
        return None
    roster = lobby.roster
    members = len(roster.seats)
    # As `roster.full`, but without another call: this runs twice for every change.
    flags = FULL if members >= roster.capacity else 0
    if roster.host_away:
        flags |= AWAY
    if lobby.password:
        flags |= PRIVATE
    return lobby.game, flags, None if flags or lobby.requires_approval else (-members, lobby.id)


def _room_row(room: Room) -> Row | None:
    if room.close_reason is not None:
        return None
    roster = room.roster
    away = roster.host_away
    flags = AWAY if away else 0
    if room.password:
        flags |= PRIVATE
    # As `room.full`.
    if len(roster.seats) >= roster.capacity or room.state is not None:
        return room.game, flags | FULL, None
    return room.game, flags, (away, -len(roster.seats), room.name, room.id)


def _lobby_options(options: bytes) -> str | None:
    """Return options as a text that has the parts of an `OptionFilter`, or None where that is not possible."""
    if options == b"{}":
        return ""
    if len(options) > MAX_OPTIONS_BYTES:
        return None
    parsed = json.loads(options)
    if not isinstance(parsed, dict) or not parsed:
        return ""
    parts = [f"{name}{_OPTION_NAME_END}{_option_text(value)}" for name, value in parsed.items()]
    text = _OPTION_END.join(["", *parts, ""])
    # Two options in a row share the mark between them.
    is_exact = text.count(_OPTION_END) == len(parts) + 1 and text.count(_OPTION_NAME_END) == len(
        parts
    )
    return text if is_exact else None


def _is_written_in_one_way(text: str) -> bool:
    """Return whether JSON without escapes has an option with this text as the text itself."""
    return text[:1] not in ("[", "{", "-", *"0123456789") or text.removeprefix("-").isdigit()


def _option_text(value: object) -> str:
    """Return the text of an option's value: a string itself, anything else as JSON."""
    if isinstance(value, str):
        return value
    return repr(value) if type(value) is int else _to_json(value)


def _with_options(chunk: _Chunk, rows: Sequence[int], options: OptionFilter) -> list[int]:
    """Return the rows that have the options, and those of which it is not known."""
    column = chunk.options
    if options.parts is None:
        # No text has such a part.
        found = [row for row in rows if not isinstance(column[row], str)]
    else:
        found = list(rows)
        for part in options.parts:
            found = [row for row in found if type(text := column[row]) is not str or part in text]
    return [
        row
        for row in found
        if type(known := column[row]) is not array or options.matches_digests(known)
    ]
