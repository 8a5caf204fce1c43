"""Causes of errors: the request itself, or the state in which it arrives."""

from tests.apis.multiplayer.causes_matchmaking import MATCHMAKING
from tests.apis.multiplayer.errors import DURATIONS, Cause

PLAYERS = [
    Cause("game_players.php register", 400, "Player name is required", body={}),
    Cause("game_players.php register", 400, "Player name is required", body={"player_name": " "}),
    Cause("game_players.php rename", 400, "New name is required", body={"new_name": None}),
    *(
        Cause(
            "game_players.php rename",
            400,
            "Player name must be between 2 and 50 characters",
            body={"new_name": name},
        )
        for name in ("P", "P" * 51)
    ),
    *(
        Cause(f"game_players.php {name}", 400, "player_id is required", body={}, by="owner")
        for name in ("ban", "unban")
    ),
    Cause(
        "game_players.php ban",
        400,
        f"ban_duration is required ({DURATIONS})",
        body={"player_id": 1},
        by="owner",
    ),
    Cause(
        "game_players.php ban",
        400,
        f"Invalid ban_duration. Must be one of: {DURATIONS}",
        body={"player_id": 1, "ban_duration": "minute"},
        by="owner",
    ),
    *(
        Cause(
            f"game_players.php {name}",
            404,
            "Player not found or does not belong to this game",
            body={"player_id": 999, "ban_duration": "day"},
            by="owner",
        )
        for name in ("ban", "unban")
    ),
]
ROOMS = [
    Cause(
        "game_room.php create",
        400,
        "You are already in a game room. Leave current room first.",
        precondition="room",
    ),
    Cause(
        "game_room.php create",
        400,
        "You cannot create a game room while in a matchmaking lobby.",
        precondition="lobby",
    ),
    Cause("game_room.php join", 400, "You are already in another room", "guest", "other room"),
    Cause("game_room.php join", 400, "Room not found"),
    Cause("game_room.php join", 400, "Room inactive", "guest", "stopped room"),
    Cause("game_room.php join", 400, "Room is full", "other", "full room"),
    Cause("game_room.php join", 400, "Incorrect password", "guest", "locked room"),
    Cause("game_room.php players", 400, "You are not in any room"),
    Cause("game_room.php leave", 400, "You are not in any room"),
    Cause(
        "game_room.php leave",
        403,
        "Players are not allowed to leave this room",
        "guest",
        "no way out",
    ),
    Cause("game_room.php heartbeat", 400, "Player is not in any room"),
    Cause("game_room.php actions/poll", 400, "Player is not in any room"),
    Cause("game_room.php actions/pending", 400, "You are not in any room"),
    Cause("game_room.php stop", 400, "You are not in any game room"),
    Cause("game_room.php stop", 403, "Only host can stop game room", "guest", "together"),
    Cause("game_room.php kick", 400, "You are not in any room"),
    Cause("game_room.php kick", 400, "Missing required field: player_id", "host", "room", {}),
    Cause("game_room.php kick", 403, "Only host can kick players", "guest", "together"),
    Cause("game_room.php kick", 400, "You cannot kick yourself", "host", "room", {"player_id": 1}),
    Cause("game_room.php kick", 404, "Player not found in this room", "host", "room"),
    Cause("game_room.php password", 403, "Only host can update room password", "guest", "together"),
]
MOVE = {"action_type": "move"}
NOTE = {"type": "note"}
EXCHANGE = [
    Cause("game_room.php actions", 400, "Missing action_type", body={"target_players": "all"}),
    Cause(
        "game_room.php actions",
        400,
        "request_data_json must be a string",
        body={**MOVE, "target_players": "all", "request_data_json": {"x": 1}},
    ),
    Cause("game_room.php actions", 400, "Player is not in any room"),
    Cause("game_room.php actions", 400, "Missing required field: target_players", body=MOVE),
    Cause("game_room.php updates", 400, "Player is not in any room"),
    Cause(
        "game_room.php updates",
        400,
        "Missing required field: target_players",
        precondition="room",
        body=NOTE,
    ),
    Cause(
        "game_room.php updates",
        400,
        "Missing required field: type",
        precondition="room",
        body={"target_players": "all"},
    ),
    *(
        Cause(f"game_room.php {name}", 400, sentence, "host", "room", {**kind, **targets})
        for name, kind in (("actions", MOVE), ("updates", NOTE))
        for sentence, targets in (
            ("Missing required field: target_players_ids", {"target_players": "specific"}),
            (
                "Invalid target players ids",
                {"target_players": "specific", "target_players_ids": ["x"]},
            ),
            (
                "No valid target players found",
                {"target_players": "specific", "target_players_ids": [999]},
            ),
            ("Invalid target players", {"target_players": "everybody"}),
        )
    ),
    Cause("game_room.php actions/complete", 400, "Status is required", body={}),
    Cause(
        "game_room.php actions/complete",
        400,
        "response_data_json must be a string",
        body={"status": "completed", "response_data_json": 5},
    ),
    Cause(
        "game_room.php actions/complete",
        400,
        "response_data is not valid JSON",
        body={"status": "completed", "response_data_json": "{"},
    ),
    Cause("game_room.php actions/complete", 404, "Action not found or already processed"),
    Cause(
        "game_room.php actions/complete",
        404,
        "Action not found or already processed",
        "guest",
        "action sent",
    ),
    Cause("game_room.php updates/poll", 400, "Player is not in any room"),
    *(
        Cause(
            "game_room.php updates/poll",
            400,
            "No valid source players found",
            precondition="room",
            body={"from_players": "specific", "from_players_ids": ids},
        )
        for ids in (None, [], "x", [999])
    ),
    Cause(
        "game_room.php updates/poll",
        400,
        "Invalid from players",
        precondition="room",
        body={"from_players": "nobody"},
    ),
]
CAUSES = PLAYERS + ROOMS + EXCHANGE + MATCHMAKING
