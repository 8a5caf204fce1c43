"""Each operation of the hosts API's document with each of its answers.

Names in braces are values of the scene: {host}, {friend}, {banned}, {other} and {guest} are uuids.
"""

from dataclasses import dataclass
from typing import Any

HOST = {"uuid": "", "only_friends": True, "allow_nonames": False, "friends": [""], "banlist": [""]}
MESSAGE = {"message": ""}
INVALID = {"detail": [{"loc": [""], "msg": "", "type": ""}]}
TOKEN = {"token": ""}
THIS = "not found this"
OTHER = "not found other"
NOWHERE = "00000000-0000-0000-0000-000000000000"
LOCATION = {"Location": r"ws://[\w.]+:\d+/sync/\d+"}


@dataclass(frozen=True)
class Example:
    """A request with its client and the expected answer."""

    operation: str
    method: str
    path: str
    status: int
    #: The shape of the answer.
    answer: Any
    #: The message of the answer, if clients compare it.
    message: str = ""
    by: str = "host"
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()
    #: Whether the host has launched its session already.
    launched: bool = False

    @property
    def name(self) -> str:
        return f"{self.operation.split('_hosts_')[0]} {self.status} {self.message or self.by}"


def of_host(operation: str, method: str, path: str, ok: Any, body: Any = None) -> list[Example]:
    """Return the examples that all operations on the host in the path share."""
    request = (operation, method)
    unknown = path.replace("{host}", NOWHERE)
    return [
        Example(*request, path, 200, ok, body=body),
        Example(*request, path, 401, MESSAGE, by="anonymous", body=body),
        Example(*request, path, 401, MESSAGE, by="invalid", body=body),
        Example(*request, path, 401, MESSAGE, by="other", body=body),
        Example(*request, unknown, 404, MESSAGE, THIS, body=body),
    ]


def flag(operation: str, name: str) -> list[Example]:
    path = f"/hosts/{{host}}/{name}"
    put = (operation, "PUT", path)
    return [
        *of_host(*put, None, {name: True}),
        *(Example(*put, 422, INVALID, body=body) for body in ({}, {name: "yes"}, {name: None}, 1)),
        Example(*put, 422, INVALID, body=b"{"),
        Example(*put, 401, MESSAGE, by="anonymous", body=b"{"),
    ]


def added(operation: str, path: str, name: str) -> list[Example]:
    post = (operation, "POST")
    return [
        *of_host(*post, f"{path}?{name}={{other}}", None),
        Example(*post, f"{path}?{name}={{host}}", 400, MESSAGE),
        Example(*post, f"{path}?{name}={NOWHERE}", 404, MESSAGE, OTHER),
        Example(*post, f"{path}?{name}=x", 404, MESSAGE, OTHER),
        Example(*post, path, 422, INVALID),
        Example(*post, path, 401, MESSAGE, by="other"),
    ]


def removed(operation: str, path: str, listed: str) -> list[Example]:
    delete = (operation, "DELETE")
    return [
        *of_host(*delete, f"{path}/{{{listed}}}", None),
        Example(*delete, f"{path}/{{other}}", 404, MESSAGE, OTHER),
        Example(*delete, f"{path}/{NOWHERE}", 404, MESSAGE, OTHER),
    ]


LOGIN = ("login_hosts__host__access_token_get", "GET")
RENEW = ("renew_hosts_access_token_renew_get", "GET", "/hosts/access_token/renew")
LAUNCH = ("launch_session_sessions_post", "POST", "/sessions")
JOIN = ("join_sessions_players_post", "POST", "/sessions/players")
LAUNCHED = {"session_id": 1, "source_of_truth_key": ""}


def joining(host: str = "{host}", guest: str = "{friend}") -> dict[str, str]:
    return {"host": host, "guest": guest}


