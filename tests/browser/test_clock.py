"""One clock: server and scripts write every time alike, in one zone that the footer names."""

import re
import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import expect

from coalserver.web.pages.clock import Clock
from coalserver.web.pages.i18n import languages
from tests.browser.test_admin import admin
from tests.browser.visitors import PHONE

__all__ = ["admin"]

#: Formats moments with the module of the page; `since` is that of the period that a moment ends.
FORMAT = """async ([moments, since]) => {
    const times = await import("/static/js/times.js");
    const names = ["moment", "date_time", "clock", "seconds", "ago", "duration"];
    return moments.map((at) => [
        ...names.map((name) => times.formatTime(at, name)),
        times.formatFull(at), times.formatEnd(at, since), times.dayOf(at)[1], times.isoTime(at),
    ]);
}"""
#: Zones with half hours, changes of the clock, the date line, and without abbreviations.
ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu",
    "Australia/Lord_Howe", "Pacific/Kiritimati", "America/St_Johns",
)  # fmt: skip


def moments_of(zone: str) -> tuple[float, list[float]]:
    """Return a time as now, and moments near it, at changes of day, year and offset, and far away."""
    local = ZoneInfo(zone)
    now = datetime(2026, 11, 28, 14, 5, 33, tzinfo=local).timestamp()
    days = [
        datetime(2026, 11, 28, tzinfo=local), datetime(2026, 11, 27, tzinfo=local),
        datetime(2026, 1, 1, tzinfo=local), datetime(2025, 12, 31, tzinfo=local),
        datetime(2027, 1, 1, tzinfo=local), datetime(2024, 2, 29, 12, tzinfo=local),
        # Changes of the clock: Europe, North America, Lord Howe Island.
        *(datetime(2026, month, day, hour, 30, tzinfo=UTC) for month, day, hour in (
            (3, 29, 0), (3, 29, 1), (10, 25, 0), (10, 25, 1), (3, 8, 6), (3, 8, 7), (11, 1, 5),
            (11, 1, 6), (4, 4, 14), (4, 4, 15), (10, 3, 15), (10, 3, 16),
        )),
    ]  # fmt: skip
    moments = [day.timestamp() + shift for day in days for shift in (-1, 0, 1)]
    near = [now - seconds for seconds in (-7200, -61, -30, 0, 59, 60, 3599, 3600, 86_400, 172_800)]
    return now, [*moments, *near, 0.0, 951_782_400.0, -6e10, 2.5e11]


@pytest.mark.parametrize("locale", ["en-US", "de-DE"])
async def test_scripts_format_times_as_the_server_does(visit, locale):
    for zone in ZONES:
        visitor = await visit("/login", locale=locale, timezone_id=zone)
        await visitor.page.reload()
        now, moments = moments_of(zone)
        await visitor.page.clock.set_fixed_time(now)
        clock = Clock(languages()[locale[:2]], zone, now)
        since = now - 3600
        expected = [
            [*(clock.text(at, name) for name in ("moment", "date_time", "clock", "seconds", "ago", "duration")),
             clock.full(at), clock.end(at, since), clock.day(at), clock.iso(at)]
            for at in moments
        ]  # fmt: skip
        found = await visitor.page.evaluate(FORMAT, [moments, since])
        for row in [*expected, *found]:
            # JavaScript writes milliseconds.
            row[-1] = row[-1].replace(".000Z", "Z").lstrip("0")
        assert found == expected, zone


async def test_zone_of_the_browser_reaches_the_server_and_the_footer(visit):
    visitor = await visit("/login", timezone_id="Asia/Tokyo")
    await visitor.expect_text("clock-zone", "Times in Asia/Tokyo")
    assert "Times in <span data-clock-zone>UTC</span>" in await _source(visitor, cookies=False)
    assert "Times in <span data-clock-zone>Asia/Tokyo</span>" in await _source(visitor)


async def test_all_times_of_admin_pages_and_profile_are_in_the_zone_of_the_account(
    admin, fake_agent
):
    root = await admin("/profile", timezone_id="Asia/Tokyo")
    await root.page.get_by_label("Time zone").fill("Pacific/Auckland")
    await root.page.get_by_role("button", name="Save", exact=True).click()
    await root.page.wait_for_url("**done=saved*")
    start = root.page.url.partition("/profile")[0]
    zone = ZoneInfo("Pacific/Auckland")
    for path in ("/profile", "/admin", "/admin/users", "/admin/servers", "/admin/log"):
        await root.page.goto(start + path)
        await root.expect_text("clock-zone", "Times in Pacific/Auckland")
        shown = await root.page.locator("time").evaluate_all(
            "(nodes) => nodes.map((node) => [Number(node.dataset.at), node.textContent])"
        )
        assert shown or path == "/admin/servers", path
        for at, text in shown:
            local = datetime.fromtimestamp(at, zone)
            today = local.date() == datetime.fromtimestamp(time.time(), zone).date()
            assert not today or text == f"{local:%H:%M}", (path, text)


async def test_page_without_scripts_shows_the_times_that_scripts_show(member, fake_agent):
    moment = 1_700_000_000
    await fake_agent.send_lines("<Bob> at noon", at=moment)
    ann = await member("/servers/mill", timezone_id="Asia/Kolkata")
    entry = ann.page.locator(".latest-item time").last
    await expect(entry).to_have_text("15 Nov 2023")
    source = await _source(ann)
    assert await entry.evaluate("(node) => node.outerHTML") in source


async def test_messages_in_rooms_of_earlier_days_show_their_date(visit, guest):
    bob = await guest("Bob")
    room = await bob.create_room("Friday evening")
    ann = await visit(name="Ann", timezone_id="Asia/Kolkata", **PHONE)
    await ann.open_path(room)
    await ann.part("join").click()
    await bob.send_chat(room, "early bird")
    line = ann.chat_line("early bird").locator("time")
    await expect(line).to_have_text(re.compile(r"^\d\d:\d\d$"))
    at = int(await line.get_attribute("data-at"))
    local = datetime.fromtimestamp(at, ZoneInfo("Asia/Kolkata"))
    await expect(line).to_have_text(f"{local:%H:%M}")
    await ann.page.clock.set_fixed_time(at + 3 * 86_400)
    await ann.page.reload()
    await expect(line).to_have_text(re.compile(rf"^{local.day} \w+( \d{{4}}|, {local:%H:%M})$"))


async def _source(visitor, *, cookies: bool = True) -> str:
    """Return the page as the server renders it for this browser."""
    return await visitor.page.evaluate(
        "async (credentials) => (await fetch(location.href, { credentials, headers: { Accept: 'text/html' } })).text()",
        "same-origin" if cookies else "omit",
    )
