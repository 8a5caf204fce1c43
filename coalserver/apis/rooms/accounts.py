"""Accounts: sign in and out, register, tickets, and what one is in."""

from aiohttp import web

from coalserver.apis.rooms import render
from coalserver.apis.rooms.auth import player
from coalserver.apis.rooms.schemas import LOGGING_IN, REGISTERING
from coalserver.core.commands.accounts import (
    end_token,
    register_account,
    sign_in,
    sign_in_guest,
)
from coalserver.core.queries.lobbies import lobbies_of
from coalserver.core.queries.players import account_with, player_called
from coalserver.core.queries.rooms import rooms_of
from coalserver.domain.accounts.account import checked_email, checked_password
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.player import Player
from coalserver.security.passwords import Passwords
from coalserver.web.api import Call, Route
from coalserver.web.responses import document, nothing
from coalserver.web.streaming.tickets import LASTS_SECONDS


async def login(call: Call) -> web.StreamResponse:
    """Sign in with a password, or as a guest who needs none; the token is shown this once."""
    kind = call.body["credential_type"]
    if kind == "guest":
        name = call.body.get("username", "")
        who, token = await call.core.do(sign_in_guest, name=name)
    elif kind == "password":
        who, token = await _with_password(call)
    else:
        raise Refusal(Why.BAD_CREDENTIAL_TYPE)
    return document(
        {
            "creationTime": int(call.now * 1000),
            "user": render.user(who.id, who.name),
            "token": token,
        }
    )


async def _with_password(call: Call) -> tuple[Player, str]:
    email = call.body.get("email", "").strip().lower()
    tried = (f"login {call.address}", f"login {email}")
    call.web.failures.check(*tried)
    account = call.core.see(account_with, email=email)
    kept = account.password if account else None
    proof = await call.web.service(Passwords).proved(kept, call.body.get("password", ""))
    # Once more: others may have failed while this one was proved.
    call.web.failures.check(*tried)
    if account is None or not proof.ok:
        call.web.failures.note(*tried)
        raise Refusal(Why.BAD_CREDENTIALS)
    token = await call.core.do(sign_in, account=account.id, rehashed=proof.rehash)
    return call.core.see(player_called, id=account.player), token


async def logout(call: Call) -> web.StreamResponse:
    """End the token; a guest without another one leaves every room and session."""
    await call.core.do(end_token, token_id=call.caller.token)
    return nothing()


async def register(call: Call) -> web.StreamResponse:
    """Make an account. It may sign in at once: this server sends no e-mail."""
    email = checked_email(call.body["email"])
    password = await call.web.service(Passwords).hashed(checked_password(call.body["password"]))
    account = await call.core.do(
        register_account, email=email, password=password, name=call.body["username"]
    )
    who = render.user(account.player, call.body["username"])
    return document({"user": who}, headers={"Location": f"/accounts/user/{account.player}"})


async def ticket(call: Call) -> web.StreamResponse:
    """A ticket for one feed, for browsers that cannot set headers on a WebSocket."""
    issued = call.web.tickets.issue(call.caller)
    return document({"ticket": issued, "expiresIn": LASTS_SECONDS})


async def user(call: Call) -> web.StreamResponse:
    """What everyone may know of a user."""
    who = call.core.see(player_called, id=call.number("user"))
    return document(render.user(who.id, who.name))


async def rooms_and_sessions(call: Call) -> web.StreamResponse:
    """The rooms and running sessions I am in: resume my games."""
    who = call.core.see(player_called, id=call.number("user"))
    if who.id != call.caller.player:
        raise Refusal(Why.NOT_YOURS)
    state = call.core.state
    rooms = call.core.see(lobbies_of, player=who.id)
    sessions = call.core.see(rooms_of, player=who.id)
    return document(
        {
            "rooms": [
                render.reference("room", one.id, one.game) | render.room_row(state, one)
                for one in rooms
            ],
            "sessions": [
                render.reference("session", one.id, one.game) | render.session_row(state, one)
                for one in sessions
            ],
        }
    )


ROUTES = (
    Route("POST", "/accounts/login", login, LOGGING_IN),
    Route("POST", "/accounts/logout", logout, who=player),
    Route("POST", "/accounts/register", register, REGISTERING),
    Route("POST", "/accounts/ticket", ticket, who=player),
    Route("GET", "/accounts/user/{user}", user, who=player),
    Route("GET", "/accounts/{user}/rooms-and-sessions", rooms_and_sessions, who=player),
)
