"""The status and text of every error of this API.

Keys, from the most to the least specific: (code, subject, endpoint), (code, subject, file), (code, subject),
(code, endpoint), (code, file), code. The subject is the credential, member or mistake in question.
"""

from coalserver.apis.multiplayer.schemas import MAX_IDENTIFIER_LENGTH, MAX_JSON_BYTES
from coalserver.domain.errors import ErrorCode

#: Status and text.
ErrorMessage = tuple[int, str]
MessageKey = ErrorCode | tuple[ErrorCode, str] | tuple[ErrorCode, str, str]

PLAYERS, DATA = "game_players.php", "game_data.php"
ROOM, MATCH = "game_room.php", "matchmaking.php"
SOCKET = "realtime.php/socket"
_DURATIONS = "hour, day, week, month, quarter, year, forever"
_BOTH_TOKENS = (401, "API token and game player token are required")
_PRIVATE_TOO = (401, "API token and private token are required")
_NO_PLAYER = (404, "Player not found or does not belong to this game")
_NO_LOBBY = (400, "Matchmaking lobby not found or already started")
_IN_A_LOBBY = (400, "You are already in a matchmaking lobby")
_NOT_IN_ANY_ROOM = (400, "You are not in any room")
_IN_NO_ROOM = (400, "Player is not in any room")
_NOT_IN_ANY_LOBBY = (400, "You are not in any matchmaking lobby")
_NOT_IN_A_LOBBY = (400, "You are not in a matchmaking lobby")

_TOKENS: dict[MessageKey, ErrorMessage] = {
    ErrorCode.TOKEN_REQUIRED: (401, "API token is required"),
    (ErrorCode.TOKEN_REQUIRED, "player"): (401, "Player token is required"),
    (ErrorCode.TOKEN_REQUIRED, "private"): (401, "API private token is required"),
    (ErrorCode.TOKEN_REQUIRED, PLAYERS): _BOTH_TOKENS,
    (ErrorCode.TOKEN_REQUIRED, "player", PLAYERS): _BOTH_TOKENS,
    (ErrorCode.TOKEN_REQUIRED, "private", PLAYERS): _PRIVATE_TOO,
    (ErrorCode.TOKEN_REQUIRED, f"{PLAYERS}/register"): (401, "API token is required"),
    (ErrorCode.TOKEN_REQUIRED, f"{PLAYERS}/list"): _PRIVATE_TOO,
    (ErrorCode.TOKEN_REQUIRED, f"{PLAYERS}/ban"): _PRIVATE_TOO,
    (ErrorCode.TOKEN_REQUIRED, f"{PLAYERS}/unban"): _PRIVATE_TOO,
    (ErrorCode.TOKEN_REQUIRED, "player", DATA): (401, "Game player token is required"),
    (ErrorCode.TOKEN_REQUIRED, "leaderboard.php"): (400, "api_token is required"),
    (ErrorCode.TOKEN_REQUIRED, "time.php"): (401, "API key is required"),
    ErrorCode.INVALID_TOKEN: (401, "Invalid API token"),
    (ErrorCode.INVALID_TOKEN, "player"): (401, "Invalid player token"),
    (ErrorCode.INVALID_TOKEN, "foreign"): (401, "Invalid player token"),
    (ErrorCode.INVALID_TOKEN, "private"): (401, "Invalid API token or private token"),
    (ErrorCode.INVALID_TOKEN, "player", PLAYERS): (403, "Invalid player token"),
    (ErrorCode.INVALID_TOKEN, "foreign", PLAYERS): (403, "Invalid player token"),
    (ErrorCode.INVALID_TOKEN, "player", f"{PLAYERS}/login"): (403, "Invalid game player token"),
    (ErrorCode.INVALID_TOKEN, "foreign", f"{PLAYERS}/login"): (403, "Invalid game player token"),
    (ErrorCode.INVALID_TOKEN, "private", PLAYERS): (401, "Invalid API credentials"),
    (ErrorCode.INVALID_TOKEN, "player", DATA): (401, "Invalid game player token"),
    (ErrorCode.INVALID_TOKEN, "foreign", DATA): (403, "Player does not belong to this game"),
    (ErrorCode.INVALID_TOKEN, "player", f"{DATA}/player/update"): (
        403,
        "Invalid player or does not belong to game",
    ),
    (ErrorCode.INVALID_TOKEN, "foreign", f"{DATA}/player/update"): (
        403,
        "Invalid player or does not belong to game",
    ),
    (ErrorCode.INVALID_TOKEN, "leaderboard.php"): (401, "Invalid or expired api_token"),
    (ErrorCode.INVALID_TOKEN, "time.php"): (403, "Invalid API key"),
    ErrorCode.BANNED: (403, "You are banned"),
    ErrorCode.GAME_CLOSED: (403, "Player does not belong to this game"),
    ErrorCode.RATE_LIMITED: (429, "Too many failed attempts. Try again in {retry_after} seconds."),
    ErrorCode.TOO_MANY_REQUESTS: (
        429,
        "Too many requests. Try again in {retry_after} seconds.",
    ),
    ErrorCode.TOO_MANY_STORAGE_KEYS: (409, "Player data must not have more than {maximum} keys"),
    ErrorCode.PLAYER_STORAGE_FULL: (413, "Player data must not exceed {maximum} bytes"),
    ErrorCode.TOO_MANY_LISTED: (409, "The list has {maximum} players, the maximum"),
    ErrorCode.TOO_MANY_SCREENSHOTS: (409, "There are {maximum} screenshots, the maximum"),
    ErrorCode.GAME_FULL: (507, "The game has {maximum} players, the maximum"),
    ErrorCode.GAME_STORAGE_FULL: (507, "The storage of the game is full"),
    ErrorCode.TOO_MANY_ACTIONS: (409, "The room has too many actions"),
    (ErrorCode.RATE_LIMITED, "leaderboard"): (
        429,
        "Too many new leaderboards are being made. Try again in {retry_after} seconds.",
    ),
}

