"""The codec: entities and events as JSON documents, and back. It knows the classes, not where documents are stored.

Every name that is written to the file is listed here: `ENTITIES`, `HISTORY`, `EVENTS` and `FIELDS`. Classes and fields
may be renamed in the code; the stored names never change and are never used for something else.

A document holds a dataclass's fields by their stored names. Free JSON (a `bytes` field) is part of the document, so
that it can be read and searched there; it comes back as orjson writes it, compact. What came from orjson or from
`domain.game.dumped` is compact already and comes back byte for byte, but for the spelling of floats and escapes.
Where a field may also be None, JSON null comes back as None: such a field has no other use for it.
"""

import dataclasses
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeVar

import orjson

from coalserver.core.ports import Counter
from coalserver.domain import audit, idempotency
from coalserver.domain.accounts import account, oauth
from coalserver.domain.accounts import events as account_event
from coalserver.domain.minecraft import events as world_event
from coalserver.domain.minecraft import history, visitor, visits, world
from coalserver.domain.minecraft.hosting import events as hosting_event
from coalserver.domain.minecraft.hosting import hosted_world, version
from coalserver.domain.minecraft.hosting import settings as hosting_settings
from coalserver.domain.play import (
    actions,
    game,
    host_profile,
    join_requests,
    lobby,
    player,
    room,
    roster,
    synced_state,
)
from coalserver.domain.play import events as play_event
from coalserver.domain.text import trimmed

K = TypeVar("K")
V = TypeVar("V")
Decoder = Callable[[Any], Any]
Encoder = Callable[[Any], Any]

