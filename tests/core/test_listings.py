"""Listings: columns in chunks, and searches in steps."""

import json
import random
import sys

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalserver.core import listings
from coalserver.core.listings import (
    AWAY,
    FULL,
    PRIVATE,
    Listing,
    OptionFilter,
    option_digests,
    select_flags,
)
from coalserver.core.steps import MAX_WORK, complete
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.roster import NO_HOST, Roster
from coalserver.server.lifecycle import STARTING_WORK


def make_lobby(id, name="Lobby", options=b"{}"):
    return Lobby(id, f"{id:x}", "free", name, Roster(4, NO_HOST), 1.0, options=options)


def fill(listing, ids, name="Lobby"):
    lobbies = {id: make_lobby(id, name) for id in ids}
    for id in ids:
        listing.add(id, 0, "")
    return lobbies


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, set(range(8))),
        ({"full": True}, {FULL, FULL | AWAY, FULL | PRIVATE, FULL | AWAY | PRIVATE}),
        ({"full": False, "private": True}, {PRIVATE, PRIVATE | AWAY}),
    ],
)
def test_filters_select_flags(filters, expected):
    assert set(select_flags(**filters)) == expected


@pytest.mark.parametrize("seed", range(8))
def test_listing_holds_what_was_added_and_not_removed(seed, monkeypatch):
    monkeypatch.setattr(listings, "CHUNK_SIZE", 8)
    monkeypatch.setattr(listings, "SMALL_CHUNK_SIZE", 3)
    rng, listing, held = random.Random(seed), Listing(), {}
    for _ in range(600):
        id, flags = rng.randrange(120), rng.randrange(8)
        if id not in held:
            listing.add(id, flags, "")
            held[id] = flags
        elif rng.random() < 0.5:
            listing.set_flags(id, held[id], flags)
            held[id] = flags
        else:
            listing.remove(id, held.pop(id))
        some = rng.sample(range(8), rng.randint(1, 8))
        limit, offset = rng.randint(0, 20), rng.randrange(30)
        expected = [id for id in sorted(held, reverse=True) if held[id] in some]
        assert listing.newest(limit, offset, some) == expected[offset : offset + limit]
        assert listing.count(some) == len(expected)


