"""The contract of stores, tested for each of them."""

from dataclasses import replace

import pytest

from coalserver.core.ports import Batch
from coalserver.domain.play.game import StorageItem
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.player import Player, Token
from tests.storage.builders import ids, make_batch, make_entry, make_player, write_entries

LOBBY, OTHER = ("lobby", 7), ("lobby", 8)
LOBBIES = ("lobbies", "noughts")


async def test_new_store_is_empty(place):
    known = await place.restart()
    assert list(known.values) == []
    assert (known.counters, known.last_seen, known.head, known.oldest) == ({}, {}, -1, 0)


async def test_written_values_survive_a_restart(place):
    ada, token = make_player(1), Token(1, "digest", 1, created=0.0, lifetime=60.0)
    await place.store.write(make_batch(ada, token))
    known = await place.restart()
    assert set(known.values) == {ada, token}


async def test_last_write_of_a_value_wins(place):
    await place.store.write(make_batch(make_player(1, "Ada")))
    await place.store.write(make_batch(make_player(1, "Grace")))
    assert list((await place.restart()).values) == [make_player(1, "Grace")]


async def test_deleted_value_is_gone(place):
    ada, grace = make_player(1), make_player(2)
    await place.store.write(make_batch(ada, grace))
    await place.store.write(make_batch(deleted=(ada,)))
    assert list((await place.restart()).values) == [grace]


async def test_deleting_a_missing_value_is_no_error(place):
    await place.store.write(make_batch(deleted=(make_player(1),)))
    assert list((await place.restart()).values) == []


async def test_values_of_two_classes_can_share_an_id(place):
    ada, token = make_player(1), Token(1, "digest", 1, created=0.0, lifetime=60.0)
    await place.store.write(make_batch(ada, token))
    await place.store.write(make_batch(deleted=(ada,)))
    assert list((await place.restart()).values) == [token]


async def test_values_are_ordered_by_id(place):
    for id in (10, 9, 100, 1):
        await place.store.write(make_batch(make_player(id)))
    assert [player.id for player in (await place.restart()).values] == [1, 9, 10, 100]


@pytest.mark.parametrize(
    "name", ["", "Zoë", "名前", "👩‍🚀", "' OR 1=1 --", '"', "\\", "\n", "\x7f"]
)
async def test_any_text_round_trips(place, name):
    await place.store.write(make_batch(make_player(1, name)))
    assert list((await place.restart()).values) == [make_player(1, name)]


async def test_free_json_round_trips(place):
    value = '{"text":"é \\" \\n","list":[1,-2.5,null,true],"much":18446744073709551615}'.encode()
    datum = StorageItem(1, "noughts", 1, "notes", value)
    await place.store.write(make_batch(datum))
    assert list((await place.restart()).values) == [datum]


async def test_times_round_trip_exactly(place):
    ada = replace(make_player(1), created=1699999999.1234567, last_login=0.1 + 0.2)
    await place.store.write(make_batch(ada, last_seen={1: 1699999999.7654321}))
    known = await place.restart()
    assert list(known.values) == [ada]
    assert known.last_seen == {1: 1699999999.7654321}


async def test_many_values_are_loaded_once_each(place):
    many = [make_player(id) for id in range(1, 5002)]
    await place.store.write(make_batch(*many))
    assert list((await place.restart()).values) == many


async def test_empty_batch_is_accepted(place):
    await place.store.write(Batch())
    assert list((await place.restart()).values) == []


async def test_counters_survive_a_restart(place):
    await place.store.write(make_batch(counters={Lobby: 7, "entry": 3}))
    known = await place.restart()
    assert known.counters == {Lobby: 7, "entry": 3}
    assert (known.head, known.oldest) == (2, 3)


async def test_counter_is_raised(place):
    await place.store.write(make_batch(counters={Lobby: 7}))
    await place.store.write(make_batch(counters={Lobby: 8}))
    assert (await place.restart()).counters == {Lobby: 8}


async def test_counter_is_never_lowered(place):
    await place.store.write(make_batch(counters={Lobby: 7}))
    await place.store.write(make_batch(counters={Lobby: 3}))
    assert (await place.restart()).counters == {Lobby: 7}


async def test_last_seen_of_each_player_is_stored(place):
    players = make_player(1), make_player(2)
    await place.store.write(make_batch(*players, last_seen={1: 10.0, 2: 20.0}))
    await place.store.write(make_batch(last_seen={1: 30.0}))
    assert (await place.restart()).last_seen == {1: 30.0, 2: 20.0}


async def test_last_seen_of_a_deleted_player_is_deleted(place):
    await place.store.write(make_batch(make_player(1), make_player(2), last_seen={1: 1.0, 2: 2.0}))
    deletion = make_batch(last_seen={1: 30.0})
    deletion.values[Player, 1] = None
    await place.store.write(deletion)
    assert (await place.restart()).last_seen == {2: 2.0}


async def test_entry_round_trips(store):
    entry = make_entry(0, LOBBY, LOBBIES, ("inbox", "7/1"), at=1699999999.1234567)
    await write_entries(store, entry)
    assert await store.entries([LOBBY], -1, 10) == [entry]


async def test_entries_survive_a_restart(place):
    await write_entries(place.store, make_entry(0, LOBBY), make_entry(1, LOBBY))
    known = await place.restart()
    assert (known.head, known.oldest) == (1, 0)
    assert ids(await place.store.entries([LOBBY], -1, 10)) == [0, 1]


async def test_entries_after_the_cursor_are_ascending(store):
    await write_entries(store, *(make_entry(id, LOBBY) for id in range(5)))
    assert ids(await store.entries([LOBBY], 2, 10)) == [3, 4]


