"""All pages below a base path, behind a proxy that keeps it and behind one that removes it: nothing leads elsewhere."""

import io
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest
from PIL import Image

from coalserver.config import Config
from coalserver.config.schema import ConfigError
from coalserver.core.commands.hosting_settings import add_version
from coalserver.core.commands.screenshots import add_screenshot
from coalserver.media.images import ImageStore
from coalserver.server.app import check_base_path
from coalserver.web.pages.pages import assets
from tests.apis.app import Answer, TestApp, run_test_app
from tests.apis.browser import PASSWORD, Browser, make_account
from tests.apis.hosting import sample_version
from tests.apis.saved_games import SampleSave
from tests.site.admins import BACKUP, account, make_backup
from tests.site.posts import ADMIN_PAGES, ROOM_PAGES
from tests.site.sample_worlds import log_lines, login, logout, make_world

BASE_PATH, HOST = "/coal", "play.example"
BASE_URL = f"https://{HOST}{BASE_PATH}"
#: Attributes of tags whose values are addresses.
ADDRESSES = ("href", "src", "action", "formaction")
#: Addresses of others that pages lead to.
ELSEWHERE = {"https://aka.ms/MinecraftEULA"}
SAVE = "20220808T230640Z-nightly"
#: Pages of a hosted world, which have no page of another world beside them.
HOSTED_PAGES = (
    "/servers/ours",
    "/servers/ours/pause",
    "/servers/ours/restart",
    "/servers/ours/kill",
    "/admin/servers/{}/gce",
    "/admin/servers/{}/console",
    "/admin/servers/{}/saves",
    "/admin/servers/{}/saves/{}/remove",
    "/admin/servers/{}/saves/{}/restore",
    "/admin/servers/{}/delete",
)
FILES_WITH_ADDRESSES = ("text/javascript", "text/css", "application/manifest+json")
LOGIN = f"{BASE_PATH}/login"


