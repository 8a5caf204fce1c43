"""Full-text search, equal in every store for any input."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some

from coalserver.core.ports import LineCategory, LineQuery
from coalserver.domain.text_search import matches, normalize, parse_query
from coalserver.storage.memory import MemoryStore
from coalserver.storage.sqlite.store import SqliteStore
from tests.storage.lines import (
    NOON,
    ids,
    make_advancement,
    make_chat,
    make_death,
    make_line,
    write_lines,
)

#: A text and a query that finds it.
FOUND = [
    ("hello there", "hello"),
    ("hello there", "HELLO"),
    ("hello there", "there hello"),
    ("hello there", '"hello there"'),
    ("hello there", "hello there hello"),
    ("a b c", "b"),
    ("go to x", "x"),
    ("it is 5", "5"),
    ("ok", "ok"),
    ("don't", "don't"),
    ("don't", "DON'T"),
    ("well-known", "known"),
    ("well-known", "well-known"),
    ("see minecraft.net/help", "minecraft.net"),
    ("xX_Steve_Xx is here", "xX_Steve_Xx"),
    ("xX_Steve_Xx is here", "steve"),
    ("ask .Bedrock_7", ".bedrock_7"),
    ("Ünïcödé café", "unicode cafe"),
    ("unicode cafe", "Ünïcödé café"),
    ("cafe\u0301", "café"),
    ("Łódź is far", "lodz"),
    ("Straße", "STRASSE"),
    ("İstanbul", "istanbul"),
    ("søster", "soster"),
    ("ПРИВЕТ", "привет"),
    ("ещё раз", "еще"),
    ("ΚΑΛΗΜΈΡΑ", "καλημερα"),
    ("שָׁלוֹם", "שלום"),
    ("مَرْحَبًا", "مرحبا"),
    ("हिन्दी बोलो", "हिन्दी"),
    ("我喜欢挖矿", "喜欢"),
    ("我喜欢挖矿", "矿"),
    ("我喜欢 minecraft 游戏", "游戏 minecraft"),
    ("こんにちは世界", "世界"),
    ("ﾃｽﾄ", "テスト"),
    ("안녕하세요 여러분", "안녕"),
    ("สวัสดีครับ", "สวัสดี"),
    ("ＨＥＬＬＯ", "hello"),
    ("nice \U0001f600!", "\U0001f600"),
    ("I ❤️ you", "❤"),
    ("\U00020bb7野家", "\U00020bb7"),
    ("§chello §lthere", "hello there"),
    ("hello there", "§chello"),
    ("\x1b[31mred\x1b[0m", "red"),
    ('he said "no"', '"no"'),
    ("tick-tock", "tick tock"),
]
#: A text and a query that does not find it.
NOT_FOUND = [
    ("hello there", "hel"),
    ("hello there", "hel*"),
    ("hello there", "hello you"),
    ("hello there", '"there hello"'),
    ("hello there", "hello OR you"),
    ("hello there", "chat:hello"),
    ("hello there", "NEAR(hello there)"),
    ("hello there", "NOT hello"),
    ("我喜欢挖矿", "欢喜"),
    ("xX_Steve_Xx", "Steve_Bob"),
    ("мой", "мои"),
    ("が", "か"),
]
#: Queries without words, and with characters that are special in a database.
SPECIAL_QUERIES = [
    "", " ", "\n", "!!!", '"', '""', '"a', 'a"b"c"', "'", "(", ")", "*", "a*", "^a", "-a", "+a", ":", "{", "}",
    "a:b", "AND", "OR", "NOT", "NEAR", "AND AND", "a AND", "{chat}:a", "who:a", "\x00", "a\x00b", "\ud800",
    "\ue000616461", "%", "_", "\\", ";--", "a" * 5000, "a " * 5000, '" ' * 500, "\u0301", "\u200b", "\U0010ffff",
]  # fmt: skip


async def search(store, words, category=LineCategory.CHAT):
    return ids(await store.lines(LineQuery(1, category, words), 50))


@pytest.mark.parametrize(("text", "words"), FOUND)
async def test_query_finds_equivalent_text(store, text, words):
    await write_lines(store, make_chat(1, text), make_chat(2, "something else"))
    assert await search(store, words) == [1]
    assert await search(store, words, LineCategory.LINE) == [1]


@pytest.mark.parametrize(("text", "words"), NOT_FOUND)
async def test_query_does_not_find_other_text(store, text, words):
    await write_lines(store, make_chat(1, text))
    assert await search(store, words) == []


@pytest.mark.parametrize("words", SPECIAL_QUERIES)
async def test_any_query_has_a_result(store, words):
    await write_lines(store, make_chat(1, "hello"), make_line(2, "hello"))
    for category in LineCategory:
        assert await search(store, words, category) in ([], [1], [2, 1])


async def test_query_without_a_word_finds_nothing(store):
    await write_lines(store, make_chat(1, "hello !!!"))
    assert await search(store, "!!!") == []
    assert await search(store, "") == []


async def test_category_searches_its_own_text(store):
    await write_lines(
        store,
        make_chat(1, "a castle", name="Zombie"),
        make_death(2, "was slain by Zombie"),
        make_advancement(3, "Monster Hunter", name="Zombie"),
        make_line(4, "Zombie is here"),
    )
    assert await search(store, "zombie", LineCategory.CHAT) == []
    assert await search(store, "zombie", LineCategory.DEATH) == [2]
    assert await search(store, "zombie", LineCategory.ACHIEVEMENT) == []
    assert await search(store, "hunter", LineCategory.ACHIEVEMENT) == [3]
    assert await search(store, "advancement", LineCategory.ACHIEVEMENT) == []
    assert await search(store, "zombie", LineCategory.LINE) == [4, 3, 2, 1]
    assert await search(store, "advancement hunter", LineCategory.LINE) == [3]


async def test_internal_tokens_cannot_be_searched(store):
    await write_lines(store, make_chat(1, "hi", name="Ada"))
    for words in ("\ue000416461", "416461", "who 416461"):
        assert await search(store, words, LineCategory.LINE) == []


texts = some.text("ab_ -'é我喜が\U0001f600Ж§\u0301", max_size=12)


@settings(deadline=None, max_examples=60)
@given(some.lists(texts, min_size=1, max_size=12), some.lists(texts, min_size=1, max_size=8))
async def test_any_text_is_found_equally_in_both_stores(tmp_path_factory, chats, queries):
    memory, sqlite = MemoryStore(), SqliteStore(tmp_path_factory.mktemp("search") / "store.sqlite3")
    await sqlite.open()
    try:
        lines = [make_chat(id, text, NOON + id) for id, text in enumerate(chats, 1)]
        for store in (memory, sqlite):
            await write_lines(store, *lines)
        for words in (*queries, *chats):
            assert await search(sqlite, words) == await search(memory, words), words
            if parse_query(words) and words in chats:
                assert 1 + chats.index(words) in await search(sqlite, words)
    finally:
        await sqlite.close()


@given(some.text())
def test_normalizing_twice_changes_nothing(text):
    words = parse_query(normalize(text))
    assert words == parse_query(normalize(normalize(text)))


# An incomplete escape sequence also removes the following characters, including spaces.
lines_of_text = some.text(some.characters(exclude_characters="\x1b"), max_size=20)


@example("0§", "0")
@example("0§§", "0")
@given(lines_of_text, lines_of_text)
def test_text_matches_each_of_its_own_words(one, other):
    assert matches(
        f"{one} {other}",
        [*parse_query(one.replace('"', " ")), *parse_query(other.replace('"', " "))],
    )
