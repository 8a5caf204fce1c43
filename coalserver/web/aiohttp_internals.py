"""Private members of aiohttp that this program relies on: all of them, by the feature that needs them.

setup.cfg pins aiohttp's minor version. With another one, a feature whose members are missing is off, and the server
handles its requests in aiohttp's ordinary way.
"""

import logging
from collections.abc import Iterable, Mapping

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

log = logging.getLogger(__name__)

RELEASED_CONNECTIONS = "released connections"
PARKED_POLLS = "parked polls"
REPEATED_REQUESTS = "repeated requests"
HELD_CONNECTIONS = "held connections"
WEBSOCKETS = "WebSockets"

#: Members of `RequestHandler`, or of the class in OWNERS. Those of connections are always needed.
PRIVATE_MEMBERS: Mapping[str, tuple[str, ...]] = {
    "connections": (
        "_buffer_paused", "_manager", "_max_msg_queue_size", "_messages", "_pause_transport_reading", "_payload_parser",
        "_reading_paused", "_request_count", "_request_in_progress", "_resume_transport_reading", "_upgraded",
    ),
    RELEASED_CONNECTIONS: (
        "_close", "_force_close", "_keepalive_handle", "_keepalive_timeout", "_loop", "_max_msg_queue_size",
        "_messages", "_next_keepalive_close_time", "_parser", "_process_keepalive",
        "_read_bufsize", "_task_handler", "_waiter",
    ),
    PARKED_POLLS: (
        "_close", "_force_close", "_keepalive_timeout", "_next_keepalive_close_time", "_paused",
        "_process_keepalive", "_request_count", "_upgraded",
    ),
    REPEATED_REQUESTS: (
        "_close", "_drain_helper", "_force_close", "_handler_waiter", "_keepalive", "_keepalive_handle",
        "_keepalive_timeout", "_logging_enabled", "_loop", "_manager", "_messages", "_next_keepalive_close_time",
        "_paused", "_process_keepalive", "_request_count", "_request_in_progress", "_task_handler", "_upgraded",
    ),
    # aiohttp's server also asks a connection that ends for its `_task_handler`.
    HELD_CONNECTIONS: ("_manager", "_task_handler", "set_parser"),
    WEBSOCKETS: ("_close_transport", "_handshake", "_on_data_received", "_post_start", "_reset_heartbeat"),
}  # fmt: skip
OWNERS: Mapping[str, type] = {WEBSOCKETS: web.WebSocketResponse}


def missing_members(feature: str, owner: type | None = None) -> list[str]:
    """Return the private members that a feature needs and this aiohttp, or another owner, does not have."""
    owner = owner or OWNERS.get(feature, RequestHandler)
    return [name for name in PRIVATE_MEMBERS[feature] if not hasattr(owner, name)]


def usable(features: Iterable[str], owner: type | None = None) -> bool:
    """Return whether this aiohttp has all that some features need; log one warning if it does not."""
    missing = {feature: missing_members(feature, owner) for feature in features}
    if not any(missing.values()):
        return True
    log.warning(
        "This version of aiohttp lacks %s. Off until then: %s. Everything is served, but in aiohttp's slower way.",
        ", ".join(dict.fromkeys(name for names in missing.values() for name in names)),
        ", ".join(feature for feature, names in missing.items() if names),
    )
    return False
