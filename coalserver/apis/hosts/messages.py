"""Messages: what a member of a session may say, on a socket or by POST."""

from collections.abc import Callable
from typing import Any

from coalserver.apis.hosts import render
from coalserver.apis.hosts.schemas import MESSAGES
from coalserver.core.commands.rooms import leave_room
from coalserver.core.commands.synced_state import change_truth, send_command
from coalserver.core.engine import Core
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.room import Room
from coalserver.web.body import load

#: A command of the core and what it is asked; None for a message that changes nothing.
Asked = tuple[Callable[..., Any], render.JSON] | None


def understood(said: render.JSON) -> tuple[str, render.JSON]:
    """A message's type and members, or a refusal."""
    kind = said.get("type")
    if not isinstance(kind, str) or kind not in MESSAGES:
        known = ", ".join(MESSAGES)
        raise Refusal(Why.MALFORMED, fields={"type": [f"Must be one of: {known}."]})
    return kind, load(MESSAGES[kind], said)


def asked(core: Core, session: int, player: int, kind: str, members: render.JSON) -> Asked:
    """What a message asks of the core."""
    if kind == "command":
        to = members["to"]
        return send_command, {
            "room_id": session,
            "sender": player,
            "to": None if to is None else _target(core, session, to),
            "name": members["name"],
            "data": members["data"],
        }
    if kind == "update":
        what: render.JSON = {name: members[name] for name in ("state", "patch") if name in members}
        secret = render.secret_of(members["source_of_truth_key"] or "")
        return change_truth, {"room_id": session, "by": player, "secret": secret, **what}
    if kind == "leave":
        return leave_room, {"room_id": session, "player": player}
    return None


def made(kind: str, ids: Any) -> render.JSON:
    """What is answered to a message that was sent by POST, or with a key."""
    if kind == "update":
        return {"id": ids[0], "version": ids[1]}
    return {"id": ids} if kind == "command" else {}


def _target(core: Core, session: int, text: str) -> int:
    room = core.state.get(Room, session)
    target = None if room is None else render.player_in(core.state, room, text)
    if target is None:
        raise Refusal(Why.TARGET_NOT_HERE)
    return target
