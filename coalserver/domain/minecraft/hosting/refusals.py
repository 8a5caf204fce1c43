"""Refusals of orders to hosted worlds, and sentences for their troubles."""

from dataclasses import dataclass
from enum import StrEnum

from coalserver.domain.minecraft.hosting.hosted_world import Trouble, TroubleCode


class RefusalCode(StrEnum):
    """Why an order is refused, in the order of the checks."""

    HOSTING_OFF = "hosting_off"
    ENDING = "ending"
    NO_VERSION = "no_version"
    UNKNOWN_VERSION = "unknown_version"
    EULA = "eula"
    BUSY = "busy"
    NO_JAVA = "no_java"
    MEMORY = "memory"
    PORT_TAKEN = "port_taken"
    NO_PORT = "no_port"
    DISK = "disk"
    NOT_FETCHED = "not_fetched"
    #: Not of a start: a saved game needs a world at rest or at play; a restore one at rest.
    NOT_SAVABLE = "not_savable"
    NOT_STOPPED = "not_stopped"
    NOT_RUNNING = "not_running"
    #: Of the restore of a backup of the whole server.
    WORLDS_RUNNING = "worlds_running"
    #: On the command line.
    NOT_HOSTED = "not_hosted"
    SERVER_NOT_RUNNING = "server_not_running"


#: Sentences by code, with the names of their values.
REFUSAL_SENTENCES = {
    RefusalCode.HOSTING_OFF: "World hosting is switched off on this server.",
    RefusalCode.ENDING: "The server is shutting down.",
    RefusalCode.NO_VERSION: "This world has no version yet.",
    RefusalCode.UNKNOWN_VERSION: "There is no version {version} any more.",
    RefusalCode.EULA: "Nobody has agreed to the Minecraft EULA for this world. An admin can do so on its page.",
    RefusalCode.BUSY: "A saved game of this world is being restored.",
    RefusalCode.NO_JAVA: "Minecraft {minecraft} needs Java {needed}; this machine has {found}.",
    RefusalCode.MEMORY: "Not enough memory: this world needs {needed} MiB, {free} of {budget} MiB are free.",
    RefusalCode.PORT_TAKEN: "Port {port} is in use.",
    RefusalCode.NO_PORT: "No port from {first} to {last} is free.",
    RefusalCode.DISK: "Not enough disk space: {free} MiB are free, {kept} are kept free.",
    RefusalCode.NOT_FETCHED: "Version {version} could not be fetched: {reason}.",
    RefusalCode.NOT_SAVABLE: "The world is neither running nor stopped.",
    RefusalCode.NOT_STOPPED: "Stop the world first.",
    RefusalCode.NOT_RUNNING: "The world is not running.",
    RefusalCode.WORLDS_RUNNING: "Stop all worlds first.",
    RefusalCode.NOT_HOSTED: "This server does not run this world.",
    RefusalCode.SERVER_NOT_RUNNING: "The server is not running.",
}
#: Sentences of troubles; values stand in their order.
TROUBLE_SENTENCES = {
    TroubleCode.NOT_FETCHED: "Version {} could not be fetched: {}.",
    TroubleCode.CHECKSUM: "The downloaded file of version {} does not have the published checksum.",
    TroubleCode.BAD_JAR: "Version {} is not a program: {}.",
    TroubleCode.WRONG_JAVA: "This version needs a newer Java than {}.",
    TroubleCode.PORT_TAKEN: "Port {} is in use.",
    TroubleCode.EULA: "The server asks for an agreement to the Minecraft EULA.",
    TroubleCode.START_TIMEOUT: "The server was not ready in time.",
    TroubleCode.START_FAILED: "The server ended before it was ready.",
    TroubleCode.CRASH_LOOP: "Crashed 3 times in 10 minutes.",
    TroubleCode.HUNG: "The server has not answered for 5 minutes.",
    TroubleCode.STOP_IGNORED: "The server did not stop and was ended by force.",
    TroubleCode.KEEPER_LOST: "The process that watches the server was lost; the server was stopped.",
    TroubleCode.DISK: "Not enough disk space: {} MiB are free, {} are kept free.",
    TroubleCode.SAVE_FAILED: "The saved game could not be made: {}.",
    TroubleCode.RESTORE_FAILED: "The saved game could not be restored: {}.",
    TroubleCode.FILES_MISSING: "Files of this world are missing: {}.",
    TroubleCode.STOPPED_INSIDE: "Stopped from inside the game",
}
#: Troubles that are the same as a refusal, where a world is started without a person.
TROUBLES_OF_REFUSALS = {
    RefusalCode.EULA: TroubleCode.EULA,
    RefusalCode.PORT_TAKEN: TroubleCode.PORT_TAKEN,
    RefusalCode.DISK: TroubleCode.DISK,
    RefusalCode.NOT_FETCHED: TroubleCode.NOT_FETCHED,
}


@dataclass(frozen=True, slots=True)
class RefusedOrder:
    """A refused order: its code and the values of its sentence."""

    code: RefusalCode
    values: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        """The sentence in English."""
        return REFUSAL_SENTENCES[self.code].format(**dict(self.values))


def trouble_of(refusal: RefusedOrder, at: float) -> Trouble:
    """Return the trouble of a world that is to be started, but cannot be; all others count as a failed start."""
    code = TROUBLES_OF_REFUSALS.get(refusal.code)
    if code is None:
        return Trouble(TroubleCode.START_FAILED, at, (refusal.text,))
    return Trouble(code, at, tuple(value for _, value in refusal.values))


def trouble_text(trouble: Trouble) -> str:
    """Return the sentence of a trouble in English."""
    sentence = TROUBLE_SENTENCES[trouble.code]
    if len(trouble.values) > sentence.count("{}"):
        # The sentence of a refusal: the world was not started.
        return trouble.values[0]
    missing = sentence.count("{}") - len(trouble.values)
    return sentence.format(*trouble.values, *["?"] * max(0, missing))