EXAMPLES = [
    Example("register_hosts_post", "POST", "/hosts", 200, {**HOST, "friends": [], "banlist": []}),
    Example(*LOGIN, "/hosts/{host}/access_token", 200, TOKEN, by="anonymous"),
    Example(*LOGIN, "/hosts/{lower}/access_token", 200, TOKEN, by="anonymous"),
    Example(*LOGIN, f"/hosts/{NOWHERE}/access_token", 404, MESSAGE, THIS, by="anonymous"),
    Example(*RENEW, 200, TOKEN),
    Example(*RENEW, 401, MESSAGE, by="anonymous"),
    Example(*RENEW, 401, MESSAGE, by="invalid"),
    *of_host("get_hosts__host__get", "GET", "/hosts/{host}", HOST),
    *flag("set_only_friends_hosts__host__only_friends_put", "only_friends"),
    *flag("set_allow_nonames_hosts__host__allow_nonames_put", "allow_nonames"),
    *added("befriend_hosts__host__friends_post", "/hosts/{host}/friends", "friend"),
    *removed(
        "unfriend_hosts__host__friends__former_friend__delete", "/hosts/{host}/friends", "friend"
    ),
    *added("ban_hosts__host__banlist_post", "/hosts/{host}/banlist", "banned"),
    *removed("unban_hosts__host__banlist__banned__delete", "/hosts/{host}/banlist", "banned"),
    Example(*LAUNCH, 201, LAUNCHED, body={"host": "{host}"}, headers=tuple(LOCATION.items())),
    Example(*LAUNCH, 201, LAUNCHED, body={"host": "{lower}"}),
    Example(*LAUNCH, 401, MESSAGE, by="anonymous", body={"host": "{host}"}),
    Example(*LAUNCH, 401, MESSAGE, by="invalid", body={"host": "{host}"}),
    Example(*LAUNCH, 401, MESSAGE, by="other", body={"host": "{host}"}),
    Example(*LAUNCH, 404, MESSAGE, THIS, body={"host": NOWHERE}),
    Example(
        *LAUNCH, 409, MESSAGE, "A session by this host is already hosted",
        body={"host": "{host}"}, launched=True,
    ),
    Example(*LAUNCH, 422, INVALID, body={}),
    Example(*LAUNCH, 422, INVALID, body={"host": 1}),
    Example(
        *JOIN, 200, {"session_id": 1}, by="friend", body=joining(),
        headers=tuple(LOCATION.items()), launched=True,
    ),
    Example(*JOIN, 400, MESSAGE, "already in session", body=joining(guest="{host}"), launched=True),
    Example(*JOIN, 401, MESSAGE, by="anonymous", body=joining(), launched=True),
    Example(*JOIN, 401, MESSAGE, by="invalid", body=joining(), launched=True),
    Example(*JOIN, 401, MESSAGE, by="other", body=joining(), launched=True),
    Example(*JOIN, 404, MESSAGE, "no session", by="friend", body=joining()),
    Example(*JOIN, 404, MESSAGE, "no session", by="friend", body=joining(NOWHERE), launched=True),
    Example(
        *JOIN, 404, MESSAGE, "not welcome", by="other",
        body=joining(guest="{other}"), launched=True,
    ),
    Example(
        *JOIN, 404, MESSAGE, "not welcome", by="banned",
        body=joining(guest="{banned}"), launched=True,
    ),
    Example(
        *JOIN, 404, MESSAGE, "not welcome", by="anonymous",
        body=joining(guest="NONAME"), launched=True,
    ),
    Example(*JOIN, 422, INVALID, by="friend", body={"host": "{host}"}, launched=True),
    Example(*JOIN, 401, MESSAGE, by="anonymous", body={"host": "{host}"}, launched=True),
]  # fmt: skip
#: Operation id -> statuses in the document. Some occur only if a service fails, or never.
DOCUMENT = {
    "register_hosts_post": {200},
    "login_hosts__host__access_token_get": {200, 404, 422},
    "renew_hosts_access_token_renew_get": {200, 404},
    "get_hosts__host__get": {200, 401, 404, 422},
    "set_only_friends_hosts__host__only_friends_put": {200, 401, 404, 422},
    "set_allow_nonames_hosts__host__allow_nonames_put": {200, 401, 404, 422},
    "befriend_hosts__host__friends_post": {200, 400, 401, 404, 422},
    "unfriend_hosts__host__friends__former_friend__delete": {200, 401, 404, 422},
    "ban_hosts__host__banlist_post": {200, 400, 401, 404, 422},
    "unban_hosts__host__banlist__banned__delete": {200, 401, 404, 422},
    "launch_session_sessions_post": {200, 201, 401, 404, 409, 422, 500, 503},
    "join_sessions_players_post": {200, 400, 401, 404, 422, 500, 503},
}
