"""Messages of the command line for errors of the domain."""

from collections.abc import Mapping

from coalserver.core.commands.worlds import MAX_SHORT_NAME_LENGTH
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.hosting.version import MAX_JAVA, UNUSABLE

#: By error code; a message for (code, field, problem) comes before that for (code, field), and this before that for
#: the code.
ERROR_MESSAGES: Mapping[ErrorCode | tuple[ErrorCode, str] | tuple[ErrorCode, str, str], str] = {
    ErrorCode.ACCOUNT_NOT_FOUND: "There is no account with this address.",
    ErrorCode.ACCOUNT_INACTIVE: (
        "This account is not active. Activate it with `coalserver account activate EMAIL`."
    ),
    ErrorCode.EMAIL_TAKEN: "There is already an account with this address.",
    ErrorCode.INVALID_EMAIL: "This is not an e-mail address.",
    ErrorCode.PASSWORD_TOO_SHORT: "A password has at least 8 characters.",
    ErrorCode.LAST_ADMIN: "This is the last administrator. Add another one first.",
    ErrorCode.GAME_EXISTS: "There is already a game with this tag.",
    ErrorCode.GAME_NOT_FOUND: "There is no game with this tag.",
    (ErrorCode.INVALID_REQUEST, "tag"): (
        "A tag has at most 32 characters of a-z, 0-9, _ and -, starting with a letter or a digit."
    ),
    (ErrorCode.INVALID_REQUEST, "max"): "--min must be from 1 to --max, and --max at most 1000.",
    ErrorCode.WORLD_NOT_FOUND: "There is no world with this key or short name.",
    ErrorCode.SHORT_NAME_TAKEN: "Another world has this short name.",
    ErrorCode.WORLD_HOSTED: "This server runs it itself.",
    ErrorCode.VERSION_NOT_FOUND: "There is no such version.",
    ErrorCode.VERSION_EXISTS: "There is a version {version} already.",
    ErrorCode.VERSION_IN_USE: "World {world} uses it.",
    ErrorCode.VERSION_CONFIGURED: (
        "Version {version} is defined in the configuration. Remove it there."
    ),
    (ErrorCode.INVALID_REQUEST, "version", "version_name"): (
        "The name of a version has 1 to 60 characters: A-Z, a-z, 0-9, spaces and . _ + -"
    ),
    (ErrorCode.INVALID_REQUEST, "url", "required"): "The address is empty.",
    (ErrorCode.INVALID_REQUEST, "url", "too_long"): "The address is too long.",
    (ErrorCode.INVALID_REQUEST, "command", "required"): "The command is empty.",
    (ErrorCode.INVALID_REQUEST, "command", "too_long"): "The command is too long.",
    (ErrorCode.INVALID_REQUEST, "sha1", "not_a_hash"): "A SHA-1 has 40 hexadecimal digits.",
    (ErrorCode.INVALID_REQUEST, "sha256", "not_a_hash"): "A SHA-256 has 64 hexadecimal digits.",
    (ErrorCode.INVALID_REQUEST, "java", "out_of_range"): (
        f"A Java version is a number from 1 to {MAX_JAVA}."
    ),
    (ErrorCode.INVALID_REQUEST, "ready", "too_long"): "The text of --ready is too long.",
    (ErrorCode.INVALID_REQUEST, "ready", "not_a_regular_expression"): (
        "The text of --ready is not a regular expression."
    ),
    (ErrorCode.INVALID_REQUEST, "stop", "too_long"): "The text of --stop is too long.",
    (ErrorCode.INVALID_REQUEST, "stop", "control_characters"): (
        "The text of --stop has control characters."
    ),
    ErrorCode.SAVE_NOT_FOUND: "There is no such saved game.",
    ErrorCode.ARCHIVE_REFUSED: "{text}",
    ErrorCode.SHORT_NAME_RESERVED: (
        "This short name is reserved for a page of the site. Choose another one."
    ),
    (ErrorCode.INVALID_REQUEST, "command"): "A command is one line of 1 to 4096 characters.",
    (ErrorCode.INVALID_REQUEST, "name"): "A world needs a name.",
    (ErrorCode.INVALID_REQUEST, "short_name"): (
        f"A short name has at most {MAX_SHORT_NAME_LENGTH} characters of a-z and 0-9,"
        " with single hyphens between them."
    ),
}


def error_message(error: DomainError) -> str:
    """Return the message for an error of the domain."""
    if "sentence" in error.details:
        return str(error.details["sentence"])
    if "settings" in error.details:
        return " ".join(setting.text for setting in error.details["settings"])
    for name, problems in (error.details.get("fields") or {}).items():
        if UNUSABLE in problems:
            # A part of a sentence.
            text = str(error.details["text"])
            return f"{text[0].upper()}{text[1:]}."
        for problem in problems:
            if (error.code, name, problem) in ERROR_MESSAGES:
                return ERROR_MESSAGES[error.code, name, problem]
        if (error.code, name) in ERROR_MESSAGES:
            return ERROR_MESSAGES[error.code, name]
    if error.code is ErrorCode.ORDER_REFUSED:
        return str(error.details["refusal"].text)
    message = ERROR_MESSAGES.get(error.code, f"Not possible: {error.code.value.replace('_', ' ')}.")
    # Only messages that name a value have one.
    return message.format(**error.details) if "{" in message else message
