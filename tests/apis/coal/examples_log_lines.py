"""The samples of COAL's document for log lines and screenshots (2.3.7 to 2.3.10 and the sections after them).

In paths, names in braces are replaced by keys of the scene.
"""

from dataclasses import dataclass
from typing import Any

SERVER = "ahRzfmd1bXB0aW9uLW1pbmVjcmFmdH"
PLAYER = "ahRzfmd1bXB0aW9uLW1pbmVjcmFmdHIzCxIGU2VydmVyIglnbG9iYWxfc2VydmVyDAsSB1"
USER = "ahRzfmd1bXB0aW9uLW1pbmVjcmFmdHILCxIEVXNlchivbgw"
KEY = "ahRzfmd1bXB0aW9uLW1pbmVjcmFmdHIoCxIGU2VydmVyIglnbG9iYWxfc2VydmVyDAsSB0xvZ0xpbmVjcmFmdH"


@dataclass(frozen=True)
class Example:
    """A request and its response."""

    method: str
    path: str
    status: int = 200
    answer: Any = None
    form: bytes | None = None

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


def line(at: str, created: str, text: str, **more: Any) -> dict[str, Any]:
    """Return the members that the document shows of any line."""
    return {
        "username": "gumptionthomas",
        "updated": f"{created} CDT-0500",
        "key": KEY,
        "server_key": SERVER,
        "timestamp": f"{at} CDT-0500",
        "created": f"{created} CDT-0500",
        "player_key": PLAYER,
        "user_key": USER,
        "line": text,
        **more,
    }


CHATS = [
    line(
        "2013-04-19 10:33:55", "2013-04-19 10:33:56",
        "2013-04-19 10:33:55 [INFO] <gumptionthomas> what's up?",
        chat="what's up?",
    ),
    line(
        "2013-04-19 10:32:55", "2013-04-19 10:32:56",
        "2013-04-19 10:32:55 [INFO] [Server] <gumptionthomas> hey guys",
        chat="hey guys",
    ),
]  # fmt: skip
DEATHS = [
    line(
        "2013-04-19 10:33:55", "2013-04-19 10:33:56",
        "2013-04-19 10:33:55 [INFO] gumptionthomas was squashed by a falling anvil",
        message="was squashed by a falling anvil",
    ),
    line(
        "2013-04-19 10:32:55", "2013-04-19 10:32:56",
        "2013-04-19 10:32:55 [INFO] gumptionthomas was shot by arrow",
        message="was shot by arrow",
    ),
]  # fmt: skip
ACHIEVEMENTS = [
    line(
        "2013-11-11 20:47:02", "2013-11-11 20:47:04",
        "2013-11-11 14:47:02 [INFO] gumptionthomas has just earned the achievement [Taking Inventory]",
        name="Taking Inventory", message="has just earned the achievement [Taking Inventory]",
    ),
    line(
        "2013-11-10 17:19:04", "2013-11-10 17:19:06",
        "2013-11-10 17:19:04 [INFO] gumptionthomas has just earned the achievement [Getting an Upgrade]",
        name="Getting an Upgrade", message="has just earned the achievement [Getting an Upgrade]",
    ),
]  # fmt: skip
LOGLINES = [
    line(
        "2013-04-19 10:32:55", "2013-04-19 10:32:56",
        "2013-04-19 10:32:55 [INFO] [Server] <gumptionthomas> hey guys",
        log_level="INFO", tags=["timestamp", "chat"], ip=None, location=None, chat="hey guys", port=None,
    ),
    line(
        "2013-04-19 00:26:53", "2013-04-19 00:26:53",
        "2013-04-19 00:26:53 [INFO] gumptionthomas lost connection: disconnect.quitting",
        log_level="INFO", tags=["timestamp", "connection", "logout"], ip=None, location=None, chat=None, port=None,
    ),
]  # fmt: skip
SCREENSHOTS = [
    {
        "updated": "2013-04-13 11:12:20 CDT-0500",
        "created": "2013-04-13 11:12:05 CDT-0500",
        "user_key": USER,
        "original_url": "http://lh5.ggpht.com/AMWDO-e5cK153ejlWn0ExDv1DuUACRpyM0kYEgAJKqTjs8a",
        "random_id": 0.23893109322623773,
        "blurred_url": "http://lh4.ggpht.com/j8qNAEjoxIubBdRNZgjj629-2vjFOzWfSgkGPOmvr8VHiIBY",
        "key": KEY,
        "server_key": SERVER,
    },
    {
        "updated": "2013-04-07 01:52:11 CDT-0500",
        "created": "2013-04-07 01:50:57 CDT-0500",
        "user_key": USER,
        "original_url": "http://lh3.ggpht.com/IFQVCSjpctTvNkJQhqj-j7anoaApZmawMe-Qy1LVqV2GKS9",
        "random_id": 0.6780209099707669,
        "blurred_url": "http://lh6.ggpht.com/x0BKS8tbI88RRkhUX6vJ7MmzjhBaZShbKf51Th5oghUYtezZ",
        "key": KEY,
        "server_key": SERVER,
    },
]
LISTS = {"chats": CHATS, "deaths": DEATHS, "achievements": ACHIEVEMENTS, "loglines": LOGLINES}
ROOT = "/api/v1/servers/{server}"


def examples_of(name: str, rows: list[dict[str, Any]]) -> list[Example]:
    return [
        Example("GET", f"{ROOT}/{name}", 200, {name: rows}),
        Example("GET", f"{ROOT}/{name}/{{{name}}}", 200, rows[1]),
        Example("GET", f"{ROOT}/players/gumptionthomas/{name}", 200, {name: rows}),
        Example("GET", f"{ROOT}/players/{{player}}/{name}", 200, {name: rows}),
    ]


EXAMPLES = [
    *(example for name, rows in LISTS.items() for example in examples_of(name, rows)),
    Example("POST", ROOT + "/chats", 202, form=b"chat=Hello+world..."),
    Example("POST", ROOT + "/players/gumptionthomas/chats", 202, form=b"chat=Hello+world..."),
]
SCREENSHOT_EXAMPLES = [
    Example("GET", ROOT + "/screenshots", 200, {"screenshots": SCREENSHOTS}),
    Example("GET", ROOT + "/screenshots/{screenshot}", 200, SCREENSHOTS[1]),
    Example("GET", ROOT + "/users/{user}/screenshots", 200, {"screenshots": SCREENSHOTS}),
    Example("GET", ROOT + "/users/self/screenshots", 200, {"screenshots": SCREENSHOTS}),
]
#: Patterns of the strings in a row. `created` and `updated` are UTC; the samples have a zone, a known error.
PATTERNS = {
    "key": r"[\w-]{24}",
    "server_key": r"[\w-]{24}",
    "player_key": r"[\w-]{24}",
    "user_key": r"[\w-]{24}",
    "timestamp": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d C[DS]T-0[56]00",
    "created": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC-0000",
    "updated": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC-0000",
    "original_url": r"http://\S+",
    "blurred_url": r"http://\S+",
}
