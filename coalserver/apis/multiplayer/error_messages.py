"""Every refusal of this dialect, in one table a translator could read. What is no refusal is in `faults`.

Keys, from the most particular: (reason, what, endpoint), (reason, what, file), (reason, what),
(reason, endpoint), (reason, file), reason. `what` is the credential or the member it is about.
"""

from coalserver.domain.errors import Why

#: A status and a sentence.
Words = tuple[int, str]
Row = Why | tuple[Why, str] | tuple[Why, str, str]

PLAYERS, DATA = "game_players.php", "game_data.php"
ROOM, MATCH = "game_room.php", "matchmaking.php"
SOCKET = "realtime.php/socket"
_DURATIONS = "hour, day, week, month, quarter, year, forever"
_BOTH_TOKENS = (401, "API token and game player token are required")
_PRIVATE_TOO = (401, "API token and private token are required")
_NO_LOBBY = (400, "Matchmaking lobby not found or already started")
_IN_A_LOBBY = (400, "You are already in a matchmaking lobby")
_NOT_IN_ANY_ROOM = (400, "You are not in any room")
_IN_NO_ROOM = (400, "Player is not in any room")
_NOT_IN_ANY_LOBBY = (400, "You are not in any matchmaking lobby")
_NOT_IN_A_LOBBY = (400, "You are not in a matchmaking lobby")

_TOKENS: dict[Row, Words] = {
    Why.NO_TOKEN: (401, "API token is required"),
    (Why.NO_TOKEN, "player"): (401, "Player token is required"),
    (Why.NO_TOKEN, "private"): (401, "API private token is required"),
    (Why.NO_TOKEN, PLAYERS): _BOTH_TOKENS,
    (Why.NO_TOKEN, "player", PLAYERS): _BOTH_TOKENS,
    (Why.NO_TOKEN, "private", PLAYERS): _PRIVATE_TOO,
    (Why.NO_TOKEN, f"{PLAYERS}/register"): (401, "API token is required"),
    (Why.NO_TOKEN, f"{PLAYERS}/list"): _PRIVATE_TOO,
    (Why.NO_TOKEN, f"{PLAYERS}/ban"): _PRIVATE_TOO,
    (Why.NO_TOKEN, f"{PLAYERS}/unban"): _PRIVATE_TOO,
    (Why.NO_TOKEN, "player", DATA): (401, "Game player token is required"),
    (Why.NO_TOKEN, "leaderboard.php"): (400, "api_token is required"),
    (Why.NO_TOKEN, "time.php"): (401, "API key is required"),
    Why.BAD_TOKEN: (401, "Invalid API token"),
    (Why.BAD_TOKEN, "player"): (401, "Invalid player token"),
    (Why.BAD_TOKEN, "foreign"): (401, "Invalid player token"),
    (Why.BAD_TOKEN, "private"): (401, "Invalid API token or private token"),
    (Why.BAD_TOKEN, "player", PLAYERS): (403, "Invalid player token"),
    (Why.BAD_TOKEN, "foreign", PLAYERS): (403, "Invalid player token"),
    (Why.BAD_TOKEN, "player", f"{PLAYERS}/login"): (403, "Invalid game player token"),
    (Why.BAD_TOKEN, "foreign", f"{PLAYERS}/login"): (403, "Invalid game player token"),
    (Why.BAD_TOKEN, "private", PLAYERS): (401, "Invalid API credentials"),
    (Why.BAD_TOKEN, "player", DATA): (401, "Invalid game player token"),
    (Why.BAD_TOKEN, "foreign", DATA): (403, "Player does not belong to this game"),
    (Why.BAD_TOKEN, "player", f"{DATA}/player/update"): (
        403,
        "Invalid player or does not belong to game",
    ),
    (Why.BAD_TOKEN, "foreign", f"{DATA}/player/update"): (
        403,
        "Invalid player or does not belong to game",
    ),
    (Why.BAD_TOKEN, "leaderboard.php"): (401, "Invalid or expired api_token"),
    (Why.BAD_TOKEN, "time.php"): (403, "Invalid API key"),
    Why.BANNED: (403, "You are banned"),
    Why.GAME_CLOSED: (403, "Player does not belong to this game"),
    Why.RATE_LIMITED: (429, "Too many failed attempts. Try again in {wait} seconds."),
    (Why.RATE_LIMITED, "ranking"): (
        429,
        "Too many new leaderboards are being made. Try again in {wait} seconds.",
    ),
}

