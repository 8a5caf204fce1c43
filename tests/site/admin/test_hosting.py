"""Admin pages of hosting as a whole: settings, the stop of all worlds, and the document's addresses of orders."""

import re

import pytest

from coalserver.core.hosting import Hosting
from coalserver.core.queries.hosting import get_run, get_settings, hosted_worlds
from coalserver.domain.audit import TIME, AuditAction, AuditEntry
from coalserver.domain.minecraft.hosting.hosted_world import Wanted
from coalserver.domain.minecraft.world import WorldStatus
from tests.apis.hosting import SampleHosting, Stage, make_startable, set_stage
from tests.site.admins import account, done, make_admin, make_member, submit, words

CONFIGURE, STOP = "/admin/instance/configure", "/admin/instance/stop"


@pytest.fixture
async def browser(test_app):
    return await make_admin(test_app)


async def add_hosted(test_app, status=WorldStatus.RUNNING, name="Ours", wanted=Wanted.PLAY):
    from coalserver.core.commands.worlds import create_world

    world = await test_app.core.execute(create_world, name=name, hosted=True)
    await make_startable(test_app.core, world.id)
    await test_app.core.execute(set_stage, world_id=world.id, stage=Stage(status, wanted))
    return world


def settings(test_app):
    return test_app.core.query(get_settings)


def fields(answer):
    """Return the fields of the page's form with their values, as a browser would send them."""
    page = answer.raw.decode()
    inputs = re.findall(
        r"<input[^>]*>", page.partition('id="configure"')[2].partition("</form>")[0]
    )
    found = {}
    for one in inputs:
        name = re.search(r'name="([^"]*)"', one)[1]
        if 'type="checkbox"' not in one or " checked" in one:
            value = re.search(r'value="([^"]*)"', one)
            found[name] = value[1] if value else ""
    del found["csrf_token"]
    return found


async def configure(browser, **changes):
    form = fields(await browser.get(CONFIGURE)) | changes
    return await submit(browser, CONFIGURE, **{k: v for k, v in form.items() if v is not None})


async def test_settings_are_changed_and_recorded(test_app, browser):
    answer = await configure(
        browser, backup_depth="20", save_at="04:30", ticks="1", save_on_pause=None
    )
    assert answer.headers["Location"] == f"{CONFIGURE}?done=saved"
    found = settings(test_app)
    assert (found.backup_depth, found.save_at, found.ticks, found.save_on_pause) == (
        20, "04:30", True, False,
    )  # fmt: skip
    assert done(test_app)[-1] == (
        "hosting_configured", "", "backup_depth=20, save_at=04:30, save_on_pause=no, ticks=yes",
    )  # fmt: skip
    page = words(await browser.get(f"{CONFIGURE}?done=saved"))
    assert "Saved." in page and "Changes apply from a world’s next start." in page


async def test_unchanged_settings_are_not_recorded_and_follow_the_configuration(test_app, browser):
    before = done(test_app)
    assert (await configure(browser)).status == 302
    assert done(test_app) == before
    assert (settings(test_app).budget, settings(test_app).ports) == (0, "")


async def test_two_admins_change_different_settings(test_app, browser):
    form = fields(await browser.get(CONFIGURE))
    await configure(browser, stop_warning="30")
    await submit(browser, CONFIGURE, **(form | {"disk_free": "2048"}))
    assert (settings(test_app).stop_warning, settings(test_app).disk_free) == (30, 2048)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("budget", "x", "MiB of memory from 1 to"),
        ("ports", "1-2-3", "The first and the last port"),
        ("public_address", "a b", "A host name or an IP address without a port"),
        ("cpu_weight", "0", "A whole number from 1 to 10000."),
        ("backup_depth", "1001", "A whole number from 1 to 1000."),
        ("save_at", "24:00", "A time of day from 00:00 to 23:59."),
        ("save_zone", "Nowhere", "A time zone of the IANA list"),
        ("stop_warning", "-1", "A whole number of seconds"),
        ("disk_free", "", "MiB of disk space from 0"),
        ("world_limit", "0", "MiB of disk space from 1"),
    ],
)
async def test_wrong_value_changes_nothing_and_stays_in_its_field(
    test_app, browser, name, value, message
):
    before = settings(test_app)
    other = "stop_warning" if name == "backup_depth" else "backup_depth"
    answer = await configure(browser, **{name: value, other: "7"})
    assert (answer.status, settings(test_app)) == (400, before)
    assert message in words(answer) and "Nothing was saved." in words(answer)
    typed = fields(answer)
    assert (typed[name], typed[other]) == (value, "7")
    field = re.search(rf'<input[^>]*name="{name}"[^>]*>', answer.raw.decode())[0]
    assert 'aria-invalid="true"' in field


async def test_form_without_what_the_page_showed_sets_all_its_fields(test_app, browser):
    await submit(browser, CONFIGURE, backup_depth="3")
    assert settings(test_app).backup_depth == 3


# All worlds