_BODIES: dict[MessageKey, ErrorMessage] = {
    ErrorCode.INVALID_REQUEST: (400, "Invalid request: {fields}"),
    (ErrorCode.INVALID_REQUEST, "body"): (400, "Invalid JSON body"),
    ErrorCode.UNSUPPORTED_ENCODING: (415, "Unsupported Content-Encoding"),
    (ErrorCode.INVALID_REQUEST, "large"): (
        413,
        f"{{member}} must not exceed {MAX_JSON_BYTES} bytes",
    ),
    (ErrorCode.INVALID_REQUEST, "long_identifier"): (
        400,
        f"Invalid request: {{member}}: Longer than {MAX_IDENTIFIER_LENGTH} characters.",
    ),
    (ErrorCode.INVALID_REQUEST, "player_name"): (400, "Player name is required"),
    (ErrorCode.INVALID_REQUEST, "new_name"): (400, "New name is required"),
    (ErrorCode.INVALID_REQUEST, "name_length"): (
        400,
        "Player name must be between 2 and 50 characters",
    ),
    (ErrorCode.INVALID_REQUEST, "player_id"): (400, "Missing required field: player_id"),
    (ErrorCode.INVALID_REQUEST, "player_id", PLAYERS): (400, "player_id is required"),
    (ErrorCode.INVALID_REQUEST, "unknown_player"): _NO_PLAYER,
    (ErrorCode.INVALID_REQUEST, "ban_duration"): (400, f"ban_duration is required ({_DURATIONS})"),
    (ErrorCode.INVALID_REQUEST, "unknown_duration"): (
        400,
        f"Invalid ban_duration. Must be one of: {_DURATIONS}",
    ),
    (ErrorCode.INVALID_REQUEST, "max_players"): (400, "Missing required field: max_players"),
    (ErrorCode.INVALID_REQUEST, "matchmakingId"): (
        400,
        "Missing required parameter: matchmakingId",
    ),
    (ErrorCode.INVALID_REQUEST, "roomId"): (400, "Room not found"),
    (ErrorCode.INVALID_REQUEST, "requestId"): (400, "Missing required parameter: requestId"),
    (ErrorCode.INVALID_REQUEST, "requestId", f"{MATCH}/response"): (
        400,
        "Missing required fields: requestId and action",
    ),
    (ErrorCode.INVALID_REQUEST, "action"): (400, "Missing required fields: requestId and action"),
    (ErrorCode.INVALID_REQUEST, "unknown_action"): (400, 'Action must be "approve" or "reject"'),
    (ErrorCode.INVALID_REQUEST, "action_type"): (400, "Missing action_type"),
    (ErrorCode.INVALID_REQUEST, "string"): (400, "{member} must be a string"),
    (ErrorCode.INVALID_REQUEST, "json"): (400, "{member} is not valid JSON"),
    (ErrorCode.INVALID_REQUEST, "object"): (400, "{member} must be an object"),
    (ErrorCode.INVALID_REQUEST, "status"): (400, "Status is required"),
    (ErrorCode.INVALID_REQUEST, "unknown_status"): (
        400,
        "Invalid status. Must be one of: processing, completed, failed",
    ),
    (ErrorCode.INVALID_REQUEST, "type"): (400, "Missing required field: type"),
    (ErrorCode.INVALID_REQUEST, "target_players"): (400, "Missing required field: target_players"),
    (ErrorCode.INVALID_REQUEST, "unknown_target"): (400, "Invalid target players"),
    (ErrorCode.INVALID_REQUEST, "target_players_ids"): (
        400,
        "Missing required field: target_players_ids",
    ),
    (ErrorCode.INVALID_REQUEST, "bad_target_ids"): (400, "Invalid target players ids"),
    (ErrorCode.INVALID_REQUEST, "unknown_source"): (400, "Invalid from players"),
    (ErrorCode.INVALID_REQUEST, "source_ids"): (400, "No valid source players found"),
    (ErrorCode.INVALID_REQUEST, "sort_by"): (
        400,
        "sort_by must be a non-empty array of field names",
    ),
    (ErrorCode.INVALID_REQUEST, "sort_fields"): (
        400,
        "No valid sort fields provided after sanitization",
    ),
    (ErrorCode.INVALID_REQUEST, "limit"): (400, "limit must be between 1 and 100"),
    (ErrorCode.INVALID_REQUEST, "offset"): (400, "offset must be a whole number from 0"),
    (ErrorCode.INVALID_REQUEST, "around"): (400, "around must be a player_id"),
    (ErrorCode.INVALID_REQUEST, "where"): (
        400,
        "where must be an object of at most 8 fields and plain values",
    ),
    (ErrorCode.INVALID_REQUEST, "utc"): (
        400,
        "Invalid utc offset. Use -12 to +14, in hours or half hours",
    ),
    (ErrorCode.INVALID_REQUEST, "handshake"): (400, "This is not the handshake of a WebSocket"),
    (ErrorCode.INVALID_REQUEST, "body", SOCKET): (
        400,
        "A message must be a JSON object in a text frame",
    ),
    (ErrorCode.INVALID_REQUEST, "frame_type"): (400, "Unknown message type"),
    (ErrorCode.INVALID_REQUEST, "command"): (400, "Missing required field: command"),
    (ErrorCode.INVALID_REQUEST, "short_string"): (
        400,
        "{member} must be a string of at most 100 characters",
    ),
    (ErrorCode.INVALID_REQUEST, "target_ids"): (400, "Missing required field: target_ids"),
    (ErrorCode.INVALID_REQUEST, "bad_target_ids", SOCKET): (400, "Invalid target_ids"),
    (ErrorCode.INVALID_REQUEST, "unknown_target", SOCKET): (400, "Invalid target"),
    (ErrorCode.INVALID_REQUEST, "long_frame"): (
        400,
        "This message is {size} bytes long for a {form} client, which can take {maximum}",
    ),
    (ErrorCode.RATE_LIMITED, "frames"): (
        429,
        "Too many messages: only {maximum} a second are relayed",
    ),
    (ErrorCode.RATE_LIMITED, "missed"): (
        429,
        "The connection was too slow: {count} missed messages",
    ),
    ErrorCode.VERSION_CONFLICT: (412, "The data has changed: its version is {version}"),
    ErrorCode.IDEMPOTENCY_KEY_REUSED: (
        422,
        "This Idempotency-Key was used for another request",
    ),
    ErrorCode.CURSOR_AHEAD: (400, "Invalid last_update"),
}

