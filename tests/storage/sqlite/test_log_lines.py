"""Log lines in every store: order, filters, pages and digests."""

import random

import pytest

from coalserver.core.ports import Batch, LineCategory, LineQuery, NewLogLine, PageKey, StoreFailed
from coalserver.domain.minecraft.history import LogLine
from coalserver.storage.memory import MemoryStore
from tests.storage.builders import make_batch, make_player
from tests.storage.lines import (
    NOON,
    digest,
    ids,
    make_advancement,
    make_chat,
    make_death,
    make_line,
    write_lines,
)

DAY = 86_400


async def list_ids(store, limit=50, **filters):
    return ids(await store.lines(LineQuery(1, **filters), limit))


async def test_line_round_trips(place):
    line = make_line(
        7,
        "héllo \U0001f600 \x00 '\"",
        NOON + 0.25,
        zone="America/Chicago",
        level="WARN",
        username="Ada",
        display_name="[Admin] Ada",
        ip="::1",
        port="25565",
        location=(1.5, -64.0, 1e7),
        chat="§chi",
        message="was slain",
        death="death.attack.mob",
        killer="Zombie",
        weapon="Sword",
        title="Stone Age",
        source="latest.log",
        sequence=2**63 - 1,
    )
    await write_lines(place.store, line)
    await place.restart()
    assert await place.store.line(7) == line
    assert await place.store.lines(LineQuery(1), 10) == [line]


async def test_unknown_line_is_none(store):
    assert await store.line(1) is None
    assert await store.line(2**200) is None


async def test_lines_are_newest_first_in_any_order_of_arrival(store):
    await write_lines(
        store, make_line(1, at=NOON), make_line(2, at=NOON + 60), make_line(3, at=NOON - DAY)
    )
    await write_lines(store, make_line(4, at=NOON + 30), make_line(5, at=NOON - 2 * DAY))
    assert await list_ids(store) == [2, 4, 1, 3, 5]


async def test_lines_of_one_second_are_in_order_of_arrival(store):
    await write_lines(store, *(make_line(id, at=NOON) for id in (1, 2, 3)))
    await write_lines(
        store, make_line(4, at=NOON - 1), make_line(5, at=NOON + 0.9), make_line(6, at=NOON + 0.1)
    )
    assert await list_ids(store) == [6, 5, 3, 2, 1, 4]


async def test_second_may_have_any_number_of_lines(store):
    await write_lines(store, *(make_line(id, at=NOON) for id in range(1, 9001)))
    await write_lines(
        store, make_line(9001, at=NOON), make_line(9002, at=NOON + 5), make_line(9003, at=NOON - 5)
    )
    assert await list_ids(store, 3) == [9002, 9001, 9000]
    assert (await list_ids(store, 9003))[-2:] == [1, 9003]


@pytest.mark.parametrize("at", [-1e11, -1.0, 0.0, 1e9, 4e9, 2.5e11])
async def test_line_may_have_any_time(store, at):
    await write_lines(store, make_chat(1, "lost in time", at), make_line(2, "by itself", None))
    assert await list_ids(store) == [1]
    assert await list_ids(store, words="lost") == [1]


async def test_undated_lines_are_in_no_list_and_last_in_a_search(store):
    await write_lines(
        store, make_line(1, "boom", None), make_line(2, "boom", NOON), make_line(3, "boom", None)
    )
    assert await list_ids(store) == [2]
    assert await list_ids(store, words="boom") == [2, 3, 1]
    assert await list_ids(store, words="boom", before=NOON + 1) == [2]


async def test_lines_of_other_worlds_are_not_listed(store):
    await write_lines(
        store,
        make_line(1, "boom"),
        make_line(2, "boom", world=2),
        make_line(3, "boom", None, world=2),
    )
    assert await list_ids(store) == [1]
    assert await list_ids(store, words="boom") == [1]
    assert ids(await store.lines(LineQuery(2, words="boom"), 9)) == [2, 3]


async def test_since_is_inclusive_and_before_exclusive(store):
    await write_lines(store, *(make_line(id, at=NOON + id) for id in range(1, 6)))
    assert await list_ids(store, since=NOON + 2, before=NOON + 4) == [3, 2]
    assert await list_ids(store, since=NOON + 2, before=NOON + 2) == []
    assert await list_ids(store, since=NOON + 4, before=NOON + 2) == []


