"""Accounts: login, logout, registration, tickets, and the rooms and sessions of a user."""

from aiohttp import web

from coalserver.apis.rooms import render
from coalserver.apis.rooms.auth import player
from coalserver.apis.rooms.schemas import LOGIN, REGISTER
from coalserver.core.commands.accounts import (
    create_guest,
    log_in,
    register_account,
    revoke_token,
)
from coalserver.core.queries.accounts import find_account_by_email
from coalserver.core.queries.lobbies import lobbies_of_player
from coalserver.core.queries.players import get_player
from coalserver.core.queries.rooms import rooms_of_player
from coalserver.domain.accounts.account import validate_email, validate_password
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.player import Player
from coalserver.security.passwords import PasswordService
from coalserver.web.api import Route
from coalserver.web.bearer import issue_ticket
from coalserver.web.context import RequestContext
from coalserver.web.login_limits import address_digest, login_limit_keys
from coalserver.web.responses import json_response, no_content
from coalserver.web.streaming.tickets import TICKET_SECONDS
from coalserver.web.throttling import UseLimit


async def login(ctx: RequestContext) -> web.StreamResponse:
    """Log in with a password or as a guest, and return a new token."""
    kind = ctx.body["credential_type"]
    if kind == "guest":
        name = ctx.body.get("username", "")
        ctx.take(UseLimit.GUESTS)
        user_player, token = await ctx.core.execute(create_guest, name=name)
    elif kind == "password":
        user_player, token = await _log_in_with_password(ctx)
    else:
        raise DomainError(ErrorCode.INVALID_CREDENTIAL_TYPE)
    return json_response(
        {
            "creationTime": int(ctx.now * 1000),
            "user": render.user(user_player.id, user_player.name),
            "token": token,
        }
    )


async def _log_in_with_password(ctx: RequestContext) -> tuple[Player, str]:
    """Return the player and a new token. Raises INVALID_CREDENTIALS or RATE_LIMITED."""
    email = ctx.body.get("email", "").strip().lower()
    limiter, client_digest = ctx.app.failure_limiter, address_digest(ctx)
    limit_keys = login_limit_keys(ctx, email, client_digest)
    with limiter.guard(*limit_keys, on=ErrorCode.INVALID_CREDENTIALS):
        account = ctx.core.query(find_account_by_email, email=email)
        password_hash = account.password if account else None
        result = await ctx.app.service(PasswordService).verify(
            password_hash, ctx.body.get("password", "")
        )
        # Again: other attempts may have failed during the verification.
        limiter.check(*limit_keys)
        if account is None or not result.ok:
            raise DomainError(ErrorCode.INVALID_CREDENTIALS)
    token = await ctx.core.execute(
        log_in, account_id=account.id, rehashed=result.rehash, client_digest=client_digest
    )
    return ctx.core.query(get_player, id=account.player), token


async def logout(ctx: RequestContext) -> web.StreamResponse:
    """Revoke the token. A guest with no other token leaves all rooms and sessions."""
    await ctx.core.execute(revoke_token, token_id=ctx.caller.token_id)
    return no_content()


async def register(ctx: RequestContext) -> web.StreamResponse:
    """Create an account, which can log in at once: the server sends no e-mail to verify it."""
    email = validate_email(ctx.body["email"])
    password = validate_password(ctx.body["password"])
    ctx.take(UseLimit.ACCOUNTS)
    password = await ctx.app.service(PasswordService).hash(password)
    account = await ctx.core.execute(
        register_account, email=email, password=password, name=ctx.body["username"]
    )
    rendered = render.user(account.player, ctx.body["username"])
    return json_response(
        {"user": rendered}, headers={"Location": f"/accounts/user/{account.player}"}
    )


async def create_ticket(ctx: RequestContext) -> web.StreamResponse:
    """Issue a ticket for one feed: browsers cannot set headers on a WebSocket."""
    return json_response({"ticket": issue_ticket(ctx), "expiresIn": TICKET_SECONDS})


async def get_user(ctx: RequestContext) -> web.StreamResponse:
    """Return the id and name of a user."""
    user_player = ctx.core.query(get_player, id=ctx.int_param("user"))
    return json_response(render.user(user_player.id, user_player.name))


async def list_rooms_and_sessions(ctx: RequestContext) -> web.StreamResponse:
    """Return the open rooms and running sessions of the caller."""
    user_player = ctx.core.query(get_player, id=ctx.int_param("user"))
    if user_player.id != ctx.caller.player_id:
        raise DomainError(ErrorCode.PERMISSION_DENIED)
    state = ctx.core.state
    rooms = ctx.core.query(lobbies_of_player, player=user_player.id)
    sessions = ctx.core.query(rooms_of_player, player=user_player.id)
    return json_response(
        {
            "rooms": [
                render.reference("room", room.id, room.game) | render.room_row(state, room)
                for room in rooms
            ],
            "sessions": [
                render.reference("session", session.id, session.game)
                | render.session_row(state, session)
                for session in sessions
            ],
        }
    )


ROUTES = (
    Route("POST", "/accounts/login", login, LOGIN),
    Route("POST", "/accounts/logout", logout, auth=player),
    Route("POST", "/accounts/register", register, REGISTER),
    Route("POST", "/accounts/ticket", create_ticket, auth=player, limit=UseLimit.MESSAGES),
    Route("GET", "/accounts/user/{user}", get_user, auth=player),
    Route("GET", "/accounts/{user}/rooms-and-sessions", list_rooms_and_sessions, auth=player),
)
