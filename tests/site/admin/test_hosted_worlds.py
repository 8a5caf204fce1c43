"""Admin pages that create and edit hosted worlds."""

import json
import re
from dataclasses import replace

import pytest

from coalserver.core.commands.claims import set_usernames
from coalserver.core.commands.hosted_worlds import create_hosted_world, edit_hosted_world
from coalserver.core.commands.hosting_settings import add_version, remove_version
from coalserver.core.queries.hosted_worlds import editable_values
from coalserver.core.queries.hosting import get_run
from coalserver.core.queries.worlds import active_worlds
from coalserver.domain.audit import COMMAND_LINE
from coalserver.domain.minecraft.hosting.hosted_world import Figures
from coalserver.domain.minecraft.hosting.version import Version
from coalserver.domain.minecraft.server_properties import PROPERTIES
from coalserver.domain.minecraft.world import WorldStatus
from tests.apis.hosting import Stage, sample_version, set_stage
from tests.site.admins import account, done, make_admin, make_member, make_world, submit, words
from tests.site.forms import fill, form_of, send_form

CREATE = "/admin/server_create_gce"
#: What a form sends for a new world at least.
NEW = {"name": "Ours", "version": "1.20.4", "memory": "1G", "idle_timeout": "5", "eula_agree": "1"}


@pytest.fixture
async def browser(test_app):
    return await make_admin(test_app)


@pytest.fixture
async def versions(test_app):
    for name in ("1.7.4", "1.20.4"):
        await test_app.core.execute(add_version, version=sample_version(name))


@pytest.fixture
async def world(test_app, browser, versions):
    changes = {"version": "1.20.4", "memory": "1G", "motd": "Hello", "eula_agree": True}
    return await test_app.core.execute(
        create_hosted_world, actor=account(test_app).id, name="Ours", changes=changes
    )


def record_applied(uow, *, world_id):
    """Take the present values for those of the last start."""
    hosted = get_run(uow, world_id).hosted
    applied = json.dumps(editable_values(uow, world_id=world_id)).encode()
    uow.save(replace(hosted, applied=applied))


def path(world, rest=""):
    return f"/admin/servers/{world.id}/gce{rest}"


def values(test_app, world):
    return test_app.core.query(editable_values, world_id=world.id)


async def change(test_app, world, **changes):
    params = {"actor": COMMAND_LINE, "world_id": world.id, "changes": changes}
    await test_app.core.execute(edit_hosted_world, **params)


def error_of(answer, field):
    """Return the text that stands beside a field as its error."""
    page = answer.raw.decode()
    found = re.search(rf'id="{field}-error">([^<]*)<', page)
    described = rf'<(input|select|textarea)[^>]*name="{field}"[^>]*aria-describedby="{field}-error'
    assert found and re.search(described, page) and 'aria-invalid="true"' in page, field
    return found[1]


async def test_world_is_created_from_the_page(test_app, browser, versions):
    id = account(test_app).id
    await test_app.core.execute(set_usernames, account_id=id, usernames=("Steve", "Alex"))
    form = form_of(await browser.get(CREATE), CREATE)
    assert form["operator"] == "Steve" and form["idle_timeout"] == "5" and form["version"] == ""
    assert form.keys() | {"eula_agree", "white_list"} > PROPERTIES.keys() - {
        *("force_gamemode", "pvp", "hardcore", "allow_flight", "enable_command_block"),
    }
    answer = await send_form(
        browser, CREATE, form, name="Ours", short_name="Our World", version="1.20.4", memory="8G",
        eula_agree="1", pvp="1", allow_nether=None, server_port="25570", motd="Grüße",
    )  # fmt: skip
    assert (answer.status, answer.headers["Location"]) == (302, "/servers/our-world")
    (world,) = test_app.core.query(active_worlds)
    found = values(test_app, world)
    assert world.hosted and found.items() >= {
        **{"version": "1.20.4", "memory": "8G", "operator": "Steve", "pvp": True},
        **{"allow_nether": False, "server_port": 25570, "motd": "Grüße", "eula_agree": True},
        **{"members_may_start": True, "public": False},
    }.items()  # fmt: skip
    assert test_app.core.query(get_run, world_id=world.id).hosted.eula.account == id
    assert done(test_app) == [("world_added", "Ours", ""), ("eula_agreed", "Ours", "")]