async def test_pages_are_stable_while_lines_are_added(store):
    await write_lines(store, *(make_line(2 * id, "page", at=NOON + id) for id in range(1, 8)))
    for words in (None, "page"):
        first = await store.lines(LineQuery(1, words=words), 3)
        await write_lines(store, make_line(100 + len(words or ""), "page", at=NOON + 99))
        await write_lines(store, make_line(200 + len(words or ""), "page", at=NOON - 99))
        seen, after = ids(first), PageKey(first[-1].at, first[-1].id)
        while page := await store.lines(LineQuery(1, words=words, after=after), 2):
            seen += ids(page)
            after = PageKey(page[-1].at, page[-1].id)
        assert seen == sorted(set(seen), key=seen.index)
        assert set(range(2, 16, 2)) <= set(seen)


async def test_tag_filters_the_list(store):
    await write_lines(
        store,
        make_chat(1, "hi"),
        make_death(2, "died"),
        make_advancement(3, "Stone Age"),
        make_line(4),
    )
    assert await list_ids(store, tag="chat") == [1]
    assert await list_ids(store, tag="timestamp") == [4, 3, 2, 1]
    assert await list_ids(store, tag="nothing") == []
    assert await list_ids(store, tag="") == []


@pytest.mark.parametrize(
    ("category", "found"),
    [(LineCategory.CHAT, [1]), (LineCategory.DEATH, [2]), (LineCategory.ACHIEVEMENT, [3])],
)
async def test_category_filters_the_list(store, category, found):
    await write_lines(
        store,
        make_chat(1, "fell"),
        make_death(2, "fell"),
        make_advancement(3, "fell"),
        make_line(4, "fell"),
    )
    assert await list_ids(store, category=category) == found
    assert await list_ids(store, category=category, words="fell") == found
    assert await list_ids(store, category=category, tag="death") == [id for id in found if id == 2]


async def test_username_filters_the_list(store):
    await write_lines(
        store,
        make_chat(1, "hi", name="ada"),
        make_chat(2, "hi", name="Ada"),
        make_death(3, "hi", NOON + 1),
        make_line(4, "Ada hi"),
        make_chat(5, "ho", NOON + 2),
    )
    assert await list_ids(store, username="Ada") == [5, 3, 2]
    assert await list_ids(store, username="Ada", category=LineCategory.CHAT) == [5, 2]
    assert await list_ids(store, username="Ada", words="hi") == [3, 2]
    assert await list_ids(store, username="Ada", words="hi", tag="death") == [3]
    assert await list_ids(store, username="nobody") == []
    assert await list_ids(store, username="") == []


async def test_limit_applies_to_every_filter(store):
    await write_lines(store, *(make_chat(id, "hi", NOON + id) for id in range(1, 9)))
    assert await list_ids(store, 3) == [8, 7, 6]
    assert await list_ids(store, 3, tag="chat") == [8, 7, 6]
    assert await list_ids(store, 3, username="Ada") == [8, 7, 6]
    assert await list_ids(store, 3, words="hi") == [8, 7, 6]


async def test_existing_digests_are_returned(place):
    await write_lines(place.store, make_line(1), make_line(2))
    await place.restart()
    assert await place.store.existing_digests([digest(id) for id in (1, 2, 3)]) == {
        digest(1),
        digest(2),
    }
    assert await place.store.existing_digests([]) == set()


async def test_more_than_a_thousand_digests_can_be_queried(store):
    await write_lines(store, *(make_line(id) for id in range(1, 1201)))
    digests = [digest(id) for id in range(1, 2400, 2)]
    assert len(await store.existing_digests(digests)) == 600


async def test_duplicate_digest_is_an_error_and_writes_nothing(place):
    await write_lines(place.store, make_line(1))
    twice = Batch(lines=[NewLogLine(make_line(2), digest(1))], counters={LogLine: 9})
    with pytest.raises((StoreFailed, ValueError)):
        await place.store.write(twice)
    assert await place.store.line(2) is None


async def test_lines_are_written_with_their_batch(place):
    batch = make_batch(make_player(1), lines=[NewLogLine(make_chat(1, "hi"), digest(1))])
    await place.store.write(batch)
    known = await place.restart()
    assert list(known.values) == [make_player(1)]
    assert await list_ids(place.store, words="hi") == [1]


