"""Turns and chat as updates: how members of a room hear here what was done through another API."""

import logging

import orjson

from coalserver.domain.errors import DomainError
from coalserver.domain.play.events import RoomChat, TurnTaken
from coalserver.domain.play.game import Rules, call_rule_json
from coalserver.domain.play.room import state_for_seat, turn_for_seat
from coalserver.web.responses import json_fragment

log = logging.getLogger(__name__)


def render_turn(event: TurnTaken, rules: Rules | None, seat: int) -> bytes:
    """A turn through the eyes of a seat. Without rules it is the turn itself, and nothing else.

    Rules that fail to say what a seat may see of it show nothing: the turn was taken all the same.
    """
    if rules is None or event.state is None:
        return event.turn
    try:
        taken = turn_for_seat(rules, event.turn, event.seat, seat)
        environment = state_for_seat(rules, event.state, seat)
        outcome = call_rule_json(rules.outcome, orjson.loads(event.state))
    except DomainError:
        log.exception("The rules of %s have failed to show a turn.", event.game)
        taken = environment = outcome = b"null"
    return orjson.dumps(
        {
            "player_id": event.player,
            "seat": event.seat,
            "turn": taken,
            "environment": environment,
            "current": event.current,
            "outcome": outcome,
        },
        default=json_fragment,
    )


def render_chat(event: RoomChat) -> bytes:
    """What a member said."""
    payload = {"player_id": event.player, "player_name": event.name, "text": event.text}
    return orjson.dumps(payload)
