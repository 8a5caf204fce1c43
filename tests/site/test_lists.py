"""Lists in pages: what is done on a row leads back to the page of the list, and each number shows a page."""

import html
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlsplit

import pytest

from coalserver.core.commands.accounts import create_account
from coalserver.core.commands.worlds import archive_world, create_world
from coalserver.core.hosting import Hosting
from coalserver.domain.accounts.account import Account
from coalserver.domain.audit import AuditAction, AuditEntry
from coalserver.domain.minecraft.hosting.version import Version, VersionKind
from coalserver.domain.minecraft.world import WorldStatus
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.player import Ban
from coalserver.hosting.options import HostingOptions
from tests.apis.app import Answer, TestApp, make_session
from tests.apis.browser import Browser
from tests.apis.hosting import Stage, set_stage
from tests.apis.saved_games import SampleSave
from tests.hosting.versions.stand_in import LOCAL
from tests.site.admin.test_versions import Versions
from tests.site.admins import make_admin, make_backup, make_world, words

FIRST_ID = 10_000
SAVE = SampleSave("", 1_660_000_000, "nightly")


async def fill_users(test_app: TestApp) -> str:
    for number in range(53):
        await test_app.core.execute(create_account, email=f"p{number}@x.org", password="x")
    return "/admin/users"


async def fill_bans(test_app: TestApp) -> str:
    # Those of the second page, the oldest ones.
    guests = await test_app.sign_in_guests("Ann", "Bob", "Cem")
    for guest in guests:
        await guest.create_room(name="Room")
    players = [guest.id for guest in guests]
    for number, player in enumerate([*players, *range(500, 550)]):
        id = FIRST_ID + number
        row = Ban(id, f"{id:x}", "noughts", player, "forever", "", 1.0, None)
        test_app.core.state.set(Ban, id, row)
    return "/admin/bans"


async def fill_rooms(test_app: TestApp) -> str:
    host, *others = await test_app.sign_in_guests(*(f"P{number}" for number in range(46)))
    await host.create_room(name="Room")
    [room] = test_app.core.state.all(Lobby)
    for number in range(22):
        copy = replace(room, id=FIRST_ID + number, code=f"{number:x}", name=f"Room {number}.")
        test_app.core.state.set(Lobby, copy.id, copy)
    for number in range(0, 44, 2):
        await make_session("noughts", *others[number : number + 2])
    return "/admin/rooms"


async def fill_games(test_app: TestApp) -> str:
    for number in range(52):
        await test_app.create_game(f"g{number}")
    return "/admin/games"


async def fill_versions(test_app: TestApp) -> str:
    options = HostingOptions(test_app.folder / "hosting", private_urls=LOCAL)
    test_app.app_context.services[Hosting] = Versions(test_app.core, options)
    for number in range(53):
        id = FIRST_ID + number
        version = Version(
            id, f"paper-{number:02}", VersionKind.URL, 1.0, url="http://127.0.0.1:9/a"
        )
        test_app.core.state.set(Version, id, version)
    return "/admin/versions"


async def fill_backups(test_app: TestApp) -> str:
    for number in range(53):
        make_backup(test_app, name=f"coalserver-20260101T0000{number:02}Z.tar")
    return "/admin/backups"


async def fill_saves(test_app: TestApp) -> str:
    world = await test_app.core.execute(create_world, name="Ours", short_name="ours", hosted=True)
    await test_app.core.execute(set_stage, world_id=world.id, stage=Stage(WorldStatus.STOPPED))
    for number in range(53):
        save = replace(SAVE, id=f"20220808T2300{number:02}Z-nightly")
        test_app.world_hosting.add_save(world.id, save, b"")
    return f"/admin/servers/{world.id}/saves"


async def fill_log(test_app: TestApp) -> str:
    for number in range(53):
        entry = AuditEntry(FIRST_ID + number, 1.0, 1, "Ann", AuditAction.GAME_ADDED, f"g{number}.")
        test_app.core.state.set(AuditEntry, entry.id, entry)
    return "/admin/log"


async def fill_worlds(test_app: TestApp) -> str:
    for number in range(53):
        await make_world(test_app, f"World {number}.")
    return "/admin/servers"


@dataclass(frozen=True)
class Action:
    """A link or a form of a row, and where it leads."""

    fill: Callable[[TestApp], Awaitable[str]]
    #: The query of the page of the list.
    query: str
    #: The path of the link or the form, below that of the list or from the root.
    path: str
    #: `done` of the address that the form leads to; empty: the response itself shows the list.
    done: str
    anchor: str = ""
    fields: tuple[tuple[str, str], ...] = ()


