"""What bodies look like. Unknown members are ignored; an optional member may be null."""

from typing import Any

from coalserver.web.schemas import Flag, Form, Free, FreeJSON, Secret, Text, Whole

#: Bytes the options of a room may have.
OPTIONS = 16 * 1024


class Loose(Form):
    """A null member is an absent one."""

    def finished(self, loaded: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in loaded.items() if value is not None}


class Creating(Loose):
    name = Text(1, 120, required=True)
    password = Secret(0, 200, allow_none=True)
    options = FreeJSON(OPTIONS, allow_none=True)
    ready_check = Flag(data_key="readyCheck", allow_none=True)


class QuickJoining(Loose):
    name = Text(0, 120, allow_none=True)
    options = FreeJSON(OPTIONS, allow_none=True)


class Joining(Loose):
    password = Secret(0, 200, allow_none=True)


class Kicking(Form):
    user_id = Whole(required=True)


class Readying(Form):
    ready = Flag(required=True)


class Chatting(Form):
    text = Text(1, 1000, required=True, lines=True)


class LoggingIn(Loose):
    credential_type = Text(0, 40, data_key="credentialType", required=True)
    email = Secret(0, 254, allow_none=True)
    password = Secret(0, 1000, allow_none=True)
    username = Text(0, 50, allow_none=True)


class Registering(Form):
    email = Secret(0, 1000, required=True)
    password = Secret(0, 1000, required=True)
    username = Text(1, 50, required=True)


CREATING = Creating()
QUICK_JOINING = QuickJoining()
JOINING = Joining()
KICKING = Kicking()
READYING = Readying()
CHATTING = Chatting()
LOGGING_IN = LoggingIn()
REGISTERING = Registering()
CHOOSING = Free(OPTIONS)
TURN = Free(OPTIONS)
DATUM = Free(OPTIONS, anything=True)
