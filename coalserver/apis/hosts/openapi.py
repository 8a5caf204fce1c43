"""The OpenAPI description: that of the document, and the answers that it omits."""

from typing import Any

import orjson
from aiohttp import web

from coalserver.apis.hosts.errors import NOT_FOUND, OTHER_NOT_FOUND
from coalserver.apis.hosts.render import JSON
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response, raw_response

STRING: JSON = {"type": "string"}
BOOLEAN: JSON = {"type": "boolean"}
STRINGS: JSON = {"type": "array", "items": STRING}


def object_schema(**members: JSON) -> JSON:
    """Return the schema of an object in which all members are required."""
    return {"type": "object", "properties": members, "required": list(members)}


def ref(name: str) -> JSON:
    """Return a reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


SCHEMAS: JSON = {
    "Host": {
        "type": "object",
        "properties": {
            "uuid": {**STRING, "default": "some-host_uuid"},
            "only_friends": {**BOOLEAN, "default": True},
            "allow_nonames": {**BOOLEAN, "default": False},
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
    "Message": object_schema(message=STRING),
    "NotFound": object_schema(message={**STRING, "enum": [NOT_FOUND, OTHER_NOT_FOUND]}),
    "OnlyFriends": object_schema(only_friends=BOOLEAN),
    "AllowNonames": object_schema(allow_nonames=BOOLEAN),
    "Launch": object_schema(host=STRING),
    "Launched": object_schema(session_id={"type": "integer"}, source_of_truth_key=STRING),
    "Join": object_schema(host=STRING, guest=STRING),
    "Joined": {
        **object_schema(session_id={"type": "integer"}),
        "description": "`player` and `token` are for a guest who came as NONAME.",
    },
    "ValidationError": object_schema(
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
RESPONSES: dict[int, tuple[str, JSON]] = {
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
RESPONSE_HEADERS: dict[int, JSON] = {201: LOCATION, 429: RETRY}


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
    """Return one operation. `s404="Message"` replaces the schema of a status."""
    rendered: JSON = {"summary": summary, "operationId": id, "responses": {}}
    # Any operation may return these; the last two only with a body.
    implied = (405, 429, *((413, 415) if body else ()))
    for status in sorted({200, *statuses, *implied}):
        description, schema = RESPONSES[status]
        name = ok if status == 200 else schemas.get(f"s{status}", "")
        content = {"application/json": {"schema": ref(name) if name else schema}}
        response: JSON = {"description": description, "content": content}
        response_headers = headers if status == 200 else RESPONSE_HEADERS.get(status)
        rendered["responses"][str(status)] = (
            {**response, "headers": response_headers} if response_headers else response
        )
    if body:
        rendered["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": ref(body)}},
        }
    if query:
        rendered["parameters"] = [parameter(query, "query")]
    if secured:
        rendered["security"] = [{"HTTPBearer": []}]
    return rendered


def parameter(name: str, where: str) -> JSON:
    """Return a required string parameter."""
    return {"name": name, "in": where, "required": True, "schema": STRING}


def host_operation(id: str, summary: str, *statuses: int, **more: Any) -> JSON:
    """Return an operation on the host in the path."""
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
    ("/hosts/{host}", "get"): host_operation(
        "get_hosts__host__get", "get host by uuid", ok="Host"
    ),
    ("/hosts/{host}/only_friends", "put"): host_operation(
        "set_only_friends_hosts__host__only_friends_put",
        "set is {host} welcomes only friends", body="OnlyFriends",
    ),
    ("/hosts/{host}/allow_nonames", "put"): host_operation(
        "set_allow_nonames_hosts__host__allow_nonames_put",
        "set is {host} welcomes nonames", body="AllowNonames",
    ),
    ("/hosts/{host}/friends", "post"): host_operation(
        "befriend_hosts__host__friends_post", "befriend", 400, query="friend"
    ),
    ("/hosts/{host}/friends/{former_friend}", "delete"): host_operation(
        "unfriend_hosts__host__friends__former_friend__delete", "unfriend"
    ),
    ("/hosts/{host}/banlist", "post"): host_operation(
        "ban_hosts__host__banlist_post", "ban", 400, query="banned"
    ),
    ("/hosts/{host}/banlist/{banned}", "delete"): host_operation(
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


def build_description(base_path: str = "") -> JSON:
    """Return the whole description. A base path is the address of its only server (OpenAPI 3.1, 4.8.5)."""
    paths: JSON = {}
    for (path, method), details in OPERATIONS.items():
        path_names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
        parameters = [parameter(name, "path") for name in path_names] + details.get(
            "parameters", []
        )
        rendered = {**details, "parameters": parameters} if parameters else details
        paths.setdefault(path, {})[method] = rendered
    return {
        "openapi": "3.1.0",
        "info": {"title": "FastAPI", "version": "0.1.0"},
        **({"servers": [{"url": base_path}]} if base_path else {}),
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"HTTPBearer": {"type": "http", "scheme": "bearer"}},
        },
    }


DESCRIPTION = orjson.dumps(build_description())


async def description(ctx: RequestContext) -> web.StreamResponse:
    """Return the OpenAPI description of this API."""
    base_path = ctx.app.base_path
    return json_response(build_description(base_path)) if base_path else raw_response(DESCRIPTION)


ROUTES = (Route("GET", "/openapi.json", description),)
