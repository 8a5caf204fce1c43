"""Turns and chat as updates: how members of a room hear here what was done through another API."""

import logging

import orjson

from coalserver.domain.errors import Refusal
from coalserver.domain.play.game import Rules, asked_json
from coalserver.domain.play.room import shown, viewed
from coalserver.domain.play.room_events import RoomChat, TurnTaken
from coalserver.web.responses import embedded

log = logging.getLogger(__name__)


def turn_data(event: TurnTaken, rules: Rules | None, seat: int) -> bytes:
    """A turn through the eyes of a seat. Without rules it is the turn itself, and nothing else.

    Rules that fail to say what a seat may see of it show nothing: the turn was taken all the same.
    """
    if rules is None or event.state is None:
        return event.turn
    try:
        taken = shown(rules, event.turn, event.seat, seat)
        environment = viewed(rules, event.state, seat)
        outcome = asked_json(rules.outcome, orjson.loads(event.state))
    except Refusal:
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
        default=embedded,
    )


def chat_data(event: RoomChat) -> bytes:
    """What a member said."""
    said = {"player_id": event.player, "player_name": event.name, "text": event.text}
    return orjson.dumps(said)