_BODIES: dict[Row, Words] = {
    Why.MALFORMED: (400, "Invalid request: {fields}"),
    (Why.MALFORMED, "body"): (400, "Invalid JSON body"),
    (Why.MALFORMED, "large"): (413, "{member} must not exceed {most} bytes"),
    (Why.MALFORMED, "player_name"): (400, "Player name is required"),
    (Why.MALFORMED, "new_name"): (400, "New name is required"),
    (Why.MALFORMED, "name_length"): (400, "Player name must be between 2 and 50 characters"),
    (Why.MALFORMED, "player_id"): (400, "Missing required field: player_id"),
    (Why.MALFORMED, "player_id", PLAYERS): (400, "player_id is required"),
    (Why.MALFORMED, "ban_duration"): (400, f"ban_duration is required ({_DURATIONS})"),
    (Why.MALFORMED, "unknown_duration"): (
        400,
        f"Invalid ban_duration. Must be one of: {_DURATIONS}",
    ),
    (Why.MALFORMED, "max_players"): (400, "Missing required field: max_players"),
    (Why.MALFORMED, "matchmakingId"): (400, "Missing required parameter: matchmakingId"),
    (Why.MALFORMED, "roomId"): (400, "Room not found"),
    (Why.MALFORMED, "requestId"): (400, "Missing required parameter: requestId"),
    (Why.MALFORMED, "requestId", f"{MATCH}/response"): (
        400,
        "Missing required fields: requestId and action",
    ),
    (Why.MALFORMED, "action"): (400, "Missing required fields: requestId and action"),
    (Why.MALFORMED, "unknown_action"): (400, 'Action must be "approve" or "reject"'),
    (Why.MALFORMED, "action_type"): (400, "Missing action_type"),
    (Why.MALFORMED, "string"): (400, "{member} must be a string"),
    (Why.MALFORMED, "json"): (400, "{member} is not valid JSON"),
    (Why.MALFORMED, "object"): (400, "{member} must be an object"),
    (Why.MALFORMED, "status"): (400, "Status is required"),
    (Why.MALFORMED, "unknown_status"): (
        400,
        "Invalid status. Must be one of: processing, completed, failed",
    ),
    (Why.MALFORMED, "type"): (400, "Missing required field: type"),
    (Why.MALFORMED, "target_players"): (400, "Missing required field: target_players"),
    (Why.MALFORMED, "unknown_target"): (400, "Invalid target players"),
    (Why.MALFORMED, "target_players_ids"): (400, "Missing required field: target_players_ids"),
    (Why.MALFORMED, "bad_target_ids"): (400, "Invalid target players ids"),
    (Why.MALFORMED, "unknown_source"): (400, "Invalid from players"),
    (Why.MALFORMED, "source_ids"): (400, "No valid source players found"),
    (Why.MALFORMED, "sort_by"): (400, "sort_by must be a non-empty array of field names"),
    (Why.MALFORMED, "sort_fields"): (
        400,
        "No valid sort fields provided after sanitization",
    ),
    (Why.MALFORMED, "limit"): (400, "limit must be between 1 and 100"),
    (Why.MALFORMED, "offset"): (400, "offset must be a whole number from 0"),
    (Why.MALFORMED, "around"): (400, "around must be a player_id"),
    (Why.MALFORMED, "where"): (400, "where must be an object of at most 8 fields and plain values"),
    (Why.MALFORMED, "utc"): (400, "Invalid utc offset. Use -12 to +14, in hours or half hours"),
    (Why.MALFORMED, "handshake"): (400, "This is not the handshake of a WebSocket"),
    (Why.MALFORMED, "body", SOCKET): (400, "A message must be a JSON object in a text frame"),
    (Why.MALFORMED, "frame_type"): (400, "Unknown message type"),
    (Why.MALFORMED, "command"): (400, "Missing required field: command"),
    (Why.MALFORMED, "short_string"): (400, "{member} must be a string of at most 100 characters"),
    (Why.MALFORMED, "target_ids"): (400, "Missing required field: target_ids"),
    (Why.MALFORMED, "bad_target_ids", SOCKET): (400, "Invalid target_ids"),
    (Why.MALFORMED, "unknown_target", SOCKET): (400, "Invalid target"),
    (Why.MALFORMED, "long_frame"): (
        400,
        "This message is {size} bytes long for a {form} client, which can take {most}",
    ),
    (Why.RATE_LIMITED, "frames"): (429, "Too many messages: only {most} a second are relayed"),
    (Why.RATE_LIMITED, "missed"): (
        429,
        "Messages came while the connection was too slow: {count} missed",
    ),
    Why.DATA_CHANGED: (412, "The data has changed: its version is {version}"),
    Why.KEY_REUSED: (422, "This Idempotency-Key came with another request before"),
    Why.CURSOR_AHEAD: (400, "Invalid last_update"),
}