async def test_omitted_fields_have_their_defaults(test_app, browser, versions):
    assert (await submit(browser, CREATE, **NEW)).status == 302
    (world,) = test_app.core.query(active_worlds)
    found = values(test_app, world)
    assert (found["max_players"], found["motd"]) == (20, "A Minecraft Server")
    assert found["spawn_animals"] is False


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"name": " "}, "name", "Enter a name"),
        ({"short_name": "admin"}, "short_name", "A page of this site"),
        ({"version": ""}, "version", "Choose a version."),
        ({"version": "2.0"}, "version", "There is no such version."),
        ({"memory": ""}, "memory", "Choose one of the options."),
        ({"memory": "16G"}, "memory", "Choose one of the options."),
        ({"idle_timeout": ""}, "idle_timeout", "Enter a whole number from 0 to 60."),
        ({"idle_timeout": "61"}, "idle_timeout", "Enter a whole number from 0 to 60."),
        ({"server_port": "80"}, "server_port", "Enter a whole number from 25565 to 25575."),
        ({"server_port": "25566"}, "server_port", "Another world uses this port."),
        ({"eula_agree": ""}, "eula_agree", "The world can only be run with this agreement."),
        ({"max_players": "many"}, "max_players", "Enter a whole number from 0 to 10000."),
        ({"gamemode": "7"}, "gamemode", "Enter a whole number from 0 to 2."),
        ({"motd": "x" * 10_001}, "motd", "A text has up to 10000 characters."),
    ],
)
async def test_wrong_field_creates_no_world_and_is_named(
    test_app, browser, world, fields, field, message
):
    await change(test_app, world, server_port=25566)
    before = done(test_app)
    typed = {**NEW, "operator": "Typed", "spawn_npcs": "1", **fields}
    answer = await submit(browser, CREATE, **typed)
    assert answer.status == 400 and error_of(answer, field).startswith(message)
    form = form_of(answer, CREATE)
    assert form["operator"] == "Typed" and form.get(field, "") == fields[field]
    assert form["spawn_npcs"] and "spawn_animals" not in form
    assert len(test_app.core.query(active_worlds)) == 1 and done(test_app) == before


async def test_only_the_wrong_fields_of_a_new_world_are_marked(browser, versions):
    answer = await submit(browser, CREATE, **NEW, max_players="many", server_port="80")
    marked = set(re.findall(r'id="([a-z_]+)-error"', answer.raw.decode()))
    assert marked == {"max_players", "server_port"}


async def test_all_wrong_fields_are_named_at_once(test_app, browser, versions):
    answer = await submit(browser, CREATE, name="", max_players="x")
    for field in ("name", "version", "memory", "idle_timeout", "eula_agree", "max_players"):
        assert error_of(answer, field)


async def test_page_without_versions_leads_to_them(test_app, browser):
    answer = await browser.get(CREATE)
    assert "No version yet" in words(answer) and 'href="/admin/versions"' in answer.raw.decode()
    assert (await submit(browser, CREATE, **NEW)).status == 400
    assert test_app.core.query(active_worlds) == []


async def test_both_kinds_of_worlds_are_offered(test_app, browser, versions):
    for page, other in (("/admin/server_create", CREATE), (CREATE, "/admin/server_create")):
        assert f'href="{other}"' in (await browser.get(page)).raw.decode()


async def test_pages_of_the_two_kinds_lead_to_each_other(test_app, browser, world):
    far = await make_world(test_app, "Far")
    answer = await browser.get(f"/admin/servers/{world.id}?done=told")
    assert (answer.status, answer.headers["Location"]) == (302, path(world) + "?done=told")
    answer = await browser.get(path(far))
    assert (answer.status, answer.headers["Location"]) == (302, f"/admin/servers/{far.id}")
    assert (await submit(browser, path(far), name="x")).status == 404
    assert (await browser.get("/admin/servers/99/gce")).status == 404


