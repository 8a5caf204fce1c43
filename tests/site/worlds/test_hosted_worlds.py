"""What pages show of a hosted world: the text of its state, troubles and refusals, and who can start it."""

from dataclasses import replace
from urllib.parse import urlencode

import pytest

from coalserver.core.commands.hosting import update_run
from coalserver.core.commands.hosting_settings import set_members_may_start, set_properties
from coalserver.core.commands.worlds import update_world
from coalserver.core.queries.hosting import version_by_name
from coalserver.domain.minecraft.hosting.crash import Crash, CrashFile
from coalserver.domain.minecraft.hosting.hosted_world import Trouble, TroubleCode
from coalserver.domain.minecraft.hosting.refusals import REFUSAL_SENTENCES, TROUBLE_SENTENCES
from coalserver.domain.minecraft.world import WorldStatus
from coalserver.hosting.segments import ConsoleLine
from tests.apis.browser import FORM, Browser
from tests.apis.hosting import Stage, make_startable, set_stage
from tests.site.admins import make_admin, words
from tests.site.sample_worlds import JSON, log_lines, login, make_world


async def make_hosted(test_app, *, startable=True):
    world = await make_world(test_app, "ours", hosted=True)
    if startable:
        await make_startable(test_app.core, world.id)
    return world


async def put(test_app, world, status, **hosted):
    """Put a world into a state. `hosted` are fields of its run, `percent` its progress."""
    await test_app.core.execute(set_stage, world_id=world.id, stage=Stage(WorldStatus(status)))
    percent = hosted.pop("percent", None)

    def change(run, now):
        return replace(run, hosted=replace(run.hosted, **hosted)).to(run.status, now, percent)

    await test_app.core.execute(update_run, world_id=world.id, transition=change)


async def state_of(browser, **headers):
    return (await browser.get("/servers/ours", **JSON, **headers)).json


STATES = [
    ("unknown", None, "Not started yet", "Noch nicht gestartet"),
    ("queued_start", None, "Waiting to start", "Wartet auf den Start"),
    ("loading", 40, "Preparing, 40 %", "Wird vorbereitet, 40 %"),
    ("loaded", None, "Starting", "Startet"),
    ("running", None, "Running", "Läuft"),
    ("queued_stop", None, "Stopping", "Wird gestoppt"),
    ("queued_restart", None, "Restarting", "Startet neu"),
    ("saving", 7, "Saving, 7 %", "Wird gesichert, 7 %"),
    ("stopped", None, "Stopped", "Gestoppt"),
]


@pytest.mark.parametrize(("status", "percent", "english", "german"), STATES)
async def test_state_has_its_text_on_all_pages(test_app, ann, status, percent, english, german):
    world = await make_hosted(test_app)
    await put(test_app, world, status, percent=percent)
    assert (await state_of(ann))["words"] == english
    assert (await state_of(ann, Accept_Language="de"))["words"] == german
    root = await make_admin(test_app)
    for path in ("/", "/servers/ours", "/admin/servers", f"/admin/servers/{world.id}/gce"):
        assert english in words(await root.get(path)), path
        assert german in words(await root.get(path, Accept_Language="de")), path


async def test_wait_after_a_crash_is_counted_down(test_app, ann):
    world = await make_hosted(test_app)
    await put(test_app, world, "queued_start", starts_at=test_app.clock.now + 4.2)
    state = await state_of(ann)
    assert (state["words"], state["hosted"]["starts_in"]) == ("Starts again in 5 s", 5)
    test_app.clock.now += 10
    assert (await state_of(ann))["words"] == "Waiting to start"


