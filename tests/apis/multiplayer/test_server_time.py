"""`time.php`: offsets as clients write them, and its own messages."""

import pytest

from tests.apis.app import ApiClient
from tests.apis.multiplayer.scene import failure, success

NOW = 1_700_000_000


@pytest.mark.parametrize(
    ("utc", "hours", "text"),
    [
        ("%2B1", 1, "+1"),
        ("+1", 1, "+1"),
        ("1", 1, "+1"),
        ("-2", -2, "-2"),
        ("5.5", 5.5, "+5.5"),
        ("-3:30", -3.5, "-3.5"),
        ("+05:30", 5.5, "+5.5"),
        ("14", 14, "+14"),
        ("-12", -12, "-12"),
        ("0", 0, "+0"),
        ("-0", 0, "+0"),
        ("+", 0, "+0"),
    ],
)
async def test_offset_is_added_to_the_time(scene, utc, hours, text):
    payload = success(await scene.host.get(f"time.php?utc={utc}"))
    assert payload["timestamp"] == NOW + hours * 3600
    assert payload["offset"] == {
        "offset_hours": hours,
        "offset_string": text,
        "original_utc": "2023-11-14T22:13:20+00:00",
        "original_timestamp": NOW,
    }
    assert type(payload["offset"]["offset_hours"]) is type(hours)


async def test_time_without_offset_is_utc(scene):
    for path in ("time.php", "time.php?utc="):
        payload = success(await scene.host.get(path))
        assert payload["readable"] == "2023-11-14 22:13:20 UTC" and "offset" not in payload


@pytest.mark.parametrize("utc", ["15", "-13", "1.25", "x", "1e3", "--1", "14.5", "%EF%BC%91"])
async def test_invalid_offset_is_rejected(scene, utc):
    answer = await scene.host.get(f"time.php?utc={utc}")
    payload = "Invalid utc offset. Use -12 to +14, in hours or half hours"
    assert failure(answer) == (400, payload)


async def test_time_has_its_own_token_messages(scene):
    stranger = ApiClient(scene.test_app)
    assert failure(await stranger.get("/api/time.php")) == (401, "API key is required")
    answer = await stranger.get("/api/time.php?api_token=made-up")
    assert failure(answer) == (403, "Invalid API key")