ACTIONS = {
    "approve": Action(fill_users, "?q=x.org&page=2", r"/admin/users/\d+/activate", "let-in"),
    "unban": Action(fill_bans, "?page=2", "/admin/bans/lift", "lifted"),
    "close room": Action(fill_rooms, "?playing=2&page=2", r"/admin/rooms/\d+/close", "closed"),
    "kick from room": Action(fill_rooms, "?playing=2&page=2", r"/admin/rooms/\d+/kick/\d+", "out"),
    "end game": Action(
        fill_rooms, "?page=2&playing=2", r"/admin/sessions/\d+/close", "ended", "playing"
    ),
    "kick from game": Action(
        fill_rooms,
        "?page=2&playing=2",
        r"/admin/sessions/\d+/kick/\d+",
        "out-of-session",
        "playing",
    ),
    "reset tokens": Action(fill_games, "?page=2", r"/admin/games/g\d+/rotate", ""),
    "fetch": Action(fill_versions, "?q=paper&page=2", "/admin/versions/paper-5./fetch", "fetching"),
    "remove version": Action(
        fill_versions, "?q=paper&page=2", "/admin/versions/paper-5./remove", "removed"
    ),
    "delete backup": Action(
        fill_backups, "?page=2", r"/admin/backups/[\w-]+\.tar/remove", "removed"
    ),
    "restore backup": Action(fill_backups, "?page=2", r"/admin/backups/[\w-]+\.tar/restore", ""),
    "download backup": Action(fill_backups, "?page=2", r"/admin/backups/[\w-]+\.tar/download", ""),
    "pin": Action(fill_saves, "?page=2", r"/admin/servers/\d+/saves/[\w-]+/pin", "changed"),
    "note": Action(fill_saves, "?page=2", r"/admin/servers/\d+/saves/[\w-]+/note", "changed"),
    "delete save": Action(
        fill_saves, "?page=2", r"/admin/servers/\d+/saves/[\w-]+/remove", "deleted"
    ),
    "restore save": Action(
        fill_saves, "?page=2", r"/admin/servers/\d+/saves/[\w-]+/restore", "restoring"
    ),
}


def addresses(answer: Answer, path: str) -> list[str]:
    """Return the addresses of links and forms with a path, which is a regular expression."""
    found = re.findall(rf'(?:href|action)="({path}(?:\?[^"#]*)?)"', answer.raw.decode())
    return [html.unescape(address) for address in found]


def form_to(answer: Answer, path: str) -> tuple[str, dict[str, str]]:
    """Return the address and the fields of the first form with a path, which is a regular expression."""
    found = re.search(
        rf'<form[^>]* action="({path}(?:\?[^"]*)?)"[^>]*>(.*?)</form>',
        answer.raw.decode(),
        re.DOTALL,
    )
    assert found, path
    fields = re.findall(
        r'<input(?! type="checkbox")[^>]* name="(\w+)"[^>]* value="([^"]*)"', found[2]
    )
    return html.unescape(found[1]), dict(fields)


async def open_form(browser: Browser, answer: Answer, path: str) -> tuple[str, dict[str, str]]:
    """Return a form of a row, or that of the page which asks before it."""
    address = addresses(answer, path)[0]
    if f'href="{html.escape(address)}"' in answer.raw.decode():
        answer = await browser.get(address)
        assert answer.status == 200, answer.raw
        path = re.escape(urlsplit(address).path)
    return form_to(answer, path)


def is_page_two(answer: Answer) -> bool:
    return "Page 2 of 2" in words(answer)


@pytest.mark.parametrize("name", ACTIONS)
async def test_form_of_a_row_leads_back_to_its_page_and_search(
    test_app: TestApp, name: str
) -> None:
    action, browser = ACTIONS[name], await make_admin(test_app)
    path = await action.fill(test_app)
    page = await browser.get(path + action.query)
    assert is_page_two(page), words(page)
    address, fields = await open_form(browser, page, action.path)
    # A form that has expired shows its error on the same page.
    rejected = await browser.post(address, **{**fields, "csrf_token": ""})
    assert rejected.status == 403 and is_page_two(rejected)
    assert "This form expired" in words(rejected)
    if name in ("restore backup", "download backup"):
        return
    sent = await browser.post(address, **fields)
    hosting = test_app.app_context.service(Hosting)
    if isinstance(hosting, Versions):
        await hosting.stop_fetches()
    if not action.done:
        assert sent.status == 200 and is_page_two(sent)
        return
    assert sent.status == 302, words(sent)
    location = urlsplit(sent.headers["Location"])
    assert (location.scheme, location.netloc, location.path) == ("", "", path)
    assert location.fragment == action.anchor
    wanted = {**parse_qs(action.query[1:]), "done": [action.done]}
    assert parse_qs(location.query) == wanted
    assert is_page_two(await browser.get(sent.headers["Location"].partition("#")[0]))