#: Stored name -> class of the entities that State holds.
ENTITIES: Mapping[str, type] = {
    "Access": oauth.TokenPair,
    "Account": account.Account,
    "Action": actions.Action,
    "Ban": player.Ban,
    "Claim": visitor.UsernameClaim,
    "Client": oauth.OAuthClient,
    "Code": oauth.AuthorizationCode,
    "ConsoleLine": visitor.ConsoleCommand,
    "SentChat": visitor.SentChat,
    "Datum": game.StorageItem,
    "Deed": audit.AuditEntry,
    "Game": game.Game,
    "Grant": oauth.Grant,
    "HostedWorld": hosted_world.HostedWorld,
    "HostingSettings": hosting_settings.HostingSettings,
    "JoinRequest": join_requests.JoinRequest,
    "KnownClient": account.KnownClient,
    "Lobby": lobby.Lobby,
    "Pairing": oauth.PairingCode,
    "Player": player.Player,
    "Receipt": idempotency.IdempotencyRecord,
    "Room": room.Room,
    "SignIn": account.LoginSession,
    "Source": visitor.LogSource,
    "Token": player.Token,
    "Truth": synced_state.SyncedState,
    "Version": version.Version,
    "Visitor": visitor.Visitor,
    "Welcome": host_profile.HostProfile,
    "World": world.World,
}
#: Stored name -> class of the history that has tables of its own.
HISTORY: Mapping[str, type] = {
    "LogLine": history.LogLine,
    "Screenshot": history.Screenshot,
    "Visit": visits.Visit,
}
#: Stored name -> class of the events.
EVENTS: Mapping[str, type] = {
    "ActionAnswered": play_event.ActionFinished,
    "ActionAsked": play_event.ActionRequested,
    "CommandSent": play_event.CommandSent,
    "ConsoleTold": world_event.ConsoleCommandsDelivered,
    "FrameSent": play_event.BinarySent,
    "HostChanged": play_event.LobbyHostChanged,
    "HostedWorldChanged": hosting_event.HostedWorldChanged,
    "JoinAnswered": play_event.JoinRequestAnswered,
    "JoinAsked": play_event.JoinRequested,
    "LineLogged": world_event.LineLogged,
    "LobbyChat": play_event.LobbyChat,
    "LobbyClosed": play_event.LobbyClosed,
    "LobbyLocked": play_event.LobbyPasswordChanged,
    "LobbyOpened": play_event.LobbyOpened,
    "MemberAway": play_event.LobbyMemberAway,
    "MemberJoined": play_event.LobbyMemberJoined,
    "MemberLeft": play_event.LobbyMemberLeft,
    "MemberReady": play_event.LobbyMemberReady,
    "MemberRenamed": play_event.LobbyMemberRenamed,
    "NameClaimed": world_event.UsernameClaimed,
    "OptionsChanged": play_event.LobbyOptionsChanged,
    "PlayerAway": play_event.RoomMemberAway,
    "PlayerBanned": play_event.PlayerBanned,
    "PlayerEntered": play_event.RoomMemberJoined,
    "PlayerLeft": play_event.RoomMemberLeft,
    "PlayerRenamed": play_event.RoomMemberRenamed,
    "PlayerUnbanned": play_event.PlayerUnbanned,
    "RoomChat": play_event.RoomChat,
    "RoomClosed": play_event.RoomClosed,
    "RoomHostChanged": play_event.RoomHostChanged,
    "RoomLocked": play_event.RoomPasswordChanged,
    "RoomOpened": play_event.RoomOpened,
    "ScreenshotHung": world_event.ScreenshotAdded,
    "ScreenshotTaken": world_event.ScreenshotDeleted,
    "SignedOut": account_event.PlayerLoggedOut,
    "StateChanged": play_event.SyncedStateChanged,
    "TokenEnded": account_event.TokenRevoked,
    "TurnTaken": play_event.TurnTaken,
    "UpdateSent": play_event.UpdateSent,
    "WorldAdded": world_event.WorldAdded,
    "WorldChanged": world_event.WorldChanged,
}
#: Class -> field -> stored name, where the two differ.
FIELDS: Mapping[type, Mapping[str, str]] = {
    actions.Action: {"requested_at": "asked", "status": "progress", "finished_at": "answered"},
    join_requests.JoinRequest: {"requested_at": "asked", "answered_at": "answered"},
    audit.AuditEntry: {"actor": "by", "actor_name": "name", "action": "what", "subject": "about"},
    game.StorageItem: {"storage_key": "key"},
    history.LogLine: {"display_name": "shown"},
    history.Screenshot: {"random_order": "chance"},
    host_profile.HostProfile: {"secret_required": "closed"},
    lobby.Lobby: {"requires_approval": "by_request", "state": "phase", "close_reason": "ending"},
    play_event.LobbyClosed: {"close_reason": "ending"},
    play_event.LobbyMemberLeft: {"reason": "how"},
    play_event.LobbyPasswordChanged: {"has_password": "locked"},
    play_event.ActionFinished: {"status": "progress"},
    oauth.Grant: {"created_at": "since"},
    oauth.OAuthClient: {"registration_token": "registration"},
    oauth.PairingCode: {"created_by": "by"},
    oauth.TokenPair: {"refresh": "renewal", "refresh_expires_at": "renewal_until"},
    player.Ban: {"created_at": "since"},
    idempotency.IdempotencyRecord: {
        "idempotency_key": "key",
        "created_ids": "made",
        "created_at": "at",
    },
    player.Player: {"secret_digest": "key", "other_games": "played"},
    player.Token: {"lifetime": "lasts", "fixed_lifetime": "fixed", "refresh_seconds": "renewal"},
    room.Room: {"close_reason": "ending"},
    play_event.RoomClosed: {"close_reason": "ending"},
    play_event.RoomMemberLeft: {"reason": "how"},
    play_event.RoomPasswordChanged: {"has_password": "locked"},
    roster.Roster: {"transfer_host": "hand_over"},
    synced_state.SyncedState: {"snapshot_at": "at"},
    visitor.LogSource: {"newest_order": "newest"},
    visitor.Visitor: {"latest_visit": "latest", "last_departure": "left"},
    visits.PresenceMark: {"kind": "sign"},
    visits.Visit: {"duplicate": "twin"},
    world.World: {
        "pending_since": "pending",
        "empty_since": "idle",
        "last_ping": "pinged",
        "status_line_at": "told",
        "last_emptied": "emptied",
    },
    world_event.ConsoleCommandsDelivered: {"commands": "lines"},
}

#: Fields that have the same value in many entities. Decoded entities share one object for it.
SHARED_FIELDS = frozenset(("duration", "game", "lifetime", "other_games", "zone"))


#: Classes with many fields that usually have their defaults, which are left out of documents. None of the fields is
#: free JSON or holds values of other classes.
SPARSE: frozenset[type] = frozenset((history.LogLine,))


class UnknownDocument(Exception):
    """A document or a class that this codec cannot read or write."""


class OnDemand(dict[K, V]):
    """A mapping of known keys whose values are made when they are first asked for; others raise KeyError."""

    def __init__(self, known: Iterable[K], make: Callable[[K], V]) -> None:
        self._known, self._make = frozenset(known), make

    def __missing__(self, key: K) -> V:
        if key not in self._known:
            raise KeyError(key)
        value = self[key] = self._make(key)
        return value

    def make_all(self) -> None:
        for key in self._known:
            self[key]


