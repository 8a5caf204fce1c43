"""State: every live value in memory, found by id or by one of a few indexes."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Protocol, TypeVar

from coalserver.core.ports import Counter
from coalserver.domain.accounts.account import Account, LoginSession
from coalserver.domain.accounts.oauth import (
    AuthorizationCode,
    Grant,
    OAuthClient,
    PairingCode,
    TokenPair,
)
from coalserver.domain.audit import AuditEntry
from coalserver.domain.idempotency import IdempotencyRecord
from coalserver.domain.minecraft.visitor import ConsoleCommand, LogSource, UsernameClaim, Visitor
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
#: More lines than come while a question to the history is on its way.
MAX_DIGESTS = 20_000


def _if(flag: object, *keys: Hashable) -> Keys:
    return keys if flag else ()


#: Under which keys a value is found. Closed lobbies and rooms keep their id and code, and lose the rest.
INDEXES: Mapping[type, Mapping[str, Callable[[Any], Keys]]] = {
    Game: {
        "all": lambda game: ("",),
        "tag": lambda game: (game.tag,),
        "api_token": lambda game: (game.api_token,),
    },
    Player: {
        "game": lambda player: _if(player.game, player.game),
        "key": lambda player: _if(player.secret_digest, player.secret_digest),
        "guest": lambda player: _if(player.guest, ""),
    },
    Account: {
        "all": lambda account: ("",),
        "email": lambda account: (account.email,),
        "player": lambda account: _if(account.player, account.player),
        "admin": lambda account: _if(account.admin and account.active, ""),
        "username": lambda account: account.usernames,
    },
    LoginSession: {
        "digest": lambda login_session: (login_session.digest,),
        "account": lambda login_session: (login_session.account,),
    },
    OAuthClient: {
        "code": lambda client: (client.code,),
        "world": lambda client: _if(client.world, client.world),
    },
    Grant: {
        "pair": lambda grant: ((grant.account, grant.client),),
        "account": lambda grant: (grant.account,),
        "client": lambda grant: (grant.client,),
    },
    AuthorizationCode: {
        "digest": lambda code: (code.digest,),
        "client": lambda code: (code.client,),
    },
    TokenPair: {
        "digest": lambda pair: (pair.digest,),
        "refresh": lambda pair: _if(pair.refresh, pair.refresh),
        "pair": lambda pair: ((pair.account, pair.client),),
        "client": lambda pair: _if(pair.client, pair.client),
        "account": lambda pair: _if(pair.account, pair.account),
    },
    AuditEntry: {},
    PairingCode: {
        "digest": lambda pairing: (pairing.digest,),
        "world": lambda pairing: (pairing.world,),
    },
    Token: {
        "digest": lambda token: (token.digest,),
        "player": lambda token: (token.player,),
        "account": lambda token: _if(token.account, token.account),
    },
    HostProfile: {"code": lambda profile: (profile.code,)},
    Ban: {"player": lambda ban: ((ban.game, ban.player),)},
    IdempotencyRecord: {"key": lambda record: (record.idempotency_key,)},
    StorageItem: {
        "owner_and_key": lambda item: ((item.game, item.player, item.storage_key),),
        "player": lambda item: (item.player,),
    },
    Lobby: {
        "code": lambda lobby: (lobby.code,),
        "open": lambda lobby: _if(lobby.state is LobbyState.OPEN, lobby.game),
        "member": lambda lobby: tuple(lobby.roster),
        "closed": lambda lobby: _if(lobby.state is not LobbyState.OPEN, ""),
        "room": lambda lobby: _if(lobby.room, lobby.room),
    },
    Room: {
        "code": lambda room: (room.code,),
        "running": lambda room: _if(not room.ended, room.game),
        "member": lambda room: () if room.ended else tuple(room.roster),
        "closed": lambda room: _if(room.ended, ""),
        "ended": lambda room: tuple(room.roster) if room.ended else (),
        "with_authority": lambda room: _if(room.authority and not room.ended, ""),
    },
    SyncedState: {},
    Action: {
        "code": lambda action: (action.code,),
        "room": lambda action: (action.room,),
        "target": lambda action: _if(not action.finished, (action.room, action.target)),
        "sender": lambda action: ((action.room, action.sender),),
    },
    JoinRequest: {
        "code": lambda request: (request.code,),
        "lobby": lambda request: (request.lobby,),
        "pending": lambda request: _if(request.pending, (request.lobby, request.player)),
        "player": lambda request: _if(request.pending, request.player),
    },
    World: {
        "active": lambda world: _if(world.active, ""),
        "short_name": lambda world: _if(world.short_name, world.short_name),
    },
    Visitor: {
        "world": lambda visitor: (visitor.world,),
        "name": lambda visitor: ((visitor.world, visitor.name),),
        "online": lambda visitor: _if(visitor.online, visitor.world),
    },
    ConsoleCommand: {"world": lambda command: (command.world,)},
    LogSource: {"name": lambda source: ((source.world, source.name),)},
    UsernameClaim: {
        "code": lambda claim: (claim.code,),
        "account": lambda claim: (claim.account,),
    },
}
_NOTHING: dict[int, None] = {}


class Reader(Protocol):
    """Read access to entities: State has the committed ones, a UnitOfWork also its own changes."""

    def get(self, kind: type[T], id: int) -> T | None:
        """Return the entity with this id, or None."""

    def find(self, kind: type[T], index: str, key: Hashable) -> list[T]:
        """Return the entities under a key of an index."""

    def first(self, kind: type[T], index: str, key: Hashable) -> T | None:
        """Return the first entity under a key of an index, or None."""


class State:
    """All values by class and id. Only a committed unit changes it."""

    def __init__(
        self, values: Iterable[Any] = (), counters: Mapping[Counter, int] | None = None
    ) -> None:
        self.counters: dict[Counter, int] = dict(counters or {})
        self._values: dict[type, dict[int, Any]] = {kind: {} for kind in INDEXES}
        self._indexes: dict[type, dict[str, dict[Hashable, dict[int, None]]]] = {
            kind: {name: {} for name in names} for kind, names in INDEXES.items()
        }
        self._watchers: dict[type, Callable[[Any, Any], None]] = {}
        #: The newest log lines, which the history may not know of yet.
        self.recent = RecentDigests()
        #: Screenshots taken down since the start: who asked the history before that was told they hang.
        self.deleted_screenshots: set[int] = set()
        for value in values:
            self.set(type(value), value.id, value)

    def watch(self, kind: type[T], watcher: Callable[[T | None, T | None], None]) -> None:
        """Tell this one of every change of a class: the value before it and after, or None."""
        self._watchers[kind] = watcher

    def get(self, kind: type[T], id: int) -> T | None:
        """The value with this id, or None."""
        return self._values[kind].get(id)

    def all(self, kind: type[T]) -> Iterable[T]:
        """Every value of a class, oldest id first."""
        return self._values[kind].values()

    def table(self, kind: type[T]) -> Mapping[int, T]:
        """Every value of a class by id, for who looks up many."""
        return self._values[kind]

    def count(self, kind: type) -> int:
        return len(self._values[kind])

    def ids(self, kind: type, index: str, key: Hashable) -> Mapping[int, None]:
        """Ids of the values found under a key, in the order in which they came there."""
        return self._indexes[kind][index].get(key, _NOTHING)

    def find(self, kind: type[T], index: str, key: Hashable) -> list[T]:
        """The values found under a key."""
        ids = self._indexes[kind][index].get(key)
        return list(map(self._values[kind].__getitem__, ids)) if ids else []

    def first(self, kind: type[T], index: str, key: Hashable) -> T | None:
        """The first value found under a key, or None."""
        for id in self._indexes[kind][index].get(key, _NOTHING):
            return self._values[kind][id]  # type: ignore[no-any-return]
        return None

    def set(self, kind: type, id: int, value: Any) -> None:
        """Replace a value, or remove it with None, and keep the indexes true."""
        values = self._values[kind]
        old = values.get(id)
        if value is None:
            values.pop(id, None)
        else:
            values[id] = value
        indexes = self._indexes[kind]
        for name, keys_of in INDEXES[kind].items():
            before = () if old is None else keys_of(old)
            after = () if value is None else keys_of(value)
            if before == after:
                continue
            index = indexes[name]
            for key in before:
                if key not in after:
                    ids = index[key]
                    del ids[id]
                    if not ids:
                        del index[key]
            for key in after:
                if key not in before:
                    index.setdefault(key, {})[id] = None
        watcher = self._watchers.get(kind)
        if watcher is not None:
            watcher(old, value)


class RecentDigests:
    """The digests of the newest lines, on disk or on their way there.

    Whoever asks the history notes `landed` first. If by the time of his command this still `covers` it, a line is
    known if the history knew it or this holds it; else he asks again.
    """

    def __init__(self, max_size: int = MAX_DIGESTS) -> None:
        #: How many lines have been written since the start: the history knows of them.
        self.written = 0
        self._added = 0
        self._max_size = max_size
        self._order: deque[bytes] = deque()
        self._digests: set[bytes] = set()

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._digests

    def covers(self, written: int) -> bool:
        """Whether every line that was not on disk at that moment is held."""
        return written >= self._added - len(self._order)

    def add(self, digests: Iterable[bytes]) -> None:
        """These lines are true now."""
        for digest in digests:
            self._added += 1
            self._order.append(digest)
            self._digests.add(digest)
        while len(self._order) > self._max_size:
            self._digests.discard(self._order.popleft())