async def test_trouble_is_the_text_of_a_stopped_world_for_members(test_app, ann):
    world = await make_hosted(test_app)
    trouble = Trouble(TroubleCode.NOT_FETCHED, test_app.clock.now, ("1.7.4", "404 <b>"))
    await put(test_app, world, "stopped", trouble=trouble)
    assert (await state_of(ann))["words"] == "Version 1.7.4 could not be fetched: 404 <b>."
    german = await state_of(ann, Accept_Language="de")
    assert german["words"] == "Version 1.7.4 konnte nicht geladen werden: 404 <b>."
    page = (await ann.get("/servers/ours")).raw.decode()
    assert "404 &lt;b&gt;" in page and "404 <b>." not in page
    await test_app.core.execute(update_world, world_id=world.id, public=True)
    guest = Browser(test_app)
    assert (await state_of(guest))["words"] == "Stopped"
    assert "404" not in (await guest.get("/servers/ours")).raw.decode()
    assert "404" not in (await guest.get("/")).raw.decode()


async def test_trouble_of_a_running_world_is_beside_its_state(test_app, ann):
    world = await make_hosted(test_app)
    trouble = Trouble(TroubleCode.HUNG, test_app.clock.now)
    await put(test_app, world, "running", trouble=trouble)
    state = await state_of(ann)
    assert state["words"] == "Running"
    assert state["hosted"]["trouble"] == "The server has not answered for 5 minutes."
    assert "seit 5 Minuten" in words(await ann.get("/servers/ours", Accept_Language="de"))


@pytest.mark.parametrize("code", TroubleCode)
async def test_trouble_without_its_values_is_shown_too(test_app, ann, code):
    world = await make_hosted(test_app)
    await put(test_app, world, "stopped", trouble=Trouble(code, test_app.clock.now))
    assert (await state_of(ann))["words"] == TROUBLE_SENTENCES[code].replace("{}", "?")


async def test_idle_world_says_when_it_pauses(test_app, ann):
    world = await make_hosted(test_app)
    await test_app.core.execute(set_properties, world_id=world.id, changes={"idle_timeout": 5})
    await put(test_app, world, "running", ready_at=test_app.clock.now)
    state = await state_of(ann)
    assert (state["hosted"]["pauses_in"], state["hosted"]["pauses"]) == (300, "Pauses in 5 min")
    test_app.clock.now += 130
    assert "Pauses in 3 min" in words(await ann.get("/servers/ours"))
    assert "Pausiert in 3 min" in words(await ann.get("/servers/ours", Accept_Language="de"))
    await log_lines(test_app, world, login("Ada"))
    assert (await state_of(ann))["hosted"]["pauses"] == ""


async def test_eula_stands_in_the_place_of_start(test_app, ann):
    world = await make_hosted(test_app, startable=False)
    await put(test_app, world, "stopped")
    root = await make_admin(test_app)
    for browser in (ann, root):
        state = await state_of(browser)
        assert (state["may"]["play"], state["hosted"]["needs_eula"]) == (False, True)
    link = f'href="/admin/servers/{world.id}/gce"'
    sentence = "Nobody has agreed to the Minecraft EULA for this world."
    page, admin_page = await ann.get("/servers/ours"), await root.get("/servers/ours")
    assert sentence in words(page) and link not in page.raw.decode()
    assert sentence not in words(admin_page) and link in admin_page.raw.decode()
    await make_startable(test_app.core, world.id)
    state = await state_of(ann)
    assert (state["may"]["play"], state["hosted"]["needs_eula"]) == (True, False)


async def test_program_that_needs_no_eula_can_be_started_without(test_app, ann):
    world = await make_hosted(test_app, startable=False)
    await make_startable(test_app.core, world.id, "free")
    version = test_app.core.query(version_by_name, name="free")
    await test_app.core.execute(lambda uow: uow.save(replace(version, no_eula=True)))
    await put(test_app, world, "stopped", eula=None)
    state = await state_of(ann)
    assert (state["may"]["play"], state["hosted"]["needs_eula"]) == (True, False)


async def test_start_that_is_for_admins_is_not_offered_to_members(test_app, ann):
    world = await make_hosted(test_app)
    await put(test_app, world, "stopped")
    await test_app.core.execute(set_members_may_start, world_id=world.id, allowed=False)
    assert (await state_of(ann))["may"] == {"play": False}
    assert (await state_of(await make_admin(test_app)))["may"]["play"] is True
    await put(test_app, world, "stopped", eula=None)
    assert (await state_of(ann))["hosted"]["needs_eula"] is False


