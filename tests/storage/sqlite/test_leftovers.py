"""Nothing stays in the file of what belonged to players, rooms and accounts that are gone."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from coalserver.core.commands import accounts, claims, hosts, lobbies, members, oauth, rooms
from coalserver.core.commands.games import add_game, save_storage_item
from coalserver.core.commands.join_requests import request_to_join
from coalserver.core.commands.messages import send_action, send_update
from coalserver.core.commands.moderation import ban
from coalserver.core.commands.synced_state import update_synced_state
from coalserver.core.engine import Core, IdempotencyKey
from coalserver.core.expiry import Expiry
from coalserver.core.state import INDEXES
from coalserver.core.unit_of_work import CoreContext
from coalserver.domain.accounts.account import Account
from coalserver.domain.accounts.oauth import OAuthClient
from coalserver.domain.idempotency import IdempotencyRecord
from coalserver.domain.play.actions import Action, Target
from coalserver.domain.play.game import Game, StorageItem
from coalserver.domain.play.host_profile import HostProfile
from coalserver.domain.play.join_requests import JoinRequest
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.player import Ban, Player, Token
from coalserver.domain.play.room import Room
from coalserver.domain.play.synced_state import SyncedState
from coalserver.security.encryption import SecretCipher
from coalserver.storage.codec import entity_codec
from coalserver.storage.sqlite.store import SqliteStore
from tests.core.stepped_clock import SteppedClock

DAY = 86400.0
#: What belongs to games, and to hosts, who are never deleted.
KEPT = {Game, HostProfile, Player}

CIPHER = SecretCipher(bytes(32))


class Server:
    """A core over a file, and its expiry."""

    def __init__(self, path: Path) -> None:
        self.path, self.clock = path, SteppedClock()

    async def start(self) -> None:
        self.store = SqliteStore(self.path)
        context = CoreContext(self.clock.wall, monotonic=self.clock.steady, cipher=CIPHER)
        self.core = await Core.recover(self.store, context)
        self.writing = asyncio.create_task(self.core.writer.run())
        self.expiry = Expiry(self.core, closed_seconds=DAY, idle_seconds=7 * DAY)

    async def stop(self) -> None:
        self.core.writer.close()
        await self.writing
        await self.store.close()

    async def run(self, command: Any, **arguments: Any) -> Any:
        return await self.core.execute(command, **arguments)

    async def pass_days(self, days: int) -> None:
        for _ in range(days):
            self.clock.monotonic += DAY
            await self.expiry.run_once()
            await self.expiry.delete_expired_guests()
        await self.core.delete_expired_entries(self.core.now, keep=0)

    def rows(self) -> tuple[Counter[type], dict[str, int]]:
        """Return the number of entities of each class, and of rows of each table that can shrink."""
        with closing(sqlite3.connect(self.path)) as db:
            names = {entity_codec.name_of(kind): kind for kind in INDEXES}
            kinds = Counter(names[name] for (name,) in db.execute("SELECT kind FROM entity"))
            tables = ("event", "event_topic", "sign", "line", "mark", "visit", "screenshot")
            counts = {
                table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables
            }
        return kinds, counts


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    server = Server(tmp_path / "store.sqlite3")
    await server.start()
    await server.run(add_game, tag="free")
    yield server
    await server.stop()


async def play(server: Server) -> None:
    """Let guests, an account and a host leave something in each table that belongs to players and rooms."""
    run, core = server.run, server.core
    guests = [(await run(accounts.create_guest, name=f"Guest {n}"))[0].id for n in range(4)]
    account = await run(
        accounts.register_account, email="a@example.org", password="x", name="Ann", active=True
    )
    await run(accounts.log_in, account_id=account.id)
    guests.insert(1, account.player)
    await run(accounts.create_login_session, account_id=account.id, known_digest="d")
    await run(claims.create_claim, account_id=account.id)
    uri = "https://example.org/"
    client = (await run(oauth.register_client, redirect_uris=[uri])).client.id
    consent = {"client": client, "account_id": account.id, "scope": "data", "redirect_uri": uri}
    await run(oauth.grant_consent, **consent)
    for guest in guests:
        core.record_activity(guest)
        item = {"game": "free", "storage_key": "k", "value": b"1"}
        await run(save_storage_item, player_id=guest, by=guest, **item)
    for _ in range(2):
        lobby = await run(
            lobbies.open_lobby, game="free", player_id=guests[0], name="x", requires_approval=True
        )
        await run(request_to_join, lobby_id=lobby.id, player_id=guests[1])
        await run(members.close, kind=Lobby, id=lobby.id, by=guests[0])
    room = {"game": "free", "player_id": guests[0], "name": "r", "capacity": 8}
    key = IdempotencyKey.of("caller", "key", b"content")
    id = await core.execute_idempotent(key, rooms.open_room, to_ids=lambda room: room.id, **room)
    for guest in guests[1:]:
        await run(rooms.join_room, room_id=id, player_id=guest)
    message = {"room_id": id, "sender": guests[0], "target": Target.OTHERS, "type": "move"}
    await run(send_action, **message)
    await run(send_update, **message)
    await run(ban, game="free", player_id=guests[4], duration="forever")
    host, _ = await run(hosts.register_host, game="hosts")
    token = await run(hosts.log_in_host, host_id=host.id)
    assert token
    launched, secret = await run(hosts.launch_room, host_id=host.id)
    await run(update_synced_state, room_id=launched.id, by=host.id, secret=secret, state=b"{}")


async def test_deleted_players_and_rooms_leave_no_rows(server: Server) -> None:
    await play(server)
    await server.stop()
    kinds, counts = server.rows()
    assert kinds.keys() > {Ban, JoinRequest, Action, SyncedState, IdempotencyRecord, StorageItem}
    assert counts["sign"] > 0
    await server.start()
    [account] = server.core.state.all(Account)
    await server.run(accounts.delete_account, account_id=account.id)
    [client] = server.core.state.all(OAuthClient)
    await server.run(oauth.delete_client, client=client.id)
    await server.pass_days(400)
    [host] = server.core.state.all(Player)
    assert server.core.state.count(Token) == server.core.state.count(Room) == 0
    assert server.core.state.count(SyncedState) == 0
    assert set(server.core.presence._last_seen) <= {host.id}
    assert set(server.core.presence._present) <= {host.id}
    await server.stop()
    kinds, counts = server.rows()
    assert set(kinds) <= KEPT and kinds[Player] == kinds[HostProfile] == 1, kinds
    assert counts == dict.fromkeys(counts, 0) | {"sign": counts["sign"]}
    assert counts["sign"] <= 1
    await server.start()


async def test_times_that_are_not_written_yet_are_not_written_after_the_deletion(
    server: Server,
) -> None:
    guests = [(await server.run(accounts.create_guest, name=""))[0].id for _ in range(400)]
    for guest in guests:
        server.core.record_activity(guest)
    await server.pass_days(40)
    assert server.core.state.count(Player) == 0
    await server.stop()
    assert server.rows()[1]["sign"] == 0
    await server.start()