@pytest.mark.parametrize(
    ("how", "killed"), [("pause", False), ("kill", True), ("", False), ("nonsense", False)]
)
async def test_all_worlds_are_stopped(test_app, browser, how, killed):
    one = await add_hosted(test_app)
    two = await add_hosted(test_app, WorldStatus.QUEUED_START, name="Second")
    page = words(await browser.get(STOP))
    assert "Make sure that all worlds are stopped" in page and "Ours" in page
    answer = await submit(browser, STOP, how=how)
    assert answer.headers["Location"] == "/admin/servers?done=stopping"
    assert "All worlds are being stopped." in words(
        await browser.get("/admin/servers?done=stopping")
    )
    runs = [test_app.core.query(get_run, world_id=world.id) for world in (one, two)]
    assert [run.status for run in runs] == [WorldStatus.QUEUED_STOP, WorldStatus.STOPPED]
    assert all(run.hosted.wanted is Wanted.PAUSE for run in runs)
    assert runs[0].hosted.killed is killed
    word = "killed" if killed else "paused"
    assert done(test_app)[-3:] == [
        ("all_worlds_stopped", "", "kill" if killed else "pause"),
        (f"world_{word}", "Ours", ""), (f"world_{word}", "Second", ""),
    ]  # fmt: skip
    [entry] = [
        entry
        for entry in test_app.core.state.all(AuditEntry)
        if entry.action is AuditAction.ALL_WORLDS_STOPPED
    ]
    assert entry.actor == account(test_app).id
    assert "stopped all worlds" in words(await browser.get("/admin/log"))


async def test_pages_lead_to_both_where_a_world_is_hosted(test_app, browser):
    assert STOP not in (await browser.get("/admin/servers")).raw.decode()
    await add_hosted(test_app)
    for path in ("/admin", "/admin/servers"):
        page = (await browser.get(path)).raw.decode()
        assert f'href="{STOP}"' in page and f'href="{CONFIGURE}"' in page


# The document's other addresses of orders


async def test_start_stop_and_restart_are_the_orders_of_the_world_page(test_app, browser):
    hosting = test_app.app_context.service(Hosting)
    assert isinstance(hosting, SampleHosting)
    world = await add_hosted(test_app, WorldStatus.STOPPED, wanted=Wanted.PAUSE)
    path = f"/admin/servers/{world.id}"

    def status():
        return test_app.core.query(get_run, world_id=world.id).status

    member = await make_member(test_app)
    token = await member.csrf_token("/profile")
    assert (await member.post(f"{path}/stop", csrf_token=token)).status == 403
    answer = await member.post(f"{path}/start", csrf_token=token)
    assert (answer.status, status()) == (302, WorldStatus.QUEUED_START)
    await test_app.core.execute(
        set_stage, world_id=world.id, stage=Stage(WorldStatus.RUNNING, Wanted.PLAY)
    )
    assert (await browser.get(f"{path}/restart")).headers["Location"] == "/servers/1/restart"
    assert (await submit(browser, f"{path}/restart")).status == 302
    assert status() is WorldStatus.QUEUED_RESTART
    assert (await browser.get(f"{path}/stop")).headers["Location"] == "/servers/1/pause"
    assert (await submit(browser, f"{path}/stop")).status == 302
    assert status() is WorldStatus.QUEUED_STOP
    assert [action for action, _, _ in done(test_app)][-3:] == [
        "world_played", "world_restarted", "world_paused",
    ]  # fmt: skip


async def test_archived_hosted_world_is_stopped_and_its_names_are_free(test_app, browser):
    world = await add_hosted(test_app)
    path = f"/admin/servers/{world.id}/deactivate"
    assert "Its files, saved games and history are kept" in words(await browser.get(path))
    assert (await submit(browser, path)).headers["Location"] == "/admin/servers?done=ended"
    run = test_app.core.query(get_run, world_id=world.id, archived=True)
    assert (run.hosted.wanted, run.status, run.world.short_name) == (
        Wanted.PAUSE, WorldStatus.QUEUED_STOP, "",
    )  # fmt: skip
    assert not test_app.core.query(hosted_worlds)


async def test_what_happens_by_itself_is_shown_without_a_person(test_app, browser):
    from coalserver.core.commands.audit import record_audit_entry

    for action in (AuditAction.WORLD_PAUSED, AuditAction.WORLD_CRASHED):
        await test_app.core.execute(record_audit_entry, actor=TIME, action=action, subject="Ours")
    page = words(await browser.get("/admin/log"))
    assert "Automatically stopped world Ours" in re.sub(r"\s+", " ", page)
    assert "World Ours crashed" in page and "Unknown user" not in page


# Deletion


async def test_world_is_deleted_after_the_box_is_ticked(test_app, browser):
    world = await add_hosted(test_app)
    path = f"/admin/servers/{world.id}/delete"
    page = words(await browser.get(path))
    assert "all its saved games are deleted" in page and "Stop the world first." in page
    running = await submit(browser, path, sure="1")
    assert running.status == 400 and "Stop the world first." in words(running)
    stopped = Stage(WorldStatus.STOPPED, Wanted.PAUSE)
    await test_app.core.execute(set_stage, world_id=world.id, stage=stopped)
    assert "Tick the box to confirm." in words(await submit(browser, path))
    assert test_app.core.query(hosted_worlds)
    answer = await submit(browser, path, sure="1")
    assert answer.headers["Location"] == "/admin/servers?done=deleted"
    assert "World deleted" in words(await browser.get("/admin/servers?done=deleted"))
    assert not test_app.core.query(hosted_worlds)
    assert done(test_app)[-1] == ("world_deleted", "Ours", "")
    assert (await browser.get(path)).status == 404


async def test_page_of_a_hosted_world_leads_to_its_deletion(test_app, browser):
    world = await add_hosted(test_app)
    path = f"/admin/servers/{world.id}"
    assert f'href="{path}/delete"' in (await browser.get(f"{path}/gce")).raw.decode()