_MEMBERSHIP: dict[MessageKey, ErrorMessage] = {
    ErrorCode.PLAYER_NOT_FOUND: _NO_PLAYER,
    ErrorCode.LOBBY_NOT_FOUND: _NO_LOBBY,
    ErrorCode.LOBBY_CLOSED: _NO_LOBBY,
    ErrorCode.LOBBY_STARTED: _NO_LOBBY,
    (ErrorCode.LOBBY_STARTED, f"{MATCH}/stop"): (
        400,
        "Cannot stop matchmaking lobby after it has been started",
    ),
    (ErrorCode.LOBBY_STARTED, f"{MATCH}/kick"): (
        400,
        "Cannot kick players from matchmaking after it has been started",
    ),
    (ErrorCode.LOBBY_STARTED, f"{MATCH}/password"): (
        400,
        "Cannot change password after matchmaking has started",
    ),
    ErrorCode.LOBBY_FULL: (400, "Matchmaking lobby is full"),
    ErrorCode.ALREADY_IN_LOBBY: _IN_A_LOBBY,
    (ErrorCode.ALREADY_IN_LOBBY, f"{MATCH}/response"): (
        400,
        "Player is already in a matchmaking lobby",
    ),
    (ErrorCode.ALREADY_IN_LOBBY, f"{ROOM}/create"): (
        400,
        "You cannot create a game room while in a matchmaking lobby.",
    ),
    ErrorCode.ALREADY_IN_ROOM: (400, "You are already in another room"),
    (ErrorCode.ALREADY_IN_ROOM, f"{ROOM}/create"): (
        400,
        "You are already in a game room. Leave current room first.",
    ),
    (ErrorCode.ALREADY_IN_ROOM, f"{MATCH}/create"): (
        400,
        "You cannot create matchmaking while in a game room. Leave room first.",
    ),
    (ErrorCode.ALREADY_IN_ROOM, f"{MATCH}/start"): (
        400,
        "You cannot start matchmaking while in a game room. Leave room first.",
    ),
    ErrorCode.ROOM_NOT_FOUND: (400, "Room not found"),
    ErrorCode.ROOM_ENDED: (400, "Room inactive"),
    ErrorCode.ROOM_FULL: (400, "Room is full"),
    ErrorCode.WRONG_PASSWORD: (400, "Incorrect password"),
    ErrorCode.ALREADY_MEMBER: (400, "You are already in this room"),
    (ErrorCode.ALREADY_MEMBER, MATCH): _IN_A_LOBBY,
    ErrorCode.NOT_MEMBER: _NOT_IN_ANY_ROOM,
    (ErrorCode.NOT_MEMBER, f"{ROOM}/heartbeat"): _IN_NO_ROOM,
    (ErrorCode.NOT_MEMBER, f"{ROOM}/actions"): _IN_NO_ROOM,
    (ErrorCode.NOT_MEMBER, f"{ROOM}/actions/poll"): _IN_NO_ROOM,
    (ErrorCode.NOT_MEMBER, f"{ROOM}/updates"): _IN_NO_ROOM,
    (ErrorCode.NOT_MEMBER, f"{ROOM}/updates/poll"): _IN_NO_ROOM,
    (ErrorCode.NOT_MEMBER, f"{ROOM}/stop"): (400, "You are not in any game room"),
    (ErrorCode.NOT_MEMBER, MATCH): _NOT_IN_A_LOBBY,
    (ErrorCode.NOT_MEMBER, f"{MATCH}/response"): (
        403,
        "Only the host can respond to join requests",
    ),
    (ErrorCode.NOT_MEMBER, f"{MATCH}/leave"): _NOT_IN_ANY_LOBBY,
    (ErrorCode.NOT_MEMBER, f"{MATCH}/players"): _NOT_IN_ANY_LOBBY,
    (ErrorCode.NOT_MEMBER, f"{MATCH}/heartbeat"): _NOT_IN_ANY_LOBBY,
    (ErrorCode.NOT_MEMBER, "realtime.php"): (400, "Player is not in a realtime-enabled room"),
    ErrorCode.NOT_HOST: (403, "Only the host may do this"),
    (ErrorCode.NOT_HOST, f"{ROOM}/stop"): (403, "Only host can stop game room"),
    (ErrorCode.NOT_HOST, f"{ROOM}/kick"): (403, "Only host can kick players"),
    (ErrorCode.NOT_HOST, f"{ROOM}/password"): (403, "Only host can update room password"),
    (ErrorCode.NOT_HOST, f"{MATCH}/remove"): (403, "Only host can remove matchmaking lobby"),
    (ErrorCode.NOT_HOST, f"{MATCH}/start"): (403, "Only host can start matchmaking"),
    (ErrorCode.NOT_HOST, f"{MATCH}/stop"): (403, "Only host can stop matchmaking lobby"),
    (ErrorCode.NOT_HOST, f"{MATCH}/kick"): (403, "Only host can kick players"),
    (ErrorCode.NOT_HOST, f"{MATCH}/password"): (403, "Only host can update matchmaking password"),
    (ErrorCode.NOT_HOST, f"{MATCH}/response"): (403, "Only the host can respond to join requests"),
    ErrorCode.TOO_MANY_SEATS: (400, "You are in {maximum} rooms and lobbies already"),
    ErrorCode.TARGET_NOT_MEMBER: (404, "Player not found in this room"),
    (ErrorCode.TARGET_NOT_MEMBER, MATCH): (404, "Player not found in this matchmaking lobby"),
    ErrorCode.CANNOT_KICK_SELF: (400, "You cannot kick yourself"),
    ErrorCode.CANNOT_LEAVE: (403, "Players are not allowed to leave this room"),
    (ErrorCode.CANNOT_LEAVE, MATCH): (
        403,
        "Players are not allowed to leave this matchmaking lobby",
    ),
    ErrorCode.APPROVAL_REQUIRED: (
        400,
        "This matchmaking lobby requires host approval. Use /request endpoint instead.",
    ),
    ErrorCode.MEMBERS_NOT_READY: (400, "Not every player is ready"),
    ErrorCode.LOBBY_NOT_FULL: (400, "Lobby must be full to start (strict_full enabled)"),
    ErrorCode.TOO_FEW_PLAYERS: (400, "This game needs at least {minimum} players"),
    (ErrorCode.TOO_FEW_PLAYERS, f"{ROOM}/create"): (
        400,
        "This game has rules: its rooms are started from a matchmaking lobby",
    ),
    ErrorCode.TOO_MANY_PLAYERS: (400, "This game takes at most {maximum} players"),
    ErrorCode.JOIN_REQUEST_PENDING: (
        400,
        "You already have a pending request to this matchmaking lobby",
    ),
    ErrorCode.JOIN_REQUEST_NOT_FOUND: (404, "Request not found or already processed"),
    (ErrorCode.JOIN_REQUEST_NOT_FOUND, f"{MATCH}/status"): (
        404,
        "Request not found or you are not the requester",
    ),
    ErrorCode.JOIN_REQUEST_ANSWERED: (404, "Request not found or already processed"),
}