async def test_unchanged_form_changes_nothing(test_app, browser, world):
    before, entries = values(test_app, world), done(test_app)
    answer = await fill(browser, path(world))
    assert answer.headers["Location"].startswith(path(world) + "?done=saved")
    assert values(test_app, world) == before and done(test_app) == entries


async def test_world_is_edited(test_app, browser, world):
    entries = done(test_app)
    answer = await fill(
        browser, path(world), name="New", short_name="new", public="1", members_may_start=None,
        memory="6G", difficulty="3", white_list="1", wake_on_connect="1", spawn_npcs=None, server_port="25575",
        motd="", eula_agree=None,
    )  # fmt: skip
    assert answer.status == 302
    assert (
        values(test_app, world).items()
        >= {
            **{"name": "New", "short_name": "new", "public": True, "members_may_start": False},
            **{"memory": "6G", "difficulty": 3, "white_list": True, "spawn_npcs": False},
            **{"server_port": 25575, "motd": "", "eula_agree": False},
            **{"wake_on_connect": True},
        }.items()
    )
    actions = [action for action, *_ in done(test_app)[len(entries) :]]
    assert actions == [
        *("short_name_set", "world_renamed", "world_made_public"),
        *("eula_withdrawn", "properties_set"),
    ]
    assert (await fill(browser, path(world), server_port="")).status == 302
    assert values(test_app, world)["server_port"] is None


async def test_agreement_shows_who_gave_it(test_app, browser, world):
    page = words(await browser.get(path(world)))
    assert f"Agreed by {account(test_app).display_name} ," in page
    await change(test_app, world, eula_agree=False)
    assert "Nobody has agreed yet." in words(await browser.get(path(world)))
    await change(test_app, world, eula_agree=True)
    assert "Agreed, " in words(await browser.get(path(world)))


async def test_wrong_field_changes_nothing_and_keeps_what_was_typed(test_app, browser, world):
    before = values(test_app, world)
    answer = await fill(
        browser, path(world), motd="Typed", view_distance="99", pvp="1", spawn_npcs=None
    )
    assert answer.status == 400 and "Nothing was saved." in words(answer)
    assert error_of(answer, "view_distance") == "Enter a whole number from 3 to 15."
    form = form_of(answer, path(world))
    assert (form["motd"], form["view_distance"], form["pvp"]) == ("Typed", "99", "1")
    assert "spawn_npcs" not in form and values(test_app, world) == before
    # The corrected form makes all the changes.
    assert (await send_form(browser, path(world), form, view_distance="9")).status == 302
    found = values(test_app, world)
    assert (found["motd"], found["view_distance"], found["spawn_npcs"]) == ("Typed", 9, False)


async def test_two_admins_lose_nothing_silently(test_app, browser, world):
    first = form_of(await browser.get(path(world)), path(world))
    await change(test_app, world, motd="Theirs", difficulty=2, hardcore=True)
    # Another field: both changes stay.
    assert (await send_form(browser, path(world), first, pvp="1")).status == 302
    found = values(test_app, world)
    assert (found["motd"], found["difficulty"], found["hardcore"]) == ("Theirs", 2, True)
    # The same field: refused, and shown.
    answer = await send_form(browser, path(world), first, motd="Mine", view_distance="5")
    assert answer.status == 400
    assert error_of(answer, "motd").startswith(
        "Another admin has changed this meanwhile, to “Theirs”"
    )
    assert values(test_app, world)["view_distance"] == 10
    form = form_of(answer, path(world))
    assert form["motd"] == "Mine"
    # Once it was shown, it can be replaced.
    assert (await send_form(browser, path(world), form)).status == 302
    found = values(test_app, world)
    assert (found["motd"], found["view_distance"], found["difficulty"]) == ("Mine", 5, 2)