_PLACES: dict[Row, Words] = {
    Why.PLAYER_NOT_FOUND: (404, "Player not found or does not belong to this game"),
    Why.LOBBY_NOT_FOUND: _NO_LOBBY,
    Why.LOBBY_GONE: _NO_LOBBY,
    Why.LOBBY_STARTED: _NO_LOBBY,
    (Why.LOBBY_STARTED, f"{MATCH}/stop"): (
        400,
        "Cannot stop matchmaking lobby after it has been started",
    ),
    (Why.LOBBY_STARTED, f"{MATCH}/kick"): (
        400,
        "Cannot kick players from matchmaking after it has been started",
    ),
    (Why.LOBBY_STARTED, f"{MATCH}/password"): (
        400,
        "Cannot change password after matchmaking has started",
    ),
    Why.LOBBY_FULL: (400, "Matchmaking lobby is full"),
    Why.IN_A_LOBBY: _IN_A_LOBBY,
    (Why.IN_A_LOBBY, f"{MATCH}/response"): (400, "Player is already in a matchmaking lobby"),
    (Why.IN_A_LOBBY, f"{ROOM}/create"): (
        400,
        "You cannot create a game room while in a matchmaking lobby.",
    ),
    Why.IN_A_ROOM: (400, "You are already in another room"),
    (Why.IN_A_ROOM, f"{ROOM}/create"): (
        400,
        "You are already in a game room. Leave current room first.",
    ),
    (Why.IN_A_ROOM, f"{MATCH}/create"): (
        400,
        "You cannot create matchmaking while in a game room. Leave room first.",
    ),
    (Why.IN_A_ROOM, f"{MATCH}/start"): (
        400,
        "You cannot start matchmaking while in a game room. Leave room first.",
    ),
    Why.ROOM_NOT_FOUND: (400, "Room not found"),
    Why.ROOM_OVER: (400, "Room inactive"),
    Why.ROOM_FULL: (400, "Room is full"),
    Why.WRONG_PASSWORD: (400, "Incorrect password"),
    Why.ALREADY_HERE: (400, "You are already in this room"),
    (Why.ALREADY_HERE, MATCH): _IN_A_LOBBY,
    Why.NOT_HERE: _NOT_IN_ANY_ROOM,
    (Why.NOT_HERE, f"{ROOM}/heartbeat"): _IN_NO_ROOM,
    (Why.NOT_HERE, f"{ROOM}/actions"): _IN_NO_ROOM,
    (Why.NOT_HERE, f"{ROOM}/actions/poll"): _IN_NO_ROOM,
    (Why.NOT_HERE, f"{ROOM}/updates"): _IN_NO_ROOM,
    (Why.NOT_HERE, f"{ROOM}/updates/poll"): _IN_NO_ROOM,
    (Why.NOT_HERE, f"{ROOM}/stop"): (400, "You are not in any game room"),
    (Why.NOT_HERE, MATCH): _NOT_IN_A_LOBBY,
    (Why.NOT_HERE, f"{MATCH}/response"): (403, "Only the host can respond to join requests"),
    (Why.NOT_HERE, f"{MATCH}/leave"): _NOT_IN_ANY_LOBBY,
    (Why.NOT_HERE, f"{MATCH}/players"): _NOT_IN_ANY_LOBBY,
    (Why.NOT_HERE, f"{MATCH}/heartbeat"): _NOT_IN_ANY_LOBBY,
    (Why.NOT_HERE, "realtime.php"): (400, "Player is not in a realtime-enabled room"),
    Why.NOT_HOST: (403, "Only the host may do this"),
    (Why.NOT_HOST, f"{ROOM}/stop"): (403, "Only host can stop game room"),
    (Why.NOT_HOST, f"{ROOM}/kick"): (403, "Only host can kick players"),
    (Why.NOT_HOST, f"{ROOM}/password"): (403, "Only host can update room password"),
    (Why.NOT_HOST, f"{MATCH}/remove"): (403, "Only host can remove matchmaking lobby"),
    (Why.NOT_HOST, f"{MATCH}/start"): (403, "Only host can start matchmaking"),
    (Why.NOT_HOST, f"{MATCH}/stop"): (403, "Only host can stop matchmaking lobby"),
    (Why.NOT_HOST, f"{MATCH}/kick"): (403, "Only host can kick players"),
    (Why.NOT_HOST, f"{MATCH}/password"): (403, "Only host can update matchmaking password"),
    (Why.NOT_HOST, f"{MATCH}/response"): (403, "Only the host can respond to join requests"),
    Why.TOO_MANY_SEATS: (400, "You are in {most} rooms and lobbies already"),
    Why.TARGET_NOT_HERE: (404, "Player not found in this room"),
    (Why.TARGET_NOT_HERE, MATCH): (404, "Player not found in this matchmaking lobby"),
    Why.KICK_SELF: (400, "You cannot kick yourself"),
    Why.CANNOT_LEAVE: (403, "Players are not allowed to leave this room"),
    (Why.CANNOT_LEAVE, MATCH): (403, "Players are not allowed to leave this matchmaking lobby"),
    Why.NEEDS_APPROVAL: (
        400,
        "This matchmaking lobby requires host approval. Use /request endpoint instead.",
    ),
    Why.NOT_READY: (400, "Not every player is ready"),
    Why.NOT_FULL: (400, "Lobby must be full to start (strict_full enabled)"),
    Why.TOO_FEW_PLAYERS: (400, "This game needs at least {least} players"),
    (Why.TOO_FEW_PLAYERS, f"{ROOM}/create"): (
        400,
        "This game has rules: its rooms are started from a matchmaking lobby",
    ),
    Why.TOO_MANY_PLAYERS: (400, "This game takes at most {most} players"),
    Why.REQUEST_PENDING: (
        400,
        "You already have a pending request to this matchmaking lobby",
    ),
    Why.REQUEST_NOT_FOUND: (404, "Request not found or already processed"),
    (Why.REQUEST_NOT_FOUND, f"{MATCH}/status"): (
        404,
        "Request not found or you are not the requester",
    ),
    Why.REQUEST_ANSWERED: (404, "Request not found or already processed"),
}