_PLAY: dict[MessageKey, ErrorMessage] = {
    ErrorCode.NOT_YOUR_TURN: (400, "It is not your turn"),
    ErrorCode.TURN_REFUSED: (400, "The rules of the game refuse this turn: {code}"),
    ErrorCode.OPTIONS_REFUSED: (400, "The game cannot use the rule {option}"),
    ErrorCode.RULES_FAILED: (400, "The rules of the game could not handle this"),
    ErrorCode.ACTION_NOT_FOUND: (404, "Action not found or already processed"),
    ErrorCode.NO_TARGETS: (400, "No valid target players found"),
}

#: Codes that no request to this API raises. They are here so that every code has a message.
_OTHER_APIS: dict[MessageKey, ErrorMessage] = {
    ErrorCode.INVALID_CREDENTIALS: (403, "Invalid credentials"),
    ErrorCode.INVALID_CREDENTIAL_TYPE: (400, "Invalid credentials"),
    ErrorCode.EMAIL_UNVERIFIED: (403, "The e-mail address is not confirmed"),
    ErrorCode.EMAIL_TAKEN: (400, "This e-mail address is taken"),
    ErrorCode.INVALID_EMAIL: (400, "This is not an e-mail address"),
    ErrorCode.PASSWORD_TOO_SHORT: (400, "The password is too short"),
    ErrorCode.TARGET_NOT_FOUND: (404, "Player not found"),
    ErrorCode.SELF_NOT_ALLOWED: (400, "This is your own player"),
    ErrorCode.PERMISSION_DENIED: (403, "Permission denied"),
    ErrorCode.HOST_DENIED: (403, "The host does not admit you"),
    ErrorCode.GAME_NOT_FOUND: (404, "Game not found"),
    ErrorCode.ACCOUNT_NOT_FOUND: (404, "Account not found"),
    ErrorCode.ACCOUNT_INACTIVE: (403, "The account is not active"),
    ErrorCode.LAST_ADMIN: (400, "The last admin cannot be removed"),
    ErrorCode.ADMIN_REQUIRED: (403, "Only an admin may do this"),
    ErrorCode.ADMIN_NOT_REMOVABLE: (400, "An admin's account cannot be removed"),
    ErrorCode.TOO_MANY_TOKENS: (400, "The account has too many tokens"),
    ErrorCode.INVALID_CLIENT: (400, "Unknown client"),
    ErrorCode.INVALID_GRANT: (400, "Invalid grant"),
    ErrorCode.INVALID_SCOPE: (400, "Invalid scope"),
    ErrorCode.WORLD_NOT_FOUND: (404, "World not found"),
    ErrorCode.VISITOR_NOT_FOUND: (404, "Player not found in this world"),
    ErrorCode.USERNAME_TAKEN: (400, "This name belongs to another account"),
    ErrorCode.SHORT_NAME_TAKEN: (400, "Another world has this short name"),
    ErrorCode.TOO_MANY_STARTS: (429, "You have started worlds too often"),
    ErrorCode.ORDER_REFUSED: (400, "The world cannot do that now"),
    ErrorCode.WORLD_HOSTED: (400, "This server runs the world itself"),
    ErrorCode.VERSION_NOT_FOUND: (404, "Version not found"),
    ErrorCode.VERSION_EXISTS: (409, "A version has this name"),
    ErrorCode.VERSION_IN_USE: (409, "A world uses this version"),
    ErrorCode.VERSION_CONFIGURED: (409, "The configuration defines this version"),
    ErrorCode.SAVE_NOT_FOUND: (404, "Saved game not found"),
    ErrorCode.ARCHIVE_REFUSED: (400, "This archive is not accepted"),
    ErrorCode.SHORT_NAME_RESERVED: (400, "This short name is reserved"),
    ErrorCode.GAME_EXISTS: (400, "This game exists already"),
    ErrorCode.STORAGE_ITEM_NOT_FOUND: (404, "Storage item not found"),
    ErrorCode.STORAGE_ITEM_REFUSED: (400, "The game rejects this value"),
}