class PageReader(HTMLParser):
    """Reads the addresses and forms of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.addresses: set[str] = set()
        #: Actions of forms, and those of forms that are posted.
        self.actions: set[str] = set()
        self.posts: set[str] = set()
        self.base_path: str | None = None
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.base_path = attributes.get("data-base-path")
        self.addresses |= {attributes[name] for name in ADDRESSES if name in attributes}
        self.addresses |= {
            value
            for name, value in attributes.items()
            if name.startswith("data-") and value.startswith("/")
        }
        refresh = re.search(r"url=(.*)", attributes.get("content", ""))
        if refresh:
            self.addresses.add(refresh[1])
        if tag == "form" and "action" in attributes:
            self.actions.add(attributes["action"])
            if attributes["method"] == "post":
                self.posts.add(attributes["action"])


@dataclass
class ProxiedBrowser(Browser):
    """A browser that sees the server below the base path. Fails if a response leads out of it."""

    #: Whether the proxy removes the base path.
    removes: bool = False
    requested: set[str] = field(default_factory=set)

    async def request(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> Answer:
        check_address(path, method)
        self.requested.add(urlsplit(path).path)
        sent = path.removeprefix(BASE_PATH) if self.removes else path
        answer = await super().request(method, sent or "/", body, Host=HOST, **headers)
        if "Location" in answer.headers:
            check_address(urljoin(path, answer.headers["Location"]), path)
        for line in answer.headers.getall("Set-Cookie", ()):
            for name, cookie in SimpleCookie(line).items():
                assert (name.split("-known")[0], cookie["path"]) == ("__Secure-coal.coal", "/coal")
        return answer

    async def send(self, path: str, /, page: str = LOGIN, **fields: str) -> Answer:
        return await super().send(path, page, **fields)


def check_address(address: str, page: str) -> None:
    """Fail if an address of this server is not below the base path."""
    parts = urlsplit(address)
    assert parts.netloc in ("", HOST), f"{address} on {page}"
    assert f"{parts.path}/".startswith(f"{BASE_PATH}/"), f"{address} on {page}"
    assert not parts.path.startswith(BASE_PATH * 2), f"{address} on {page}"


def addresses_in(text: str, media: str) -> set[str]:
    """Return the addresses in a script, a style sheet or a manifest, relative to it."""
    if media == "text/javascript":
        return set(re.findall(r'(?:from|import) "(\.[^"]+)"', text))
    if media == "text/css":
        return {
            found for found in re.findall(r'url\(["\']?([^)"\']+)', text) if found[:5] != "data:"
        }
    manifest = json.loads(text)
    return {manifest["start_url"], *(icon["src"] for icon in manifest["icons"])}


def without_ids(address: str) -> str:
    """Return an address with `{}` in place of numbers and the names of the backup and the saved game."""
    return re.sub(rf"{BACKUP}|{SAVE}|\d+", "{}", address)


async def crawl(browser: ProxiedBrowser, *starts: str) -> dict[str, PageReader]:
    """Follow every address of some pages, without fragments. Return the pages by path."""
    waiting, seen, pages = list(starts), set(starts), {}
    while waiting:
        path = waiting.pop()
        answer = await browser.get(path)
        assert answer.status in (200, 301, 302), (path, answer.status)
        found: set[str] = set()
        media = answer.headers.get("Content-Type", "").partition(";")[0]
        if answer.status != 200:
            found = {answer.headers["Location"]}
        elif media == "text/html":
            pages[path] = page = PageReader(answer.raw.decode())
            assert page.base_path == BASE_PATH
            found = page.addresses - page.actions - ELSEWHERE
            for action in page.actions:
                check_address(action, path)
        elif media in FILES_WITH_ADDRESSES or path.endswith(".webmanifest"):
            found = addresses_in(answer.raw.decode(), media)
        for address in found:
            target = urldefrag(urljoin(path, address)).url
            check_address(target, path)
            parts = urlsplit(target)
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    return pages


@pytest.fixture
async def app() -> AsyncIterator[TestApp]:
    async with run_test_app(base_url=BASE_URL) as test_app:
        yield test_app


@pytest.fixture(params=[False, True], ids=["kept", "removed"])
def removes(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


async def fill(app: TestApp) -> int:
    """Create what pages can show: users, worlds with a history, a picture and a saved game, rooms, a game and a backup.

    Return the id of a player in a room, who can be banned.
    """
    world = await make_world(app, public=True)
    for number in range(3):
        await log_lines(app, world, login(f"Ada{number}"), "<Ada0> hello", "Ada0 drowned")
    await log_lines(app, world, logout("Ada1"), at=app.clock.now + 60)
    await make_account(app, "pending@example.org", active=False)
    await make_account(app, "root@example.org", admin=True)
    raw = io.BytesIO()
    Image.new("RGB", (8, 8)).save(raw, "PNG")
    image = await app.app_context.service(ImageStore).save(raw.getvalue())
    await app.core.execute(
        add_screenshot,
        world_id=world.id,
        account_id=account(app).id,
        blurred=True,
        **image._asdict(),
    )
    make_backup(app)
    hosted = await make_world(app, "ours", hosted=True)
    app.world_hosting.add_save(hosted.id, SampleSave(SAVE, 1_660_000_000, "nightly"))
    await app.core.execute(add_version, version=sample_version("7"))
    ann, bob, cem, dan = await app.sign_in_guests("Ann", "Bob", "Cem", "Dan")
    answer = await ann.post("/games/noughts/rooms", {"name": "Friday evening"})
    assert answer.headers["Location"].startswith(f"{BASE_PATH}/games/noughts/rooms/")
    room = (await cem.post("/games/noughts/rooms", {"name": "Saturday"})).json["roomId"]
    await bob.post(f"/games/noughts/rooms/{room}/join", {})
    assert (await cem.post(f"/games/noughts/rooms/{room}/start")).status < 300
    assert (await dan.post("/games/noughts/rooms", {"name": "Sunday"})).status == 201
    return dan.id


async def test_no_address_of_any_page_leaves_the_base_path(app, removes):
    player = await fill(app)
    visitor = ProxiedBrowser(app, removes=removes)
    public = await crawl(visitor, BASE_PATH, f"{BASE_PATH}/servers/mill/chats")
    root = ProxiedBrowser(app, removes=removes)
    await root.send(LOGIN, email="root@example.org", password=PASSWORD)
    await root.send(f"{BASE_PATH}/profile/tokens", f"{BASE_PATH}/profile", title="x", days="30")
    ban = {"game": "noughts", "player": str(player), "duration": "day", "reason": ""}
    await root.send(f"{BASE_PATH}/admin/bans", f"{BASE_PATH}/profile", **ban)
    confirm_ban = f"{BASE_PATH}/admin/bans/confirm?game=noughts&player=1&duration=day"
    own = await crawl(root, f"{BASE_PATH}/", confirm_ban, f"{BASE_PATH}/profile")
    # Also those that lead to a page, or to a file.
    paths = {without_ids(path) for path in {*public, *own, *root.requested}}
    expected = {
        without_ids(BASE_PATH + path) for path in (*ADMIN_PAGES, *ROOM_PAGES, *HOSTED_PAGES)
    }
    assert expected - paths == set()
    assert LOGIN in paths and f"{BASE_PATH}/servers/mill/players" in paths
    assert f"{BASE_PATH}/static/js/world-chat.js" in root.requested
    # Each action exists; it misses the token of its form.
    for action in {action for page in {**public, **own}.values() for action in page.posts}:
        answer = await root.post(action)
        assert answer.status in (302, 403, 415), (action, answer.status)


async def test_redirects_stay_below_the_base_path(app, removes):
    await make_world(app)
    await make_account(app, admin=True)
    ann = ProxiedBrowser(app, removes=removes)
    answer = await ann.get(f"{BASE_PATH}/servers/mill/chats?q=a")
    login_page = answer.headers["Location"]
    assert login_page == f"{BASE_PATH}/login?next_url=%2Fservers%2Fmill%2Fchats%3Fq%3Da"
    fields = {"email": "ann@example.org", "password": PASSWORD}
    for next_url in ("/servers/mill/chats", f"{BASE_PATH}/servers/mill/chats"):
        ann = ProxiedBrowser(app, removes=removes)
        answer = await ann.send(LOGIN, **fields, next_url=next_url)
        assert answer.headers["Location"] == f"{BASE_PATH}/servers/mill/chats"
    for path, status, location in (
        ("/mill", 301, "/servers/mill"),
        ("/chats", 302, "/servers/mill/chats"),
        ("/chats/?a=b", 301, "/chats?a=b"),
        ("/servers/mill/chats/", 301, "/servers/mill/chats"),
        ("/servers/nowhere/chats", 302, "/servers/mill/chats"),
        ("/login", 302, "/"),
    ):
        answer = await ann.get(BASE_PATH + path)
        assert (answer.status, answer.headers["Location"]) == (status, BASE_PATH + location)
    answer = await ann.send(f"{BASE_PATH}/logout", page=f"{BASE_PATH}/profile")
    assert answer.headers["Location"] == f"{BASE_PATH}/"
    assert list(ann.cookies) == ["__Secure-coal.coal-known"]


async def test_cookie_over_http_has_the_base_path():
    async with run_test_app(base_url="http://play.example/a/b") as test_app:
        cookie = (await Browser(test_app).get("/login")).headers["Set-Cookie"]
    assert cookie.startswith("coal.a.b=") and "; Path=/a/b;" in cookie and "Secure" not in cookie


async def test_forwarded_prefix_is_not_trusted(test_app):
    answer = await test_app.anonymous.get("/login", X_Forwarded_Prefix="/evil")
    assert b"/evil" not in answer.raw and "/evil" not in str(answer.headers)


async def test_install_command_and_instructions_have_the_base_path(app, removes):
    world = await make_world(app)
    await make_account(app, admin=True)
    root = ProxiedBrowser(app, removes=removes)
    await root.send(LOGIN, email="ann@example.org", password=PASSWORD)
    page = f"{BASE_PATH}/admin/servers/{world.id}"
    answer = await root.send(f"{page}/pair", page=page)
    assert f"curl -fsSO {BASE_URL}/mc/mc_coal_agent.py" in answer.raw.decode()
    assert f"--url {BASE_URL} --pair" in answer.raw.decode()
    assert f'href="{BASE_URL}/mc/README.md"' in answer.raw.decode()


@pytest.mark.parametrize("path", ["/games", "/static/coal", "/openapi.json", "/mc/", "/login"])
def test_base_path_must_not_begin_like_a_path_of_the_server(path):
    with pytest.raises(ConfigError, match="must not begin with"):
        check_base_path(Config(base_url=f"https://play.example{path}"))  # type: ignore[arg-type]
    check_base_path(Config(base_url=f"https://play.example/my{path}"))  # type: ignore[arg-type]


def test_no_template_has_an_address_without_the_base_path():
    templates = [*assets("templates").rglob("*.html")]
    bare = re.compile(r"""(?:href|src|action|url|data-[a-z-]+)=["']?(?:/|\{\{ world\.path)""")
    found = [(path.name, text) for path in templates for text in bare.findall(path.read_text())]
    assert len(templates) > 20 and found == []