async def test_checkbox_that_another_admin_changed_is_refused(test_app, browser, world):
    first = form_of(await browser.get(path(world)), path(world))
    await change(test_app, world, eula_agree=False)
    await change(test_app, world, eula_agree=True)
    await change(test_app, world, public=True)
    assert (await send_form(browser, path(world), first)).status == 302
    assert values(test_app, world)["public"] is True


async def test_form_of_a_script_without_the_shown_values_is_taken_as_it_is(
    test_app, browser, world
):
    answer = await submit(browser, path(world), name="Ours", motd="Plain", shown="[1]")
    assert answer.status == 302
    found = values(test_app, world)
    assert (found["motd"], found["eula_agree"], found["memory"]) == ("Plain", False, "1G")


async def test_removed_version_is_shown_and_kept(test_app, browser, world):
    (version,) = (one for one in test_app.core.state.all(Version) if one.name == "1.20.4")
    test_app.core.state.set(Version, version.id, None)
    assert "1.20.4 (removed)" in words(await browser.get(path(world)))
    assert (await fill(browser, path(world), motd="x")).status == 302
    assert values(test_app, world)["version"] == "1.20.4"
    await test_app.core.execute(remove_version, name="1.7.4")
    answer = await fill(browser, path(world), version="1.7.4")
    assert answer.status == 400 and error_of(answer, "version") == "There is no such version."
    assert form_of(answer, path(world))["version"] == "1.7.4"


async def test_property_that_the_version_lacks_is_marked_and_kept(test_app, browser, world):
    page = words(await browser.get(path(world)))
    assert page.count("This version no longer has it.") == 2
    assert (await fill(browser, path(world), version="1.7.4", max_build_height="99")).status == 302
    assert "no longer has it" not in words(await browser.get(path(world)))
    assert (await fill(browser, path(world), version="1.20.4")).status == 302
    assert values(test_app, world)["max_build_height"] == 99


async def test_pending_changes_are_named_with_a_way_to_apply_them(test_app, browser, world):
    stage = Stage(WorldStatus.RUNNING)
    await test_app.core.execute(set_stage, world_id=world.id, stage=stage)
    await test_app.core.execute(record_applied, world_id=world.id)
    assert "Applies from the next start:" not in words(await browser.get(path(world)))
    await fill(browser, path(world), motd="Later", idle_timeout="9", max_players="3")
    answer = await browser.get(path(world))
    assert "Applies from the next start: motd, max_players" in words(answer)
    assert "Restart now" in words(answer)
    assert re.search(r'href="/servers/[^"/]+/restart"', answer.raw.decode())


async def test_further_lines_are_added_changed_and_removed(test_app, browser, world):
    further = path(world, "/further")
    text = "# from elsewhere\r\nmax-tick-time = -1\r\n\r\na=b=c\r\n"
    assert (await fill(browser, path(world), further, further=text)).status == 302
    form = form_of(await browser.get(path(world)), further)
    assert form["further"] == "max-tick-time=-1\r\na=b=c"
    assert (await fill(browser, path(world), further, further="a=\r\nnew=<b>")).status == 302
    found = values(test_app, world)
    assert {name: value for name, value in found.items() if name.startswith("file.")} == {
        "file.a": "",
        "file.new": "<b>",
    }
    assert done(test_app)[-1] == (
        "properties_set",
        "Ours",
        "file.max-tick-time, file.a, file.new",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing", "“nothing” has no value."),
        ("a=1\r\na=2", "“a” appears twice."),
        ("motd=x", "“motd” is written by coalserver itself."),
        ("k" * 101 + "=x", "“kkkk"),
        ("\r\n".join(f"k{number}=" for number in range(101)), "There are more than 100 lines."),
        ("=x", "“”: a key has"),
    ],
)
async def test_wrong_further_lines_are_named_and_kept(test_app, browser, world, text, message):
    further = path(world, "/further")
    answer = await fill(browser, path(world), further, further="ok=1\r\n" + text)
    assert answer.status == 400 and error_of(answer, "further").startswith(message)
    assert form_of(answer, further)["further"] == "ok=1\r\n" + text
    assert form_of(answer, path(world))["motd"] == "Hello"
    assert "file.ok" not in values(test_app, world)


