"""Forms, queries and headers."""

from collections.abc import Iterator

from benchmarks.bodies.client import KIB, Case
from benchmarks.bodies.stage import Stage


def site_forms(stage: Stage) -> Iterator[Case]:
    world = stage.world.path.rpartition("/")[2]
    size = 64 * KIB
    for path, fields in (
        ("/login", ("email", "password")),
        ("/signup", ("email", "nickname", "password", "code")),
        (f"/servers/{world}/chats", ("chat",)),
        ("/profile", ("nickname", "zone", "language")),
        ("/profile/password", ("current", "password", "repeat", "old")),
        ("/profile/claim", ("name",)),
        ("/profile/tokens", ("title",)),
        ("/admin/users/1", ("usernames", "email", "nickname")),
        ("/admin/server_create", ("name", "short_name")),
        ("/admin/instance/configure", ("java", "memory", "ports", "address")),
        ("/admin/versions", ("version", "url", "hash", "from", "command", "name", "list")),
        ("/admin/games", ("tag", "name", "min", "max")),
        ("/admin/bans", ("game", "player", "duration", "reason")),
        (f"/admin/servers/{world}/command", ("command",)),
        (f"/admin/servers/{world}", ("name", "short_name")),
    ):
        yield from stage.forms(path, stage.browser, size, fields, csrf_token=stage.csrf)
    for path in ("/admin/server_create_gce", f"/admin/servers/{world}/gce"):
        yield from stage.forms(
            path,
            stage.browser,
            size,
            ("name", "short_name", "motd", "memory", "further", "version"),
            csrf_token=stage.csrf,
        )
    yield from stage.forms("/oauth/v1/token", {}, size, ("grant_type", "code", "client_id"))
    yield from stage.forms(f"{stage.world.path}/chats", stage.user, 256 * KIB, ("chat",))
    yield from stage.forms(
        f"{stage.world.path}/properties", stage.admin, 256 * KIB, ("motd", "max_players")
    )


def heads(stage: Stage) -> Iterator[Case]:
    world = stage.world.path
    site = f"/servers/{world.rpartition('/')[2]}"
    events = ("after-event-id", "wait", "ticket")
    yield from stage.heads(f"{stage.room}/events?wait=0", stage.bearer, events)
    yield from stage.heads(
        "/games/free/rooms", stage.bearer, ("limit", "offset", "options", "name", "search")
    )
    yield from stage.heads(
        "/api/game_room.php/updates/poll",
        stage.host,
        ("last_update", "from_players_ids", "wait", "format", "api_token"),
    )
    yield from stage.heads("/api/matchmaking.php/list", stage.host, ("search", "limit"))
    yield from stage.heads(f"{stage.hosted.path}/events?wait=0", stage.host_bearer, events)
    yield from stage.heads(
        f"{world}/loglines", stage.user, ("q", "cursor", "size", "since", "before", "tag")
    )
    yield from stage.heads(f"{world}/events?wait=0", stage.user, events)
    yield from stage.heads(
        "/oauth/v1/auth",
        stage.browser,
        ("client_id", "redirect_uri", "scope", "state", "response_type"),
    )
    for page in ("chats", "players", "sessions"):
        yield from stage.heads(
            f"{site}/{page}", stage.browser, ("q", "cursor", "page", "since", "before")
        )
    for page in ("users", "bans", "rooms", "log"):
        yield from stage.heads(
            f"/admin/{page}", stage.browser, ("q", "page", "cursor", "game", "player")
        )
    yield from stage.heads("/login", {}, ("next", "back", "redirect"))
