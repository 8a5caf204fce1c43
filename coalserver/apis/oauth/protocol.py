"""The protocol as Authlib implements it: RFC 6749, 6750, 7591 and 7636.

Authlib's grants validate a request against entities in memory, which needs no await. One command then redeems the
code or token, so that of two concurrent requests only one succeeds; Authlib would look it up and use it up in two
steps. Authlib refuses plain http and adds members to errors: adapters report https, and `errors.py` reduces its
errors to their codes.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    ClientMixin,
    InvalidClientError,
    InvalidRequestError,
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
from coalserver.domain.accounts.oauth import (
    AGENT_SCOPE,
    PUBLIC_AUTH_METHOD,
    AuthorizationCode,
    OAuthClient,
    TokenPair,
)
from coalserver.domain.errors import DomainError
from coalserver.domain.text import constant_time_equals
from coalserver.web.context import AppContext
from coalserver.web.pages.forms import Pairs
from coalserver.web.throttling import FailureLimiter

#: The address that Authlib sees for every request.
BASE_URL = "https://coal.invalid"
#: Authlib's methods of client authentication. `with_basic_credentials` makes parameters of HTTP Basic.
AUTH_METHODS = ["client_secret_post", PUBLIC_AUTH_METHOD]
#: Parameters that Authlib repeats in errors, where RFC 6749, 4.1.2.1 allows these characters only.
ECHOED_PARAMS = ("client_id", "redirect_uri", "response_type", "grant_type")
_SAFE_VALUE = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]*")


class OAuthLimiter(FailureLimiter):
    """Wrong secrets, codes and tokens of one address: at most 120 a minute, to keep the log short."""

    def __init__(self, shared: AppContext) -> None:
        super().__init__(max_failures=120, seconds=60)


class RequestPayload(OAuth2Payload):
    """The parameters of a request: the first value of each name, and all its values.

    Plain attributes, since Authlib reads its properties a dozen times a request.
    """

    data: dict[str, str] = {}
    datalist: dict[str, list[str]] = {}

    def __init__(self, pairs: Pairs) -> None:
        self.data = {}
        self.datalist = {}
        for name, value in pairs:
            if name in ECHOED_PARAMS and not _SAFE_VALUE.fullmatch(value):
                # No client, address or type has this value, so it is refused as unknown.
                value = "?"
            self.data.setdefault(name, value)
            self.datalist.setdefault(name, []).append(value)


class TokenRequest(OAuth2Request):
    """A request in the shape that Authlib's grants read."""

    args: dict[str, str] = {}
    form: dict[str, str] = {}

    def __init__(self, method: str, pairs: Pairs, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(method, BASE_URL, headers=headers)
        self.payload = RequestPayload(pairs)
        self.args = self.form = self.payload.data


class ClientAdapter(ClientMixin):
    """A client in the shape that Authlib reads."""

    def __init__(self, client: OAuthClient, core: Core) -> None:
        self.client = client
        self._core = core
        self._proved_secret: str | None = None

    def get_client_id(self) -> str:
        return self.client.code

    def get_default_redirect_uri(self) -> str:
        return self.client.default_redirect_uri

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """Return the granted scope, or None if it is not allowed.

        A missing or empty scope (RFC 6749, 3.1) means all of the client's.
        """
        try:
            return self.client.validate_scope(scope or self.client.scope)
        except DomainError:
            return None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return self.client.allows_redirect(redirect_uri)

    def check_client_secret(self, client_secret: str) -> bool:
        if self.client.is_public:
            return False
        # An agent sends its secret twice, as client_secret and as code.
        if client_secret == self._proved_secret:
            return True
        expired = self.client.is_secret_expired(self._core.expiry_time) or not self.client.active
        stored_secret = self._core.context.cipher.decrypt(self.client.secret)
        if constant_time_equals(client_secret, stored_secret) and not expired:
            self._proved_secret = client_secret
            return True
        return False

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Return whether the client may use a method: public clients only the one without a secret."""
        return (method == PUBLIC_AUTH_METHOD) == self.client.is_public and self.client.active

    def check_response_type(self, response_type: str) -> bool:
        """Return whether the client may open the consent page; agents have no user to ask."""
        return self.client.active and not self.client.is_agent

    def check_grant_type(self, grant_type: str) -> bool:
        return True


class CodeAdapter:
    """A code in the shape that Authlib reads. None stands for an agent's secret, sent as code."""

    def __init__(self, code: AuthorizationCode | None = None) -> None:
        self.code = code
        self.code_challenge = code.challenge if code else ""
        self.code_challenge_method = (code.method or None) if code else None

    def get_redirect_uri(self) -> str:
        return self.code.redirect_uri if self.code else ""

    def get_scope(self) -> str:
        return self.code.scope if self.code else AGENT_SCOPE


class RefreshTokenAdapter:
    """A refresh token in the shape that Authlib reads."""

    def __init__(self, tokens: TokenPair) -> None:
        self.tokens = tokens

    def check_client(self, client: ClientAdapter) -> bool:
        return self.tokens.client == client.client.id

    def get_scope(self) -> str:
        return self.tokens.scope


class CodeGrant(AuthorizationCodeGrant):
    """The grant of RFC 6749, 4.1; an agent's secret is accepted as a code."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def query_authorization_code(self, code: str, client: ClientAdapter) -> CodeAdapter | None:
        """Return a valid code of this client, or None. For an agent, scope and secret must match.

        Raises invalid_request if the redirect URI is missing. Only a client with a single one may
        leave it out, as in the authorization request (RFC 6749, 4.1.3).
        """
        core = self.server.core
        payload = self.request.payload.data
        redirect_uri = payload.get("redirect_uri", "")
        if not redirect_uri and not client.client.default_redirect_uri:
            raise InvalidRequestError()
        if client.client.is_agent:
            valid = client.check_client_secret(code) and payload.get("scope") == AGENT_SCOPE
            return CodeAdapter() if valid else None
        found = core.query(code_by_secret, code=code)
        if found is None or found.client != client.client.id or found.is_expired(core.expiry_time):
            return None
        if found.redirect_uri and not redirect_uri:
            raise InvalidRequestError()
        if redirect_uri and not found.redirect_uri and not client.check_redirect_uri(redirect_uri):
            return None
        # The scope is reported as wrong only where the code itself is right.
        if found.redirect_uri in ("", redirect_uri):
            self.server.check_scope(client, self.request)
        return CodeAdapter(found)


class RefreshGrant(RefreshTokenGrant):
    """The grant of RFC 6749, 6."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def authenticate_refresh_token(self, refresh_token: str) -> RefreshTokenAdapter | None:
        """Return the pair of a valid refresh token, or None."""
        core = self.server.core
        self.server.check_scope(self.request.client, self.request)
        found = core.query(tokens_by_refresh_token, token=refresh_token)
        if found is None or core.expiry_time >= found.refresh_expires_at:
            return None
        return RefreshTokenAdapter(found)


class ProofKey(CodeChallenge):
    """PKCE (RFC 7636): required of public clients, honoured for others if the request has a challenge."""

    def validate_code_challenge(self, grant: CodeGrant, redirect_uri: str) -> None:
        """Raise invalid_request for an invalid challenge, and for a public client without one."""
        super().validate_code_challenge(grant, redirect_uri)
        request = grant.request
        if request.client.client.is_public and not request.payload.data.get("code_challenge"):
            raise InvalidRequestError()


class OAuthServer(AuthorizationServer):
    """The two grants over the core; made for one request."""

    def __init__(self, core: Core) -> None:
        super().__init__()
        self.core = core
        self.register_grant(CodeGrant, [ProofKey()])
        self.register_grant(RefreshGrant)

    def query_client(self, client_id: str) -> ClientAdapter | None:
        found = self.core.query(client_by_code, code=client_id)
        return None if found is None else ClientAdapter(found, self.core)

    def create_oauth2_request(self, request: TokenRequest) -> TokenRequest:
        return request

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Ignore Authlib's signals: nothing subscribes to them."""

    def check_scope(self, client: ClientAdapter, request: TokenRequest) -> None:
        """Raise invalid_scope if the request names another scope than the client's.

        A request without a scope is for what was granted (RFC 6749, 6).
        """
        if client.get_allowed_scope(request.payload.data.get("scope")) is None:
            raise InvalidScopeError()

    def check_credentials(self, request: TokenRequest, with_basic: bool) -> None:
        """Raise invalid_request or invalid_client if a request has no credentials of a client.

        A public client has only its id. A secret that is missing among the parameters is
        invalid_request, as the document says for missing parameters.
        """
        params = request.payload.data
        if not params.get("client_id"):
            raise InvalidRequestError()
        if params.get("client_secret"):
            return
        client = self.query_client(params["client_id"])
        if client is None or (with_basic and not client.client.is_public):
            raise InvalidClientError()
        if not client.client.is_public:
            raise InvalidRequestError()

    def authenticate(self, request: TokenRequest) -> OAuthClient:
        """Return the authenticated client. Raises invalid_client."""
        adapter: ClientAdapter = self.authenticate_client(request, AUTH_METHODS)
        return adapter.client


class ClientMetadata(ClientRegistrationEndpoint):
    """Validation of client metadata by RFC 7591."""

    def get_server_metadata(self) -> dict[str, Any]:
        return {}

    def validate(self, params: Mapping[str, Any]) -> None:
        """Raise OAuth2Error where a member breaks RFC 7591."""
        request = JsonRequest("POST", BASE_URL)
        request.payload = JsonPayload(dict(params))
        self.extract_client_metadata(request)


class JsonPayload:
    """A JSON body in the shape that Authlib reads."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data


def read_basic_credentials(header: str) -> tuple[str, str] | None:
    """Return id and secret of an Authorization header, or None without well-formed HTTP Basic.

    Both are form-encoded (RFC 6749, 2.3.1). The secret of a public client is empty.
    """
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(credentials.strip(), validate=True).decode()
        client_id, colon, secret = decoded.partition(":")
        pair = unquote_plus(client_id, errors="strict"), unquote_plus(secret, errors="strict")
    except (binascii.Error, ValueError):
        return None
    return pair if pair[0] and colon else None


def with_basic_credentials(pairs: Pairs, credentials: tuple[str, str]) -> Pairs:
    """Return parameters that include the credentials of HTTP Basic.

    Raises invalid_request if the parameters name another client or secret (RFC 6749, 5.2).
    """
    params = dict(pairs)
    added: Pairs = []
    for name, value in zip(("client_id", "client_secret"), credentials, strict=True):
        if not params.get(name):
            added.append((name, value))
        elif params[name] != value:
            raise InvalidRequestError()
    names = [name for name, _ in added]
    return [pair for pair in pairs if pair[0] not in names] + added
