"""The description of this API, as its document has it, and the answers that the document leaves out."""

from typing import Any

import orjson
from aiohttp import web

from coalserver.apis.hosts.errors import NOT_FOUND, OTHER
from coalserver.apis.hosts.render import JSON
from coalserver.web.api import Call, Route
from coalserver.web.responses import answer

STRING: JSON = {"type": "string"}
FLAG: JSON = {"type": "boolean"}
STRINGS: JSON = {"type": "array", "items": STRING}


def needs(**members: JSON) -> JSON:
    """An object that has all of these."""
    return {"type": "object", "properties": members, "required": list(members)}


def ref(name: str) -> JSON:
    return {"$ref": f"#/components/schemas/{name}"}


SCHEMAS: JSON = {
    "Host": {
        "type": "object",
        "properties": {
            "uuid": {**STRING, "default": "some-host_uuid"},
            "only_friends": {**FLAG, "default": True},
            "allow_nonames": {**FLAG, "default": False},
            "friends": {**STRINGS, "default": ["this-gui-host_uuid", "other-guy-host_uuid"]},
            "banlist": {**STRINGS, "default": ["that-guy-host_uuid"]},
        },
    },
    "Registered": {
        "allOf": [ref("Host")],
        "properties": {
            "secret": {**STRING, "description": "Proves the host at its login; shown this once."}
        },
    },
    "Token": {"type": "object", "properties": {"token": STRING}},
    "Message": needs(message=STRING),
    "NotFound": needs(message={**STRING, "enum": [NOT_FOUND, OTHER]}),
    "OnlyFriends": needs(only_friends=FLAG),
    "AllowNonames": needs(allow_nonames=FLAG),
    "Launch": needs(host=STRING),
    "Launched": needs(session_id={"type": "integer"}, source_of_truth_key=STRING),
    "Join": needs(host=STRING, guest=STRING),
    "Joined": {
        **needs(session_id={"type": "integer"}),
        "description": "`player` and `token` are for a guest who came as NONAME.",
    },
    "ValidationError": needs(
        loc={"type": "array", "items": {"anyOf": [STRING, {"type": "integer"}]}},
        msg=STRING,
        type=STRING,
    ),
    "HTTPValidationError": {
        "type": "object",
        "properties": {"detail": {"type": "array", "items": ref("ValidationError")}},
    },
}
LOCATION: JSON = {"Location": {"schema": STRING, "description": "Where the session is played."}}
RETRY: JSON = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
#: Status -> description and schema, unless an operation has its own.
ANSWERS: dict[int, tuple[str, JSON]] = {
    200: ("Successful Response", {}),
    201: ("Created", ref("Launched")),
    400: ("Bad Request", ref("Message")),
    401: ("Unauthorized", ref("Message")),
    404: ("Not Found", ref("NotFound")),
    405: ("Method Not Allowed", ref("Message")),
    409: ("Conflict", ref("Message")),
    413: ("Content Too Large", ref("Message")),
    415: ("Unsupported Media Type", ref("Message")),
    422: ("Validation Error", ref("HTTPValidationError")),
    429: ("Too Many Requests", ref("Message")),
    500: ("Internal Server Error", ref("Message")),
    503: ("Service Unavailable", ref("Message")),
}
ANSWERED_HEADERS: dict[int, JSON] = {201: LOCATION, 429: RETRY}


