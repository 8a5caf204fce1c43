"""State: all entities in memory, found by id or by one of a few indexes."""

from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from itertools import groupby, islice, repeat
from math import inf
from operator import attrgetter
from typing import Any, NamedTuple, Protocol, TypeVar

from sortedcontainers import SortedList

from coalserver.core.listings import open_lobbies, running_rooms
from coalserver.core.ports import Counter
from coalserver.domain.accounts.account import Account, KnownClient, LoginSession
from coalserver.domain.accounts.oauth import (
    AuthorizationCode,
    Grant,
    OAuthClient,
    PairingCode,
    TokenPair,
)
from coalserver.domain.audit import AuditEntry
from coalserver.domain.idempotency import IdempotencyRecord
from coalserver.domain.minecraft.hosting.hosted_world import HostedWorld, TroubleCode
from coalserver.domain.minecraft.hosting.settings import HostingSettings
from coalserver.domain.minecraft.hosting.version import Version
from coalserver.domain.minecraft.server_properties import version_name
from coalserver.domain.minecraft.visitor import (
    ConsoleCommand,
    LogSource,
    SentChat,
    UsernameClaim,
    Visitor,
)
from coalserver.domain.minecraft.world import World
from coalserver.domain.play.actions import Action
from coalserver.domain.play.game import Game, StorageItem
from coalserver.domain.play.host_profile import HostProfile
from coalserver.domain.play.join_requests import JoinRequest
from coalserver.domain.play.lobby import Lobby, LobbyState
from coalserver.domain.play.player import Ban, Player, Token
from coalserver.domain.play.room import Room
from coalserver.domain.play.synced_state import SyncedState

T = TypeVar("T")
Keys = tuple[Hashable, ...]
#: The ids under a key: the id where there is one, which is common and takes no memory of its own; else all, in order.
Ids = int | dict[int, None]
#: Keys of one entity from which on they are compared as sets.
MANY_KEYS = 8
#: More lines than are written while a query of the history is under way.
MAX_DIGESTS = 20_000


class Index(NamedTuple):
    """The indexes of a class of entities: their names, and the keys of an entity under each name.

    One function computes all keys, since it is called twice for every change.
    """

    names: tuple[str, ...]
    keys_of: Callable[[Any], tuple[Keys, ...]]
    #: Returns the fields on which keys and listings depend, of a class whose other fields change often.
    parts_of: Callable[[Any], tuple[Any, ...]] | None = None


_player_of = attrgetter("player")
#: The fields of a room on which its keys and its row in the listing depend.
ROOM_PARTS = (
    *("id", "code", "game", "name", "roster", "password", "options", "state", "close_reason"),
)


def _world_keys(world: World) -> tuple[Keys, ...]:
    if not world.active:
        return (), (world.short_name,) if world.short_name else (), (), (), (), (), ()
    age = (world.created, world.id)
    return (
        ("",),
        (world.short_name,) if world.short_name else (),
        (age,),
        (age,) if world.public else (),
        ("",) if world.hosted else (),
        (world.status,) if world.hosted else (),
        (version_name(world.properties),) if world.hosted else (),
    )


def _visitor_keys(visitor: Visitor) -> tuple[Keys, ...]:
    visit = visitor.latest_visit
    login = () if visit is None else ((visitor.world, visit.login.at, visitor.id),)
    is_online = visit is not None and visit.logout is None
    end: Keys = ()
    if visit is not None and visit.logout is not None:
        # Any mark can end a visit that is suspended.
        place = (inf, 0) if visit.is_suspended else (visit.logout.order, visit.logout.sequence)
        end = ((visitor.world, *place, visitor.id),)
    return (
        (visitor.world,),
        ((visitor.world, visitor.name),),
        (visitor.world,) if is_online else (),
        login,
        login if is_online else (),
        end,
    )


STOPPED_INSIDE = TroubleCode.STOPPED_INSIDE

