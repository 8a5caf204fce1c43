"""The protocol, as Authlib knows it: RFC 6749, 6750, 7591 and 7636.

Its grants check what a request says against what is in memory, which needs no waiting. What they would then write
themselves (they would look a code up, and use it up later) they leave to one command of ours. It takes plain http
for a mistake, and answers with more members than the document has: it is told that all is https, and its faults are
reduced to their codes in wording.py.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    ClientMixin,
    InvalidScopeError,
    JsonRequest,
    OAuth2Payload,
    OAuth2Request,
)
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, RefreshTokenGrant
from authlib.oauth2.rfc7591 import ClientRegistrationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge

from coalserver.core.engine import Core
from coalserver.core.queries.oauth import client_by_code, code_by_secret, tokens_by_refresh_token
from coalserver.domain.accounts.oauth import AGENT_SCOPE, AuthorizationCode, OAuthClient, TokenPair
from coalserver.domain.errors import DomainError
from coalserver.domain.text import constant_time_equals
from coalserver.web.api import AppContext
from coalserver.web.pages.forms import Pairs
from coalserver.web.throttling import FailureLimiter

#: Where everything seems to happen, for Authlib.
BASE_URL = "https://coal.invalid"
AUTH_METHODS = ["client_secret_post", "client_secret_basic"]
#: What Authlib repeats in its faults, and there may hold nothing else (RFC 6749, 4.1.2.1).
ECHOED_PARAMS = ("client_id", "redirect_uri", "response_type", "grant_type")
_SAFE_VALUE = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]*")


class OAuthLimiter(FailureLimiter):
    """Wrong secrets, codes and tokens of one address: at most 120 a minute, to keep the log short."""

    def __init__(self, shared: AppContext) -> None:
        super().__init__(max_failures=120, seconds=60)


class RequestPayload(OAuth2Payload):
    """The parameters of a request."""

    def __init__(self, pairs: Pairs) -> None:
        self._lists: dict[str, list[str]] = {}
        for name, value in pairs:
            if name in ECHOED_PARAMS and not _SAFE_VALUE.fullmatch(value):
                # Nothing that is known is called so.
                value = "?"
            self._lists.setdefault(name, []).append(value)

    @property
    def data(self) -> dict[str, str]:
        return {name: values[0] for name, values in self._lists.items()}

    @property
    def datalist(self) -> dict[str, list[str]]:
        return self._lists


class TokenRequest(OAuth2Request):
    """A request as Authlib's grants look at it."""

    def __init__(self, method: str, pairs: Pairs, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(method, BASE_URL, headers=headers)
        self.payload = RequestPayload(pairs)

    @property
    def args(self) -> dict[str, str]:
        data: dict[str, str] = self.payload.data
        return data

    form = args


class ClientAdapter(ClientMixin):
    """A client as Authlib asks it."""

    def __init__(self, client: OAuthClient, core: Core) -> None:
        self.client = client
        self._core = core

    def get_client_id(self) -> str:
        return self.client.code

    def get_default_redirect_uri(self) -> None:
        """There is none: the document wants it said."""
        return None

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """What it gets of what it asks for; all that it may have, where it says nothing at all."""
        try:
            return self.client.validate_scope(self.client.scope if scope is None else scope)
        except DomainError:
            return None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return self.client.allows_redirect(redirect_uri)

    def check_client_secret(self, client_secret: str) -> bool:
        expired = self.client.is_secret_expired(self._core.now) or not self.client.active
        stored_secret = self._core.context.cipher.decrypt(self.client.secret)
        return constant_time_equals(client_secret, stored_secret) and not expired

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in AUTH_METHODS

    def check_response_type(self, response_type: str) -> bool:
        """Agents have nobody who would see a page."""
        return self.client.active and not self.client.is_agent

    def check_grant_type(self, grant_type: str) -> bool:
        return True


class CodeAdapter:
    """A code as Authlib asks it; that of an agent is its secret, and bound to nothing."""

    def __init__(self, code: AuthorizationCode | None = None) -> None:
        self.code = code
        self.code_challenge = code.challenge if code else ""
        self.code_challenge_method = (code.method or None) if code else None

    def get_redirect_uri(self) -> str:
        return self.code.redirect_uri if self.code else ""

    def get_scope(self) -> str:
        return self.code.scope if self.code else AGENT_SCOPE


class RefreshTokenAdapter:
    """A refresh token as Authlib asks it."""

    def __init__(self, access: TokenPair) -> None:
        self.access = access

    def check_client(self, client: ClientAdapter) -> bool:
        return self.access.client == client.client.id

    def get_scope(self) -> str:
        return self.access.scope


class CodeGrant(AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def query_authorization_code(self, code: str, client: ClientAdapter) -> CodeAdapter | None:
        """The code, if it is this client's; an agent's is right with its secret and its scope."""
        core = self.server.core
        if client.client.is_agent:
            valid = client.check_client_secret(code) and self.request.payload.scope == AGENT_SCOPE
            return CodeAdapter() if valid else None
        found = core.query(code_by_secret, code=code)
        if found is None or found.client != client.client.id or found.is_expired(core.now):
            return None
        # Unlike the other branch, this one has looked at the code when it looks at the scope.
        if found.redirect_uri == self.request.payload.redirect_uri:
            self.server.check_scope(client, self.request)
        return CodeAdapter(found)


class RefreshGrant(RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def authenticate_refresh_token(self, refresh_token: str) -> RefreshTokenAdapter | None:
        core = self.server.core
        self.server.check_scope(self.request.client, self.request)
        found = core.query(tokens_by_refresh_token, token=refresh_token)
        if found is None or core.now >= found.refresh_expires_at:
            return None
        return RefreshTokenAdapter(found)


class OAuthServer(AuthorizationServer):
    """The grants that there are, over the core."""

    def __init__(self, core: Core) -> None:
        super().__init__()
        self.core = core
        self.register_grant(CodeGrant, [CodeChallenge(required=False)])
        self.register_grant(RefreshGrant)

    def query_client(self, client_id: str) -> ClientAdapter | None:
        found = self.core.query(client_by_code, code=client_id)
        return None if found is None else ClientAdapter(found, self.core)

    def create_oauth2_request(self, request: TokenRequest) -> TokenRequest:
        return request

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""

    def check_scope(self, client: ClientAdapter, request: TokenRequest) -> None:
        """The token endpoint wants the scope said each time."""
        if client.get_allowed_scope(request.payload.scope or "") is None:
            raise InvalidScopeError()


class ClientMetadata(ClientRegistrationEndpoint):
    """What a client may say of itself."""

    def get_server_metadata(self) -> dict[str, Any]:
        return {}

    def validate(self, params: Mapping[str, Any]) -> None:
        """Raises Authlib's fault where a member is not what RFC 7591 wants it to be."""
        request = JsonRequest("POST", BASE_URL)
        request.payload = JsonPayload(dict(params))
        self.extract_client_metadata(request)


class JsonPayload:
    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data


def is_basic_auth(header: str) -> bool:
    """Whether a client has come with HTTP Basic that can be read."""
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        name, colon, _ = (
            base64.b64decode(credentials.strip(), validate=True).decode().partition(":")
        )
    except (binascii.Error, ValueError):
        return False
    return bool(name and colon)