class Codec:
    """Reads and writes documents of a closed set of dataclasses, found by their stored names.

    What reads and writes a class is compiled for its first document: all of them would take 50 ms of every start, and
    most starts and commands need few.
    """

    def __init__(
        self,
        classes: Mapping[str, type],
        renamed: Mapping[type, Mapping[str, str]] = FIELDS,
    ) -> None:
        self._names = {cls: name for name, cls in classes.items()}
        if len(self._names) < len(classes):
            raise UnknownDocument("one class has two stored names")
        self._decoders = OnDemand(classes, lambda name: decoder(classes[name], renamed))
        #: Class -> stored name, and the encoder of a class that orjson does not write by itself.
        self._encoders = OnDemand(
            self._names, lambda cls: (self._names[cls], encoder(cls, renamed))
        )

    def compile(self) -> None:
        """Compile what reads and writes every class. Raises UnknownDocument for a class that cannot be stored."""
        self._decoders.make_all()
        self._encoders.make_all()

    def name_of(self, cls: type) -> str:
        """Return the stored name of a class. Raises UnknownDocument for a class that has none."""
        name = self._names.get(cls)
        if name is None:
            raise UnknownDocument(f"{cls.__name__} has no stored name")
        return name

    def load(self, name: str, document: str | bytes) -> Any:
        """Return the value that a document was made from. Unknown members are ignored.

        Raises UnknownDocument for a name or a document that this codec does not know.
        """
        try:
            decode = self._decoders[name]
        except KeyError:
            raise UnknownDocument(f"no class is stored as {name}") from None
        try:
            return decode(orjson.loads(document))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise UnknownDocument(f"not a document of {name}: {error}") from error

    def load_all(self, name: str, documents: bytes) -> list[Any]:
        """Return the values of documents of one name that are written as a JSON list. Raises as `load`."""
        try:
            decode = self._decoders[name]
        except KeyError:
            raise UnknownDocument(f"no class is stored as {name}") from None
        try:
            return list(map(decode, orjson.loads(documents)))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise UnknownDocument(f"not documents of {name}: {error}") from error

    def dump(self, value: Any) -> str:
        """Return the document of a value.

        Raises TypeError for bytes that are not JSON, since they could not be read again.
        """
        return self.dump_named(value)[1]

    def dump_named(self, value: Any) -> tuple[str, str]:
        """Return the stored name of a value's class, and its document.

        Raises UnknownDocument for a class that has no stored name, and what `dump` raises.
        """
        try:
            name, encode = self._encoders[type(value)]
        except KeyError:
            raise UnknownDocument(f"{type(value).__name__} has no stored name") from None
        try:
            document = value if encode is None else encode(value)
        except ValueError as error:
            raise TypeError(f"{name}: free JSON that is not JSON") from error
        return name, orjson.dumps(document).decode()


def decoder(cls: type, renamed: Mapping[type, Mapping[str, str]] = FIELDS) -> Decoder:
    """Return the function that makes values of a dataclass from parsed documents.

    It is compiled once: a million documents are loaded at a start.
    """
    hints = typing.get_type_hints(cls)
    fields = [field.name for field in dataclasses.fields(cls)]
    stored = stored_names(cls, renamed)
    special = {}
    for field in fields:
        if field.startswith("_"):
            raise UnknownDocument(
                f"{cls.__name__}.{field}: orjson leaves out names that begin with _"
            )
        decode_one = _decoder_of(hints[field], f"{cls.__name__}.{field}", renamed)
        if field in SHARED_FIELDS:
            decode_one = _shared if decode_one is None else _decoder_of_shared(decode_one)
        if decode_one is not None:
            special[field] = decode_one

    def decode_partial(document: dict[str, Any]) -> Any:
        """Decode a document written before the class had all its fields: those take their defaults."""
        pairs = zip(fields, stored, strict=True)
        values = {field: document[name] for field, name in pairs if name in document}
        for field, decode_one in special.items():
            if field in values:
                values[field] = decode_one(values[field])
        return cls(**values)

    defaults = _sparse_defaults(cls)
    members = []
    for field, name in zip(fields, stored, strict=True):
        member = f"document[{name!r}]"
        if field in defaults:
            member = f"document.get({name!r}, {defaults[field]!r})"
        members.append(f"{_special(field)}({member})" if field in special else member)
    names = {_special(field): decode_one for field, decode_one in special.items()}
    twin = _mutable_twin(cls)
    source = (
        "def decode(document):\n"
        "    try:\n"
        f"        value = build({', '.join(members)})\n"
        "    except KeyError:\n"
        "        return decode_partial(document)\n"
        f"    {'share_times(value)' if twin and {'created', 'updated'} <= {*fields} else ''}\n"
        f"    {'value.__class__ = cls' if twin else ''}\n"
        "    return value\n"
    )
    scope = {**names, "build": twin or cls, "cls": cls, "decode_partial": decode_partial}
    scope["share_times"] = _share_times
    exec(source, scope)
    return typing.cast(Decoder, scope["decode"])


