"""What every store promises of log lines: in their order, once, and found again."""

import random

import pytest

from coalserver.core.ports import About, Batch, Filed, Lines, Place, StoreFailed
from coalserver.domain.minecraft.history import LogLine
from coalserver.storage.memory import MemoryStore
from tests.storage.builders import a_batch, a_player
from tests.storage.lines import NOON, a_chat, a_death, a_feat, a_line, digest, file, ids

DAY = 86_400


async def listed(store, limit=50, **wanted):
    return ids(await store.lines(Lines(1, **wanted), limit))


async def test_a_line_comes_back_as_it_was(place):
    line = a_line(
        7,
        "héllo \U0001f600 \x00 '\"",
        NOON + 0.25,
        zone="America/Chicago",
        level="WARN",
        username="Ada",
        shown="[Admin] Ada",
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
    await file(place.store, line)
    await place.restart()
    assert await place.store.line(7) == line
    assert await place.store.lines(Lines(1), 10) == [line]


async def test_a_line_that_never_was_is_none(store):
    assert await store.line(1) is None
    assert await store.line(2**200) is None


async def test_lines_are_newest_first_whenever_they_came(store):
    await file(store, a_line(1, at=NOON), a_line(2, at=NOON + 60), a_line(3, at=NOON - DAY))
    await file(store, a_line(4, at=NOON + 30), a_line(5, at=NOON - 2 * DAY))
    assert await listed(store) == [2, 4, 1, 3, 5]


async def test_lines_of_one_second_are_in_the_order_in_which_they_came(store):
    await file(store, *(a_line(id, at=NOON) for id in (1, 2, 3)))
    await file(store, a_line(4, at=NOON - 1), a_line(5, at=NOON + 0.9), a_line(6, at=NOON + 0.1))
    assert await listed(store) == [6, 5, 3, 2, 1, 4]


async def test_a_second_may_have_any_number_of_lines(store):
    await file(store, *(a_line(id, at=NOON) for id in range(1, 9001)))
    await file(store, a_line(9001, at=NOON), a_line(9002, at=NOON + 5), a_line(9003, at=NOON - 5))
    assert await listed(store, 3) == [9002, 9001, 9000]
    assert (await listed(store, 9003))[-2:] == [1, 9003]


@pytest.mark.parametrize("at", [-1e11, -1.0, 0.0, 1e9, 4e9, 2.5e11])
async def test_a_line_may_be_of_any_time(store, at):
    await file(store, a_chat(1, "lost in time", at), a_line(2, "by itself", None))
    assert await listed(store) == [1]
    assert await listed(store, words="lost") == [1]


async def test_lines_without_a_time_come_in_no_list_and_last_in_a_search(store):
    await file(store, a_line(1, "boom", None), a_line(2, "boom", NOON), a_line(3, "boom", None))
    assert await listed(store) == [2]
    assert await listed(store, words="boom") == [2, 3, 1]
    assert await listed(store, words="boom", before=NOON + 1) == [2]


async def test_worlds_are_strangers(store):
    await file(
        store, a_line(1, "boom"), a_line(2, "boom", world=2), a_line(3, "boom", None, world=2)
    )
    assert await listed(store) == [1]
    assert await listed(store, words="boom") == [1]
    assert ids(await store.lines(Lines(2, words="boom"), 9)) == [2, 3]


async def test_since_counts_and_before_does_not(store):
    await file(store, *(a_line(id, at=NOON + id) for id in range(1, 6)))
    assert await listed(store, since=NOON + 2, before=NOON + 4) == [3, 2]
    assert await listed(store, since=NOON + 2, before=NOON + 2) == []
    assert await listed(store, since=NOON + 4, before=NOON + 2) == []


async def test_pages_follow_one_another_though_lines_come_in_between(store):
    await file(store, *(a_line(2 * id, "page", at=NOON + id) for id in range(1, 8)))
    for words in (None, "page"):
        first = await store.lines(Lines(1, words=words), 3)
        await file(store, a_line(100 + len(words or ""), "page", at=NOON + 99))
        await file(store, a_line(200 + len(words or ""), "page", at=NOON - 99))
        seen, after = ids(first), Place(first[-1].at, first[-1].id)
        while page := await store.lines(Lines(1, words=words, after=after), 2):
            seen += ids(page)
            after = Place(page[-1].at, page[-1].id)
        assert seen == sorted(set(seen), key=seen.index)
        assert set(range(2, 16, 2)) <= set(seen)


async def test_a_tag_chooses(store):
    await file(store, a_chat(1, "hi"), a_death(2, "died"), a_feat(3, "Stone Age"), a_line(4))
    assert await listed(store, tag="chat") == [1]
    assert await listed(store, tag="timestamp") == [4, 3, 2, 1]
    assert await listed(store, tag="nothing") == []
    assert await listed(store, tag="") == []


@pytest.mark.parametrize(
    ("about", "found"), [(About.CHAT, [1]), (About.DEATH, [2]), (About.ACHIEVEMENT, [3])]
)
async def test_a_list_has_its_own_lines(store, about, found):
    await file(store, a_chat(1, "fell"), a_death(2, "fell"), a_feat(3, "fell"), a_line(4, "fell"))
    assert await listed(store, about=about) == found
    assert await listed(store, about=about, words="fell") == found
    assert await listed(store, about=about, tag="death") == [id for id in found if id == 2]


async def test_a_player_has_his_own_lines(store):
    await file(
        store,
        a_chat(1, "hi", name="ada"),
        a_chat(2, "hi", name="Ada"),
        a_death(3, "hi", NOON + 1),
        a_line(4, "Ada hi"),
        a_chat(5, "ho", NOON + 2),
    )
    assert await listed(store, username="Ada") == [5, 3, 2]
    assert await listed(store, username="Ada", about=About.CHAT) == [5, 2]
    assert await listed(store, username="Ada", words="hi") == [3, 2]
    assert await listed(store, username="Ada", words="hi", tag="death") == [3]
    assert await listed(store, username="nobody") == []
    assert await listed(store, username="") == []


async def test_no_more_lines_come_than_were_asked_for(store):
    await file(store, *(a_chat(id, "hi", NOON + id) for id in range(1, 9)))
    assert await listed(store, 3) == [8, 7, 6]
    assert await listed(store, 3, tag="chat") == [8, 7, 6]
    assert await listed(store, 3, username="Ada") == [8, 7, 6]
    assert await listed(store, 3, words="hi") == [8, 7, 6]


async def test_digests_tell_what_is_known(place):
    await file(place.store, a_line(1), a_line(2))
    await place.restart()
    assert await place.store.known([digest(id) for id in (1, 2, 3)]) == {digest(1), digest(2)}
    assert await place.store.known([]) == set()


async def test_a_thousand_digests_may_be_asked_for(store):
    await file(store, *(a_line(id) for id in range(1, 1201)))
    some_known = [digest(id) for id in range(1, 2400, 2)]
    assert len(await store.known(some_known)) == 600


async def test_a_line_filed_twice_is_a_fault_and_writes_nothing(place):
    await file(place.store, a_line(1))
    twice = Batch(lines=[Filed(a_line(2), digest(1))], counters={LogLine: 9})
    with pytest.raises((StoreFailed, ValueError)):
        await place.store.write(twice)
    assert await place.store.line(2) is None


async def test_lines_are_written_with_their_batch(place):
    batch = a_batch(a_player(1), lines=[Filed(a_chat(1, "hi"), digest(1))])
    await place.store.write(batch)
    known = await place.restart()
    assert list(known.values) == [a_player(1)]
    assert await listed(place.store, words="hi") == [1]


async def test_any_lists_agree_with_the_plain_store(store):
    """Lines of few times, names and kinds in any order, asked for in any way."""
    chance = random.Random(5)
    plain = MemoryStore()
    makers = (a_chat, a_death, a_feat)
    lines = []
    for id in range(1, 300):
        text = " ".join(chance.choices(("red", "green", "blue"), k=2))
        at = NOON + chance.randrange(-20, 20)
        made = chance.choice(makers)(id, text, at, name=chance.choice(("Ada", "Bob")))
        lines.append(made if chance.random() < 0.9 else a_line(id, text, None))
    for start in range(0, len(lines), 37):
        for each in (store, plain):
            await file(each, *lines[start : start + 37])
    for _ in range(150):
        after = chance.choice((None, chance.choice(lines)))
        wanted = Lines(
            1,
            chance.choice(list(About)),
            chance.choice((None, "red", "green blue", '"blue red"')),
            chance.choice((None, "Ada")),
            chance.choice((None, "chat", "timestamp")),
            chance.choice((None, NOON - 5)),
            chance.choice((None, NOON + 7)),
            after and Place(after.at, after.id),
        )
        limit = chance.choice((1, 10, 500))
        assert await store.lines(wanted, limit) == await plain.lines(wanted, limit), wanted


async def test_lines_may_be_read_upwards_from_a_place_or_a_moment(store):
    await file(store, *(a_line(id, at=NOON + id // 2) for id in range(1, 8)))
    assert await listed(store, 3, rising=True) == [1, 2, 3]
    assert await listed(store, 3, rising=True, after=Place(NOON + 1, 3)) == [4, 5, 6]
    assert await listed(store, rising=True, after=Place(NOON + 3, 7)) == []
    assert await listed(store, rising=True, since=NOON + 2, before=NOON + 3) == [4, 5]
    assert await listed(store, rising=True, after=Place(None, 0)) == [1, 2, 3, 4, 5, 6, 7]


async def test_what_was_said_may_be_read_upwards(store):
    await file(store, *(a_chat(id, "boom", NOON + id) for id in (1, 2, 3)))
    assert await listed(store, 2, rising=True, words="boom") == [1, 2]
    assert await listed(store, 2, rising=True, words="boom", after=Place(NOON + 2, 2)) == [3]


async def test_lines_that_have_any_of_some_tags(store):
    await file(store, a_line(1), a_chat(2, "hi"), a_death(3, "died"), a_feat(4, "Stone Age"))
    assert await listed(store, tags=("death", "chat")) == [3, 2]
    assert await listed(store, tags=("death", "chat"), username="Ada", rising=True) == [2, 3]
    assert await listed(store, tags=("nothing",)) == []
    assert await listed(store, tags=("chat", "death"), tag="death") == [3]
    assert await listed(store, tags=("death",), words="died") == [3]


async def test_lines_are_counted(store):
    assert await store.count(Lines(1)) == [((), 0)]
    fell, slain = {"death": "death.fell"}, {"death": "death.mob", "killer": "Zombie"}
    await file(
        store,
        a_death(1, "fell", **fell), a_death(2, "slain", **slain), a_death(3, "slain", **slain),
        a_death(4, "slain", name="Bob", **slain), a_death(5, "fell", world=2, **fell),
        a_chat(6, "died", at=None), a_chat(7, "hi", NOON - DAY),
    )  # fmt: skip
    assert await store.count(Lines(1)) == [((), 5)]
    deaths = Lines(1, About.DEATH)
    assert await store.count(deaths, ("username",)) == [(("Ada",), 3), (("Bob",), 1)]
    adas = Lines(1, About.DEATH, username="Ada")
    by_cause = await store.count(adas, ("death", "killer"))
    assert by_cause == [(("death.mob", "Zombie"), 2), (("death.fell", ""), 1)]
    assert await store.count(Lines(1, username="Ada", since=NOON)) == [((), 3)]
    assert await store.count(Lines(1, username="")) == [((), 0)]
    assert await store.count(Lines(1, username="Eve"), ("death",)) == []