async def test_any_query_equals_that_of_the_memory_store(store):
    """Lines of few times, names and kinds in any order, with random queries."""
    rng = random.Random(5)
    memory = MemoryStore()
    factories = (make_chat, make_death, make_advancement)
    lines = []
    for id in range(1, 300):
        text = " ".join(rng.choices(("red", "green", "blue"), k=2))
        at = NOON + rng.randrange(-20, 20)
        line = rng.choice(factories)(id, text, at, name=rng.choice(("Ada", "Bob")))
        lines.append(line if rng.random() < 0.9 else make_line(id, text, None))
    for start in range(0, len(lines), 37):
        for each in (store, memory):
            await write_lines(each, *lines[start : start + 37])
    for _ in range(150):
        after = rng.choice((None, rng.choice(lines)))
        query = LineQuery(
            1,
            rng.choice(list(LineCategory)),
            rng.choice((None, "red", "green blue", '"blue red"')),
            rng.choice((None, "Ada")),
            rng.choice((None, "chat", "timestamp")),
            rng.choice((None, NOON - 5)),
            rng.choice((None, NOON + 7)),
            after and PageKey(after.at, after.id),
        )
        limit = rng.choice((1, 10, 500))
        assert await store.lines(query, limit) == await memory.lines(query, limit), query


async def test_lines_can_be_read_ascending_from_a_key_or_a_time(store):
    await write_lines(store, *(make_line(id, at=NOON + id // 2) for id in range(1, 8)))
    assert await list_ids(store, 3, ascending=True) == [1, 2, 3]
    assert await list_ids(store, 3, ascending=True, after=PageKey(NOON + 1, 3)) == [4, 5, 6]
    assert await list_ids(store, ascending=True, after=PageKey(NOON + 3, 7)) == []
    assert await list_ids(store, ascending=True, since=NOON + 2, before=NOON + 3) == [4, 5]
    assert await list_ids(store, ascending=True, after=PageKey(None, 0)) == [1, 2, 3, 4, 5, 6, 7]


async def test_search_results_can_be_read_ascending(store):
    await write_lines(store, *(make_chat(id, "boom", NOON + id) for id in (1, 2, 3)))
    assert await list_ids(store, 2, ascending=True, words="boom") == [1, 2]
    assert await list_ids(store, 2, ascending=True, words="boom", after=PageKey(NOON + 2, 2)) == [3]


async def test_any_of_several_tags_matches(store):
    await write_lines(
        store,
        make_line(1),
        make_chat(2, "hi"),
        make_death(3, "died"),
        make_advancement(4, "Stone Age"),
    )
    assert await list_ids(store, tags=("death", "chat")) == [3, 2]
    assert await list_ids(store, tags=("death", "chat"), username="Ada", ascending=True) == [2, 3]
    assert await list_ids(store, tags=("nothing",)) == []
    assert await list_ids(store, tags=("chat", "death"), tag="death") == [3]
    assert await list_ids(store, tags=("death",), words="died") == [3]


async def test_lines_are_counted_by_groups(store):
    assert await store.count_lines(LineQuery(1)) == [((), 0)]
    fell, slain = {"death": "death.fell"}, {"death": "death.mob", "killer": "Zombie"}
    await write_lines(
        store,
        make_death(1, "fell", **fell), make_death(2, "slain", **slain), make_death(3, "slain", **slain),
        make_death(4, "slain", name="Bob", **slain), make_death(5, "fell", world=2, **fell),
        make_chat(6, "died", at=None), make_chat(7, "hi", NOON - DAY),
    )  # fmt: skip
    assert await store.count_lines(LineQuery(1)) == [((), 5)]
    deaths = LineQuery(1, LineCategory.DEATH)
    assert await store.count_lines(deaths, ("username",)) == [(("Ada",), 3), (("Bob",), 1)]
    assert await store.count_lines(deaths, ("username",), 1) == [(("Ada",), 3)]
    adas = LineQuery(1, LineCategory.DEATH, username="Ada")
    by_cause = await store.count_lines(adas, ("death", "killer"))
    assert by_cause == [(("death.mob", "Zombie"), 2), (("death.fell", ""), 1)]
    assert await store.count_lines(LineQuery(1, username="Ada", since=NOON)) == [((), 3)]
    assert await store.count_lines(LineQuery(1, username="")) == [((), 0)]
    assert await store.count_lines(LineQuery(1, username="Eve"), ("death",)) == []