def _special(field: str) -> str:
    return f"decode_{field}"


def _share_times(value: Any) -> None:
    """Let an entity that was not changed since have one object for both times."""
    if value.updated == value.created:
        value.updated = value.created


def _mutable_twin(cls: type) -> type | None:
    """Return a class with the slots of a frozen dataclass that sets them without `object.__setattr__`.

    A value of it becomes one of `cls` when its `__class__` is set: together a fifth of the time that the frozen class
    takes to make one. Return None where Python refuses that, since slots differ, or where `__post_init__` is needed.
    """
    if hasattr(cls, "__post_init__"):
        return None
    fields = [(field.name, Any) for field in dataclasses.fields(cls)]
    twin = dataclasses.make_dataclass(f"Mutable{cls.__name__}", fields, slots=True, eq=False)
    try:
        setattr(object.__new__(twin), "__class__", cls)  # noqa: B010
    except TypeError:
        return None
    return twin


def encoder(cls: type, renamed: Mapping[type, Mapping[str, str]] = FIELDS) -> Encoder | None:
    """Return the function that makes a value of a dataclass ready for orjson.

    Return None where orjson writes the value as it stands: no field of it, or of a value within it, has a stored name
    of its own or is free JSON. The function is one compiled expression, which takes a third of the time that orjson
    needs for a dataclass with a callback for each field of bytes.
    """
    source = _encoder_source(cls, "value", renamed)
    if source is None:
        return None
    names = {"loads": orjson.loads, "Fragment": orjson.Fragment}
    names |= {_sparse(one): _sparse_encoder(one, renamed) for one in SPARSE}
    return typing.cast(Encoder, eval(f"lambda value: {source}", names))


def stored_names(cls: type, renamed: Mapping[type, Mapping[str, str]] = FIELDS) -> list[str]:
    """Return the stored names of a class's fields, in the order of the fields."""
    own = renamed.get(cls, {})
    names = [own.get(field.name, field.name) for field in dataclasses.fields(cls)]
    if len(set(names)) < len(names):
        raise UnknownDocument(f"{cls.__name__}: two fields have one stored name")
    return names


def _decoder_of(hint: Any, where: str, renamed: Mapping[type, Mapping[str, str]]) -> Decoder | None:
    """Return what turns parsed JSON into a value of this type; None where it is one already."""
    if hint in (int, float, str, bool):
        return None
    if hint is bytes:
        return _dump_json
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return {member.value: member for member in hint}.__getitem__
    if dataclasses.is_dataclass(hint):
        return decoder(typing.cast(type, hint), renamed)
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _decoder_of_union(inner, where, renamed)
    if origin is tuple:
        return _decoder_of_tuple(inner, where, renamed)
    raise UnknownDocument(f"{where}: {hint} cannot be stored")


def _decoder_of_union(
    members: tuple[Any, ...], where: str, renamed: Mapping[type, Mapping[str, str]]
) -> Decoder | None:
    decoders = [
        _decoder_of(member, where, renamed) for member in members if member is not types.NoneType
    ]
    if not any(decoders):
        return None
    decode = decoders[0]
    if len(decoders) > 1 or decode is None:
        raise UnknownDocument(f"{where}: a document does not say which of several classes it was")
    return lambda value: None if value is None else decode(value)


def _decoder_of_tuple(
    members: tuple[Any, ...], where: str, renamed: Mapping[type, Mapping[str, str]]
) -> Decoder:
    if len(members) == 2 and members[1] is Ellipsis:
        decode = _decoder_of(members[0], where, renamed)
        if decode is None:
            return tuple
        return lambda values: tuple([decode(value) for value in values])
    each = [_decoder_of(member, where, renamed) or _identity for member in members]
    return lambda values: tuple([decode(value) for decode, value in zip(each, values, strict=True)])


