"""Messages from the members of a session, by WebSocket or by POST."""

from collections.abc import Callable
from typing import Any

from coalserver.apis.hosts import render
from coalserver.apis.hosts.schemas import MESSAGES
from coalserver.core.commands.members import leave
from coalserver.core.commands.synced_state import send_command, update_synced_state
from coalserver.core.engine import Core
from coalserver.core.queries.hosts import is_authority
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.room import Room
from coalserver.web.body import load_body

#: A command of the core and its arguments; None for a message that changes nothing.
CommandCall = tuple[Callable[..., Any], render.JSON] | None


def parse_message(payload: render.JSON) -> tuple[str, render.JSON]:
    """Return the type and the members of a message. Raises INVALID_REQUEST."""
    kind = payload.get("type")
    if not isinstance(kind, str) or kind not in MESSAGES:
        known = ", ".join(MESSAGES)
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={"type": [f"Must be one of: {known}."]})
    return kind, load_body(MESSAGES[kind], payload)


def command_for(
    core: Core, session: int, player: int, kind: str, members: render.JSON
) -> CommandCall:
    """Return the command of a message. Raises TARGET_NOT_MEMBER for an unknown recipient."""
    if kind == "command":
        to = members["to"]
        return send_command, {
            "room_id": session,
            "sender": player,
            "to": None if to is None else _get_target(core, session, to),
            "name": members["name"],
            "data": members["data"],
        }
    if kind == "update":
        kwargs: render.JSON = {
            name: members[name] for name in ("state", "patch") if name in members
        }
        secret = render.parse_key(members["source_of_truth_key"] or "")
        return update_synced_state, {"room_id": session, "by": player, "secret": secret, **kwargs}
    if kind == "leave":
        return leave, {"kind": Room, "id": session, "player_id": player}
    return None


async def prepare_update(core: Core, command: Callable[..., Any], kwargs: render.JSON) -> None:
    """Add to the arguments of a command the result of a large patch. To be called right before the command runs."""
    if command is not update_synced_state:
        return
    room_id, secret = kwargs["room_id"], kwargs["secret"]
    # The command refuses others without a look at the patch.
    if core.query(is_authority, room=room_id, secret=secret):
        patch = kwargs.get("patch")
        kwargs["prepared"] = await core.patches.prepare(room_id, patch, core.now)


def render_result(kind: str, ids: Any) -> render.JSON:
    """Return the answer to a message that was sent by POST or with a key."""
    if kind == "update":
        return {"id": ids[0], "version": ids[1]}
    return {"id": ids} if kind == "command" else {}


def _get_target(core: Core, session: int, text: str) -> int:
    room = core.state.get(Room, session)
    target = None if room is None else render.find_member(core.state, room, text)
    if target is None:
        raise DomainError(ErrorCode.TARGET_NOT_MEMBER)
    return target