@pytest.mark.parametrize("name", [name for name in ACTIONS if "save" not in name])
async def test_questions_lead_back_to_the_page_of_their_row(test_app: TestApp, name: str) -> None:
    action, browser = ACTIONS[name], await make_admin(test_app)
    path = await action.fill(test_app)
    page = await browser.get(path + action.query)
    address = addresses(page, action.path)[0]
    if f'href="{html.escape(address)}"' not in page.raw.decode():
        return
    question = await browser.get(address)
    back = [one for one in addresses(question, re.escape(path)) if urlsplit(one).query]
    assert len(back) == 2 and len(set(back)) == 1
    assert parse_qs(urlsplit(back[0]).query) == parse_qs(action.query[1:])


@pytest.mark.parametrize(
    ("name", "path", "text"),
    [
        ("approve", "/admin/users/99999/activate", "This user no longer exists."),
        ("unban", "/admin/bans/lift", "There is no game with this tag."),
        ("close room", "/admin/rooms/99999/close", "This room no longer exists."),
        ("end game", "/admin/sessions/99999/close", "This game no longer exists."),
        ("reset tokens", "/admin/games/gone/rotate", "There is no game with this tag."),
        ("fetch", "/admin/versions/gone/fetch", "This version no longer exists."),
        ("remove version", "/admin/versions/gone/remove", "This version no longer exists."),
        (
            "delete backup",
            "/admin/backups/coalserver-20250101T000000Z.tar/remove",
            "Backup not found. It may have been deleted.",
        ),
        ("pin", "/admin/servers/1/saves/gone/pin", "This saved game no longer exists."),
        ("delete save", "/admin/servers/1/saves/gone/remove", "This saved game no longer exists."),
        ("note", "/admin/servers/1/saves/gone/note", "This saved game no longer exists."),
        (
            "restore save",
            "/admin/servers/1/saves/gone/restore",
            "This saved game no longer exists.",
        ),
        ("approve", "/admin/users/99999/remove", "This user no longer exists."),
        ("approve", "/admin/users/99999", "This user no longer exists."),
    ],
)
async def test_form_of_a_row_that_has_gone_shows_its_page_with_an_error(
    test_app: TestApp, name: str, path: str, text: str
) -> None:
    action, browser = ACTIONS[name], await make_admin(test_app)
    await action.fill(test_app)
    fields = {"game": "gone", "player": "1"} if name == "unban" else {}
    answer = await browser.send(path + action.query, page="/admin/backups", **fields)
    assert answer.status in (400, 404)
    assert is_page_two(answer) and text in words(answer)


@pytest.mark.parametrize(
    ("name", "path", "text"),
    [
        ("approve", "/admin/users/99999/remove", "This user no longer exists."),
        ("close room", "/admin/rooms/99999/close", "This room no longer exists."),
        ("close room", "/admin/rooms/99999/kick/1", "This room no longer exists."),
        ("end game", "/admin/sessions/99999/close", "This game no longer exists."),
        ("reset tokens", "/admin/games/gone/rotate", "There is no game with this tag."),
        ("remove version", "/admin/versions/gone/remove", "This version no longer exists."),
        (
            "delete backup",
            "/admin/backups/coalserver-20250101T000000Z.tar/remove",
            "Backup not found. It may have been deleted.",
        ),
        ("delete save", "/admin/servers/1/saves/gone/remove", "This saved game no longer exists."),
        (
            "restore save",
            "/admin/servers/1/saves/gone/restore",
            "This saved game no longer exists.",
        ),
        (
            "delete save",
            "/admin/servers/1/saves/gone/download",
            "This saved game no longer exists.",
        ),
    ],
)
async def test_question_about_a_row_that_has_gone_shows_its_page_with_an_error(
    test_app: TestApp, name: str, path: str, text: str
) -> None:
    action, browser = ACTIONS[name], await make_admin(test_app)
    await action.fill(test_app)
    answer = await browser.get(path + action.query)
    assert answer.status in (400, 404)
    assert is_page_two(answer) and text in words(answer)


