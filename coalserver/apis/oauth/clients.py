"""Clients: anyone registers one; who has its registration token sees, changes and removes it."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from authlib.oauth2 import OAuth2Error
from marshmallow import fields

from coalserver.apis.oauth.errors import NOT_KEPT
from coalserver.apis.oauth.limits import Guesses, Registrations
from coalserver.apis.oauth.protocol import Metadata
from coalserver.core.commands.oauth import (
    Shown,
    change_client,
    register_client,
    show_client,
)
from coalserver.core.commands.oauth import remove_client as remove
from coalserver.core.queries.oauth import client_known
from coalserver.domain.accounts.oauth import LONGEST_URI, MOST_URIS, Client, same
from coalserver.domain.errors import Refusal, Why
from coalserver.web.api import Call, Route
from coalserver.web.body import load, malformed
from coalserver.web.responses import document, nothing
from coalserver.web.schemas import Form, Free, Secret, Text

METADATA = Metadata()


class Registering(Form):
    """What a client says of itself. Members that it leaves out may also be null."""

    redirect_uris = fields.List(Secret(1, LONGEST_URI), required=True)
    client_id = Text(1, 200, allow_none=True)
    client_name = Text(0, 200, allow_none=True)
    client_uri = Secret(0, LONGEST_URI, allow_none=True)
    logo_uri = Secret(0, LONGEST_URI, allow_none=True)


class Updating(Registering):
    """The same once more, and what proves it."""

    client_id = Text(1, 200, required=True)
    client_secret = Secret(0, 200, allow_none=True)
    scope = Secret(0, 200, allow_none=True)


#: Whatever its Content-Type says, the body is JSON.
ANYTHING = Free(64 * 1024, anything=True)
REGISTERING, UPDATING = Registering(), Updating()


async def register(call: Call) -> web.StreamResponse:
    """Make a client; its secrets are in the answer."""
    tried = f"register {call.address}"
    call.web.own(Registrations).check(tried)
    said = _said(call, REGISTERING)
    call.web.own(Registrations).note(tried)
    shown = await call.core.do(
        register_client,
        redirect_uris=said["redirect_uris"],
        wanted=said.get("client_id") or "",
        **_about(said),
    )
    return document(configuration(shown, call.origin), 201, NOT_KEPT)


async def read_client(call: Call) -> web.StreamResponse:
    """The client as it is; with a new secret where the old one has ended."""
    client = _proved(call)
    shown = await call.core.do(show_client, client=client.id)
    return document(configuration(shown, call.origin), 200, NOT_KEPT)


async def update_client(call: Call) -> web.StreamResponse:
    """What the client is from now on. Looks at the body first, as the original does."""
    said = _said(call, UPDATING)
    client = _proved(call)
    if said["client_id"] != client.code:
        return document({"error": "invalid_client_id"}, 400, NOT_KEPT)
    kept = call.core.setting.safe.opened(client.secret)
    ended = client.secret_ended(call.now)
    if ended or not same(said.get("client_secret") or "", kept):
        raise Refusal(Why.MALFORMED, fields={"client_secret": ["Not the current one."]})
    shown = await call.core.do(
        change_client,
        client=client.id,
        redirect_uris=said["redirect_uris"],
        scope=said.get("scope"),
        **_about(said),
    )
    return document(configuration(shown, call.origin), 200, NOT_KEPT)


async def remove_client(call: Call) -> web.StreamResponse:
    """The client is no more, and its tokens prove nothing from now on."""
    await call.core.do(remove, client=_proved(call).id)
    return nothing(NOT_KEPT)


def configuration(shown: Shown, origin: str) -> dict[str, Any]:
    """A client as the document shows it; what it has not said is absent."""
    client = shown.client
    known = {
        "client_id": client.code,
        "redirect_uris": list(client.redirect_uris),
        "scope": client.scope,
        "client_secret": shown.secret,
        "client_secret_expires_at": int(client.secret_until),
        "registration_access_token": shown.registration,
        "registration_client_uri": f"{origin}/oauth/v1/clients/{client.code}",
    }
    said = {"client_name": client.title, "client_uri": client.home, "logo_uri": client.logo}
    return known | {name: value for name, value in said.items() if value}


def _said(call: Call, shape: Form) -> dict[str, Any]:
    """What the body says, once it is known to be usable."""
    value = call.body["value"]
    if not isinstance(value, dict):
        raise malformed("The body must be a JSON object.")
    said = load(shape, value)
    if not 0 < len(said["redirect_uris"]) <= MOST_URIS:
        raise Refusal(Why.MALFORMED, fields={"redirect_uris": [f"Must be 1 to {MOST_URIS}."]})
    pages = {name: said[name] for name in ("client_uri", "logo_uri") if said.get(name)}
    for name, uri in pages.items():
        if not uri.lower().startswith(("http://", "https://")) or not uri.isprintable():
            raise Refusal(Why.MALFORMED, fields={name: ["Not the address of a page."]})
    try:
        METADATA.checked({"redirect_uris": said["redirect_uris"], **pages})
    except OAuth2Error as fault:
        raise Refusal(Why.MALFORMED, fields={"metadata": [fault.error]}) from None
    return said


def _about(said: Mapping[str, Any]) -> dict[str, str]:
    names = {"title": "client_name", "home": "client_uri", "logo": "logo_uri"}
    return {ours: said.get(theirs) or "" for ours, theirs in names.items()}


def _proved(call: Call) -> Client:
    """The client of this address, if the registration token shown is its own."""
    tried = f"client {call.address}"
    guesses = call.web.own(Guesses)
    guesses.check(tried)
    header = call.request.headers.get("Authorization", "")
    client = call.core.see(client_known, code=call.path["client"])
    locked = client.registration if client is not None else ""
    kept = call.core.setting.safe.opened(locked) if locked else ""
    if client is None or not kept or not same(header, f"Bearer {kept}"):
        if header:
            guesses.note(tried)
        raise Refusal(Why.BAD_TOKEN)
    return client


RECORD = "/oauth/v1/clients/{client}"
ROUTES = (
    Route("POST", "/oauth/v1/register", register, ANYTHING, media=()),
    Route("GET", RECORD, read_client),
    Route("PUT", RECORD, update_client, ANYTHING, media=()),
    Route("DELETE", RECORD, remove_client),
)