async def test_two_admins_lose_no_further_line(test_app, browser, world):
    further = path(world, "/further")
    await change(test_app, world, **{"file.a": "1", "file.b": "1"})
    first = form_of(await browser.get(path(world)), further)
    await change(test_app, world, **{"file.b": "2", "file.c": "3"})
    assert (await send_form(browser, further, first, further="a=9\r\nb=1")).status == 302
    answer = await send_form(browser, further, first, further="a=9\r\nc=4")
    assert answer.status == 400 and "“b”: another admin has changed this" in error_of(
        answer, "further"
    )
    assert "“c”: another admin has changed this" in error_of(answer, "further")
    form = form_of(answer, further)
    assert (await send_form(browser, further, form)).status == 302
    found = values(test_app, world)
    assert (found["file.a"], found.get("file.b"), found["file.c"]) == ("9", None, "4")


async def test_expired_form_keeps_what_was_typed(test_app, browser, world):
    form = form_of(await browser.get(path(world)), path(world))
    answer = await send_form(browser, path(world), {**form, "csrf_token": "x"}, motd="Typed")
    assert answer.status == 403 and form_of(answer, path(world))["motd"] == "Typed"


async def test_expired_form_without_its_field_is_shown_empty(test_app, browser, world):
    further = path(world, "/further")
    answer = await browser.post(further, csrf_token="x")
    assert answer.status == 403 and form_of(answer, further)["further"] == ""


@pytest.mark.parametrize("shown", ["[" * 100_000, '{"motd": "\\ud800"}', '{"file.\\ud800": "x"}'])
@pytest.mark.parametrize("rest", ["", "/further"])
async def test_unreadable_shown_values_count_as_those_of_this_moment(
    test_app, browser, world, rest, shown
):
    token = form_of(await browser.get(path(world)), path(world))["csrf_token"]
    fields = {"shown": shown, "motd": "Typed", "further": "a=1"}
    answer = await browser.post(path(world, rest), csrf_token="x", **fields)
    assert answer.status == 403 and form_of(answer, path(world, rest)).items() >= {
        ("motd", "Typed") if not rest else ("further", "a=1")
    }
    assert (await browser.post(path(world, rest), csrf_token=token, **fields)).status == 302
    assert values(test_app, world)["file.a" if rest else "motd"] == ("1" if rest else "Typed")


async def test_ids_of_fields_and_sections_differ(test_app, browser, world):
    for page in (path(world), CREATE):
        ids = re.findall(r'[ ]id="([^"]+)"', (await browser.get(page)).raw.decode())
        assert len(ids) == len(set(ids)) > 50, page


@pytest.mark.parametrize("rest", ["", "/further"])
async def test_only_admins_edit(test_app, browser, world, rest):
    member = await make_member(test_app)
    assert (await member.get(path(world))).status == 403
    answer = await member.send(path(world, rest), page="/profile", motd="x", further="a=1")
    assert answer.status == 403
    assert (await member.get(CREATE)).status == 403
    assert values(test_app, world)["motd"] == "Hello"


async def test_pages_are_german(test_app, browser, world):
    german = {"Accept_Language": "de"}
    page = words(await browser.get(path(world), **german))
    assert "Weitere Einstellungen" in page and "Diese Version kennt das nicht mehr." in page
    assert "Welt hosten" in words(await browser.get(CREATE, **german))


async def test_world_above_the_limit_is_reported(test_app, browser, world, monkeypatch):
    page = await browser.get(path(world))
    assert "that a world may have" not in words(page)
    figures = Figures(excess=12 << 30)
    monkeypatch.setattr(test_app.world_hosting, "figures", lambda world_id: figures)
    page = await browser.get(path(world))
    sentence = "The folder of this world has 12.9 GB, more than the 10.7 GB that a world may have."
    assert sentence in words(page)