def test_chunks_stay_filled_when_groups_come_and_go():
    listing = Listing()
    fill(listing, range(50_000))
    assert len(listing._chunks) == -(-50_000 // listings.CHUNK_SIZE)
    for id in range(50_000):
        if id % 100:
            listing.remove(id, 0)
    assert listing.newest(3) == [49_900, 49_800, 49_700]
    assert len(listing._chunks) <= 500 // (listings.SMALL_CHUNK_SIZE // 2) + 1


def test_groups_that_stay_are_found_once_whatever_changes_between_two_steps(monkeypatch):
    monkeypatch.setattr(listings, "CHUNK_SIZE", 8)
    monkeypatch.setattr(listings, "SMALL_CHUNK_SIZE", 3)
    for seed in range(10):
        rng, listing = random.Random(seed), Listing()
        lobbies = fill(listing, range(0, 400, 2))
        stay = set(rng.sample(sorted(lobbies), 100))
        gone, come = [id for id in lobbies if id not in stay], list(range(401, 600))
        steps = listing.search(lobbies, range(8), "lobby")
        try:
            while True:
                next(steps)
                for _ in range(rng.randint(0, 6)):
                    if gone and rng.random() < 0.6:
                        listing.remove(gone.pop(rng.randrange(len(gone))), 0)
                    elif come:
                        lobbies |= fill(listing, [come.pop(0)])
        except StopIteration as end:
            found = end.value.ids
            assert end.value.count == len(found)
        assert len(found) == len(set(found))
        assert stay <= set(found)


def test_search_reads_names_again_after_a_change_only():
    listing = Listing()
    lobbies = fill(listing, range(1000))
    reads = []

    class Counted(dict):
        def __getitem__(self, id):
            reads.append(id)
            return super().__getitem__(id)

    counted = Counted(lobbies)
    assert complete(listing.search(counted, range(8), "lob")).count == 1000
    assert len(reads) == 1000
    reads.clear()
    listing.remove(999, 0)
    assert complete(listing.search(counted, range(8), "zzz")).count == 0
    assert len(reads) <= listings.CHUNK_SIZE


@pytest.mark.parametrize("text", ["lobby", "zzz"])
def test_no_step_of_a_search_looks_at_more_than_one_chunk(text):
    listing = Listing()
    lobbies = fill(listing, range(20_000))
    work = list(listing.search(lobbies, range(8), text))
    assert len(work) == 1 + -(-20_000 // listings.CHUNK_SIZE)
    assert work[0] == 0
    assert max(work) <= MAX_WORK // 2


def test_long_options_are_parsed_one_in_a_step():
    listing = Listing()
    long = b'{"long":"%b","level":3}' % (b"x" * 16_000)
    lobbies = {id: make_lobby(id, options=long) for id in range(20)}
    for id in lobbies:
        listing.add(id, 0, None)
    wanted = listings.OptionFilter({"level": "3"})
    assert len(list(listing.search(lobbies, range(8), "", wanted))) == 1 + 1 + 20
    assert complete(listing.search(lobbies, range(8), "", wanted)).ids == list(range(19, -1, -1))


names_and_texts = st.text(st.sampled_from('am1"\\\n\x7fä🙂'), max_size=3)
option_values = st.recursive(
    st.none() | st.booleans() | st.integers(-20, 20) | st.floats(allow_nan=False, allow_infinity=False)
    | names_and_texts | st.sampled_from(["null", "true", "1", "-1", "1.0", "[1]", "{}", ""]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(names_and_texts, inner, max_size=2)
    ),
    max_leaves=3,
)  # fmt: skip


@given(st.dictionaries(names_and_texts, option_values, max_size=3), st.data())
def test_options_that_match_are_never_left_out_without_parsing(options, data):
    wanted = {}
    if options:
        for name in data.draw(st.sets(st.sampled_from(sorted(options)))):
            wanted[name] = listings._option_text(options[name])
    else:
        wanted = data.draw(st.dictionaries(names_and_texts, names_and_texts, max_size=2))
    option_filter = OptionFilter(wanted)
    for stored in (orjson.dumps(options), json.dumps(options).encode()):
        if option_filter.matches(stored):
            assert option_filter.may_match(stored)


def test_options_without_a_name_or_a_value_are_not_parsed(monkeypatch):
    listing = Listing()
    long = b'{"mode":"ranked","level":3,"long":"%b"}' % (b"x" * 16_000)
    lobbies = {id: make_lobby(id, options=long) for id in range(2_000)}
    for id in lobbies:
        listing.add(id, 0, None)
    monkeypatch.setattr(json, "loads", None)
    for options in ({"map": "1"}, {"mode": "casual"}, {"level": "4"}, {"mode": "ranked", "x": "1"}):
        steps = listing.search(lobbies, range(8), "", OptionFilter(options))
        assert sum(steps) <= 15 * MAX_WORK


def test_long_options_of_2000_lobbies_are_read_before_the_server_listens():
    work = 2_000 * (16 * 1024 // listings.BYTES_PER_WORK)
    names = 100_000 // listings.NAMES_PER_WORK + 100_000 // listings.SMALL_CHUNK_SIZE
    assert work + names <= STARTING_WORK


def test_lobby_that_is_deleted_before_its_options_are_parsed_is_not_found():
    listing = Listing()
    lobbies = {id: make_lobby(id, options=b'{"level":3}') for id in range(3)}
    for id in lobbies:
        listing.add(id, 0, None)
    steps = listing.search(lobbies, range(8), "", listings.OptionFilter({"level": "3"}))
    next(steps)
    next(steps)
    del lobbies[1]
    assert complete(steps).ids == [2, 0]


def test_search_holds_the_ids_of_interest_and_counts_all():
    listing = Listing()
    lobbies = fill(listing, range(20_000))
    found = complete(listing.search(lobbies, range(8), "lobby", keep=300))
    assert found.count == 20_000
    assert found.ids[:300] == list(range(19_999, 19_699, -1))
    assert len(found.ids) <= 300 + listings.CHUNK_SIZE


def test_step_for_a_long_text_counts_as_more_work():
    listing = Listing()
    lobbies = fill(listing, range(20_000), "a" * 120)
    complete(listing.prepare(lobbies))
    short = list(listing.search(lobbies, range(8), "ab"))
    long = list(listing.search(lobbies, range(8), "a" * 70 + "b"))
    assert 250 + max(short) < max(long) <= MAX_WORK // 2


def search_work(listing, lobbies, text="lobby", options=None):
    return sum(listing.search(lobbies, range(8), text, options))


def test_prepared_names_are_not_read_by_a_search():
    listing = Listing()
    lobbies = fill(listing, range(5_000))
    work = sum(listing.prepare(lobbies))
    assert work >= 5_000 // listings.NAMES_PER_WORK
    assert sum(listing.prepare(lobbies)) == 0
    prepared = search_work(listing, lobbies)
    assert search_work(listing, lobbies) == prepared
    # A room that opens or closes is read, or removed, by itself.
    lobbies |= {5_000: make_lobby(5_000)}
    listing.add(5_000, 0, "")
    listing.remove(17, 0)
    assert 0 < sum(listing.prepare(lobbies)) < 10
    assert search_work(listing, lobbies) <= prepared + 200
    assert complete(listing.search(lobbies, range(8), "lobby")).count == 5_000


def test_prepared_options_are_not_parsed_by_a_search(monkeypatch):
    values = {f"key {n}": n for n in range(500)} | {"on": True, "x": None, "y": 0.5, "z": [1, "a"]}
    long = json.dumps(values, separators=(",", ":")).encode()
    listing, lobbies = Listing(), {id: make_lobby(id, options=long) for id in range(300)}
    for id in lobbies:
        listing.add(id, 0, None)
    listing.remove(100, 0)
    assert sum(listing.prepare(lobbies)) > 299 * len(long) // listings.BYTES_PER_WORK // 2
    assert sum(listing.prepare(lobbies)) == 0
    monkeypatch.setattr(json, "loads", None)
    wanted = {"key 7": "7", "on": "true", "x": "null", "y": "0.5", "z": '[1,"a"]'}
    for options, count in ((wanted, 299), ({"key 7": "8"}, 0), ({"7": "key 7"}, 0)):
        found = complete(listing.search(lobbies, range(8), "", OptionFilter(options)))
        assert found.count == count


def test_digests_take_no_more_memory_than_the_options():
    options = json.dumps({str(n): 1 for n in range(2_000)}, separators=(",", ":")).encode()
    assert sys.getsizeof(option_digests(options)) < 1.5 * len(options)