async def test_limit_returns_the_oldest_entries(store):
    await write_entries(store, *(make_entry(id, LOBBY) for id in range(5)))
    assert ids(await store.entries([LOBBY], 0, 2)) == [1, 2]


async def test_only_entries_of_the_topics_are_returned(store):
    await write_entries(store, make_entry(0, LOBBY), make_entry(1, OTHER), make_entry(2, LOBBIES))
    assert ids(await store.entries([LOBBY, LOBBIES], -1, 10)) == [0, 2]


async def test_entry_on_several_topics_is_returned_once(store):
    await write_entries(
        store, make_entry(0, LOBBY, LOBBIES), make_entry(1, LOBBIES), make_entry(2, LOBBY, LOBBIES)
    )
    assert ids(await store.entries([LOBBIES, LOBBY], -1, 10)) == [0, 1, 2]


async def test_limit_counts_all_topics_together(store):
    await write_entries(store, *(make_entry(id, LOBBY if id % 2 else OTHER) for id in range(10)))
    assert ids(await store.entries([LOBBY, OTHER], -1, 4)) == [0, 1, 2, 3]


async def test_entry_with_a_repeated_topic_is_returned_once(store):
    await write_entries(store, make_entry(0, LOBBY, LOBBY))
    assert ids(await store.entries([LOBBY], -1, 10)) == [0]


async def test_number_and_equal_name_are_different_topics(store):
    await write_entries(store, make_entry(0, ("room", 7)), make_entry(1, ("room", "7")))
    assert ids(await store.entries([("room", 7)], -1, 10)) == [0]
    assert ids(await store.entries([("room", "7")], -1, 10)) == [1]


@pytest.mark.parametrize("name", ["", "a/b:c", ":7", "/", "名前", "%", "_"])
async def test_topic_can_have_any_name(store, name):
    entry = make_entry(0, ("lobbies", name))
    await write_entries(store, entry, make_entry(1, ("lobbies", name + "x")))
    assert await store.entries([("lobbies", name)], -1, 10) == [entry]


@pytest.mark.parametrize("number", [2**63, 2**200])
async def test_huge_numbers_are_accepted(store, number):
    await write_entries(store, make_entry(0, LOBBY))
    assert await store.entries([LOBBY], number, 10) == []
    assert await store.entries([("lobby", number)], -1, 10) == []
    assert ids(await store.entries([LOBBY], -1, number)) == [0]


async def test_no_topics_return_no_entries(store):
    await write_entries(store, make_entry(0))
    assert await store.entries([], -1, 10) == []


async def test_newest_entries_are_ascending(store):
    await write_entries(store, *(make_entry(id, LOBBY if id % 2 else OTHER) for id in range(10)))
    assert ids(await store.newest(LOBBY, 3)) == [5, 7, 9]


async def test_limit_above_the_number_returns_all_entries(store):
    await write_entries(store, make_entry(0, LOBBY))
    assert ids(await store.newest(LOBBY, 3)) == [0]
    assert ids(await store.newest(OTHER, 3)) == []


async def test_old_entries_are_deleted(store):
    await write_entries(store, *(make_entry(id, LOBBY, LOBBIES, at=float(id)) for id in range(5)))
    assert await store.delete_expired_entries(before=3.0, keep=0) == 3
    assert ids(await store.entries([LOBBY], -1, 10)) == [3, 4]
    assert ids(await store.newest(LOBBIES, 10)) == [3, 4]


async def test_newest_entries_are_kept_whatever_their_age(store):
    await write_entries(store, *(make_entry(id, LOBBY) for id in range(5)))
    assert await store.delete_expired_entries(before=100.0, keep=2) == 3
    assert ids(await store.newest(LOBBY, 10)) == [3, 4]


async def test_entries_after_a_young_one_are_kept_if_the_clock_went_back(store):
    await write_entries(store, make_entry(0, at=1.0), make_entry(1, at=9.0), make_entry(2, at=1.0))
    assert await store.delete_expired_entries(before=5.0, keep=0) == 1


@pytest.mark.parametrize("keep", [10, 2**200])
async def test_nothing_is_deleted_below_the_kept_number(store, keep):
    await write_entries(store, make_entry(0), make_entry(1))
    assert await store.delete_expired_entries(before=100.0, keep=keep) == 0


async def test_next_entry_is_the_oldest_when_all_are_deleted(place):
    await write_entries(place.store, make_entry(0), make_entry(1))
    assert await place.store.delete_expired_entries(before=100.0, keep=0) == 2
    known = await place.restart()
    assert (known.head, known.oldest) == (1, 2)


async def test_deleting_from_an_empty_store_is_no_error(store):
    assert await store.delete_expired_entries(before=100.0, keep=0) == 0


async def test_thousands_of_entries_are_deleted(store):
    await write_entries(store, *(make_entry(id, LOBBY) for id in range(3500)))
    assert await store.delete_expired_entries(before=100.0, keep=100) == 3400
    assert ids(await store.entries([LOBBY], -1, 5000)) == list(range(3400, 3500))


async def test_batch_is_atomic(place):
    entry = make_entry(0, LOBBY)
    await place.store.write(
        make_batch(
            make_player(1), entries=[entry], counters={"entry": 1, Player: 2}, last_seen={1: 5.0}
        )
    )
    known = await place.restart()
    assert [type(value) for value in known.values] == [Player]
    assert (known.counters, known.last_seen) == ({"entry": 1, Player: 2}, {1: 5.0})
    assert await place.store.entries([LOBBY], -1, 10) == [entry]


async def test_store_can_be_closed_twice(store):
    await store.close()
    await store.close()