_PLAY: dict[Row, Words] = {
    Why.NOT_CURRENT: (400, "It is not your turn"),
    Why.TURN_REFUSED: (400, "The rules of the game refuse this turn: {code}"),
    Why.OPTIONS_REFUSED: (400, "The game cannot use the rule {option}"),
    Why.RULES_FAILED: (400, "The rules of the game could not handle this"),
    Why.ACTION_NOT_FOUND: (404, "Action not found or already processed"),
    Why.NO_TARGETS: (400, "No valid target players found"),
}

#: Reasons that no request to this dialect can meet; worded so that none is ever without words.
_ELSEWHERE: dict[Row, Words] = {
    Why.BAD_CREDENTIALS: (403, "Invalid credentials"),
    Why.BAD_CREDENTIAL_TYPE: (400, "Invalid credentials"),
    Why.UNVERIFIED: (403, "The account is not confirmed"),
    Why.EMAIL_TAKEN: (400, "This e-mail address is taken"),
    Why.EMAIL_INVALID: (400, "This is not an e-mail address"),
    Why.PASSWORD_TOO_SHORT: (400, "The password is too short"),
    Why.OTHER_NOT_FOUND: (404, "Player not found"),
    Why.ONESELF: (400, "That is you yourself"),
    Why.NOT_YOURS: (403, "This belongs to another player"),
    Why.NOT_WELCOME: (403, "You are not welcome here"),
    Why.GAME_NOT_FOUND: (404, "Game not found"),
    Why.ACCOUNT_NOT_FOUND: (404, "Account not found"),
    Why.INACTIVE: (403, "The account is not active"),
    Why.LAST_ADMIN: (400, "There must be an admin"),
    Why.NOT_ADMIN: (403, "Only an admin may do this"),
    Why.ADMIN_STAYS: (400, "An admin's account is not removed"),
    Why.TOO_MANY_TOKENS: (400, "The account has too many tokens"),
    Why.BAD_CLIENT: (400, "Unknown client"),
    Why.BAD_GRANT: (400, "Invalid grant"),
    Why.BAD_SCOPE: (400, "Invalid scope"),
    Why.WORLD_NOT_FOUND: (404, "World not found"),
    Why.VISITOR_NOT_FOUND: (404, "Nobody of this name was in the world"),
    Why.USERNAME_TAKEN: (400, "This name is another account's"),
    Why.SHORT_NAME_TAKEN: (400, "Another world has this short name"),
    Why.SHORT_NAME_RESERVED: (400, "A page of this site has this address"),
    Why.GAME_EXISTS: (400, "This game exists already"),
    Why.DATUM_NOT_FOUND: (404, "Nothing is kept under this name"),
    Why.DATUM_REFUSED: (400, "The game does not keep this value"),
}

SENTENCES: dict[Row, Words] = {**_TOKENS, **_BODIES, **_PLACES, **_PLAY, **_ELSEWHERE}