@pytest.mark.parametrize(
    "form",
    ["", "/pair", "/secret", "/command", "/deactivate", "/delete", "/gce", "/gce/further"]
    + ["/saves", "/backup", "/saves/upload", "/saves/x/pin", "/saves/x/note", "/saves/x/remove"]
    + ["/saves/x/restore"],
)
async def test_form_of_a_world_that_has_gone_shows_the_list_of_worlds(
    test_app: TestApp, form: str
) -> None:
    browser = await make_admin(test_app)
    world = await make_world(test_app, "Nether", "nether")
    await make_world(test_app, "Overworld", "over")
    await test_app.core.execute(archive_world, world_id=world.id)
    answer = await browser.send(f"/admin/servers/{world.id}{form}", page="/admin/backups")
    assert answer.status == 404 and "This world no longer exists." in words(answer)
    assert "Overworld" in words(answer) and "Nether" not in words(answer)


@pytest.mark.parametrize(
    "question",
    ["/secret", "/deactivate", "/delete", "/restore", "/saves/x/remove", "/saves/x/restore"],
)
async def test_question_about_a_world_that_has_gone_shows_the_list_of_worlds(
    test_app: TestApp, question: str
) -> None:
    browser = await make_admin(test_app)
    world = await make_world(test_app, "Nether", "nether")
    await make_world(test_app, "Overworld", "over")
    await test_app.core.execute(archive_world, world_id=world.id)
    answer = await browser.get(f"/admin/servers/{world.id}{question}")
    assert answer.status == 404 and "This world no longer exists." in words(answer)
    assert "Overworld" in words(answer) and "Nether" not in words(answer)


@pytest.mark.parametrize(
    "query",
    [
        "page=//evil.example",
        "page=2//evil.example",
        "q=//evil.example&page=2",
        "next_url=https://evil.example&back=//evil.example",
        "q=%0d%0aLocation:%20//evil.example",
        f"page={'9' * 5000}",
        "page=-2&q=" + "x" * 5000,
        "page=%D9%A3&q=%00",
    ],
)
async def test_no_form_leads_elsewhere(test_app: TestApp, query: str) -> None:
    browser = await make_admin(test_app)
    await fill_users(test_app)
    pending = next(one for one in test_app.core.state.all(Account) if not one.active)
    path = f"/admin/users/{pending.id}/activate?{query}"
    answer = await browser.send(path, page="/admin/users")
    location = urlsplit(answer.headers["Location"])
    assert answer.status == 302
    assert (location.scheme, location.netloc, location.path) == ("", "", "/admin/users")
    assert parse_qs(location.query).keys() <= {"q", "page", "done"}
    assert len(location.query) < 400
    assert (await browser.get(answer.headers["Location"])).status == 200


async def test_last_row_of_the_last_page_leads_to_the_page_before(test_app: TestApp) -> None:
    browser = await make_admin(test_app)
    for number in range(51):
        make_backup(test_app, name=f"coalserver-20260101T0000{number:02}Z.tar")
    page = await browser.get("/admin/backups?page=2")
    address, fields = await open_form(browser, page, ACTIONS["delete backup"].path)
    sent = await browser.post(address, **fields)
    after = await browser.get(sent.headers["Location"])
    assert "Backup deleted" in words(after) and "T000050Z" in words(after)


async def test_page_of_a_user_leads_back_to_the_search(test_app: TestApp) -> None:
    browser = await make_admin(test_app)
    await fill_users(test_app)
    page = await browser.get("/admin/users?q=x.org&page=2")
    [address, *_] = addresses(page, r"/admin/users/\d+")
    user = await browser.get(address)
    assert "/admin/users?q=x.org&page=2" in addresses(user, "/admin/users")
    address, fields = form_to(user, r"/admin/users/\d+")
    saved = await browser.post(address, **fields)
    assert saved.headers["Location"].endswith("?q=x.org&page=2&done=saved")
    question = await browser.get(addresses(user, r"/admin/users/\d+/remove")[0])
    address, fields = form_to(question, r"/admin/users/\d+/remove")
    removed = await browser.post(address, **fields)
    assert removed.headers["Location"] == "/admin/users?q=x.org&page=2&done=removed"


async def test_archived_world_leads_to_the_page_that_it_was_on(test_app: TestApp) -> None:
    browser = await make_admin(test_app)
    await fill_worlds(test_app)
    page = await browser.get("/admin/servers?page=2")
    address = addresses(page, r"/admin/servers/\d+")[0]
    assert "/admin/servers?page=2" in addresses(await browser.get(address), "/admin/servers")
    archived = await browser.send(f"{address}/deactivate", page=f"{address}/deactivate")
    assert archived.headers["Location"] == "/admin/servers?page=2&done=ended"