ERROR_MESSAGES: dict[MessageKey, ErrorMessage] = {
    **_TOKENS,
    **_BODIES,
    **_MEMBERSHIP,
    **_PLAY,
    **_OTHER_APIS,
}

#: Endpoint or file -> text of the error for a failed write; others answer with a plain 500.
WRITE_ERROR_MESSAGES = {
    f"{PLAYERS}/register": "Failed to register player",
    f"{PLAYERS}/heartbeat": "Failed to update heartbeat",
    f"{PLAYERS}/rename": "Failed to update player name",
    DATA: "Database error",
    f"{ROOM}/create": "Failed to create room",
    f"{ROOM}/heartbeat": "Failed to update heartbeat",
    f"{ROOM}/updates": "Failed to send updates",
    f"{ROOM}/stop": "Failed to stop game room",
    f"{ROOM}/kick": "Failed to kick player",
    f"{ROOM}/password": "Failed to update password",
    "leaderboard.php": "Database error",
    f"{MATCH}/create": "Failed to create matchmaking lobby",
    f"{MATCH}/players": "Failed to get players",
    f"{MATCH}/heartbeat": "Failed to update heartbeat",
    f"{MATCH}/remove": "Failed to remove matchmaking lobby",
    f"{MATCH}/current": "Failed to get matchmaking status",
    f"{MATCH}/stop": "Failed to stop matchmaking lobby",
    "realtime.php/token": "Failed to generate realtime token",
}

#: Status, or (status, file) -> status and text of an HTTP error.
HTTP_ERRORS: dict[int | tuple[int, str], ErrorMessage] = {
    404: (404, "Invalid endpoint"),
    (404, PLAYERS): (400, "Invalid endpoint"),
    405: (405, "Method not allowed"),
    (405, "leaderboard.php"): (405, "Method not allowed. Use POST."),
    408: (408, "Request body came too slowly"),
    413: (413, "Request body is too large"),
    415: (415, "Request body must be JSON"),
    500: (500, "Internal server error"),
    (500, DATA): (500, "An unexpected error occurred"),
    (500, "leaderboard.php"): (500, "Server error"),
}