def _encoder_source(hint: Any, value: str, renamed: Mapping[type, Mapping[str, str]]) -> str | None:
    """Return the expression that makes `value`, an expression of this type, ready for orjson.

    Return None where it is ready already.
    """
    if hint is bytes:
        # Parsed first: a fragment is copied unchecked, and the document could not be read again.
        # The commonest values need neither.
        return (
            f"(None if {value} == b'null' else {{}} if {value} == b'{{}}'"
            f" else (loads({value}), Fragment({value}))[1])"
        )
    if dataclasses.is_dataclass(hint):
        return _dataclass_source(typing.cast(type, hint), value, renamed)
    inner = typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        item = f"{value.replace('.', '_')}_item"
        sources = [source for member in inner if (source := _encoder_source(member, item, renamed))]
        if not sources:
            return None
        if len(inner) != 2 or inner[1] is not Ellipsis:
            raise UnknownDocument(f"{hint}: only tuples of any length can hold encoded values")
        return f"[{sources[0]} for {item} in {value}]"
    sources = [source for member in inner if (source := _encoder_source(member, value, renamed))]
    return f"(None if {value} is None else {sources[0]})" if sources else None


def _dataclass_source(
    cls: type, value: str, renamed: Mapping[type, Mapping[str, str]]
) -> str | None:
    if cls in SPARSE:
        return f"{_sparse(cls)}({value})"
    hints = typing.get_type_hints(cls)
    fields = [field.name for field in dataclasses.fields(cls)]
    sources = [_encoder_source(hints[field], f"{value}.{field}", renamed) for field in fields]
    if not any(sources) and not renamed.get(cls):
        return None
    members = (
        f"{stored!r}: {source or f'{value}.{field}'}"
        for field, stored, source in zip(fields, stored_names(cls, renamed), sources, strict=True)
    )
    return f"{{{', '.join(members)}}}"


@lru_cache(maxsize=4096, typed=True)
def _shared(value: Any) -> Any:
    """Return the value, or an equal one of the same type that others have."""
    return value


def _decoder_of_shared(decode: Decoder) -> Decoder:
    return lambda value: _shared(decode(value))


def _dump_json(value: Any) -> bytes:
    """Return free JSON as bytes that can be kept. The commonest values are shared."""
    if value is None:
        return b"null"
    return b"{}" if value == {} else trimmed(orjson.dumps(value))


def _sparse_defaults(cls: type) -> dict[str, Any]:
    """Return the fields that documents of a class leave out where they have these values."""
    if cls not in SPARSE:
        return {}
    fields = dataclasses.fields(cls)
    return {one.name: one.default for one in fields if one.default is not dataclasses.MISSING}


def _sparse(cls: type) -> str:
    return f"members_of_{cls.__name__}"


def _sparse_encoder(cls: type, renamed: Mapping[type, Mapping[str, str]]) -> Encoder:
    """Return the function that makes the members of a document, without those that have their defaults."""
    defaults = _sparse_defaults(cls)
    names = [one.name for one in dataclasses.fields(cls)]
    stored = dict(zip(names, stored_names(cls, renamed), strict=True))
    required = (f"{stored[name]!r}: value.{name}" for name in stored if name not in defaults)
    optional = (
        f"    if value.{name} != {default!r}: members[{stored[name]!r}] = value.{name}\n"
        for name, default in defaults.items()
    )
    source = (
        f"def encode(value):\n    members = {{{', '.join(required)}}}\n"
        f"{''.join(optional)}    return members\n"
    )
    scope: dict[str, Any] = {}
    exec(source, scope)
    return typing.cast(Encoder, scope["encode"])


def _identity(value: Any) -> Any:
    return value


def counter_of(name: str) -> Counter:
    """Return the counter that is stored under a name."""
    return _COUNTED.get(name, name)


_COUNTED: Mapping[str, type] = {**ENTITIES, **HISTORY}
#: Counter -> stored name, where it is a class. Other counters are stored under themselves.
COUNTER_NAMES: Mapping[Counter, str] = {cls: name for name, cls in _COUNTED.items()}
entity_codec = Codec(ENTITIES)
history_values = Codec({name: HISTORY[name] for name in ("Screenshot", "Visit")})
events = Codec(EVENTS)