async def test_page_of_a_room_keeps_the_pages_of_the_lists(test_app: TestApp) -> None:
    browser = await make_admin(test_app)
    await test_app.create_game("quiz", 1, 100)
    host, *others = await test_app.sign_in_guests(*(f"P{number}." for number in range(60)))
    room = await host.create_room("quiz", name="Friday")
    for player in others:
        await player.join(room)
    [first] = test_app.core.state.all(Lobby)
    for number in range(22):
        copy = replace(first, id=FIRST_ID + number, code=f"{number:x}", name=f"Room {number}.")
        test_app.core.state.set(Lobby, copy.id, copy)
    lists = await browser.get("/admin/rooms?page=2")
    assert "/admin/rooms?page=2&room=1" in addresses(lists, "/admin/rooms")
    alone = await browser.get("/admin/rooms?page=2&room=1&members=2")
    assert is_page_two(alone) and "P59." in words(alone)
    assert "/admin/rooms?page=2" in addresses(alone, "/admin/rooms")
    address, fields = await open_form(browser, alone, r"/admin/rooms/1/kick/\d+")
    kicked = await browser.post(address, **fields)
    query = parse_qs(urlsplit(kicked.headers["Location"]).query)
    assert query == {"page": ["2"], "room": ["1"], "members": ["2"], "done": ["out"]}
    address, fields = await open_form(browser, alone, "/admin/rooms/1/close")
    closed = await browser.post(address, **fields)
    assert closed.headers["Location"] == "/admin/rooms?page=2&done=closed"


NUMBERED = {
    "users": (fill_users, "p52@x.org"),
    "search of users": (fill_users, "p52@x.org"),
    "bans": (fill_bans, "noughts"),
    "rooms": (fill_rooms, "Room 1."),
    "games": (fill_games, "g51"),
    "versions": (fill_versions, "paper-52"),
    "search of versions": (fill_versions, "paper-52"),
    "backups": (fill_backups, "T000000Z"),
    "saves": (fill_saves, "8 Aug 2022"),
    "log": (fill_log, "g1."),
    "worlds": (fill_worlds, "World 52."),
}
SEARCHES = {"search of users": "q=x.org&", "search of versions": "q=paper&"}


@pytest.mark.parametrize("name", NUMBERED)
async def test_number_beyond_the_last_page_shows_that_one(test_app: TestApp, name: str) -> None:
    browser = await make_admin(test_app)
    fill, text = NUMBERED[name]
    path = await fill(test_app)
    for number in ("3", "7", "1000001", "9" * 20, "000000000000002", "9" * 5000):
        answer = await browser.get(f"{path}?{SEARCHES.get(name, '')}page={number}")
        assert answer.status == 200
        assert is_page_two(answer) and text in words(answer), number
        raw = answer.raw.decode()
        assert 'rel="prev"' in raw and 'rel="next" href="?' not in raw
        assert "This page is empty" not in words(answer)


@pytest.mark.parametrize("name", NUMBERED)
async def test_what_is_no_number_from_1_on_shows_the_first_page(
    test_app: TestApp, name: str
) -> None:
    browser = await make_admin(test_app)
    path = await NUMBERED[name][0](test_app)
    search = SEARCHES.get(name, "")
    for number in (
        "0",
        "-1",
        "-" + "9" * 5000,
        "x",
        "",
        "1.5",
        "%D9%A3",
        "0x2",
        "+2",
        "%00",
        "%C2%B2",
    ):
        answer = await browser.get(f"{path}?{search}page={number}")
        assert answer.status == 200
        assert "Page 1 of 2" in words(answer), number


async def test_number_of_ten_thousand_digits_is_no_error_of_the_server(test_app: TestApp) -> None:
    browser = await make_admin(test_app)
    answer = await browser.get(f"/admin/users?page={'9' * 10_000}")
    assert answer.status < 500
    assert (await browser.get("/admin/users")).status == 200


async def test_links_of_a_page_that_answers_a_form_lead_to_the_list(test_app: TestApp) -> None:
    browser = await make_admin(test_app)
    await fill_games(test_app)
    answer = await browser.send("/admin/games/g50/rotate?page=2", page="/admin/games")
    [previous] = re.findall(r'rel="prev" href="([^"]+)"', answer.raw.decode())
    assert previous == "/admin/games?page=1"
