"""Causes of the errors of matchmaking."""

from tests.apis.multiplayer.errors import Cause

GONE = "Matchmaking lobby not found or already started"
NOT_IN_A = "You are not in a matchmaking lobby"
IN_A = "You are already in a matchmaking lobby"
FULL = "Matchmaking lobby is full"
MATCHMAKING = [
    Cause("matchmaking.php create", 400, IN_A, precondition="lobby"),
    Cause(
        "matchmaking.php create",
        400,
        "You cannot create matchmaking while in a game room. Leave room first.",
        precondition="room",
    ),
    Cause("matchmaking.php create", 400, "Missing required field: max_players", body={}),
    *(
        Cause(
            f"matchmaking.php {name}",
            400,
            f"Missing required parameter: {parameter}",
            path=f"matchmaking.php{slash}/{name}",
        )
        for name, parameter in (
            ("request", "matchmakingId"),
            ("join", "matchmakingId"),
            ("status", "requestId"),
        )
        for slash in ("", "/")
    ),
    *(
        cause
        for name in ("request", "join")
        for cause in (
            Cause(f"matchmaking.php {name}", 400, IN_A, "guest", "gathered"),
            Cause(f"matchmaking.php {name}", 400, GONE),
            Cause(f"matchmaking.php {name}", 400, GONE, "other", "started"),
            Cause(f"matchmaking.php {name}", 400, FULL, "other", "full lobby"),
            Cause(f"matchmaking.php {name}", 400, "Incorrect password", "guest", "locked lobby"),
        )
    ),
    Cause(
        "matchmaking.php request",
        400,
        "You already have a pending request to this matchmaking lobby",
        "guest",
        "requested",
    ),
    Cause(
        "matchmaking.php join",
        400,
        "This matchmaking lobby requires host approval. Use /request endpoint instead.",
        "guest",
        "lobby by request",
    ),
    *(
        Cause(f"matchmaking.php {name}", 400, "You are not in any matchmaking lobby")
        for name in ("leave", "players", "heartbeat")
    ),
    Cause(
        "matchmaking.php leave",
        403,
        "Players are not allowed to leave this matchmaking lobby",
        "guest",
        "started for good",
    ),
    *(
        cause
        for name, sentence in (
            ("remove", "Only host can remove matchmaking lobby"),
            ("start", "Only host can start matchmaking"),
            ("stop", "Only host can stop matchmaking lobby"),
            ("kick", "Only host can kick players"),
            ("password", "Only host can update matchmaking password"),
        )
        for cause in (
            Cause(f"matchmaking.php {name}", 400, NOT_IN_A),
            Cause(f"matchmaking.php {name}", 403, sentence, "guest", "gathered"),
        )
    ),
    Cause("matchmaking.php status", 404, "Request not found or you are not the requester"),
    Cause(
        "matchmaking.php status",
        404,
        "Request not found or you are not the requester",
        "other",
        "requested",
    ),
    *(
        Cause(
            "matchmaking.php response",
            400,
            "Missing required fields: requestId and action",
            precondition="requested",
            **payload,
        )
        for payload in ({"body": {}}, {"path": "matchmaking.php/response"})
    ),
    Cause(
        "matchmaking.php response",
        400,
        'Action must be "approve" or "reject"',
        precondition="requested",
        body={"action": "ignore"},
    ),
    Cause("matchmaking.php response", 404, "Request not found or already processed"),
    Cause(
        "matchmaking.php response",
        404,
        "Request not found or already processed",
        precondition="requested and answered",
    ),
    *(
        Cause(
            "matchmaking.php response",
            403,
            "Only the host can respond to join requests",
            caller,
            "requested",
        )
        for caller in ("guest", "other")
    ),
    Cause("matchmaking.php response", 400, GONE, precondition="requested and started"),
    Cause("matchmaking.php response", 400, GONE, precondition="requested and removed"),
    Cause("matchmaking.php response", 400, FULL, precondition="requested and full"),
    Cause("matchmaking.php start", 400, GONE, precondition="started"),
    Cause(
        "matchmaking.php start",
        400,
        "Lobby must be full to start (strict_full enabled)",
        precondition="strict lobby",
    ),
    Cause(
        "matchmaking.php stop",
        400,
        "Cannot stop matchmaking lobby after it has been started",
        precondition="started",
    ),
    Cause(
        "matchmaking.php kick",
        400,
        "Cannot kick players from matchmaking after it has been started",
        precondition="started",
    ),
    Cause("matchmaking.php kick", 400, "Missing required field: player_id", "host", "lobby", {}),
    Cause(
        "matchmaking.php kick", 400, "You cannot kick yourself", "host", "lobby", {"player_id": 1}
    ),
    Cause(
        "matchmaking.php kick", 404, "Player not found in this matchmaking lobby", "host", "lobby"
    ),
    Cause(
        "matchmaking.php password",
        400,
        "Cannot change password after matchmaking has started",
        precondition="started",
    ),
]
