"""What bodies and messages look like. Unknown members are ignored."""

from typing import Any

from marshmallow import ValidationError, post_load, pre_load

from coalserver.domain.play.synced_state import MOST
from coalserver.web.schemas import Flag, Form, Free, FreeJSON, Secret, Text, Whole

#: Bytes that the data of a command, or a binary frame, may have.
LARGEST = 16 * 1024
#: What is said of null where something is wanted: the same as of anything else that does not fit.
TEXT: dict[str, Any] = {"null": "Not a string."}
FLAG: dict[str, Any] = {"null": "Not true or false."}


def text(**more: Any) -> Secret:
    """A string, whatever is in it: that it names nobody is said elsewhere."""
    return Secret(0, 1 << 20, error_messages=TEXT, **more)


class OnlyFriends(Form):
    only_friends = Flag(required=True, error_messages=FLAG)


class AllowNonames(Form):
    allow_nonames = Flag(required=True, error_messages=FLAG)


class Launching(Form):
    host = text(required=True)


class Joining(Form):
    host = text(required=True)
    guest = text(required=True)


class Entering(Form):
    """The first message on a socket."""

    session_id = Whole(required=True)
    player = text(required=True)
    token = text(required=True)
    source_of_truth_key = text(load_default="", allow_none=True)
    #: Ours: the id of the last message heard before a cut.
    after = Whole(-1, load_default=None, allow_none=True)


class Message(Form):
    """What every message may have: `key` makes sure that it counts once, however often it is sent."""

    key = Secret(1, 255, allow_none=True)


class Command(Message):
    name = Text(1, 200, required=True, error_messages=TEXT)
    data = FreeJSON(LARGEST, anything=True, allow_none=True, load_default=None)
    to = text(allow_none=True, load_default=None)

    @post_load
    def _null(self, data: dict[str, Any], **kw: Any) -> dict[str, Any]:
        return {**data, "data": b"null" if data["data"] is None else data["data"]}


class Update(Message):
    state = FreeJSON(MOST, anything=True, allow_none=True)
    patch = FreeJSON(MOST)
    source_of_truth_key = text(load_default="", allow_none=True)

    @pre_load
    def _one(self, data: dict[str, Any], **kw: Any) -> dict[str, Any]:
        if ("state" in data) == ("patch" in data):
            raise ValidationError("Either state or patch.", "state")
        return data

    @post_load
    def _null(self, data: dict[str, Any], **kw: Any) -> dict[str, Any]:
        return {**data, "state": b"null"} if data.get("state", "") is None else data


ONLY_FRIENDS = OnlyFriends()
ALLOW_NONAMES = AllowNonames()
LAUNCHING = Launching()
JOINING = Joining()
ENTERING = Entering()
MESSAGE = Free(1 << 20)
#: Type -> what such a message looks like.
MESSAGES: dict[str, Form] = {
    "command": Command(),
    "update": Update(),
    "leave": Message(),
    "ping": Message(),
}