#: The indexes of each class. Closed lobbies and rooms are found by id, code and as closed ones only, the others
#: also in the listings of their games.
INDEXES: Mapping[type, Index] = {
    Game: Index(
        ("all", "tag", "api_token", "listed"),
        lambda game: (
            ("",),
            (game.tag,),
            (game.api_token,),
            ((game.id,),) if game.listed else (),
        ),
    ),
    Player: Index(
        ("game", "key", "guest"),
        lambda player: (
            (player.game,) if player.game else (),
            (player.secret_digest,) if player.secret_digest else (),
            ("",) if player.guest else (),
        ),
    ),
    Account: Index(
        ("all", "email", "player", "admin", "username", "inactive", "created"),
        lambda account: (
            ("",),
            (account.email,),
            (account.player,) if account.player else (),
            ("",) if account.admin and account.active else (),
            account.usernames,
            () if account.active else ((account.id,),),
            ((account.created, account.id),),
        ),
    ),
    KnownClient: Index(
        ("account", "digest", "client"),
        lambda client: (
            (client.account,),
            ((client.account, client.digest),),
            (client.digest,),
        ),
    ),
    LoginSession: Index(
        ("digest", "account"),
        lambda login_session: (
            (login_session.digest,),
            (login_session.account,),
        ),
    ),
    OAuthClient: Index(
        ("code", "world"),
        lambda client: (
            (client.code,),
            (client.world,) if client.world else (),
        ),
    ),
    Grant: Index(
        ("pair", "account", "client"),
        lambda grant: (
            ((grant.account, grant.client),),
            (grant.account,),
            (grant.client,),
        ),
    ),
    AuthorizationCode: Index(
        ("digest", "client", "pair"),
        lambda code: (
            (code.digest,),
            (code.client,),
            ((code.account, code.client),),
        ),
    ),
    TokenPair: Index(
        ("digest", "refresh", "pair", "client", "account"),
        lambda pair: (
            (pair.digest,),
            (pair.refresh,) if pair.refresh else (),
            ((pair.account, pair.client),),
            (pair.client,) if pair.client else (),
            (pair.account,) if pair.account else (),
        ),
    ),
    AuditEntry: Index((), lambda _: ()),
    PairingCode: Index(
        ("digest", "world"),
        lambda pairing: (
            (pairing.digest,),
            (pairing.world,),
        ),
    ),
    Token: Index(
        ("digest", "player", "account"),
        lambda token: (
            (token.digest,),
            (token.player,),
            (token.account,) if token.account else (),
        ),
    ),
    HostProfile: Index(
        ("code",),
        lambda profile: ((profile.code,),),
    ),
    Ban: Index(
        ("player", "until"),
        lambda ban: (
            ((ban.game, ban.player),),
            ((inf if ban.until is None else ban.until, ban.id),),
        ),
    ),
    IdempotencyRecord: Index(
        ("key",),
        lambda record: ((record.idempotency_key,),),
    ),
    StorageItem: Index(
        ("owner_and_key", "player"),
        lambda item: (
            ((item.game, item.player, item.storage_key),),
            (item.player,),
        ),
    ),
    Lobby: Index(
        ("code", "member", "closed", "closed_in_game", "room"),
        lambda lobby: (
            (lobby.code,),
            tuple(map(_player_of, lobby.roster.seats)),
            ("",) if lobby.state is not LobbyState.OPEN else (),
            (lobby.game,) if lobby.state is not LobbyState.OPEN else (),
            (lobby.room,) if lobby.room else (),
        ),
    ),
    Room: Index(
        ("code", "member", "closed", "ended"),
        lambda room: (
            (room.code,),
            tuple(map(_player_of, room.roster.seats)) if room.close_reason is None else (),
            ("",) if room.close_reason is not None else (),
            tuple(map(_player_of, room.roster.seats)) if room.close_reason is not None else (),
        ),
        # A turn changes none of them.
        attrgetter(*ROOM_PARTS),
    ),
    SyncedState: Index((), lambda _: ()),
    Action: Index(
        ("code", "room", "target", "sender"),
        lambda action: (
            (action.code,),
            (action.room,),
            ((action.room, action.target),) if not action.finished else (),
            ((action.room, action.sender),),
        ),
    ),
    JoinRequest: Index(
        ("code", "lobby", "pending", "player"),
        lambda request: (
            (request.code,),
            (request.lobby,),
            ((request.lobby, request.player),) if request.pending else (),
            (request.player,) if request.pending else (),
        ),
    ),
    World: Index(
        ("active", "short_name", "created", "public", "hosted", "hosted_status", "version"),
        _world_keys,
    ),
    HostedWorld: Index(
        ("all", "troubled", "reserved"),
        lambda hosted: (
            ("",),
            ("",) if hosted.trouble and hosted.trouble.code is not STOPPED_INSIDE else (),
            ("",) if hosted.reserved_mib or hosted.port is not None else (),
        ),
    ),
    HostingSettings: Index((), lambda _: ()),
    Version: Index(
        ("all", "name"),
        lambda version: (
            ("",),
            (version.name,),
        ),
    ),
    Visitor: Index(
        ("world", "name", "online", "login", "online_login", "end"),
        _visitor_keys,
    ),
    ConsoleCommand: Index(
        ("world",),
        lambda command: ((command.world,),),
    ),
    SentChat: Index(
        ("world",),
        lambda chat: ((chat.world,),),
    ),
    LogSource: Index(
        ("name",),
        lambda source: (((source.world, source.name),),),
    ),
    UsernameClaim: Index(
        ("code", "account"),
        lambda claim: (
            (claim.code,),
            (claim.account,),
        ),
    ),
}
#: The indexes that also have their keys in order; see `State.in_order`.
SORTED_INDEXES = frozenset(
    {
        (Account, "created"),
        (Account, "inactive"),
        (Ban, "until"),
        (Game, "listed"),
        (Version, "name"),
        (World, "created"),
        (World, "public"),
        (Visitor, "name"),
        (Visitor, "login"),
        (Visitor, "online_login"),
        (Visitor, "end"),
    }
)
_NOTHING: dict[int, None] = {}