def operation(
    id: str,
    summary: str,
    *statuses: int,
    ok: str = "",
    body: str = "",
    query: str = "",
    secured: bool = True,
    headers: JSON | None = None,
    **schemas: str,
) -> JSON:
    """One operation. `s404="Message"` gives a status another schema than it has elsewhere."""
    made: JSON = {"summary": summary, "operationId": id, "responses": {}}
    # What may be answered to anything, and to anything with a body or a token.
    left_out = (405, 429, *((413, 415) if body else ()))
    for status in sorted({200, *statuses, *left_out}):
        description, schema = ANSWERS[status]
        name = ok if status == 200 else schemas.get(f"s{status}", "")
        content = {"application/json": {"schema": ref(name) if name else schema}}
        said: JSON = {"description": description, "content": content}
        given = headers if status == 200 else ANSWERED_HEADERS.get(status)
        made["responses"][str(status)] = {**said, "headers": given} if given else said
    if body:
        made["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": ref(body)}},
        }
    if query:
        made["parameters"] = [parameter(query, "query")]
    if secured:
        made["security"] = [{"HTTPBearer": []}]
    return made


def parameter(name: str, where: str) -> JSON:
    return {"name": name, "in": where, "required": True, "schema": STRING}


def of_host(id: str, summary: str, *statuses: int, **more: Any) -> JSON:
    """An operation of the host in the path."""
    return operation(id, summary, 401, 404, 422, *statuses, **more)


OPERATIONS: dict[tuple[str, str], JSON] = {
    ("/hosts", "post"): operation(
        "register_hosts_post", "register", ok="Registered", secured=False
    ),
    ("/hosts/{host}/access_token", "get"): operation(
        "login_hosts__host__access_token_get", "login by host uuid", 404, 422,
        ok="Token", s404="Message", secured=False,
    ),
    ("/hosts/access_token/renew", "get"): operation(
        "renew_hosts_access_token_renew_get", "renew token", 401, 404,
        ok="Token", s404="Message",
    ),
    ("/hosts/{host}", "get"): of_host(
        "get_hosts__host__get", "get host by uuid", ok="Host"
    ),
    ("/hosts/{host}/only_friends", "put"): of_host(
        "set_only_friends_hosts__host__only_friends_put",
        "set is {host} welcomes only friends", body="OnlyFriends",
    ),
    ("/hosts/{host}/allow_nonames", "put"): of_host(
        "set_allow_nonames_hosts__host__allow_nonames_put",
        "set is {host} welcomes nonames", body="AllowNonames",
    ),
    ("/hosts/{host}/friends", "post"): of_host(
        "befriend_hosts__host__friends_post", "befriend", 400, query="friend"
    ),
    ("/hosts/{host}/friends/{former_friend}", "delete"): of_host(
        "unfriend_hosts__host__friends__former_friend__delete", "unfriend"
    ),
    ("/hosts/{host}/banlist", "post"): of_host(
        "ban_hosts__host__banlist_post", "ban", 400, query="banned"
    ),
    ("/hosts/{host}/banlist/{banned}", "delete"): of_host(
        "unban_hosts__host__banlist__banned__delete", "unban"
    ),
    ("/sessions", "post"): operation(
        "launch_session_sessions_post", "launch session", 201, 401, 404, 409, 422, 500, 503,
        body="Launch",
    ),
    ("/sessions/players", "post"): operation(
        "join_sessions_players_post", "Join a session as a player", 400, 401, 404, 422, 500, 503,
        body="Join", ok="Joined", s404="Message", headers=LOCATION,
    ),
}  # fmt: skip


def described() -> JSON:
    """The whole description."""
    paths: JSON = {}
    for (path, method), made in OPERATIONS.items():
        named = [part[1:-1] for part in path.split("/") if part.startswith("{")]
        parameters = [parameter(name, "path") for name in named] + made.get("parameters", [])
        shown = {**made, "parameters": parameters} if parameters else made
        paths.setdefault(path, {})[method] = shown
    return {
        "openapi": "3.1.0",
        "info": {"title": "FastAPI", "version": "0.1.0"},
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"HTTPBearer": {"type": "http", "scheme": "bearer"}},
        },
    }


DESCRIPTION = orjson.dumps(described())


async def description(call: Call) -> web.StreamResponse:
    """This API as OpenAPI describes it."""
    return answer(DESCRIPTION)


ROUTES = (Route("GET", "/openapi.json", description),)
