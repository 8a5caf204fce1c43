"""What this dialect says where nothing was refused: a write has failed, or no handler was reached."""

from coalserver.apis.multiplayer.error_messages import DATA, MATCH, PLAYERS, ROOM, ErrorMessage

#: What is said when a write has failed, by endpoint or by file; else it is a stray 500.
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

#: Status, or (status, file) -> the status and sentence of what reached no handler that worked.
HTTP_ERRORS: dict[int | tuple[int, str], ErrorMessage] = {
    404: (404, "Invalid endpoint"),
    (404, PLAYERS): (400, "Invalid endpoint"),
    405: (405, "Method not allowed"),
    (405, "leaderboard.php"): (405, "Method not allowed. Use POST."),
    413: (413, "Request body is too large"),
    415: (415, "Request body must be JSON"),
    500: (500, "Internal server error"),
    (500, DATA): (500, "An unexpected error occurred"),
    (500, "leaderboard.php"): (500, "Server error"),
}