class Reader(Protocol):
    """Read access to entities: State has the committed ones, a UnitOfWork also its own changes."""

    def get(self, kind: type[T], id: int) -> T | None:
        """Return the entity with this id, or None."""

    def find(self, kind: type[T], index: str, key: Hashable) -> list[T]:
        """Return the entities under a key of an index."""

    def first(self, kind: type[T], index: str, key: Hashable) -> T | None:
        """Return the first entity under a key of an index, or None."""

    def count_under(self, kind: type, index: str, key: Hashable) -> int:
        """Return the number of entities under a key of an index."""


class State:
    """All entities by class and id. Only the batch writer changes them."""

    def __init__(
        self,
        values: Iterable[Any] = (),
        counters: Mapping[Counter, int] | None = None,
        game_bytes: Mapping[str, int] = {},
    ) -> None:
        #: Bytes of each game in the store, by tag; the store keeps it up to date.
        self.game_bytes = game_bytes
        self.counters: dict[Counter, int] = dict(counters or {})
        #: Entities by class and id. Only `set` changes them.
        self.entities: dict[type, dict[int, Any]] = {kind: {} for kind in INDEXES}
        self._indexes: dict[type, dict[str, dict[Hashable, Ids]]] = {
            kind: {
                name: SortedIndex() if (kind, name) in SORTED_INDEXES else {}
                for name in index.names
            }
            for kind, index in INDEXES.items()
        }
        #: What lists have of lobbies and rooms, by game.
        self.open_lobbies = open_lobbies()
        self.running_rooms = running_rooms()
        self._watchers: dict[type, Callable[[Any, Any], None]] = {
            Game: self.open_lobbies.update_game,
            Lobby: self.open_lobbies.update,
            Room: self.running_rooms.update,
        }
        #: Digests of the newest log lines, which may not be in the history yet.
        self.recent = RecentDigests()
        #: Ids of screenshots deleted since the start: the history may have been read before.
        self.deleted_screenshots: set[int] = set()
        for kind, group in groupby(values, type):
            self._add_all(kind, group)

    def _add_all(self, kind: type, values: Iterable[Any]) -> None:
        """Add entities that are not there yet, as `set` does."""
        table, keys_of = self.entities[kind], INDEXES[kind].keys_of
        indexes = tuple(self._indexes[kind].values())
        watcher = self._watchers.get(kind)
        for value in values:
            id = value.id
            table[id] = value
            for index, keys in zip(indexes, keys_of(value), strict=True):
                for key in keys:
                    ids = index.setdefault(key, id)
                    if ids is not id:
                        _update_index(index, id, (), keys)
            if watcher is not None:
                watcher(None, value)

    def watch(self, kind: type[T], watcher: Callable[[T | None, T | None], None]) -> None:
        """Call a function at every change of a class, with the entity before and after it, or None.

        Games, lobbies and rooms are watched by the listings.
        """
        self._watchers[kind] = watcher

    def get(self, kind: type[T], id: int) -> T | None:
        """Return the entity with this id, or None."""
        return self.entities[kind].get(id)

    def all(self, kind: type[T]) -> Iterable[T]:
        """Return all entities of a class, oldest id first."""
        return self.entities[kind].values()

    def table(self, kind: type[T]) -> Mapping[int, T]:
        """Return all entities of a class by id."""
        return self.entities[kind]

    def count(self, kind: type) -> int:
        """Return the number of entities of a class."""
        return len(self.entities[kind])

    def ids(self, kind: type, index: str, key: Hashable) -> Mapping[int, None]:
        """Return the ids under a key of an index, in the order in which they were added."""
        ids = self._indexes[kind][index].get(key, _NOTHING)
        return {ids: None} if isinstance(ids, int) else ids

    def count_under(self, kind: type, index: str, key: Hashable) -> int:
        """Return the number of ids under a key of an index."""
        ids = self._indexes[kind][index].get(key, _NOTHING)
        return 1 if isinstance(ids, int) else len(ids)

    def find(self, kind: type[T], index: str, key: Hashable) -> list[T]:
        """Return the entities under a key of an index, in the order in which they were added."""
        ids = self._indexes[kind][index].get(key)
        if ids is None:
            return []
        if isinstance(ids, int):
            return [self.entities[kind][ids]]
        return list(map(self.entities[kind].__getitem__, ids))

    def first(self, kind: type[T], index: str, key: Hashable) -> T | None:
        """Return the first entity under a key of an index, or None."""
        ids = self._indexes[kind][index].get(key)
        if ids is None:
            return None
        id = ids if isinstance(ids, int) else next(iter(ids))
        return self.entities[kind][id]  # type: ignore[no-any-return]

    def in_order(
        self,
        kind: type[T],
        index: str,
        *,
        after: tuple[Hashable, ...] | None = None,
        before: tuple[Hashable, ...] | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> list[T]:
        """Return entities in the order of their keys in a sorted index, which are tuples.

        `after` and `before`, both exclusive, need not be keys. `reverse`: from the last one on.
        """
        keys = self._indexes[kind][index]
        assert isinstance(keys, SortedIndex)
        some = keys.order.irange(after, before, inclusive=(False, False), reverse=reverse)
        return [entity for key in islice(some, limit) for entity in self.find(kind, index, key)]

    def page_in_order(
        self, kind: type[T], index: str, *, limit: int, offset: int = 0
    ) -> tuple[list[T], int]:
        """Return a page of the entities in the order of their keys in a sorted index, and the number of all."""
        keys = self._indexes[kind][index]
        assert isinstance(keys, SortedIndex)
        some = keys.order.islice(offset, offset + limit)
        return [entity for key in some for entity in self.find(kind, index, key)], len(keys.order)

    def count_keys(
        self, kind: type, index: str, *, after: tuple[Hashable, ...], before: tuple[Hashable, ...]
    ) -> int:
        """Return the number of keys of a sorted index between two that are no keys."""
        keys = self._indexes[kind][index]
        assert isinstance(keys, SortedIndex)
        return int(keys.order.bisect_left(before) - keys.order.bisect_left(after))

    def set(self, kind: type, id: int, value: Any) -> None:
        """Replace an entity, or remove it with None, and update the indexes."""
        values = self.entities[kind]
        old = values.get(id)
        if value is None:
            values.pop(id, None)
        else:
            values[id] = value
        _, keys_of, parts_of = INDEXES[kind]
        if parts_of and old is not None and value is not None and parts_of(old) == parts_of(value):
            return
        before = repeat(()) if old is None else keys_of(old)
        after = repeat(()) if value is None else keys_of(value)
        if before != after:
            for index, removed, added in zip(
                self._indexes[kind].values(), before, after, strict=False
            ):
                if removed != added:
                    _update_index(index, id, removed, added)
        watcher = self._watchers.get(kind)
        if watcher is not None:
            watcher(old, value)


class SortedIndex(dict[Hashable, Ids]):
    """An index that also has its keys in order."""

    def __init__(self) -> None:
        super().__init__()
        self.order: SortedList[Any] = SortedList()

    def setdefault(self, key: Hashable, default: Any = None) -> Any:
        """Return the ids under a key, which is added with these where it is new."""
        if key not in self:
            self.order.add(key)
        return super().setdefault(key, default)

    def __delitem__(self, key: Hashable) -> None:
        super().__delitem__(key)
        self.order.remove(key)


class RecentDigests:
    """The digests of the newest log lines that were sent singly, on disk or about to be written.

    A caller reads `written`, then the history. If `covers(written)` still holds when the command runs,
    a line is known if its digest was in the history or is in `digests`; otherwise the caller repeats.
    """

    def __init__(self, max_size: int = MAX_DIGESTS) -> None:
        #: Number of such lines written since the start, which are in the history.
        self.written = 0
        self._added = 0
        self._max_size = max_size
        self._order: deque[bytes] = deque()
        self.digests: set[bytes] = set()

    def covers(self, written: int) -> bool:
        """Return whether the digests of all lines after the first `written` ones are held."""
        return written >= self._added - len(self._order)

    def add(self, digests: Iterable[bytes]) -> None:
        """Add the digests of committed lines."""
        added = list(digests)
        self._added += len(added)
        self._order.extend(added)
        self.digests.update(added)
        while len(self._order) > self._max_size:
            self.digests.discard(self._order.popleft())


def _update_index(index: dict[Hashable, Ids], id: int, before: Keys, after: Keys) -> None:
    """Move an id from the keys that its entity had to those that it has."""
    # The members of a large room are compared by one look-up each.
    kept_before: Collection[Hashable] = before if len(before) < MANY_KEYS else {*before}
    kept_after: Collection[Hashable] = after if len(after) < MANY_KEYS else {*after}
    for key in before:
        if key not in kept_after:
            ids = index[key]
            if isinstance(ids, int):
                del index[key]
                continue
            del ids[id]
            if not ids:
                del index[key]
    for key in after:
        if key not in kept_before:
            ids = index.setdefault(key, id)
            if isinstance(ids, dict):
                ids[id] = None
            elif ids != id:
                index[key] = {ids: None, id: None}
