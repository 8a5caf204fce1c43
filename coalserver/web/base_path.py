"""The base path: the path of `base_url`, such as `/coal`, below which a proxy serves everything.

Routes, handlers and paths in the code do not have it. It is removed from requests before they are routed, and added
to the addresses of responses: here to the `Location` header, in templates by `base_path`, in scripts by
`base-path.js`. A proxy may remove it itself, so requests without it are served as well.
"""

from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.http_parser import RawRequestMessage

from coalserver.web.responses import AlreadySent, RawResponse

RequestFactory = Callable[..., web.BaseRequest]

#: Application key of the base path; empty without one.
BASE_PATH = web.AppKey("base_path", str)
_LOCATION = b"\r\nLocation: "


def add_base_path(path: str, base_path: str) -> str:
    """Return a path of this server below the base path; a path that has it, and any other URL, unchanged."""
    if not path.startswith("/") or path.startswith("//") or _is_below(path, base_path):
        return path
    return base_path + path


def remove_base_path(path: str, base_path: str) -> str:
    """Return a path without the base path, if it has it."""
    return path[len(base_path) :] or "/" if _is_below(path, base_path) else path


def with_base_path_removed(make_request: RequestFactory, base_path: str) -> RequestFactory:
    """Return a factory of requests that removes the base path from their targets."""

    def make(message: RawRequestMessage, *args: Any) -> web.BaseRequest:
        url = message.url
        path = url.raw_path
        if _is_below(path, base_path):
            url = url.with_path(
                remove_base_path(path, base_path), encoded=True, keep_query=True, keep_fragment=True
            )
            message = message._replace(path=str(url), url=url)
        return make_request(message, *args)

    return make


def with_base_path_added(response: web.StreamResponse, base_path: str) -> web.StreamResponse:
    """Add the base path to the `Location` header of a response, unless it has been sent."""
    if isinstance(response, RawResponse):
        head, name, rest = response._head.partition(_LOCATION)
        if name:
            path, end, others = rest.partition(b"\r\n")
            path = add_base_path(path.decode(), base_path).encode()
            response._head = head + name + path + end + others
    elif not isinstance(response, AlreadySent) and not response.prepared:
        if "Location" in response.headers:
            location = response.headers["Location"]
            response.headers["Location"] = add_base_path(location, base_path)
    return response


def _is_below(path: str, base_path: str) -> bool:
    return path.startswith(base_path) and path[len(base_path) :][:1] in ("", "/", "?", "#")