async def test_refusal_is_in_the_language_of_the_reader_with_its_values(test_app, ann):
    world = await make_hosted(test_app)
    await put(test_app, world, "stopped")
    hosting = test_app.world_hosting
    hosting.machine = replace(hosting.machine, missing_java=("1.7.4", "8", "no Java"))
    for language, sentence in (
        ("en", "Minecraft 1.7.4 needs Java 8; this machine has no Java."),
        ("de", "Minecraft 1.7.4 braucht Java 8; dieser Rechner hat kein Java."),
    ):
        form = {"csrf_token": await ann.csrf_token("/servers/ours")}
        refused = await ann.request(
            "POST",
            "/servers/ours/play",
            urlencode(form).encode(),
            Content_Type=FORM,
            Accept_Language=language,
        )
        assert refused.status == 400
        assert sentence in words(refused)


def test_every_refusal_and_trouble_has_a_sentence():
    assert set(TROUBLE_SENTENCES) == set(TroubleCode)
    assert all(sentence for sentence in REFUSAL_SENTENCES.values())


async def test_eleventh_start_of_a_member_is_a_message_on_the_page(test_app, ann):
    world = await make_hosted(test_app)
    for _ in range(10):
        await put(test_app, world, "stopped")
        assert (await ann.send("/servers/ours/play", page="/servers/ours")).status == 302
    await put(test_app, world, "stopped")
    refused = await ann.send("/servers/ours/play", page="/servers/ours")
    assert (refused.status, refused.headers["Retry-After"]) == (429, "3601")
    assert "You have started worlds too often. Try again in 61 min." in words(refused)


async def test_progress_is_an_event_of_the_page(test_app, ann):
    world = await make_hosted(test_app)
    await put(test_app, world, "loading", percent=0)
    await put(test_app, world, "loading", percent=10)
    cursor = test_app.core.feed.head

    def advance(run, now):
        return run.to(run.status, now, 50)

    await test_app.core.execute(update_run, world_id=world.id, transition=advance)
    answer = await ann.get(f"/servers/ours/events?after-event-id={cursor}&wait=0", **JSON)
    assert [entry["event"] for entry in answer.json] == [{"type": "world"}]


async def test_crash_has_its_reports_and_last_lines_for_admins(test_app, ann):
    world = await make_hosted(test_app)
    at = test_app.clock.now - 5
    await put(test_app, world, "queued_start", crashes=(at,))
    test_app.world_hosting.last_crash = Crash(
        at,
        (CrashFile("crash-reports/a.txt", at, "---- <b>Report\r\n\tat x\x1b[31m", is_cut=True),),
        (ConsoleLine(7, at, "out", "\x1b[31mlast <i>line"),),
    )
    root = await make_admin(test_app)
    page = await root.get("/servers/ours")
    assert "Last crash" in words(page) and "crash-reports/a.txt" in words(page)
    assert "---- &lt;b&gt;Report\n    at x\n…" in page.raw.decode()
    assert "last &lt;i&gt;line" in page.raw.decode() and "\x1b" not in page.raw.decode()
    assert "Letzter Absturz" in words(await root.get("/servers/ours", Accept_Language="de"))
    assert (await state_of(root))["hosted"]["failed_at"] == at
    assert "Last crash" not in words(await ann.get("/servers/ours"))
    assert "failed_at" not in (await state_of(ann))["hosted"]


async def test_failed_start_counts_as_a_failure_until_the_next_start(test_app, ann):
    world = await make_hosted(test_app)
    root = await make_admin(test_app)
    trouble = Trouble(TroubleCode.START_FAILED, test_app.clock.now)
    await put(test_app, world, "stopped", trouble=trouble)
    assert (await state_of(root))["hosted"]["failed_at"] == trouble.at
    assert (await ann.send("/servers/ours/play", page="/servers/ours")).status == 302
    assert (await state_of(root))["hosted"]["failed_at"] is None
