"""Search of log lines: matches, and texts that must not cause errors."""

from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.apis.app import TestApp
from tests.apis.coal.clients import User, WorldFixture, make_user, make_world
from tests.apis.coal.log_lines import AT, chat_line, log_line

CHATS = [
    "Hello, World!", "a b c", "Größe zählt", "CAFÉ crème", "我们去挖钻石吧", "ダイヤモンド みつけた",
    "안녕하세요 여러분", "don't touch xX_Steve_Xx", "привет мир", "100% sure",
    "i am at -200 64 300", "gg", "§chello§r there",
]  # fmt: skip


@pytest.fixture
async def thomas(persistent_test_app: TestApp) -> User:
    persistent_test_app.clock.now = AT
    return await make_user(persistent_test_app)


@pytest.fixture
async def world(persistent_test_app: TestApp) -> WorldFixture:
    world = await make_world(persistent_test_app)
    await world.write_log(
        *(chat_line(f"10:00:{second:02}", "bob", text) for second, text in enumerate(CHATS))
    )
    await world.write_log(log_line("11:00:00", "bob was slain by Zombie"))
    return world


async def search(user: User, world: WorldFixture, q: str, name: str = "chats") -> list[str]:
    answer = await user.get(f"{world.path}/{name}?size=50&q={quote(q, safe='')}")
    assert answer.status == 200, (q, answer.raw)
    return [row["chat" if name == "chats" else "line"] for row in answer.json[name]]


@pytest.mark.parametrize(
    ("q", "text"),
    [
        ("hello world", "Hello, World!"),
        ("WORLD hello", "Hello, World!"),
        ('"hello world"', "Hello, World!"),
        ("b", "a b c"),
        ("groesse", None),
        ("größe", "Größe zählt"),
        ("GROSSE zahlt", "Größe zählt"),
        ("cafe", "CAFÉ crème"),
        ("钻石", "我们去挖钻石吧"),
        ("挖", "我们去挖钻石吧"),
        ("石钻", None),
        ("ダイヤ", "ダイヤモンド みつけた"),
        ("여러분", "안녕하세요 여러분"),
        ("xX_Steve_Xx", "don't touch xX_Steve_Xx"),
        ("steve", "don't touch xX_Steve_Xx"),
        ("don't", "don't touch xX_Steve_Xx"),
        ("МИР", "привет мир"),
        ("100%", "100% sure"),
        ("-200", "i am at -200 64 300"),
        ("gg", "gg"),
        ("g", None),
        ("hel", None),
        ("bob", None),
        ("slain", None),
        ("hello there", "§chello§r there"),
        ('"world hello"', None),
        ("nothing like it", None),
    ],
)
async def test_search_finds_the_expected_chat(
    thomas: User, world: WorldFixture, q: str, text: str | None
):
    assert await search(thomas, world, q) == ([] if text is None else [text])


async def test_search_results_are_newest_first(thomas: User, world: WorldFixture):
    assert await search(thomas, world, "hello") == ["§chello§r there", "Hello, World!"]


async def test_search_of_log_lines_covers_the_whole_line(thomas: User, world: WorldFixture):
    assert len(await search(thomas, world, "bob", "loglines")) == len(CHATS) + 1
    assert len(await search(thomas, world, "bob zombie slain", "loglines")) == 1
    assert await search(thomas, world, "zombie", "deaths") == [
        "2013-04-13 11:00:00 [INFO] bob was slain by Zombie"
    ]


@pytest.mark.parametrize(
    "q",
    [
        " ", "  ", '"', '""', "'", "*", "hel*", "NOT", "NOT hello", "AND", "OR", "NEAR(a b)", "chat:hello",
        "{chat} : x", "(", "()", "^hello", "-", "--", "hello;DROP TABLE line",
        "\\", "%", "_", "\t\r\n", "\x00", "a\x00b", "\u2028",
        "\ue000626f62",        "𝒽𝑒𝓁𝓁𝑜", "🎮", "👨‍👩‍👧", "é" * 500, "x" * 5000, "a " * 2000,
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["chats", "loglines"])
async def test_special_characters_in_a_search_are_no_error(
    thomas: User, world: WorldFixture, name: str, q: str
):
    await search(thomas, world, q, name)


@pytest.mark.parametrize(
    "raw", ["%ff", "%e4%b8", "%ed%a0%80", "%", "%zz", "%f5%80%80%80", "+", "a&q=b", "%00"]
)
async def test_invalid_encoding_in_a_search_is_no_error(
    thomas: User, world: WorldFixture, raw: str
):
    answer = await thomas.get(f"{world.path}/chats?q={raw}")
    assert answer.status == 200, answer.raw


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(q=st.text(max_size=60))
async def test_random_search_text_is_no_error(thomas: User, world: WorldFixture, q: str):
    text = q.encode("utf-8", "replace").decode()
    for name in ("chats", "loglines"):
        await search(thomas, world, text, name)
